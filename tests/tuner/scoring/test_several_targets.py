"""Several targets at once: one study, one ensemble, one score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.metrics import f1_score, label_ranking_average_precision_score, log_loss, mean_absolute_error

import tuner
from ensembles.combiners.each_target import EachTarget, TargetLoss, sum_of_losses
from ensembles.combiners.registry import combiner_from_json
from ensembles.losses import LOSSES
from ensembles.methods import METHODS as SOLVERS
from spaces.engines.curves import Curve
from spaces.families.catalog import FAMILIES, fitting
from spaces.inputs.files import DataError
from tuner.ensembling.more_models import refitted
from tuner.ensembling.pool import member_of, read_held_out
from tuner.scoring.metrics import METRICS
from tuner.scoring.score import Score
from tuner.task.folds import make_folds
from tuner.tracking.client import default_uri, open_client
from tuner.tracking.shown import accepted

QUIET = {"workers": 0, "progress": False, "tracking": None, "seed": 0}
TARGETS = ["price", "colour", "old"]


def make_frame(rows: int = 300) -> pd.DataFrame:
    """A table of which a price, a colour and an age can be told."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["a", "b", "c"])
    frame["shop"] = rng.choice(["north", "south"], rows)
    frame["price"] = 1000 * (frame["a"] * frame["b"] + rng.normal(scale=0.1, size=rows))
    frame["colour"] = np.array(["blue", "green", "red"])[np.clip(np.round(frame["a"] + 1), 0, 2).astype(int)]
    frame["old"] = (frame["c"] > 0).astype(int)
    return frame


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    task = tuner.Task(make_frame(), TARGETS, split={"kind": "kfold", "folds": 2}, test=0.2)
    dense = {
        "scaling": "standard",
        "units": 32,
        "epochs": 12,
        "batch_size": 32,
        "learning_rate": 1e-2,
        "batch_normalization": False,
    }
    families = {"dense": dense, "xgboost": {"n_estimators": 30}, "linear": {"scaling": "standard"}}
    return tuner.tune(task, families, trials=3, folder=tmp_path_factory.mktemp("several") / "s", **QUIET)


def test_each_error_counts_relative_to_the_baseline(study):
    names = [score.name for score in study.task.scores]
    assert names == ["weighted_loss", "price/rmse", "colour/log_loss", "old/log_loss"]
    board = study.leaderboard().set_index("family")
    assert board.loc["baseline", "weighted_loss"] == pytest.approx(3, rel=0.05)
    assert (board.loc[["dense", "xgboost", "linear"], "weighted_loss"] < 2).all()
    rmse, colour, old = (board[name] for name in names[1:])
    priors = [
        -(p * np.log(p)).sum()
        for p in (study.task.rows.target[:, i].astype(int) for i in (1, 2))
        for p in [np.bincount(p) / len(p)]
    ]
    relative = rmse / study.task.rows.target[:, 0].std() + colour / priors[0] + old / priors[1]
    np.testing.assert_allclose(board["weighted_loss"], relative, rtol=1e-6)


def test_the_ensemble_is_saved_and_predicts_every_target(study, tmp_path):
    ensemble = study.ensemble()
    tested = ensemble.test()["scores"]
    assert tested["ensemble"]["test"]["weighted_loss"] < 2
    loaded = tuner.load(ensemble.save(tmp_path / "e"))
    rows = make_frame().drop(columns=TARGETS).tail(40)
    said = loaded.predict(rows)
    pd.testing.assert_frame_equal(said, ensemble.predict(rows))
    assert list(said.columns) == TARGETS
    assert set(said["colour"]) <= {"blue", "green", "red"}
    probabilities = loaded.predict_proba(rows)
    assert {name: array.shape for name, array in probabilities.items()} == {"colour": (40, 3), "old": (40, 2)}
    for array in probabilities.values():
        np.testing.assert_allclose(array.sum(axis=1), 1, rtol=1e-5)
    assert {name: array.shape for name, array in loaded.predict_interval(rows).items()} == {"price": (40, 2)}
    assert {name: array.shape for name, array in loaded.predict_set(rows).items()} == {
        "colour": (40, 3),
        "old": (40, 2),
    }
    assert {array.shape for array in loaded.predict_members(rows).values()} == {(40, 6)}
    assert loaded.disagreement(rows).shape == (40,)
    assert ensemble.diversity().correlations.shape == (len(ensemble.members),) * 2


def test_what_is_stored_is_what_was_asked_for(study):
    again = tuner.load_study(study.folder)
    assert again.task.target == study.task.target
    truth = study.task.rows.target
    said = np.random.default_rng(0).dirichlet(np.ones(6), len(truth))
    for one, other in zip(again.task.scores, study.task.scores, strict=True):
        assert (one.name, one.sign, one(truth, said)) == (other.name, other.sign, other(truth, said))


def test_what_one_target_only_can_is_refused(study):
    with pytest.raises(ValueError, match="calibration needs one target"):
        study.ensemble("uniform").calibration()
    with pytest.raises(ValueError, match="cannot minimise"):
        study.ensemble("convex")
    assert "sequence_labels" not in fitting(study.task.signature)


@pytest.mark.parametrize("seed", range(3))
def test_weights_of_each_target_find_who_knows_it(seed):
    """One member knows the number, the other the class: no weights that they share are good for both."""
    rng = np.random.default_rng(seed)
    target = np.stack([rng.normal(size=200), rng.integers(0, 2, 200)], axis=1)
    right, wrong = np.eye(2)[target[:, 1].astype(int)] * 0.9 + 0.05, np.full((200, 2), 0.5)
    members = np.stack([np.hstack([target[:, :1], wrong]), np.hstack([rng.normal(size=(200, 1)), right])])
    parts = (
        TargetLoss(0, slice(0, 1), LOSSES["mse"], 1.0, classes=False),
        TargetLoss(1, slice(1, 3), LOSSES["log_loss"], 2.0, classes=True),
    )
    loss = sum_of_losses(parts)
    each = EachTarget(SOLVERS["convex"], parts).fit(members, target, loss)
    np.testing.assert_allclose(each.combiners[0].weights, [1, 0], atol=1e-5)
    assert each.combiners[1].weights[1] > 0.999
    shared = SOLVERS["nelder_mead"].fit(members, target, loss)
    assert loss(target, each(members)) < loss(target, shared(members)) - 0.05
    again = combiner_from_json(each.to_json())
    np.testing.assert_array_equal(again(members), each(members))
    assert loss(target, each(members)) == pytest.approx(
        np.mean((each(members)[:, 0] - target[:, 0]) ** 2) + 2 * log_loss(target[:, 1], each(members)[:, 1:])
    )


def test_metrics_and_weights_by_name():
    task = tuner.Task(make_frame(), TARGETS, metric={"price": ("mae", 2), "colour": "accuracy"})
    assert [part.loss for part in task.target.parts] == ["absolute_error", "log_loss", "log_loss"]
    truth = task.rows.target
    said = np.hstack(
        [np.zeros((len(truth), 1)), np.tile([0.2, 0.5, 0.3], (len(truth), 1)), np.full((len(truth), 2), 0.5)]
    )
    price, colour = truth[:, 0], truth[:, 1]
    share = truth[:, 2].mean()
    prior = -(share * np.log(share) + (1 - share) * np.log(1 - share))
    expected = 2 * mean_absolute_error(price, 0 * price) / np.abs(price - np.median(price)).mean()
    expected += -(colour == 1).mean() + np.log(2) / prior
    assert task.score(truth, said) == pytest.approx(expected)
    assert task.score.sign == 1


def labels_frame(rows: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["a", "b", "c"])
    frame["tags"] = [[tag for tag, value in zip("xyz", row, strict=True) if value > 0.3] for row in frame.to_numpy()]
    return frame


def test_a_column_of_lists_is_many_labels(tmp_path):
    frame = labels_frame()
    task = tuner.Task(
        frame,
        "tags",
        metric="f1_macro",
        metrics=["f1_micro", "label_ranking_average_precision", "accuracy"],
        test=frame,
    )
    assert [part.name for part in task.target.parts] == ["tags=x", "tags=y", "tags=z"]
    study = tuner.tune(task, {"linear": {"scaling": "standard"}}, trials=2, folder=tmp_path / "s", **QUIET)
    ensemble = study.ensemble("uniform")
    outputs, truth = ensemble.ensemble.raw(frame), task.test.target
    tested = ensemble.test()["scores"]["ensemble"]["test"]
    said = outputs[:, 1::2]
    assert tested["f1_macro"] == pytest.approx(f1_score(truth, said >= 0.5, average="macro"))
    assert tested["f1_micro"] == pytest.approx(f1_score(truth, said >= 0.5, average="micro"))
    assert tested["label_ranking_average_precision"] == pytest.approx(
        label_ranking_average_precision_score(truth, said)
    )
    assert tested["accuracy"] == pytest.approx(((said > 0.5) == truth).mean())
    assert tested["f1_macro"] > 0.8
    np.testing.assert_array_equal(ensemble.predict(frame).to_numpy(), (said > 0.5).astype(int))


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_f1_of_classes_is_scikit_learns(average):
    rng = np.random.default_rng(0)
    truth, said = rng.integers(0, 3, 60), rng.dirichlet(np.ones(3), 60)
    score = Score(METRICS[f"f1_{average}"], "multiclass", ("a", "b", "c"))
    assert score(truth, said) == pytest.approx(f1_score(truth, said.argmax(axis=1), average=average))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": ["price", "color"]}, "did you mean 'colour'"),
        ({"target": ["price", "price"]}, "named twice"),
        ({"metric": {"prize": "mae"}}, "did you mean 'price'"),
        ({"metric": {"price": "accuracy"}}, "does not fit a regression target"),
        ({"metric": {"price": ("mae", 0)}}, "must be a number above 0"),
        ({"metric": "accuracy"}, "does not fit the regression target 'price'"),
        ({"kind": {"prize": "regression"}}, "did you mean 'price'"),
        ({"target": "price", "metric": {"price": "mae"}}, "the only target"),
        ({"target": ["colour", "old"], "kind": "multilabel"}, "a binary target has two"),
        ({"target": "old", "kind": "multilabel"}, "lists in one column"),
        ({"split": "stratified"}, "needs a single target of classes"),
        ({"text": ["colour"]}, "cannot be an input too"),
    ],
)
def test_what_contradicts_several_targets_is_refused(changes, message):
    with pytest.raises((DataError, ValueError), match=message):
        tuner.Task(make_frame(60), **{"target": TARGETS, **changes})


def test_rows_to_be_tested_need_every_target():
    frame = make_frame(60)
    with pytest.raises(DataError, match=r"test: .*'old'"):
        tuner.Task(frame, TARGETS, test=frame.drop(columns="old"))


def test_a_frame_keeps_its_index(study):
    rows = make_frame().drop(columns=TARGETS).tail(3)
    ensemble = study.ensemble("uniform")
    said = ensemble.predict(rows)
    assert said.index.equals(rows.index)
    plain = ensemble.predict(rows.to_numpy().tolist())
    pd.testing.assert_frame_equal(plain, said.reset_index(drop=True))


def test_refitted_models_train_as_long_as_each_target_needs(study):
    (trial,) = [trial for trial in study.complete if trial.family == "xgboost"]
    curves = study.curves(trial)
    best = {
        name: int(np.median([np.argmin(fold[Curve(metric, "validation", name)]) + 1 for fold in curves]))
        for name, metric in (("price", "rmse"), ("colour", "log_loss"), ("old", "log_loss"))
    }
    folder = refitted(study, member_of(study, trial, 1.0)).folders[0]
    boosters = [xgboost.Booster(model_file=folder / f"target-{i}" / "model.ubj") for i in range(3)]
    assert [one.num_boosted_rounds() for one in boosters] == list(best.values())


def test_members_that_differ_in_one_target_are_no_duplicates(study):
    held = read_held_out(study, [trial for trial in study.complete if trial.family != "baseline"])
    same = held.predictions.copy()
    same[:, :, 0] = held.predictions[0, :, 0]  # the price, in thousands
    assert len(replace(held, predictions=same).without_duplicates().members) == len(held.members)
    everything = np.stack([held.predictions[0]] * len(held.members))
    assert len(replace(held, predictions=everything).without_duplicates().members) == 1


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc"])
def test_a_label_that_a_fold_lacks_fails_no_trial(tmp_path, metric):
    frame = labels_frame(60)
    frame["tags"] = [[*tags, "rare"] if i in (3, 40) else tags for i, tags in enumerate(frame["tags"])]
    task = tuner.Task(frame, "tags", metric=metric, split={"kind": "time", "folds": 2})
    families = {"linear": {"scaling": "standard"}, "xgboost": {"n_estimators": 5}}
    study = tuner.tune(task, families, trials=2, folder=tmp_path / "s", **QUIET)
    assert [trial.state for trial in study.trials] == ["complete"] * 3


@pytest.mark.slow
def test_mlflow_takes_the_names(tmp_path):
    frame = labels_frame(80).rename(columns={"tags": "tags (€)"})
    task = tuner.Task(frame, "tags (€)")
    dense = {"epochs": 2, "depth": 1, "scaling": "standard"}
    study = tuner.tune(task, {"dense": dense}, trials=1, folder=tmp_path / "s", **{**QUIET, "tracking": "auto"})
    client = open_client(default_uri(study.folder))
    (experiment,) = [one for one in client.search_experiments() if one.name != "Default"]
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
    (run,) = [run for run in runs if run.data.params.get("family") == "dense"]
    assert float(run.data.params[accepted("loss_weights.tags (€)=x")]) == 1.0
    assert "tags ____x/log_loss" in run.data.metrics


@pytest.mark.parametrize(
    ("target", "names"),
    [
        (["price", "old"], ["price", "old"]),
        (pd.Index(["price", "old"]), ["price", "old"]),
        (make_frame(60)[["colour", "old"]].add_prefix("the "), ["the colour", "the old"]),
        (make_frame(60)[["price", "old"]].to_numpy(), ["target_0", "target_1"]),
        ([["x"], [], ["x", "y"]] * 20, ["target=x", "target=y"]),
        ([["x", "z"], ["y", "z"], ["x", "y"]] * 20, ["target=x", "target=y", "target=z"]),
    ],
)
def test_targets_can_be_given_in_many_ways(target, names):
    assert [part.name for part in tuner.Task(make_frame(60), target).target.parts] == names


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ([[]] * 40, "empty lists only"),
        ([["x"], None] * 20, "row 1 holds no list"),
        ([None, ["x"]] * 20, "row 0 holds no list"),
    ],
)
def test_lists_of_labels_that_cannot_be_used_are_refused(lists, message):
    frame = make_frame(40).assign(tags=pd.Series(lists, dtype=object))
    with pytest.raises(DataError, match=message):
        tuner.Task(frame, "tags")


def test_a_column_of_lists_stands_alone():
    with pytest.raises(DataError, match="name it alone"):
        tuner.Task(make_frame(40).assign(tags=[["x"], []] * 20), ["tags", "price"])


def test_a_single_label_in_lists_is_a_target_like_any_other():
    frame = make_frame(40).drop(columns=TARGETS).assign(tags=[["x"], []] * 20)
    task = tuner.Task(frame, "tags", test=frame)
    assert task.target.name == "tags=x"
    assert task.test.target.tolist() == [1, 0] * 20


def test_names_that_look_alike_in_mlflow_are_told_apart():
    frame = make_frame(60).assign(**{"a/b": lambda f: f["price"], "a_b": lambda f: -f["price"]})
    task = tuner.Task(frame, ["a/b", "a_b"], metric="rmse")
    assert len({score.name for score in task.scores}) == 3


def test_every_target_is_watched_and_the_last_one_pruned_by_all(study):
    """What runs out of time, or turns to NaN, is seen in each; what the pruner looks at are predictions of all."""
    (fold, _), *_ = make_folds(study.task)
    config = study.config(next(trial for trial in study.complete if trial.family == "xgboost"))
    seen: dict[str, list[tuple[int, tuple[int, ...]]]] = {}

    def watch(step, steps, curves, predict):
        (curve,) = curves
        shape = predict().shape if steps < 1000 else ()
        seen.setdefault(curve.label, []).append((step, shape))

    next(iter(FAMILIES["xgboost"].build(config, study.task.signature).fit([fold], watch)))
    assert list(seen) == ["price/val_rmse", "colour/val_log_loss", "old/val_log_loss"]
    for name, looks in seen.items():
        expected = (len(fold.inner), 6) if name.startswith("old") else ()
        assert {shape for _, shape in looks} == {expected}


def test_a_metric_of_ones_own_that_breaks_is_no_undefined_one(tmp_path):
    def broken(y_true, y_pred):
        raise ValueError("broken")

    metric = tuner.Metric("broken", broken, greater_is_better=True, needs="value")
    task = tuner.Task(make_frame(60).drop(columns=["colour", "old"]), "price", metrics=[metric])
    with pytest.raises(ValueError, match="metric 'broken' failed on fold 0 with ValueError: broken"):
        tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
