"""Networks that begin with a base which was trained before."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
import pytest

import tuner
from spaces import FAMILIES, narrow
from spaces.engines.clock import Clock, NoTime
from spaces.engines.curves import Curve
from spaces.families.family import Family
from spaces.families.pretrained.bases import BaseError, base_file, pretrained_base
from spaces.families.pretrained.features import BaseFeatures, Cut, base_features, stage_ends
from spaces.language.space import Config, defaults
from spaces.rows.table import Rows
from spaces.store import load_fitted
from tuner.ensembling.looks import single_ensemble
from tuner.task.folds import make_folds

QUIET = {"workers": 0, "tracking": "none", "progress": False}


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def edges(kernel: np.ndarray | None = None) -> keras.Model:
    """Return a base that sees edges: differences to the right and downward, batch statistics, and two stages.

    As that of VGG, it ends in a pooling layer, which has no weights.
    """
    images = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="edges")(images)
    x = keras.layers.MaxPooling2D(2, name="half")(x)
    y = keras.layers.Conv2D(4, 3, padding="same", name="second")(x)
    x = keras.layers.Add(name="shortcut")([x, keras.layers.BatchNormalization(name="statistics")(y)])
    x = keras.layers.MaxPooling2D(2, name="quarter")(x)
    y = keras.layers.Conv2D(4, 3, padding="same", name="third")(x)
    y = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization(name="later_statistics")(y))
    x = keras.layers.MaxPooling2D(2, name="eighth")(keras.layers.Add(name="second_shortcut")([x, y]))
    model = keras.Model(images, x)
    if kernel is None:
        kernel = np.zeros((3, 3, 3, 4), np.float32)
        kernel[1, 0, :, 0], kernel[1, 2, :, 0] = -1 / 300, 1 / 300
        kernel[0, 1, :, 1], kernel[2, 1, :, 1] = -1 / 300, 1 / 300
    model.get_layer("edges").set_weights([kernel, np.zeros(4)])
    return model


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    path = tmp_path_factory.mktemp("base") / "edges.keras"
    keras.utils.set_random_seed(0)
    edges().save(path)
    return path


def stripes(rows: int = 120, size: int = 16, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy images of stripes that lie (0) or stand (1)."""
    rng = np.random.default_rng(0)
    kinds = np.arange(rows) % 2
    lines = (np.arange(size) + rng.integers(4, size=(rows, 1))) // 2 % 2 * 150
    images = np.where(kinds[:, None, None] == 1, lines[:, None, :], lines[:, :, None]) + np.zeros((rows, size, size))
    noisy = np.clip(images + rng.normal(50, 30, images.shape), 0, 255).astype(np.uint8)
    return np.repeat(noisy[..., None], channels, axis=-1), kinds


def config_of(task: tuner.Task, family: Family, changes: Config) -> Config:
    return defaults(narrow(family.space(task.signature), changes))


def test_stages_end_where_images_become_smaller_and_nothing_passes_by(base):
    model = keras.models.clone_model(keras.saving.load_model(base), input_tensors=keras.Input((16, 16, 3)))
    assert stage_ends(model) == ["shortcut", "eighth"]


@pytest.mark.parametrize("name", ["VGG16", "MobileNetV2", pytest.param("EfficientNetB0", marks=pytest.mark.slow)])
def test_each_stage_has_weights_and_none_ends_in_padding(name):
    model = getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(64, 64, 3))
    ends = [model.get_layer(end) for end in stage_ends(model)]
    assert ends[-1] is model.layers[-1]
    assert len(ends) == (4 if name == "VGG16" else 5)
    assert not any(isinstance(end, keras.layers.ZeroPadding2D) for end in ends)
    places = [-1, *(model.layers.index(end) for end in ends)]
    for begin, end in pairwise(places):
        assert [weight for layer in model.layers[begin + 1 : end + 1] for weight in layer.trainable_weights]


@pytest.mark.parametrize("head", ["network", "trees"])
def test_frozen_features_are_computed_once_for_all_folds(base, head, tmp_path):
    images, kinds = stripes(size=16 if head == "trees" else 20, channels=3)
    task = tuner.Task(images, kinds, metrics=["accuracy"], split={"folds": 3})
    before = len(list((Path(os.environ["TUNER_CACHE"]) / "features").glob("*.npy")))
    changes = {"base": str(base), "head": [head], "pooling": ["both"], "cut": 0}
    study = tuner.tune(task, {"image_pretrained": changes}, trials=1, folder=tmp_path / "study", seed=0, **QUIET)
    best = study.complete[0]
    assert best.family == "image_pretrained"
    assert study.leaderboard()["accuracy"].max() > 0.97
    fitted = [load_fitted(study.attempt_folder(best) / f"fold-{k}") for k in range(3)]
    assert all(isinstance(one.prepared, BaseFeatures) for one in fitted)
    assert len({one.prepared.key for one in fitted}) == 1
    again = single_ensemble(study, best).predict_proba(images)
    np.testing.assert_allclose(again, np.mean([one.predict(task.rows.table) for one in fitted], axis=0), atol=1e-5)
    single_ensemble(study, best).predict_proba(images[:1])
    assert len(list((Path(os.environ["TUNER_CACHE"]) / "features").glob("*.npy"))) == before + 1  # of training alone


def test_features_that_take_half_of_the_study_are_kept_in_pieces_and_the_next_trial_goes_on(base, monkeypatch):
    monkeypatch.setattr("spaces.families.pretrained.features._PIECE", 50)
    task = tuner.Task(*stripes(size=24), split={"folds": 2})
    family = FAMILIES["image_pretrained"]
    model = family.build(config_of(task, family, {"base": str(base), "head": ["network"]}), task.signature)
    fold = make_folds(task)[0][0]
    folder = Path(os.environ["TUNER_CACHE"]) / "features"
    before = {*folder.glob("*.npy")}

    def fit():
        clock = Clock(0.0)
        clock.ends = 0.0
        return next(iter(model.fit([replace(fold, clock=clock)], lambda *_: None)))

    for done in (50, 100):
        with pytest.raises(NoTime, match=f"the features of {done} of 120 images"):
            fit()
        assert len({*folder.glob("*.npy")} - before) == done // 50
    fitted = fit()
    (made,) = {*folder.glob("*.npy")} - before
    np.testing.assert_allclose(np.load(made), fitted.prepared.model.predict(task.rows.table.arrays[0]), atol=1e-5)


@pytest.mark.parametrize("torn", ["empty", "half", "other rows"])
def test_features_and_bases_that_a_loss_of_power_tore_are_made_anew(base, torn, monkeypatch):
    monkeypatch.setattr("spaces.families.pretrained.features.cached", lambda key, make: make())
    monkeypatch.setattr("spaces.families.pretrained.features._known", {})
    task = tuner.Task(*stripes(rows=20, size=36), split={"folds": 2})
    made = base_features(Cut(str(base), "none", 0, "average"), task.signature.input)
    rows = task.rows.take(np.arange(20))
    expected = made.kept(rows, Clock(60.0))
    (features,) = (Path(os.environ["TUNER_CACHE"]) / "features").glob(f"*{made.key}*.npy")
    for path in (features, made.file):
        whole = path.read_bytes()
        path.write_bytes(b"" if torn == "empty" else whole[: len(whole) // 2])
        if torn == "other rows" and path is features:
            np.save(path, expected[:5])
    monkeypatch.setattr("spaces.families.pretrained.features._known", {})
    again = base_features(Cut(str(base), "none", 0, "average"), task.signature.input)
    np.testing.assert_allclose(again.matrix(rows.table), expected, atol=1e-5)
    np.testing.assert_allclose(again.kept(rows, Clock(60.0)), expected, atol=1e-5)
    np.testing.assert_allclose(np.load(features), expected, atol=1e-5)


@pytest.mark.parametrize("head", ["network", "trees"])
def test_features_take_no_time_of_the_trial_that_computes_them(base, head, monkeypatch):
    monkeypatch.setattr("spaces.families.pretrained.features._PIECE", 50)
    task = tuner.Task(*stripes(size=28 if head == "network" else 32), split={"folds": 2})
    family = FAMILIES["image_pretrained"]
    model = family.build(config_of(task, family, {"base": str(base), "head": [head]}), task.signature)
    clock, heard, folds = Clock(0.0), [], make_folds(task)
    clock.on_pause = heard.append
    training = model.fit([replace(fold, clock=clock) for fold, _ in folds], lambda *_: None)
    assert next(training).prepared.model
    assert clock.until == clock.paused > 0
    assert heard[:2] == [True, False]
    assert heard.count(True) == heard.count(False)


def test_fine_tuning_moves_the_last_stage_and_no_batch_statistics(base, tmp_path):
    images, kinds = stripes()
    task = tuner.Task(images, kinds, split={"kind": "holdout"})
    tuning = {"stages": 1, "learning_rate": 1e-3, "epochs": 3}
    changes = {
        "base": str(base),
        "head": ["network"],
        "head.network.epochs": 60,
        "head.network.fine_tuning": ["top"],
        **{f"head.network.fine_tuning.top.{name}": value for name, value in tuning.items()},
        "head.network.fine_tuning.top.augmentation": ["random"],
    }
    family = FAMILIES["image_pretrained"]
    model = family.build(config_of(task, family, changes), task.signature)
    seen = []
    ((fold, held_out),) = make_folds(task)
    (fitted,) = model.fit([fold], lambda step, steps, curves, inner: seen.append((step, steps, inner().shape)))
    assert [step for step, _, _ in seen][-4:] == [len(seen) - 4, 60, 61, 62]
    assert {steps for _, steps, _ in seen} == {63}
    assert {shape for _, _, shape in seen} == {(len(fold.inner), 2)}
    before, after = keras.saving.load_model(base), fitted.model.get_layer("base").model
    for layer, names, same in (
        ("edges", ["kernel", "bias"], True),
        ("second", ["kernel"], True),
        ("third", ["kernel"], False),
        ("statistics", ["moving_mean", "moving_variance"], True),
        ("later_statistics", ["moving_mean", "moving_variance"], True),
        ("later_statistics", ["gamma", "beta"], False),
    ):
        mine = {weight.name: weight.numpy() for weight in after.get_layer(layer).weights}
        theirs = {weight.name: weight.numpy() for weight in before.get_layer(layer).weights}
        assert all(np.array_equal(mine[name], theirs[name]) == same for name in names), layer
    fitted.save(tmp_path)
    said = fitted.predict(held_out.table)
    np.testing.assert_allclose(load_fitted(tmp_path).predict(held_out.table), said, atol=1e-5)
    assert ((said[:, 1] > 0.5) == held_out.target).mean() > 0.9


def test_a_feature_that_is_silent_in_training_does_not_explode(base):
    images, kinds = stripes()
    task = tuner.Task(
        np.where(kinds[:, None, None, None] == 0, 0, images).astype(np.uint8), kinds, split={"kind": "holdout"}
    )
    family = FAMILIES["image_pretrained"]
    model = family.build(config_of(task, family, {"base": str(base), "head": ["network"]}), task.signature)
    ((fold, held_out),) = make_folds(task)
    black = Rows(
        fold.train.table.take(np.flatnonzero(fold.train.target == 0)), np.arange(np.sum(fold.train.target == 0)) % 2
    )
    (fitted,) = model.fit([replace(fold, train=black, full=black)], lambda *_: None)
    standard = next(one for one in fitted.model.layers if isinstance(one, keras.layers.BatchNormalization))
    assert np.abs(standard(fitted.prepared.matrix(held_out.table))).max() < 100


def test_a_refit_trains_on_all_rows_and_as_long_as_is_said(base):
    images, kinds = stripes()
    task = tuner.Task(images, kinds, split={"kind": "holdout"})
    changes = {
        "base": str(base),
        "head": ["network"],
        "head.network.epochs": 2,
        "head.network.weight_averaging": ["ema"],
        "head.network.fine_tuning": ["top"],
    }
    family = FAMILIES["image_pretrained"]
    model = family.build(config_of(task, family, changes), task.signature)
    ((fold, _),) = make_folds(task)
    (fitted,) = model.fit([replace(fold, train=fold.full, inner=fold.inner, steps=3)], lambda *_: None)
    assert len(fitted.curves[Curve("loss")]) == 3
    assert Curve("loss", "validation") not in fitted.curves


@pytest.mark.parametrize(("stages", "moves"), [(1, False), (2, True)])
def test_so_many_stages_are_trained_as_are_asked_for(base, stages, moves):
    images, kinds = stripes()
    task = tuner.Task(images, kinds, split={"kind": "holdout"})
    top = {"stages": stages, "epochs": 1, "learning_rate": 1e-3}
    changes = {
        "base": str(base),
        "head": ["network"],
        "head.network.epochs": 1,
        "head.network.fine_tuning": ["top"],
        **{f"head.network.fine_tuning.top.{name}": value for name, value in top.items()},
    }
    family = FAMILIES["image_pretrained"]
    model = family.build(config_of(task, family, changes), task.signature)
    (fitted,) = model.fit([make_folds(task)[0][0]], lambda *_: None)
    before, after = (
        one.get_layer("edges").get_weights()[0]
        for one in (keras.saving.load_model(base), fitted.model.get_layer("base").model)
    )
    assert np.array_equal(before, after) != moves


def test_a_base_cut_earlier_says_other_things(base):
    images, kinds = stripes()
    task = tuner.Task(images, kinds, split={"kind": "holdout"})
    family = FAMILIES["image_pretrained"]
    shapes = {}
    for cut in (0, 1, 3):  # there are two stages: more than these cannot be left out
        changes = {"base": str(base), "head": ["trees"], "cut": cut}
        model = family.build(config_of(task, family, changes), task.signature)
        (fitted,) = model.fit([make_folds(task)[0][0]], lambda *_: None)
        shapes[cut] = fitted.prepared.model.get_layer("base").output_shape
    assert shapes == {0: (None, 2, 2, 4), 1: (None, 8, 8, 4), 3: (None, 8, 8, 4)}


def test_a_base_is_made_of_weights_and_their_builder(tmp_path):
    np.savez(tmp_path / "weights.npz", kernel=np.ones((3, 3, 3, 4), np.float32))
    path = pretrained_base(tmp_path / "weights.npz", lambda weights: edges(weights["kernel"]))
    assert isinstance(path, str)
    assert path == pretrained_base(tmp_path / "weights.npz", lambda weights: edges(weights["kernel"]))
    np.testing.assert_array_equal(keras.saving.load_model(path).get_layer("edges").get_weights()[0], 1)
    np.savez(tmp_path / "wrong.npz", kernel=np.ones((5, 5, 3, 4), np.float32))
    with pytest.raises(BaseError, match=r"weights in .*wrong.npz do not fit the network"):
        pretrained_base(tmp_path / "wrong.npz", lambda weights: edges(weights["kernel"]))
    with pytest.raises(BaseError, match=r"do not fit the network: 'core'"):
        pretrained_base(tmp_path / "weights.npz", lambda weights: edges(weights["core"]))


@pytest.mark.slow
def test_networks_of_keras_are_taken_from_disk_only(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(BaseError, match=r"there are no weights of MobileNetV2 in .*: where there is a network"):
        base_file("MobileNetV2")
    with pytest.raises(BaseError, match=r"a \.keras file or of keras.applications \(.*MobileNetV2.*got 'MobileNet9'"):
        base_file("MobileNet9")
    (tmp_path / "models").mkdir()
    made = keras.applications.MobileNetV2(include_top=False, weights=None)
    made.save_weights(tmp_path / "models" / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.weights.h5")
    narrow_one = keras.applications.MobileNetV2(include_top=False, weights=None, alpha=0.35)
    narrow_one.save_weights(tmp_path / "models" / "mobilenet_v2_weights_tf_dim_0.35_224_no_top.weights.h5")
    with pytest.raises(BaseError, match="there are no weights of MobileNet in"):
        base_file("MobileNet")
    found = keras.saving.load_model(base_file("MobileNetV2"))
    np.testing.assert_array_equal(found.get_weights()[0], made.get_weights()[0])


def test_a_base_that_cannot_be_used_is_refused_before_the_study(base, tmp_path):
    images, kinds = stripes()
    task = tuner.Task(images, kinds)
    flat = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    flat.save(tmp_path / "flat.keras")
    images_in = keras.Input((None, None, 3))
    half = keras.layers.MaxPooling2D(2)(images_in)
    keras.Model(images_in, keras.layers.Conv2D(3, 3)(half + half)).save(tmp_path / "sum.keras")
    (tmp_path / "torn.keras").write_bytes(base.read_bytes()[:500])
    for changes, message in (
        ({}, "needs a base: {'image_pretrained': {'base'"),
        ({"base": str(base), "preprocessing": "cafe"}, "preprocessing: .*cafe.*did you mean.*caffe"),
        ({"base": "none.keras"}, "there is no file none.keras"),
        ({"base": "weights.h5"}, "weights.h5 is no .keras file: make one"),
        ({"base": str(tmp_path / "flat.keras")}, "flat.keras cannot read images of 16 x 16 pixels"),
        ({"base": str(tmp_path / "torn.keras")}, "torn.keras"),
        ({"base": str(tmp_path / "sum.keras")}, "uses operations that are no layers"),
    ):
        with pytest.raises(ValueError, match=message):
            tuner.tune(task, {"image_pretrained": changes}, trials=1, folder=tmp_path / "study", **QUIET)
        assert not (tmp_path / "study").exists()


@pytest.mark.slow
def test_a_base_that_changed_under_its_path_is_another_one(base, tmp_path):
    images, kinds = stripes(60)
    task, mine = tuner.Task(images, kinds, split={"kind": "holdout"}), tmp_path / "mine.keras"
    mine.write_bytes(base.read_bytes())

    def launch(trials, path):
        given = {"image_pretrained": {"base": str(path), "head": ["trees"]}}
        return tuner.tune(task, given, trials=trials, folder=tmp_path / "study", **QUIET)

    launch(1, mine)
    edges(np.ones((3, 3, 3, 4), np.float32)).save(mine)
    with pytest.raises(ValueError, match=r"mine.keras, of which image_pretrained is made, has changed"):
        launch(2, mine)
    mine.rename(tmp_path / "other.keras")
    launch(2, tmp_path / "other.keras")
    edges(np.zeros((3, 3, 3, 4), np.float32)).save(mine)
    with pytest.raises(ValueError, match=r"mine.keras, .* has changed"):
        launch(3, mine)
    mine.write_bytes(base.read_bytes())
    trials = launch(3, mine).ledger.trials("image_pretrained")
    assert [trial.number for trial in trials if not trial.duplicate] == [0, 1, 3], "2 has the defaults, known from 0"


def test_images_that_no_base_reads_are_refused():
    images, kinds = stripes()
    for given, message in (
        ((images / 255).astype(np.float32), "hand them over as uint8"),
        (
            {"image": images, "table": np.ones((len(images), 1))},
            "one image and nothing else, and the task has table, image",
        ),
    ):
        assert message in FAMILIES["image_pretrained"].unfit(tuner.Task(given, kinds).signature)
