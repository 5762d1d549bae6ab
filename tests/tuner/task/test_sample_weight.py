"""Rows with weights: a row of weight three is as good as three rows, wherever rows are counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from extras import where_installed
from small import make_frame
from toys.network import FAMILY

import tuner
from ensembles.choosing.budget import affordable
from ensembles.combiners.threshold import best_threshold
from ensembles.losses import LOSSES, Loss
from ensembles.methods import METHODS
from spaces import FAMILIES, Fold, Rows, defaults, narrow
from spaces.engines.row_weights import of_mean_one, row_weights
from spaces.families.catalog import fitting
from spaces.inputs.files import DataError
from tuner.launch.tune import plan_of
from tuner.scoring.constant import constant_prediction
from tuner.scoring.metrics import METRICS
from tuner.scoring.score import Score
from tuner.task.folds import make_folds

QUIET = {"workers": 0, "tracking": "none", "progress": False}
ROWS = 60
COUNTS = np.random.default_rng(1).integers(1, 4, ROWS)
TWICE = np.repeat(np.arange(ROWS), COUNTS)


def frame_of(rows: int = ROWS) -> pd.DataFrame:
    frame = make_frame(rows)
    return frame.assign(w=np.random.default_rng(1).integers(1, 4, rows).astype(float))


@pytest.fixture(scope="module")
def task() -> tuner.Task:
    return tuner.Task(frame_of(), "label", sample_weight="w", split={"kind": "stratified", "folds": 2}, test=0.2)


def outputs_of(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, tuple]:
    """Return true values and predictions of a kind of target, and its classes."""
    if kind == "regression":
        true = rng.normal(3, 1, ROWS)
        return true, (true + rng.normal(0, 0.5, ROWS))[:, None], ()
    if kind == "several":  # labels that are there or not
        true = rng.integers(0, 2, (ROWS, 3))
        said = np.clip(0.3 * true + 0.7 * rng.random((ROWS, 3)), 0.01, 0.99)
        return true, np.stack([1 - said, said], axis=2).reshape(ROWS, 6), ()
    classes = ("n", "y") if kind == "binary" else ("a", "b", "c")
    true = rng.integers(0, len(classes), ROWS)
    said = rng.random((ROWS, len(classes))) + 0.7 * np.eye(len(classes))[true]
    return true, said / said.sum(axis=1, keepdims=True), classes


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if not metric.by_group])
def test_a_weighted_metric_is_the_metric_of_repeated_rows(name):
    metric = METRICS[name]
    for kind in metric.kinds:
        true, said, classes = outputs_of("regression" if kind == "itself" else kind, np.random.default_rng(0))
        score = Score(metric, kind, classes)
        weighed = score(true, said, COUNTS.astype(float))
        assert weighed == pytest.approx(score(true[TWICE], said[TWICE]), rel=1e-9)
        assert weighed != pytest.approx(score(true, said), rel=1e-9)
        assert score.loss(true, said, COUNTS.astype(float)) == score.sign * weighed


def test_what_is_the_same_for_every_row_is_of_repeated_rows():
    for kind, loss in (("regression", "squared_error"), ("regression", "absolute_error"), ("multiclass", "log_loss")):
        true, _, classes = outputs_of(kind, np.random.default_rng(0))
        target = replace(tuner.Task(pd.DataFrame({"x": true, "y": true}), "y").target, classes=classes, loss=loss)
        weighed = constant_prediction(target, true, 1, sample_weight=COUNTS.astype(float))
        np.testing.assert_allclose(weighed, constant_prediction(target, true[TWICE], 1), rtol=1e-9)


def test_class_weights_are_those_of_repeated_rows():
    target = np.random.default_rng(0).integers(0, 3, ROWS)
    rows = tuner.Task(frame_of(), "label").rows
    one, many = Rows(rows.table, target, COUNTS.astype(float)), Rows(rows.table.take(TWICE), target[TWICE])
    for config in ({}, {"class_weight": "balanced"}):
        weighed, repeated = row_weights(config, one), row_weights(config, many)
        expected = np.ones(len(TWICE)) if repeated is None else repeated
        np.testing.assert_allclose(np.bincount(TWICE, expected), weighed, rtol=1e-6)
        assert of_mean_one(weighed).mean() == pytest.approx(1)
    assert row_weights({}, many) is None


@pytest.mark.parametrize("label", ["label", "x"])
@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("linear", {"scaling": ["standard"]}),
        ("xgboost", {"n_estimators": 8, "subsample": 1.0, "colsample_bytree": 1.0}),
        ("baseline", {}),
    ],
)
def test_a_model_of_weighted_rows_is_that_of_repeated_rows(label, family, changes):
    frame = frame_of()
    task = tuner.Task(frame, label, sample_weight="w", drop=["colour", "y"])
    full = task.rows
    many = Rows(full.table.take(TWICE), full.target[TWICE])
    space = FAMILIES[family].space(task.signature)
    config = defaults(narrow(space, {name: change for name, change in changes.items() if name in space}))
    model = FAMILIES[family].build(config, task.signature)
    if family == "linear":  # numbers are scaled by rows, whatever these weigh
        model = replace(model, scaling="none")
    steps = 8 if family == "xgboost" else None
    said = [
        next(iter(model.fit([Fold(rows, rows, rows, seed=1, steps=steps)], lambda *_: None))).predict(full.table)
        for rows in (full, many, replace(full, weight=None))
    ]
    np.testing.assert_allclose(said[0], said[1], rtol=2e-4, atol=2e-4)
    assert not np.allclose(said[0], said[2], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("family", where_installed(["dense", "random_forest", "deep_trees", "lightgbm"]))
def test_every_family_of_tables_learns_from_weights(task, family):
    """Rows of one label weigh a thousand times what the others do: it becomes likelier everywhere."""
    quick = {"epochs": 40, "n_estimators": 20, "depth": 1, "network.epochs": 4, "trees.n_estimators": 10}
    space = FAMILIES[family].space(task.signature)
    config = defaults(narrow(space, {name: value for name, value in quick.items() if name.split(".")[0] in space}))
    fold = make_folds(task)[0][0]

    def weighed(rows: Rows) -> Rows:
        return replace(rows, weight=np.where(rows.target == 1, 1000.0, 1.0))

    heavy = Fold(weighed(fold.full), weighed(fold.train), weighed(fold.inner), seed=0)
    model = FAMILIES[family].build(config, task.signature)
    alike, told = (next(iter(model.fit([one], lambda *_: None))).predict(fold.full.table) for one in (fold, heavy))
    assert told[:, 1].mean() > alike[:, 1].mean() + 0.05


def test_weights_lie_in_the_task_and_in_its_digest(task, tmp_path):
    frame = frame_of()
    assert "w" not in [column.name for column in task.schema.columns]
    np.testing.assert_array_equal(np.sort(np.concatenate([task.rows.weight, task.test.weight])), np.sort(frame["w"]))
    by_row = dict(zip(frame["x"], frame["w"], strict=True))
    np.testing.assert_array_equal([by_row[x] for x in task.rows.table.numbers[:, 0]], task.rows.weight)
    task.save(tmp_path)
    again = tuner.Task.open(tmp_path)
    np.testing.assert_array_equal(again.rows.weight, task.rows.weight)
    np.testing.assert_array_equal(again.test.weight, task.test.weight)
    assert again.signature.weighted
    for (fold, held_out), (train, scored) in zip(make_folds(task), task.folds, strict=True):
        np.testing.assert_array_equal(fold.full.weight, task.rows.weight[train])
        np.testing.assert_array_equal(held_out.weight, task.rows.weight[scored])
    given = {"split": {"kind": "stratified", "folds": 2}, "test": 0.2}
    other = tuner.Task(frame.assign(w=frame["w"] + (frame.index == 7)), "label", sample_weight="w", **given)
    assert len({task.digest, other.digest, tuner.Task(frame.drop(columns="w"), "label", **given).digest}) == 3
    assert "weights from 1 to 3" in " ".join(repr(task).split())


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        (0, "0"),
        (-1, "-1"),
        (None, "None"),
        (np.inf, "inf"),
        (1e-300, "1e-300"),
        (1e300, r"1e\+300"),
        ("many", "'many'"),
    ],
)
def test_a_weight_that_is_no_number_above_zero_is_refused_with_its_row(wrong, shown):
    frame = frame_of()
    frame["w"] = frame["w"].astype(object)
    frame.loc[41, "w"] = wrong
    message = rf"sample_weight: column 'w' holds .*{shown}.* in row 41; a weight is a finite number above zero"
    with pytest.raises(DataError, match=f"^{message}"):
        tuner.Task(frame, "label", sample_weight="w")
    whole = frame_of()
    with pytest.raises(DataError, match=f"^test: {message}"):
        tuner.Task(whole, "label", sample_weight="w", test=frame)


@pytest.mark.parametrize("kind", ["datetime64[ns]", "timedelta64[s]", "datetime64[ns, UTC]", bool, "boolean"])
def test_weights_that_are_numbers_to_pandas_alone_are_refused(kind):
    weights = pd.Series(np.ones(len(frame_of()), dtype=np.int64)).astype(kind)
    with pytest.raises(DataError, match=r"column 'w' holds .* in row 0; a weight is a finite number above zero"):
        tuner.Task(frame_of().assign(w=weights), "label", sample_weight="w")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sample_weight": "v"}, "unknown name 'v'"),
        ({"sample_weight": "label"}, "label"),
        ({"sample_weight": "w", "drop": ["w"]}, "column 'w' cannot be dropped"),
        ({"sample_weight": "w", "test": frame_of().drop(columns="w")}, "test: unknown name 'w'"),
    ],
)
def test_a_column_that_is_no_column_of_weights_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        tuner.Task(frame_of(), "label", **given)


def test_what_cannot_count_by_weights_is_refused_by_name(task):
    mine = tuner.Metric("mine", lambda y_true, y_pred: 0.5, greater_is_better=True, needs="label")
    with pytest.raises(ValueError, match="metric 'mine' cannot count rows by their weights"):
        tuner.Task(frame_of(), "label", sample_weight="w", metrics=[mine])
    with pytest.raises(ValueError, match="family 'toy' counts all rows alike"):
        plan_of(task, [FAMILY], sampler="random", pruner="none", workers=0)
    assert "gan" not in fitting(replace(task.signature, weighted=True))


@pytest.mark.parametrize("method", ["uniform", "greedy", "convex", "nelder_mead", "log_linear"])
def test_a_weighted_blend_is_that_of_repeated_rows(method):
    true = outputs_of("multiclass", np.random.default_rng(0))[0]
    predictions = np.stack([outputs_of("multiclass", np.random.default_rng(seed))[1] for seed in range(1, 5)])
    loss, counts = LOSSES["log_loss"], COUNTS.astype(float)
    one = METHODS[method](predictions, true, loss, sample_weight=counts)
    many = METHODS[method](predictions[:, TWICE], true[TWICE], loss)
    np.testing.assert_allclose(one, many, atol=2e-3)
    costs = np.ones(4)
    chosen = affordable(predictions, true, loss, costs=costs, budget=2.0, sample_weight=counts)
    assert chosen == affordable(predictions[:, TWICE], true[TWICE], loss, costs=costs, budget=2.0)


def test_a_threshold_is_that_of_the_rows_that_weigh():
    """Of two groups of rows with thresholds of their own, the heavier one decides."""
    said = np.linspace(0.01, 0.99, 400)
    light = np.arange(400) % 2 == 0
    target = np.where(light, said > 0.3, said > 0.7).astype(np.int64)
    score = Score(METRICS["accuracy"], "binary", ("n", "y"))
    loss = Loss("accuracy", score.loss, of_labels=True)
    for heavy, threshold in ((light, 0.3), (~light, 0.7)):
        weight = np.where(heavy, 9.0, 1.0)
        found = best_threshold(np.stack([1 - said, said], axis=1), target, loss, sample_weight=weight)
        assert found == pytest.approx(threshold, abs=0.03)


def test_a_study_is_scored_by_weights_from_trial_to_test(tmp_path):
    """Its numbers are scikit-learn's, of stored predictions; new rows need no weight."""
    from sklearn.metrics import log_loss

    frame = frame_of(120)
    task = tuner.Task(frame, "label", sample_weight="w", split={"kind": "stratified", "folds": 2}, test=0.25)
    study = tuner.tune(task, {"linear": {}, "xgboost": {"n_estimators": 10}}, trials=2, folder=tmp_path / "s", **QUIET)
    trial = study.complete[0]
    stored = np.load(study.attempt_folder(trial) / "held_out.npz")
    values = [
        log_loss(task.rows.target[stored["rows"][at]], stored["predictions"][at], sample_weight=task.rows.weight[held])
        for at, held in ((np.isin(stored["rows"], held), held) for _, held in task.folds)
    ]
    assert trial.outcome.fold_values == pytest.approx(values, rel=1e-6)
    combined = study.ensemble("uniform")
    held = combined.held
    blended = held.predictions.mean(axis=0)
    by_hand = [
        log_loss(held.target[at], blended[at], sample_weight=held.weight[at])
        for at in (held.folds == k for k in range(2))
    ]
    assert combined.scores["ensemble"]["in_sample"] == pytest.approx(np.mean(by_hand), rel=1e-6)
    fitted = combined.choice.fitted
    drawn = np.random.default_rng(0).integers(len(fitted.rows), size=len(fitted.rows))  # as the bootstrap draws them
    for at in (np.arange(len(fitted.rows)), drawn):
        rows, said = fitted.rows[at], fitted.outputs[at]
        by_hand = [
            log_loss(held.target[rows[of]], said[of], sample_weight=held.weight[rows[of]])
            for of in (held.folds[rows] == k for k in range(2))
        ]
        assert held.by_fold(rows, said) == pytest.approx(np.mean(by_hand), rel=1e-6)
    tested = combined.test()
    said = combined.predict_proba(frame.drop(columns=["w", "label"]))
    rows = [int(np.flatnonzero(frame["x"] == x)[0]) for x in task.test.table.numbers[:, 0]]
    expected = log_loss(frame["label"].iloc[rows], said[rows], sample_weight=frame["w"].iloc[rows])
    assert tested["scores"]["ensemble"]["test"]["log_loss"] == pytest.approx(expected, rel=1e-6)
