"""Named inputs of any kind: tables, series and images, from arrays to predictions in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from shipped import ship

import tuner
from spaces import FAMILIES, Fold, Rows, defaults, narrow
from spaces.engines.keras.device import TrainingArrays
from spaces.engines.keras.training import Trainer
from spaces.inputs.files import DataError
from spaces.inputs.prepared import Reading, learn_tables
from spaces.inputs.table.matrix import Recipe
from spaces.rows.arrays import Stretches
from spaces.rows.columns import TableError
from spaces.rows.signature import columns_of
from tuner.task.folds import make_folds

QUIET = {"workers": 0, "tracking": None, "progress": False}
QUICK = {"epochs": 6, "optimizer.adam.learning_rate": 9e-3, "optimizer": ["adam"]}


def two_people(rows: int, seed: int) -> tuple[dict[str, pd.DataFrame], np.ndarray]:
    """Two people with an age and a town each, and whether they are alike."""
    rng = np.random.default_rng(seed)
    towns = np.array(["Bern", "Lyon", "Oslo", "Rome"])
    left = pd.DataFrame({"age": rng.uniform(20, 80, rows), "town": rng.choice(towns, rows)})
    alike = rng.random(rows) < 0.5
    right = pd.DataFrame(
        {
            "years": np.where(alike, left["age"] + rng.normal(0, 2, rows), rng.uniform(20, 80, rows)),
            "place": np.where(alike, left["town"], rng.choice(towns, rows)),
        }
    )
    return {"left": left, "right": right}, np.where(alike, "yes", "no")


def motifs(rows: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A series and an image: only where both hold a mark is it "both"."""
    rng = np.random.default_rng(seed)
    there = rng.random((rows, 2)) < 0.6
    series = rng.normal(size=(rows, 16, 1)).astype(np.float32) * 0.3
    image = rng.integers(0, 60, (rows, 8, 8, 1)).astype(np.uint8)
    for row, (one, other) in enumerate(there):
        if one:
            place = rng.integers(0, 13)
            series[row, place : place + 3, 0] += [3, -3, 3]
        if other:
            y, x = rng.integers(0, 6, 2)
            image[row, y : y + 2, x : x + 2] += 150
    return {"waves": series, "picture": image}, np.where(there.all(axis=1), "both", "not")


@pytest.mark.slow
def test_two_named_tables_are_compared_and_predicted_in_a_fresh_process(tmp_path):
    data, target = two_people(400, 0)
    task = tuner.Task(data, target, split="holdout", test=0.2)
    assert [one.name for one in task.signature.inputs] == ["left", "right"]
    assert task.signature.pair is not None
    families = {
        "siamese": {**QUICK, "epochs": 30},
        "functional": QUICK,
        "dense": {"epochs": 6, "learning_rate": 9e-3, "optimizer": ["adam"]},
        "xgboost": {"n_estimators": 20},
    }
    study = tuner.tune(task, families, trials=4, folder=tmp_path / "study", **QUIET)
    values = {trial.family: trial.value for trial in study.complete}
    assert set(values) == {"baseline", *families}
    assert values["siamese"] < 0.6 * values["baseline"]
    bundle = study.ensemble("uniform").save(tmp_path / "bundle")
    new, _ = two_people(20, 1)
    new["right"].loc[0, "place"] = "Nowhere"
    for name, frame in new.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
    code = (
        "import pandas, tuner, json\n"
        f"loaded = tuner.load({str(bundle)!r})\n"
        "rows = {name: pandas.read_parquet(name + '.parquet') for name in ('left', 'right')}\n"
        "print(json.dumps(loaded.predict_proba(rows).tolist()))\n"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True)
    again = np.array(json.loads(printed.splitlines()[-1]))
    np.testing.assert_allclose(again, study.ensemble("uniform").predict_proba(new), atol=1e-6)


def test_named_tables_can_be_columns_of_one_frame():
    data, target = two_people(100, 0)
    frame = pd.concat([data["right"], data["left"]], axis=1).assign(alike=target, other=1.0)
    inputs = {"left": ["age", "town"], "right": ["years", "place"]}
    task = tuner.Task(frame, "alike", inputs=inputs)
    assert [(one.name, one.shape) for one in task.signature.inputs] == [
        ("table", (1,)),
        ("left", (2,)),
        ("right", (2,)),
    ]
    left, right = task.signature.pair
    assert (
        columns_of(left).cardinalities == columns_of(right).cardinalities == (4,)
    )  # towns of either are those of both
    with pytest.raises(TableError, match="inputs: unknown name 'ages', did you mean 'age'"):
        tuner.Task(frame, "alike", inputs={"left": ["ages"]})
    with pytest.raises(TableError, match="column 'age' is part of 'left' and of 'right'"):
        tuner.Task(frame, "alike", inputs={"left": ["age"], "right": ["age"]})


def test_one_branch_reads_both_tables_on_one_scale():
    """The same person on the left and on the right is the same to the branch, though the columns' means differ."""
    data, target = two_people(200, 0)
    data["right"]["years"] += 1000
    task = tuner.Task(data, target, split="holdout")
    config = defaults(narrow(FAMILIES["siamese"].space(task.signature), {**QUICK, "epochs": 1}))
    train = task.folds[0][0]
    rows = Rows(task.rows.table.take(train), task.rows.target[train])
    (fitted,) = FAMILIES["siamese"].build(config, task.signature).fit([Fold(rows, rows, rows, 0)], lambda *a: None)
    swapped = tuner.Task({"left": data["left"], "right": data["left"].set_axis(["years", "place"], axis=1)}, target)
    left, right = fitted.prepared.matrix(swapped.rows.table)
    np.testing.assert_array_equal(left, right)


@pytest.mark.slow
def test_a_series_and_an_image_are_read_by_a_branch_each(tmp_path):
    data, target = motifs(500, 0)
    task = tuner.Task(data, target, split="holdout", test=0.2)
    changes = {
        "functional": {
            **QUICK,
            "epochs": 25,
            "series": ["conv"],
            "image": ["conv"],
            "image.conv.filters": {"high": 16, "default": 12},
        }
    }
    study = tuner.tune(task, changes, trials=1, folder=tmp_path / "study", **QUIET)
    best = study.best
    assert best.family == "functional"
    assert best.value < 0.6 * next(trial.value for trial in study.complete if trial.family == "baseline")
    again = tuner.Task.open(study.folder / "data")
    assert again.digest == task.digest
    np.testing.assert_array_equal(again.rows.table.arrays[0], task.rows.table.arrays[0])
    ensemble = study.ensemble("uniform")
    new, _ = motifs(5, 1)
    assert ensemble.predict(new).shape == (5,)
    with pytest.raises(TableError, match=r"'waves' must have the shape \(rows, 16, 1\), got \(5, 15, 1\)"):
        ensemble.predict({**new, "waves": new["waves"][:, :15]})
    with pytest.raises(TableError, match="the image 'picture' is missing"):
        ensemble.predict({"waves": new["waves"]})
    with pytest.raises(TableError, match="inputs must have the same rows"):
        ensemble.predict({**new, "waves": new["waves"][:3]})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((4, 2, 2, 2, 2)), r"data must be .* got shape \(4, 2, 2, 2, 2\)"),
        (np.full((40, 3, 1), np.inf), "'series' holds infinite numbers"),
        (np.full((40, 3, 1), "a"), "'series' must be an array of numbers"),
        (np.zeros((40, 0, 1)), "'series' is empty"),
        (np.full((40, 3, 3, 1), np.nan), "'image' holds images with missing pixels"),
        ({"a": {"b": 1}}, "inputs are named by texts and are frames or arrays"),
    ],
)
def test_what_is_no_input_is_refused(data, message):
    with pytest.raises((TableError, DataError), match=message):
        tuner.Task(data, np.arange(40) % 2)


def test_families_say_what_they_read():
    series = tuner.Task(np.random.default_rng(0).normal(size=(60, 5, 2)), np.arange(60) % 2).signature
    assert FAMILIES["dense"].unfit(series) == "it reads tables only, and 'series' is a series"
    assert FAMILIES["image_conv"].unfit(series) == "it reads images, and 'series' is a series: functional reads both"
    assert not FAMILIES["xgboost"].unfit(series)
    assert "it compares two inputs of one kind" in FAMILIES["siamese"].unfit(series)


def test_trees_and_linear_models_see_lags_and_statistics(tmp_path):
    rng = np.random.default_rng(0)
    series = rng.normal(size=(300, 10, 2)).cumsum(axis=1)
    target = series[:, -1, 0] + series[:, :, 1].max(axis=1)
    task = tuner.Task(series, target, split="holdout")
    study = tuner.tune(
        task,
        {"linear": {"penalty": ["given"], "penalty.given.alpha": 0.1}, "xgboost": {"n_estimators": 100}},
        trials=2,
        folder=tmp_path / "s",
        **QUIET,
    )
    values = {trial.family: trial.value for trial in study.complete}
    assert values["linear"] < 0.05 * values["baseline"]  # both are columns, and the answer is their sum
    assert values["xgboost"] < 0.5 * values["baseline"]


def test_stretches_train_as_the_array_they_stand_for():
    """They are gathered step by step on the device, and nothing is written out."""
    import keras

    rng = np.random.default_rng(0)
    base = rng.normal(size=(200, 3)).astype(np.float32)
    stretches = Stretches(base, np.arange(180), 20)
    written = np.asarray(stretches)
    assert written.shape == stretches.shape == (180, 20, 3)
    np.testing.assert_array_equal(written[7], base[7:27])
    np.testing.assert_array_equal(np.asarray(stretches[3:5]), written[3:5])
    target, weights = rng.normal(size=(180, 1)).astype(np.float32), []
    for x in (written, stretches):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((20, 3))
        model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(inputs)))
        model.compile("adam", "mse")
        Trainer(model).train(TrainingArrays(x, target), TrainingArrays(x[:50], target[:50]), epochs=2, batch_size=32)
        weights.append(model.get_weights()[0])
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-6)


def pixels(rows: int = 60) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (rows, 6, 6, 1))


def test_images_are_read_as_they_were_in_training(tmp_path):
    whole, target = pixels(), np.arange(60) % 2
    task = tuner.Task(whole, target, split={"kind": "stratified", "folds": 2})
    assert task.rows.table.arrays[0].dtype == np.uint8  # whatever type whole numbers came in
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
    ensemble = study.ensemble("uniform")
    said = ensemble.predict_proba(whole.astype(np.uint8))
    for dtype in (np.int64, np.float64):
        np.testing.assert_array_equal(ensemble.predict_proba(whole.astype(dtype)), said)
    with pytest.raises(TableError, match="must hold whole numbers from 0 to 255, as in training, got fractions"):
        ensemble.predict(whole / 255)
    with pytest.raises(TableError, match=r"must hold whole numbers from 0 to 255, .* got int64 from -1 to"):
        tuner.Task(whole - 1, target)
    scaled = tuner.Task(whole / 255, target, split={"kind": "stratified", "folds": 2})
    fractions = tuner.tune(scaled, ["linear"], trials=1, folder=tmp_path / "f", **QUIET).ensemble("uniform")
    with pytest.raises(TableError, match="must hold numbers with fractions, as in training, got whole ones"):
        fractions.predict(whole.astype(np.uint8))


def own(config, signature):
    import keras

    inputs = keras.Input(signature.input.shape)
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(inputs)))


def test_a_family_of_ones_own_reads_a_series(tmp_path):
    series = np.random.default_rng(0).normal(size=(80, 6, 2))
    task = tuner.Task(series, series[:, 0, 0], split={"kind": "kfold", "folds": 2})
    mine = tuner.family(own, {"epochs": 2}, name="mine")
    ship(mine, task, tmp_path)
    study = tuner.tune(task, [replace(mine, source=None)], trials=1, folder=tmp_path / "s", **QUIET)
    assert [trial.state for trial in study.trials if trial.family == "mine"] == ["complete"]


def test_partners_of_a_pair_do_not_tell_each_others_target():
    """With more towns than one-hot columns, their mean target is a column: on training rows it must know nothing."""
    rng = np.random.default_rng(0)
    towns = rng.integers(0, 600, 1500).astype(str)
    left, right = pd.DataFrame({"town": towns}), pd.DataFrame({"town": towns})
    target = rng.normal(size=1500)
    task = tuner.Task({"left": left, "right": right}, target, categories=["left.town", "right.town"], split="holdout")
    recipes = tuple(
        Recipe("standard", "onehot", one.cardinalities, 0, one.places) for one in map(columns_of, task.signature.tables)
    )
    reading = Reading(recipes, (), joined=False, twins=True)
    (_, one), (_, other) = learn_tables(reading, task.rows.table, task.rows.target, target_kind="regression")
    for matrix in (one, other):
        assert abs(np.corrcoef(matrix[:, -1], task.rows.target)[0, 1]) < 0.1


def test_columns_of_named_tables_can_be_the_target_the_group_or_dropped():
    data, target = two_people(60, 0)
    data["left"] = data["left"].assign(id=range(60), y=target, who=np.arange(60) // 2)
    task = tuner.Task(data, "left.y", drop=["left.id"], group="left.who")
    assert [(one.name, one.shape) for one in task.signature.inputs] == [("left", (2,)), ("right", (2,))]
    frame = data["left"]
    with pytest.raises(DataError, match="inputs: column 'y' of 'a' is the target, the group or dropped"):
        tuner.Task(frame, "y", inputs={"a": ["age", "y"]})
    with pytest.raises(TableError, match=r"inputs must name lists of columns: inputs=\{'a': \['age'\]\}"):
        tuner.Task(frame, "y", inputs={"a": "age"})


def test_tables_are_a_pair_only_if_their_columns_are_alike_one_by_one():
    data, target = two_people(60, 0)
    assert tuner.Task(data, target).signature.pair is not None
    data["right"] = data["right"][["place", "years"]]
    assert tuner.Task(data, target).signature.pair is None


def test_the_baseline_looks_at_no_pixel():
    task = tuner.Task(pixels(), np.arange(60) % 2, split="holdout")
    rows = Rows(task.rows.table, task.rows.target)
    (fitted,) = FAMILIES["baseline"].build({}, task.signature).fit([Fold(rows, rows, rows, 0)], lambda *a: None)
    assert fitted.prepared.matrix(rows.table).shape == (60, 0)


def test_images_may_come_with_several_targets_and_a_test_of_their_own():
    target = pd.DataFrame({"odd": np.arange(60) % 2, "size": np.arange(60.0)})
    task = tuner.Task(pixels(), target, test=(pixels()[:10], target.to_numpy()[:10]), kind={"odd": "binary"})
    assert task.test.target.shape == (10, 2)
    with pytest.raises(DataError, match=r"test: a pair of inputs and targets of 10 rows is needed, got \(9, 2\)"):
        tuner.Task(pixels(), target, test=(pixels()[:10], target.to_numpy()[:9]), kind={"odd": "binary"})


def test_images_of_mixed_size_are_refused():
    with pytest.raises(TableError, match="data is no array: bring what it holds to one shape first"):
        tuner.Task([np.zeros((4, 4, 1)), np.zeros((5, 4, 1))], [0, 1])


def test_folds_share_images():
    task = tuner.Task(pixels(), np.arange(60) % 2, split={"kind": "kfold", "folds": 3})
    for fold, held_out in make_folds(task):
        for rows in (fold.full, fold.train, fold.inner, held_out):
            assert rows.table.arrays[0].base is task.rows.table.arrays[0]
