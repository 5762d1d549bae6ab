"""An ensemble in a folder: predicts in a fresh process, and refuses what is damaged."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ensembles
from ensembles.ensemble import Ensemble
from ensembles.manifest import FORMAT, BundleError
from ensembles.member import Member
from spaces import FAMILIES, Fold, Input, Rows, Signature, Target, defaults, narrow
from spaces.inputs.border import encode, learn_schema
from spaces.rows.columns import TableError
from spaces.rows.signature import TableColumns

WEIGHTS = {"xgboost": 0.6, "linear": 0.4}
QUICK = {"xgboost": {"n_estimators": 5}, "linear": {}}
FRESH = """
import sys
import numpy as np
import pandas as pd
import ensembles
loaded = ensembles.load(sys.argv[1])
rows = pd.read_json(sys.argv[2], orient="records", lines=True)
np.save(sys.argv[3], loaded.predict_proba(rows))
names = "tensorflow", "spaces.families.dense.network", "tuner", "optuna", "mlflow"
print([name for name in names if name in sys.modules])
"""


def make_frame(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows), "c": rng.choice(["x", "y"], rows)})
    frame.loc[::9, "b"] = np.nan
    return frame


def own_labels(frame: pd.DataFrame) -> np.ndarray:
    return (frame["a"] + (frame["c"] == "x") > 0.5).to_numpy().astype(np.int64)


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    """Trees and a linear model, each trained on two folds."""
    frame = make_frame(120)
    schema, codes = learn_schema(frame), own_labels(frame)
    table = encode(schema, frame)
    target = Target("label", "binary", ("no", "yes"), "log_loss")
    inputs = (Input("table", "table", (3,), details=TableColumns(cardinalities=schema.cardinalities)),)
    signature = Signature(inputs, (target,), rows=60)

    def take(start: int, stop: int) -> Rows:
        return Rows(table.take(np.arange(start, stop)), codes[start:stop])

    folds = [Fold(take(k, k + 60), take(k, k + 45), take(k + 45, k + 60), seed=k) for k in (0, 60)]
    folder, members = tmp_path_factory.mktemp("trials"), []
    for name, weight in WEIGHTS.items():
        config = defaults(narrow(FAMILIES[name].space(signature), QUICK[name]))
        places = tuple(folder / name / str(k) for k in range(2))
        for place, fitted in zip(
            places, FAMILIES[name].build(config, signature).fit(folds, lambda *a: None), strict=True
        ):
            place.mkdir(parents=True)
            fitted.save(place)
        members.append(Member(f"{name}-000000", name, weight, places))
    return Ensemble("greedy", "log_loss", tuple(members), schema, target, {"cross_fitted": 0.5})


@pytest.fixture(scope="module")
def saved(ensemble: Ensemble, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensemble.save(tmp_path_factory.mktemp("bundles") / "ensemble")


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """A bundle to be damaged."""
    return Path(shutil.copytree(saved, tmp_path / "ensemble"))


NEW = make_frame(20, seed=5)


def test_an_ensemble_is_the_weighted_mean_of_its_members_means(ensemble):
    alone = {
        member.family: Ensemble("", "", (Member(member.trial, member.family, 1.0, member.folders),), *rest(ensemble))
        for member in ensemble.members
    }
    expected = sum(WEIGHTS[name] * one.predict_proba(NEW) for name, one in alone.items())
    np.testing.assert_allclose(ensemble.predict_proba(NEW), expected, atol=1e-9)
    member = ensemble.members[0]
    folds = [Ensemble("", "", (Member("", "", 1.0, (place,)),), *rest(ensemble)) for place in member.folders]
    assert not np.allclose(folds[0].predict_proba(NEW), folds[1].predict_proba(NEW))
    mean = np.mean([fold.predict_proba(NEW) for fold in folds], axis=0)
    np.testing.assert_allclose(alone["xgboost"].predict_proba(NEW), mean, atol=1e-9)


def rest(ensemble: Ensemble) -> tuple[Any, ...]:
    return ensemble.schema, ensemble.target, {}


def test_probabilities_and_labels(ensemble):
    probabilities, labels = ensemble.predict_proba(NEW), ensemble.predict(NEW)
    assert probabilities.shape == (20, 2)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert ensemble.classes == ("no", "yes")
    assert labels.tolist() == np.where(probabilities[:, 1] > 0.5, "yes", "no").tolist()
    assert set(labels) == {"no", "yes"}


def test_rows_are_predicted_by_name_each_for_itself(ensemble):
    expected = ensemble.predict_proba(NEW)
    order = np.random.default_rng(0).permutation(20)
    moved = NEW.iloc[order][["c", "b", "a"]].assign(other=1)
    np.testing.assert_allclose(ensemble.predict_proba(moved), expected[order], atol=1e-6)
    np.testing.assert_allclose(ensemble.predict_proba(NEW.iloc[:1]), expected[:1], atol=1e-6)
    np.testing.assert_allclose(ensemble.predict_proba(NEW.to_numpy(dtype=object)), expected, atol=1e-6)


def test_frames_have_the_rows_names_and_the_classes(ensemble):
    rows = NEW.head(3).set_axis(["u", "v", "w"])
    said = ensemble.predict_proba(rows, as_frame=True)
    assert (said.index.tolist(), said.columns.tolist()) == (["u", "v", "w"], ["no", "yes"])
    np.testing.assert_array_equal(said, ensemble.predict_proba(rows))
    labels = ensemble.predict(rows, as_frame=True)
    assert labels["label"].tolist() == ensemble.predict(rows).tolist()
    assert labels.index.tolist() == ["u", "v", "w"]
    assert ensemble.predict(rows.to_numpy(dtype=object), as_frame=True).index.tolist() == [0, 1, 2]
    assert ensemble.predict({"table": rows}, as_frame=True).index.tolist() == ["u", "v", "w"]
    assert ensemble.predict(rows.iloc[0].to_dict(), as_frame=True).index.tolist() == [0]
    members = ensemble.predict_members(rows, as_frame=True)
    np.testing.assert_array_equal(members["linear-000000"], ensemble.predict_members(rows)["linear-000000"])
    assert members["linear-000000"].columns.tolist() == ["no", "yes"]


def test_an_ensemble_that_is_warm_has_its_models_in_memory(saved):
    cold = ensembles.load(saved)
    expected = cold.predict_proba(NEW)
    warm = ensembles.load(saved).warm_up()
    for member in warm.members:
        assert all(folder.is_dir() for folder in member.folders)
    assert "_together" in vars(warm)
    np.testing.assert_array_equal(warm.predict_proba(NEW), expected)


def test_no_rows_have_no_predictions(ensemble):
    assert ensemble.predict_proba(NEW.iloc[:0]).shape == (0, 2)
    assert ensemble.predict(NEW.iloc[:0]).shape == (0,)


def test_a_bundle_loads_in_a_fresh_process_without_builders(ensemble, saved, tmp_path):
    NEW.to_json(tmp_path / "rows.jsonl", orient="records", lines=True, double_precision=15)
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(saved), str(tmp_path / "rows.jsonl"), str(tmp_path / "outputs.npy")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"
    np.testing.assert_allclose(np.load(tmp_path / "outputs.npy"), ensemble.predict_proba(NEW), rtol=1e-5, atol=1e-6)


def test_loading_brings_back_everything(ensemble, saved):
    again = ensembles.load(saved)
    for name in ("method", "metric", "schema", "target", "scores", "classes"):
        assert getattr(again, name) == getattr(ensemble, name)
    assert [(m.trial, m.family, m.weight) for m in again.members] == [
        ("xgboost-000000", "xgboost", 0.6),
        ("linear-000000", "linear", 0.4),
    ]
    np.testing.assert_allclose(again.predict_proba(NEW), ensemble.predict_proba(NEW), atol=1e-7)
    assert ensembles.load(saved.parent).classes == ("no", "yes")  # found in the folder above too


def test_a_bundle_can_be_moved_saved_again_and_replaced(ensemble, copy, tmp_path):
    moved = copy.rename(tmp_path / "moved")
    loaded = ensembles.load(moved)
    again = loaded.save(tmp_path / "deep" / "again")
    shutil.rmtree(moved)
    assert sorted(path.name for path in again.parent.iterdir()) == [".again.lock", "again"], "half-written things"
    np.testing.assert_allclose(ensembles.load(again).predict_proba(NEW), ensemble.predict_proba(NEW), atol=1e-7)
    first_only = Ensemble("single", "log_loss", ensemble.members[:1], *rest(ensemble))
    first_only.save(again)
    assert ensembles.load(again).method == "single"
    assert [path.name for path in (again / "members").iterdir()] == ["xgboost-000000"]


def test_an_ensemble_can_be_saved_over_itself(copy):
    loaded = ensembles.load(copy)
    expected = loaded.predict_proba(NEW)
    loaded.save(copy)
    np.testing.assert_allclose(ensembles.load(copy).predict_proba(NEW), expected, atol=1e-7)


def test_several_that_are_saved_at_once_wait_for_each_other(ensemble, tmp_path):
    target, start = tmp_path / "ensemble", threading.Barrier(4)
    left = tmp_path / f"ensemble.{'0' * 32}.part"
    (left / "members").mkdir(parents=True)  # of one that was killed

    def save(_: int) -> Path:
        start.wait()
        return ensemble.save(target)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(save, range(4))) == [target] * 4
    assert [path.name for path in sorted(tmp_path.iterdir())] == [".ensemble.lock", "ensemble"]
    assert ensembles.load(target).method == ensemble.method


def test_saving_over_something_else_is_refused(ensemble, tmp_path):
    (tmp_path / "thesis.txt").write_text("do not lose me")
    with pytest.raises(BundleError, match="is not empty and holds no ensemble: choose another folder"):
        ensemble.save(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "do not lose me"


def test_there_is_no_pickle_on_disk(saved):
    files = [path for path in saved.rglob("*") if path.is_file()]
    assert len(files) == 3 + 2 * 2 * 3  # description, combiner and distances, then three files a fold model
    for path in files:
        assert path.suffix in (".json", ".skops", ".ubj", ".npy")
        assert path.suffix != ".npy" or np.load(path, allow_pickle=False).dtype == np.float32
        assert not starts_like_a_pickle(path.read_bytes())
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    assert not name.endswith((".pkl", ".pickle", ".joblib"))
                    content = archive.read(name)
                    assert not starts_like_a_pickle(content)
                    if name.endswith(".npy"):
                        assert b"'|O'" not in content[:128], "an array of objects is pickled"


def starts_like_a_pickle(content: bytes) -> bool:
    return any(content.startswith(b"\x80" + bytes([protocol])) for protocol in range(2, 6))


@pytest.mark.parametrize("name", ["model.ubj", "preprocess.skops", "model.json"])
def test_a_changed_file_is_refused_by_name(copy, name):
    path = copy / "members" / "xgboost-000000" / "fold-1" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(BundleError, match=f"members/xgboost-000000/fold-1/{name} was changed since it was saved; copy"):
        ensembles.load(copy)


def test_a_missing_file_is_refused_by_name(copy):
    (copy / "members" / "linear-000000" / "fold-0" / "model.skops").unlink()
    with pytest.raises(BundleError, match=r"members/linear-000000/fold-0/model.skops is missing"):
        ensembles.load(copy)


def describe(folder: Path, **changes: Any) -> None:
    path = folder / "ensemble.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_newer_format_is_refused(copy):
    describe(copy, format=FORMAT + 1)
    with pytest.raises(BundleError, match=f"is of format {FORMAT + 1}, this version reads up to {FORMAT}: update it"):
        ensembles.load(copy)


@pytest.mark.parametrize("content", ["", "{", "{}"])
def test_a_damaged_description_is_refused(copy, content):
    (copy / "ensemble.json").write_text(content)
    with pytest.raises(BundleError, match=r"ensemble.json"):
        ensembles.load(copy)


def test_what_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(BundleError, match=r"holds no ensemble$"):
        ensembles.load(tmp_path)
    with pytest.raises(BundleError, match="nowhere holds no ensemble"):
        ensembles.load(tmp_path / "nowhere")
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(BundleError, match="make one first with `tuner ensemble "):
        ensembles.load(tmp_path)


def test_rows_that_do_not_fit_are_refused(ensemble):
    with pytest.raises(TableError, match="column 'b' is missing; the model was trained on a, b, c"):
        ensemble.predict(NEW.drop(columns="b"))
    with pytest.raises(TableError, match="column 'a' must hold numbers, got 'much'"):
        ensemble.predict(NEW.assign(a="much"))
    with pytest.raises(TableError, match=r"an array of 3 columns is needed, got shape \(20, 2\)"):
        ensemble.predict(np.zeros((20, 2)))


def test_an_ensemble_of_numbers_has_no_probabilities(ensemble):
    numbers = Ensemble("", "rmse", ensemble.members, ensemble.schema, Target("y", "regression"), {})
    with pytest.raises(ValueError, match="predict_proba needs classes; this ensemble predicts a number: use predict"):
        numbers.predict_proba(NEW)


def test_the_package_shows_its_names_without_importing_them_all():
    assert {"METHODS", "Ensemble", "blend", "certificate", "load"} <= set(ensembles.__all__)
    assert all(getattr(ensembles, name) is not None for name in ensembles.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Lose'"):
        _ = ensembles.Lose
