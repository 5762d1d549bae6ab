import numpy as np
import pandas as pd
import pytest
import sklearn.metrics

import tuner
from ensembles.losses import Undefined, copies
from tuner.ensembling.pool import loss_of_task
from tuner.scoring.group_loss import group_loss
from tuner.scoring.metrics import METRICS
from tuner.scoring.score import Metric, Score
from tuner.trials.scored_folds import left_out

ROWS, QUERIES = 300, 40


def drawn(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return relevance, predictions with many ties, and queries, in no order."""
    rng = np.random.default_rng(seed)
    relevance = rng.integers(0, 4, ROWS) * (rng.random(ROWS) < 0.5)
    return relevance.astype(float), rng.normal(size=ROWS).round(1), rng.integers(0, QUERIES, ROWS)


def reciprocal_rank(relevance: np.ndarray, predictions: np.ndarray) -> float:
    order = sorted(range(len(relevance)), key=lambda i: (-predictions[i], relevance[i] > 0))
    return 1 / (1 + next(rank for rank, i in enumerate(order) if relevance[i] > 0))


OF_A_QUERY = {
    "ndcg": lambda true, said: sklearn.metrics.ndcg_score([true], [said]),
    "map": lambda true, said: sklearn.metrics.average_precision_score(true > 0, said),
    "mrr": reciprocal_rank,
}


@pytest.mark.parametrize("name", OF_A_QUERY)
def test_a_ranking_is_scored_as_scikit_learn_scores_each_query(name):
    relevance, predictions, query = drawn()
    each = [(relevance[query == k], predictions[query == k]) for k in np.unique(query)]
    expected = [OF_A_QUERY[name](*one) if len(one[0]) > 1 and one[0].any() else np.nan for one in each]
    assert 0 < np.isnan(expected).sum() < len(expected)
    np.testing.assert_allclose(METRICS[name].of_groups(relevance, predictions, query), expected, rtol=1e-12)
    score = Score(METRICS[name], "regression")
    assert score(relevance, predictions[:, None], group=query) == pytest.approx(np.nanmean(expected))
    known = next(i for i, value in enumerate(expected) if not np.isnan(value))
    assert METRICS[name].function(*each[known]) == pytest.approx(expected[known])


@pytest.mark.parametrize("name", OF_A_QUERY)
def test_two_classes_are_ranked_by_the_second_ones_probability(name):
    relevance, predictions, query = drawn()
    relevant, probability = (relevance > 0).astype(int), 1 / (1 + np.exp(-predictions))
    of_classes = Score(METRICS[name], "binary", ("no", "yes"))
    of_values = Score(METRICS[name], "regression")
    said = np.stack([1 - probability, probability], axis=1)
    found = of_classes(relevant, said, group=query)
    assert found == pytest.approx(of_values(relevant.astype(float), probability[:, None], group=query))
    assert of_classes.loss(relevant, said, group=query) == -found


def test_where_no_query_counts_the_metric_says_nothing():
    score = Score(METRICS["ndcg"], "regression")
    with pytest.raises(Undefined, match="no group has two rows, one of them relevant"):
        score(np.array([0.0, 0.0, 1.0]), np.zeros((3, 1)), group=np.array([0, 0, 1]))
    with pytest.raises(ValueError, match="the rows have none"):
        score(np.zeros(3), np.zeros((3, 1)))


@pytest.mark.parametrize("kind", ["regression", "binary"])
@pytest.mark.parametrize("name", OF_A_QUERY)
def test_the_loss_is_a_mean_over_rows_too(name, kind):
    relevance, predictions, query = drawn()
    score = Score(METRICS[name], kind, ("no", "yes") if kind == "binary" else ())
    relevance = np.minimum(relevance, 1) if kind == "binary" else relevance
    probability = 1 / (1 + np.exp(-predictions))
    said = np.stack([1 - probability, probability], axis=1) if kind == "binary" else predictions[:, None]
    loss, truth = group_loss(score), np.column_stack([relevance, query])
    assert loss.by_group
    assert np.average(loss.by_row(truth, said), weights=loss.counts(truth)) == pytest.approx(loss(truth, said))
    assert loss(truth, said) == -score(relevance, said, group=query)


@pytest.mark.parametrize("numbers", [np.arange(QUERIES) * 1000, -np.arange(QUERIES), np.arange(QUERIES) / 3])
def test_any_numbers_name_groups(numbers):
    relevance, predictions, query = drawn()
    found = METRICS["ndcg"].of_groups(relevance, predictions, numbers[query])
    order = np.argsort(numbers[np.unique(query)])
    np.testing.assert_array_equal(found, METRICS["ndcg"].of_groups(relevance, predictions, query)[order])


@pytest.mark.parametrize("name", OF_A_QUERY)
def test_a_query_that_is_drawn_twice_counts_as_two(name):
    relevance, predictions, query = drawn()
    score, rng = Score(METRICS[name], "regression"), np.random.default_rng(1)
    each = score.of_groups(relevance, predictions[:, None], query)
    names = np.unique(query)
    at = rng.integers(len(names), size=len(names))
    rows = np.concatenate([np.flatnonzero(query == names[i]) for i in at])
    found = score(relevance[rows], predictions[rows, None], group=copies(query[rows], rows))
    assert found == pytest.approx(np.nanmean(each[at]))


def test_an_own_metric_is_called_for_each_query():
    seen = []

    def first_is_relevant(y_true, y_pred):
        seen.append(len(y_true))
        if not y_true.any():
            raise Undefined("nothing to find")
        return float(y_true[np.argmax(y_pred)] > 0)

    own = Metric("first", first_is_relevant, greater_is_better=True, needs="value", by_group=True)
    assert own.kinds == ("regression", "binary")
    relevance, predictions, query = drawn()
    found = Score(own, "regression").of_groups(relevance, predictions[:, None], query)
    assert seen == np.unique(query, return_counts=True)[1].tolist()
    assert np.isnan(found).sum() == sum(not relevance[query == k].any() for k in np.unique(query))
    with pytest.raises(ValueError, match="by group and so needs 'value'"):
        Metric("first", first_is_relevant, greater_is_better=True, needs="label", by_group=True)


def frame_of(queries: int = 24, each: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = queries * each
    frame = pd.DataFrame({"query": np.repeat([f"q{i}" for i in range(queries)], each), "x": rng.normal(size=rows)})
    graded = np.clip(frame["x"] * 2 + rng.normal(size=rows) + 1, 0, 4).round()
    graded[frame["query"] == "q3"] = 0.0  # nothing to find
    return frame.assign(relevance=graded, clicked=np.where(graded > 1, "yes", "no"), w=1.0)


def test_grades_are_numbers_and_two_classes_stay_classes():
    frame = frame_of()
    graded = tuner.Task(frame, "relevance", metric="ndcg", group="query", drop=["clicked", "w"])
    clicked = tuner.Task(frame, "clicked", metric="mrr", group="query", drop=["relevance", "w"])
    assert (graded.target.kind, graded.target.loss) == ("regression", "squared_error")
    assert (clicked.target.kind, clicked.target.loss) == ("binary", "log_loss")
    assert graded.split.kind == "grouped"
    assert [column.name for column in graded.schema.columns] == ["x"]
    found = int(frame.groupby("query")["relevance"].any().sum())
    assert found < 24
    assert left_out(graded).startswith(f"ndcg is the mean over {found} of 24 groups")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group": None}, "Task.*group='query'"),
        ({"sample_weight": "w"}, "leave sample_weight out"),
        ({"target": ["relevance", "clicked"], "metric": {"relevance": "ndcg"}}, "ranks rows by one target"),
        ({"target": "below"}, "needs relevance, zero or more, and the target goes down to -"),
        ({"test": frame_of(3).assign(below=0.0).drop(columns="query")}, "test: metric 'ndcg' ranks rows within groups"),
    ],
)
def test_what_cannot_be_ranked_is_refused(changes, message):
    frame = frame_of()
    frame["below"] = frame["relevance"] - 2
    arguments = {"target": "relevance", "metric": "ndcg", "group": "query", **changes}
    with pytest.raises(ValueError, match=message):
        tuner.Task(frame, arguments.pop("target"), **arguments)


def test_groups_travel_with_a_task_to_its_folder(tmp_path):
    task = tuner.Task(frame_of(), "relevance", metric="ndcg", group="query", drop=["clicked"], test=0.25)
    task.save(tmp_path)
    opened = tuner.Task.open(tmp_path)
    assert opened.digest == task.digest
    assert opened.group == "query"
    for rows, stored in ((task.rows, opened.rows), (task.test, opened.test)):
        np.testing.assert_array_equal(rows.group, stored.group)
        assert set(np.unique(rows.group, return_counts=True)[1]) == {6}  # queries are set aside whole
    np.testing.assert_array_equal(opened.test_drawn_together, task.test.group)


@pytest.mark.slow
def test_a_study_ranks(tmp_path):
    frame = frame_of(40)
    rows = frame.drop(columns=["clicked", "w"])
    task = tuner.Task(
        rows, "relevance", metric="ndcg", metrics=["map", "rmse"], group="query", split={"folds": 3}, test=0.25
    )
    families = {"linear": {}, "extra_trees": {"n_estimators": 20}}
    study = tuner.tune(task, families, trials=3, folder=tmp_path / "s", workers=0, tracking=None, progress=False)
    best = study.best
    held = np.load(study.attempt_folder(best) / "held_out.npz")
    of = [held["folds"] == k for k in range(3)]
    each = [
        Score(METRICS["ndcg"], "regression")(
            task.rows.target[held["rows"][fold]],
            held["predictions"][fold],
            group=task.rows.group[held["rows"][fold]],
        )
        for fold in of
    ]
    assert best.value == pytest.approx(np.mean(each))
    ensemble = study.ensemble()
    scores = ensemble.scores["ensemble"]
    found = sum(task.rows.target[task.rows.group == k].any() for k in np.unique(task.rows.group))
    assert scores["groups"] == f"{found} of 30 groups scored"
    assert 0.5 < scores["cross_fitted"] <= scores["in_sample"] + 0.05 < 1.1
    assert set(scores["metrics"]) == {"map", "rmse"}
    assert ensemble.scores["difference"]["standard_error"] < 0.1
    assert set(ensemble.test()["scores"]["ensemble"]["test"]) == {"ndcg", "map", "rmse"}
    loss, held_out = loss_of_task(task), ensemble.held
    assert loss.by_group
    np.testing.assert_array_equal(held_out.truth[:, 1], task.rows.group[held["rows"]])
    found = ensemble.evaluate(rows.head(60))
    predicted = ensemble.predict(rows.head(60))
    by_query = [
        sklearn.metrics.ndcg_score([one["relevance"]], [predicted[one.index]])
        for _, one in rows.head(60).groupby("query")
        if one["relevance"].any()
    ]
    assert found["ndcg"] == pytest.approx(np.mean(by_query))
    with pytest.raises(ValueError, match="rows: metric 'ndcg' ranks rows within groups"):
        ensemble.evaluate(rows.drop(columns="query"))
    assert list(ensemble.importance(rows, repeats=1)["column"]) == ["x"]


def of_sizes(sizes) -> pd.DataFrame:
    """Return queries of so many rows each."""
    rng, query = np.random.default_rng(0), np.repeat(np.arange(len(sizes)), sizes)
    x = rng.normal(size=len(query))
    return pd.DataFrame({"x": x, "query": query, "grade": np.clip((x + 1).round(), 0, 3)})


def test_an_ensemble_is_made_where_most_queries_have_a_single_row(tmp_path):
    """Resamples of queries that all have a single row say nothing, and are left out."""
    task = tuner.Task(of_sizes([1] * 12 + [4] * 8), "grade", metric="ndcg", group="query", split="holdout", test=0.2)
    families = {"linear": {}, "extra_trees": {"n_estimators": 5}}
    study = tuner.tune(task, families, trials=2, folder=tmp_path / "s", workers=0, tracking=None, progress=False)
    scores = study.ensemble("nelder_mead").scores["ensemble"]
    assert 0 <= scores["cross_fitted"] <= 1


def test_queries_of_one_row_are_refused_before_the_first_trial(tmp_path):
    task = tuner.Task(of_sizes([1] * 20), "grade", metric="ndcg", group="query", split={"kind": "grouped", "folds": 2})
    with pytest.raises(
        ValueError, match=r"on 0 of 2 folds: .* It says something of a group of two rows or more, one of"
    ):
        tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", workers=0, tracking=None, progress=False)


def test_an_estimator_ranks():
    frame = frame_of(12)
    estimator = tuner.TunedRegressor({"linear": {}}, metric="ndcg", trials=1, split={"folds": 2})
    estimator.fit(frame[["x"]], frame["relevance"], groups=frame["query"])
    assert estimator.study_.task.score.name == "ndcg"
    assert 0.5 < estimator.study_.best.value <= 1
