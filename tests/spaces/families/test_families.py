"""What every family promises, whatever library is behind it, and what each parameter of `dense` changes."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extras import lacking, where_installed
from numpy.typing import NDArray

from spaces import FAMILIES, Input, Signature, Target, defaults, narrow, sample
from spaces.engines.curves import Curves
from spaces.engines.engine import KERAS
from spaces.engines.folds import ENDLESS
from spaces.families.catalog import family_named
from spaces.language.space import check, from_json, to_json
from spaces.store import load_fitted

KINDS = ("regression", "binary", "multiclass")
FAST = {"epochs": 8, "optimizer.adam.learning_rate": {"low": 8e-3, "default": 9e-3}}


def one_layer(place: str) -> dict[str, Any]:
    """Return what makes a network quick to trace, where each recurrent layer of each text takes seconds."""
    return {**FAST, f"{place}.depth": 1, f"{place}.direction": ["forward"]}


QUICK = {
    "dense": {"epochs": 8, "learning_rate": 9e-3},
    "wide_and_deep": {"epochs": 8, "deep.learning_rate": {"low": 8e-3}, "crosses": [64]},
    "real_mlp": {"epochs": 16, "units": 64},
    "xgboost": {"n_estimators": 10},
    "lightgbm": {"n_estimators": 10},
    "random_forest": {"n_estimators": 20},
    "extra_trees": {"n_estimators": 20},
    "hist_gradient_boosting": {"max_iter": 50},
    "deep_trees": {"network.epochs": 4, "network.depth": 1, "trees.n_estimators": 20, "trees.learning_rate": 0.3},
    "text_recurrent": one_layer("text.recurrent.recurrent"),
    "series_conv": {**FAST, "series.conv.blocks.residual.depth": 1, "series.conv.blocks.residual.filters": 8},
    "series_recurrent": one_layer("series.recurrent.recurrent"),
    "series_conv_recurrent": one_layer("series.conv_recurrent.recurrent"),
    **{
        f"image_{kind}": {**FAST, f"image.{kind}.depth": 1, f"image.{kind}.filters": {"high": 16, "default": 8}}
        for kind in ("conv", "separable", "residual", "inception")
    },
    "text_conv_recurrent": one_layer("text.conv_recurrent.recurrent"),
}
LOAD = """
import sys
from pathlib import Path
import numpy as np
from spaces.store import load_fitted
from spaces.rows.table import Table
for folder in map(Path, sys.argv[1:]):
    rows = np.load(folder / "rows.npz", allow_pickle=False)
    fitted = load_fitted(folder)
    texts = rows["texts"].astype(object) if rows["texts"].shape[1] else None
    arrays = tuple(rows[name] for name in rows.files if name.startswith("array"))
    table = Table(rows["numbers"], rows["codes"], texts=texts, arrays=arrays)
    np.save(folder / "again.npy", fitted.predict(table))
names = "spaces.families.dense.network", "tuner", "optuna", "hyperopt", "mlflow"
print([name for name in names if name in sys.modules])
"""
A_TABLE = Signature((Input("table", "table", (4,)),), (Target("y", "regression"),), rows=100)
# What reads sequences step by step promises the same of whole sequences; see test_steps.py. Naive forecasts learn
# nothing; see test_series.py. What reads a single input, or has no target, is in test_pretrained.py and
# test_unlabelled.py.
_STEPS = ("sequence_labels", "language_model", "seq2seq")
_ITSELF = ("autoencoder", "variational_autoencoder", "gan")
_ELSEWHERE = (*_STEPS, "series_baseline", "image_pretrained", "series_anomaly", *_ITSELF)
WITHOUT_STEPS = [name for name in FAMILIES if name not in _ELSEWHERE and not lacking(name)]
NETWORKS = [name for name in WITHOUT_STEPS if KERAS in FAMILIES[name].engines and name != "deep_trees"]
READS = {
    name: next((kind for kind in ("series", "image") if name.startswith(f"{kind}_")), "text")
    for name in WITHOUT_STEPS
    if FAMILIES[name].unfit(A_TABLE)
}
# A network takes seconds to trace and train: it is sampled for two kinds of target only, and those that read more than
# tables, which are all made of the same blocks, meet one kind of target each.
CASES = [
    (name, kind)
    for i, name in enumerate(WITHOUT_STEPS)
    for kind in KINDS
    if name not in READS or kind == KINDS[i % len(KINDS)]
]
# One network of each kind of input is the first guard; all others, and what is sampled of networks, are slow.
FIRST = ("dense", "text_embedding", "series_conv", "image_conv", "deep_trees")


def is_slow(name: str, kind: str, number: int = 0) -> bool:
    """Return whether a case runs in `make test-slow` only."""
    network = name in NETWORKS or name == "deep_trees"
    dear = {"deep_trees": ("binary", "multiclass"), "dense": ("multiclass",)}
    return network and (name not in FIRST or number > 0 or kind in dear.get(name, ()))


def marked(*case: Any) -> Any:
    """Return a case with its marker."""
    return pytest.param(*case, marks=[pytest.mark.slow] if is_slow(*case) else [])


CONFIGURATIONS = [
    marked(name, kind, number)
    for name, kind in CASES
    for number in (0, 1, 2)
    if number == 0 or name not in NETWORKS or (kind, number) in (("binary", 1), ("multiclass", 2))
]
every_case = pytest.mark.parametrize(("name", "kind"), [marked(*case) for case in CASES])


def quick(name: str) -> dict[str, Any]:
    """Return what makes a family's training short."""
    return QUICK.get(name, FAST if name in READS else {})


@dataclass(frozen=True)
class Run:
    """What came of training one configuration on several folds.

    Attributes:
        new: Predictions of the new rows, by each fold's model.
        permuted: The first model's predictions of the new rows in another order.
        known: The first model's predictions of the rows it was trained on.
        watched: What was shown to the watch: step, steps, shape of predictions.
        stops_early: What the model says of itself.
        curves: The curves of each model.
    """

    new: list[NDArray[np.float32]]
    permuted: NDArray[np.float32]
    known: NDArray[np.float32]
    watched: list[tuple[int, int, tuple[int, ...]]]
    stops_early: bool
    curves: list[Curves]


@pytest.fixture(scope="session")
def permutation() -> NDArray[np.int64]:
    return np.random.default_rng(4).permutation(25)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fitted")


@pytest.fixture(scope="session")
def run(data: Any, saved: Path, permutation: NDArray[np.int64]) -> Any:
    """Trains configuration 0 (the defaults), 1 or 2 (sampled) of a family, once.

    The defaults are trained on the two folds of the data, on the first again, and once more with another seed; the
    first of these models is saved.
    """

    @functools.cache
    def train(name: str, kind: str, number: int) -> Run:
        d = data(kind, READS.get(name, "table"))
        space = narrow(FAMILIES[name].space(d.signature), quick(name))
        draw = np.random.default_rng([number, KINDS.index(kind)])
        config = (
            sample(narrow(space, {"epochs": 2}) if name in NETWORKS else space, draw) if number else defaults(space)
        )
        model = FAMILIES[name].build(config, d.signature)
        watched: list[tuple[int, int, tuple[int, ...]]] = []

        def watch(step: int, steps: int, curves: Any, predict: Any) -> None:
            assert all(np.isfinite(value) for value in curves.values())
            if len(watched) < 3:
                watched.append((step, steps, predict().shape))

        folds = [*d.folds] if number else [*d.folds, d.folds[0], replace(d.folds[0], seed=77)]
        new, curves = [], []
        for fitted in model.fit(folds, watch):
            new.append(fitted.predict(d.new))
            curves.append(fitted.curves)
            if len(new) == 1:
                permuted, known = fitted.predict(d.new.take(permutation)), fitted.predict(d.folds[0].full.table)
                if not number:
                    _save(fitted, d.new, new[0], saved / f"{name}-{kind}")
        return Run(new, permuted, known, watched, model.stops_early, curves)

    return train


def _save(fitted: Any, rows: Any, predictions: NDArray[np.float32], folder: Path) -> None:
    folder.mkdir()
    fitted.save(folder)
    texts = np.empty((len(rows), 0)) if rows.texts is None else rows.texts.astype(str)
    arrays = {f"array{i}": array for i, array in enumerate(rows.arrays)}
    np.savez(folder / "rows.npz", numbers=rows.numbers, codes=rows.codes, texts=texts, **arrays)
    np.save(folder / "once.npy", predictions)


@pytest.fixture(scope="session")
def loaded(run: Any, saved: Path) -> Callable[[str, str], tuple[Path, list[str]]]:
    """Loads the models of all quick cases, or all slow ones, in one fresh process without builders or data."""

    @functools.cache
    def load(slow: bool) -> list[str]:
        folders = []
        for name, kind in CASES:
            if is_slow(name, kind) == slow:
                run(name, kind, 0)
                folders.append(saved / f"{name}-{kind}")
        done = subprocess.run(
            [sys.executable, "-c", LOAD, *map(str, folders)],
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        known: list[str] = json.loads(done.stdout.strip().splitlines()[-1].replace("'", '"'))
        return known

    return lambda name, kind: (saved / f"{name}-{kind}", load(is_slow(name, kind)))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_space_is_a_space_and_survives_storage(data, name, kind):
    space = FAMILIES[name].space(data(kind, READS.get(name, "table")).signature)
    check(space)
    assert from_json(json.loads(json.dumps(to_json(space)))) == space


@pytest.mark.parametrize(("name", "kind", "number"), CONFIGURATIONS)
def test_predictions_are_finite_numbers_of_the_right_shape(run, name, kind, number):
    outputs = {"regression": 1, "binary": 2, "multiclass": 3}[kind]
    for predictions in run(name, kind, number).new:
        assert predictions.shape == (25, outputs)
        assert predictions.dtype == np.float64
        assert np.isfinite(predictions).all()
        if kind != "regression":
            assert (predictions >= 0).all()
            np.testing.assert_allclose(predictions.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(("name", "kind", "number"), CONFIGURATIONS)
def test_a_prediction_belongs_to_its_row(run, permutation, name, kind, number):
    one = run(name, kind, number)
    np.testing.assert_allclose(one.permuted, one.new[0][permutation], rtol=1e-5, atol=1e-6)


@every_case
def test_the_same_seed_gives_the_same_model_and_another_seed_another(run, name, kind):
    first, other_fold, again, other_seed = run(name, kind, 0).new
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other_fold)
    random = name in (
        *NETWORKS,
        "deep_trees",
        "xgboost",
        "lightgbm",
        "random_forest",
        "extra_trees",
        "hist_gradient_boosting",
    )
    assert np.allclose(first, other_seed) != random


@every_case
def test_models_that_stop_early_show_their_progress(run, name, kind):
    outputs = {"regression": 1, "binary": 2, "multiclass": 3}[kind]
    one = run(name, kind, 0)
    assert bool(one.watched) == bool(one.curves[0])
    assert one.watched or not one.stops_early
    for step, steps, shape in one.watched:
        given = {place.rpartition(".")[2]: value for place, value in quick(name).items()}
        # Those that train on the inner rows too show their epochs, and are never far enough for the pruner.
        assert 0 <= step < steps == (given.get("n_estimators", given.get("epochs")) if one.stops_early else ENDLESS)
        assert shape == (20, outputs)
    for curves in one.curves:
        assert all(type(value) is float and np.isfinite(value) for values in curves.values() for value in values)
        watched = {curve for curve in curves if curve.part == "validation"}
        assert bool(watched) == one.stops_early
        assert {curve._replace(part="train") for curve in watched} <= set(curves) - watched


@pytest.mark.parametrize(("name", "kind"), [marked(*case) for case in CASES if case[0] != "baseline"])
def test_what_is_learned_beats_the_baseline(run, data, name, kind):
    """On the rows of the fold: a check that inputs and targets are matched, not of quality."""
    target = data(kind).folds[0].full.target

    def error(predicted: NDArray[np.float32]) -> float:
        if kind == "regression":
            return float(np.mean((predicted[:, 0] - target) ** 2))
        return float(-np.log(np.maximum(predicted[np.arange(len(target)), target], 1e-9)).mean())

    assert error(run(name, kind, 0).known) < 0.8 * error(run("baseline", kind, 0).known)


@every_case
def test_a_saved_model_predicts_the_same_in_a_fresh_process(loaded, name, kind):
    folder, known = loaded(name, kind)
    once, again = (np.load(folder / f"{which}.npy") for which in ("once", "again"))
    np.testing.assert_allclose(again, once, rtol=1e-5, atol=1e-6)
    assert known == []  # no builder is needed


@every_case
def test_nothing_on_disk_is_pickled(run, saved, name, kind):
    run(name, kind, 0)
    folder = saved / f"{name}-{kind}"
    files = [path for path in folder.rglob("*.*") if path.name not in ("rows.npz", "once.npy", "again.npy")]
    learned = {"vocabulary.json"} if READS.get(name) == "text" else set()
    columns = "preprocess-0.skops" if name in READS else "preprocess.skops"
    prepared = set() if name == "baseline" else {columns}  # which looks at no column
    assert {path.name for path in files} >= {"model.json"} | learned | prepared
    for path in files:
        assert path.suffix in (".json", ".skops", ".keras", ".ubj", ".npz", ".txt")
        assert not path.read_bytes().startswith(b"\x80")


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_a_rule_of_thumb_for_its_cost(name):
    assert 0 <= FAMILIES[name].expected_cost < 1000


def test_of_images_a_linear_model_comes_first_and_then_the_smallest_network():
    cost = {name: family.expected_cost for name, family in FAMILIES.items()}
    assert cost["linear"] < cost["image_conv"] < min(cost["image_separable"], cost["xgboost"])


@pytest.mark.parametrize("name", where_installed(["dense", "xgboost", "lightgbm"]))
def test_an_exception_from_the_watch_ends_the_training(data, name):
    d = data("binary")
    space = narrow(FAMILIES[name].space(d.signature), {"depth": 1} if name == "dense" else {"n_estimators": 100})
    seen: list[int] = []

    def watch(step: int, *shown: Any) -> None:
        seen.append(step)
        if len(seen) == 2:
            raise InterruptedError("pruned")

    with pytest.raises(InterruptedError, match="pruned"):
        list(FAMILIES[name].build(defaults(space), d.signature).fit(d.folds, watch))
    assert len(seen) == 2


@pytest.mark.parametrize("name", [name for name in WITHOUT_STEPS if name not in NETWORKS])
def test_a_class_absent_from_a_fold_gets_probability_zero(data, name):
    d = data("multiclass")
    rows = np.flatnonzero(d.rows.target != 1)
    space = narrow(FAMILIES[name].space(d.signature), QUICK.get(name, {}))
    folds = [d.fold(rows, seed=0), d.folds[0]]
    without, with_all = (
        fitted.predict(d.new)
        for fitted in FAMILIES[name].build(defaults(space), d.signature).fit(folds, lambda *shown: None)
    )
    assert (without[:, 1] == 0).all()
    assert (without[:, [0, 2]] > 0).any(axis=0).all()
    np.testing.assert_allclose(without.sum(axis=1), 1, atol=1e-5)
    assert (with_all[:, 1] > 0).any()


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in READS])
def test_networks_train_on_a_fold_that_lacks_a_class(data, name):
    d = data("multiclass")
    fold = d.fold(np.flatnonzero(d.rows.target != 1), seed=0)
    config = defaults(narrow(FAMILIES[name].space(d.signature), {"epochs": 15, "depth": 1}))
    (fitted,) = FAMILIES[name].build(config, d.signature).fit([fold], lambda *shown: None)
    predictions = fitted.predict(d.new)
    assert predictions.shape == (25, 3)
    assert predictions[:, 1].mean() < 0.2


def test_an_unknown_family_or_library_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="unknown name 'xgbost', did you mean 'xgboost'"):
        family_named("xgbost", A_TABLE)
    (tmp_path / "model.json").write_text('{"library": "torch"}')
    with pytest.raises(ValueError, match="a 'torch', which this version cannot load"):
        load_fitted(tmp_path)


# Builders of users.
