"""A bundle from a stranger runs no code, and whatever is wrong with it ends in one kind of error."""

from __future__ import annotations

import copy as copies
import io
import json
import os
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import ensembles
from ensembles.manifest import DESCRIPTION, BundleError, digest_of, sha256_of
from spaces.engines.contract import ShippingError
from spaces.engines.engine import EngineError
from spaces.engines.keras.stored import check_network, open_network
from spaces.machine.strange import StrangeFile, check_archive, parse_json
from spaces.rows.columns import TableError

GOLDEN = Path(__file__).parents[1] / "golden" / "bundles"
ODD = [
    None,
    True,
    -1,
    0,
    10**9,
    10**30,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "..",
    "/etc/passwd",
    "x" * 20_000,
    [],
    {},
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle in today's format, of two members, a table and two classes."""
    loaded = ensembles.load(GOLDEN / "decided" / "bundle")
    return loaded.save(tmp_path_factory.mktemp("saved") / "ensemble")


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """A bundle to be changed."""
    return Path(shutil.copytree(saved, tmp_path / "ensemble"))


def read(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / DESCRIPTION).read_text()))


def write(folder: Path, stored: dict[str, Any], *, forged: bool = True) -> None:
    """Write a description, with a sum that fits it as a forger would."""
    if forged:
        stored["digest"] = digest_of(stored)
    (folder / DESCRIPTION).write_text(json.dumps(stored))


def places(node: Any) -> list[tuple[Any, Any]]:
    """Return every container with every key of it."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else []
    return [place for key in keys for place in ((node, key), *places(node[key]))]


def change(stored: dict[str, Any], rng: random.Random) -> None:
    node, key = rng.choice(places(stored))
    match rng.randrange(4):
        case 0:
            del node[key]
        case 1:
            other, at = rng.choice(places(stored))
            node[key] = copies.deepcopy(other[at])
        case 2 if isinstance(node, dict):
            node[rng.choice(["more", "", "../x"])] = rng.choice(ODD)
        case _:
            node[key] = copies.deepcopy(rng.choice(ODD))


def test_a_member_with_a_model_of_all_rows_has_models_of_folds_too(copy):
    stored = read(copy)
    stored["members"][0] |= {"folds": 1, "on_all_rows": True}
    write(copy, stored)
    with pytest.raises(BundleError, match="has no model of a fold"):
        ensembles.load(copy)


@pytest.mark.parametrize("forged", [False, True])
def test_300_random_changes_of_the_description_are_refused_or_change_nothing(copy, forged):
    whole, expected = read(copy), ensembles.load(copy)
    refused = 0
    for seed in range(300):
        stored, rng = copies.deepcopy(whole), random.Random(seed)
        for _ in range(rng.choice([1, 1, 1, 3])):
            change(stored, rng)
        write(copy, stored, forged=forged)
        try:
            found = ensembles.load(copy)
        except (BundleError, EngineError, TableError):
            refused += 1
            continue
        assert forged or all(
            getattr(found, name) == getattr(expected, name) for name in ("members", "schema", "target", "scores")
        )
    assert refused > (100 if forged else 290)


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "outside of the folder: '../x'": lambda m: m["sha256"].update({"../x": "0" * 64}),
    "outside of the folder: '/etc/passwd'": lambda m: m["sha256"].update({"/etc/passwd": "0" * 64}),
    "sha256: Dictionary should have at least 1 item": lambda m: m["sha256"].clear(),
    "no sum of combiner.json is listed": lambda m: m["sha256"].pop("combiner.json"),
    "is no name of a folder": lambda m: m["members"][0].update(trial="../../x"),
    "'/tmp' is no name of a folder": lambda m: m["members"][0].update(trial="/tmp"),
    "a member stands there twice": lambda m: m["members"].append(m["members"][0]),
    "members.0.weight: Input should be a finite number": lambda m: m["members"][0].update(weight=float("nan")),
    "members.0.weight: Input should be greater than or equal to 0": lambda m: m["members"][0].update(weight=-1.0),
    "members.0.folds: Input should be less than or equal to": lambda m: m["members"][0].update(folds=10**9),
    "no sum of members/linear-000000/fold-1/model.json": lambda m: m["members"][0].update(folds=10),
    "classes are not sorted": lambda m: m["target"]["classes"].reverse(),
    "a class stands there twice": lambda m: m["target"].update(classes=["a", "a"]),
    "of kind regression has 2 classes": lambda m: m["target"].update(kind="regression"),
    "code: Extra inputs are not permitted": lambda m: m.update(code="import os"),
}  # fmt: skip


@pytest.mark.parametrize("complaint", CHANGES)
def test_a_forged_description_is_refused_with_what_is_wrong(copy, complaint):
    stored = read(copy)
    CHANGES[complaint](stored)
    write(copy, stored)
    with pytest.raises(BundleError) as caught:
        ensembles.load(copy)
    assert complaint in str(caught.value)


def test_a_description_that_was_changed_is_refused_though_it_is_valid(copy):
    stored = read(copy)
    stored["members"][0]["weight"] *= 0.9
    write(copy, stored, forged=False)
    with pytest.raises(BundleError, match=r"ensemble.json was changed since it was saved; copy the bundle again"):
        ensembles.load(copy)


def test_a_sum_that_is_kept_elsewhere_is_compared(copy):
    assert ensembles.load(copy, sha256=sha256_of(copy / DESCRIPTION)).members
    with pytest.raises(BundleError, match="it is not the ensemble that you trust"):
        ensembles.load(copy, sha256="0" * 64)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 500 + "1" + "}" * 500, "1" * 5000, "nul", "[1]"])
def test_what_is_no_description_is_refused(copy, content):
    (copy / DESCRIPTION).write_text(content)
    with pytest.raises(BundleError, match=r"ensemble.json is damaged"):
        ensembles.load(copy)


@pytest.mark.parametrize("kind", ["link", "folder link", "pipe", "more"])
def test_links_pipes_and_files_that_are_not_listed_are_refused(copy, tmp_path, kind):
    path = copy / "members" / "linear-000000" / "fold-0" / "model.json"
    if kind == "folder link":
        path = path.parent
    moved = path.rename(tmp_path / "moved")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "more":
        shutil.copy(moved, path)
        (path.parent / "model.keras").write_text("")
    else:
        path.symlink_to(moved)
    with pytest.raises(BundleError, match=r"is a link, or no file at all|model.keras is not listed"):
        ensembles.load(copy)


def forge(folder: Path, name: str, content: bytes) -> None:
    """Change a file, and its sum, too."""
    (folder / name).write_bytes(content)
    stored = read(folder)
    stored["sha256"][name] = sha256_of(folder / name)
    write(folder, stored)


MODEL = "members/xgboost-000000/fold-0/model"
POOLED = {"kind": "pooled", "pool": "linear", "weights": [0.5, 0.5]}


def around(kind: str, **more: Any) -> bytes:
    """Return a combiner that holds a pool of the two members."""
    return json.dumps({"kind": kind, "combiner": POOLED, **more}).encode()


def array(values: Any) -> bytes:
    np.save(stored := io.BytesIO(), np.array(values))
    return stored.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("combiner.json", b'{"kind": "pooled", "pool": "linear", "weights": [1.0]}', "a weight for each of 2 members"),
        ("combiner.json", b'{"kind": "pooled", "pool": "linear", "weights": [NaN, 1]}', "a weight for each of 2"),
        ("combiner.json", b'{"kind": "pooled"}', "KeyError"),
        ("combiner.json", b'{"kind": "lambda"}', "does not know the combiner 'lambda'"),
        ("distances.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (9,)}", "Error"),
        ("combiner.json", around("decided", threshold=float("nan")), r"makes \[\[nan, nan\]\]"),
        ("combiner.json", around("tempered", temperatures=["a", "b"], after=1.0), "TypeError"),
        ("combiner.json", around("tempered", temperatures=[1.0, 1.0, 1.0], after=1.0), "ValueError"),
        ("combiner.json", around("each"), "KeyError"),
        ("combiner.json", b"[" * 90 + b"]" * 90, "TypeError"),
        ("distances.npy", array([0.5, 0.1]), "no sorted distances"),
        ("distances.npy", array([[0.1, 0.5]]), "no sorted distances"),
        ("distances.npy", array([-0.1, 0.5]), "no sorted distances"),
        ("distances.npy", array([0.1, float("nan")]), "no sorted distances"),
        ("distances.npy", array(["a"]), "ValueError"),
        (f"{MODEL}.json", b'{"library": "xgboost"}', "KeyError"),
        (f"{MODEL}.json", b'{"library": 7}', "does not say which library"),
        (f"{MODEL}.json", b"[]", "does not say which library"),
        (f"{MODEL}.ubj", b"rubbish", "model.ubj holds no trees as XGBoost writes them: b'r' is no sign of a number"),
    ],
)
def test_other_files_that_are_forged_end_in_the_same_error(copy, name, content, complaint):
    forge(copy, name, content)
    with pytest.raises(BundleError, match=complaint):
        ensembles.load(copy).predict({"x": 1.0, "new": True, "day": "2026-01-01", "town": "Oslo"})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"classes": [0, 7, 1]}, "holds models that cannot predict: ValueError: shape mismatch"),
        ({"outputs": 3}, r"holds models that cannot predict: ValueError: outputs have the shape \(1, 3\)"),
    ],
)
def test_models_that_do_not_fit_what_is_predicted_end_in_the_same_error(copy, changes, complaint):
    settings = json.loads((copy / f"{MODEL}.json").read_text())
    forge(copy, f"{MODEL}.json", json.dumps({**settings, **changes}).encode())
    loaded = ensembles.load(copy)
    with pytest.raises(BundleError, match=complaint) as caught:
        loaded.predict({"x": 1.0, "new": True, "day": "2026-01-01", "town": "Oslo"})
    assert str(caught.value).startswith(f"{copy} ")


def test_a_preprocessing_outside_of_the_folder_is_refused(copy):
    settings = json.loads((copy / f"{MODEL}.json").read_text())
    settings["prepared"]["file"] = "../../../../preprocess.skops"
    forge(copy, f"{MODEL}.json", json.dumps(settings).encode())
    with pytest.raises(BundleError, match="names a file outside of itself"):
        ensembles.load(copy).predict({"x": 1.0, "new": True, "day": "2026-01-01", "town": "Oslo"})


def network(path: Path, *layers: keras.layers.Layer) -> Path:
    keras.Sequential([keras.Input((2,)), *layers]).save(path)
    return path


def with_config(path: Path, change: Callable[[str], str]) -> Path:
    """Change what a stored network says of itself."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["config.json"] = change(files["config.json"].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_network_with_a_lambda_runs_nothing(tmp_path):
    code = keras.layers.Lambda(lambda x: (__import__("os").environ.update(RAN="1"), x)[1], output_shape=(2,))
    path = network(tmp_path / "a.keras", code)
    os.environ.pop("RAN", None)
    with pytest.raises(ShippingError, match="a layer of the kind Lambda, which runs code of its own"):
        open_network(path)
    assert "RAN" not in os.environ


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"keras.layers"', '"os"'),
        ('"keras.layers"', '"keras.src.utils"'),
        ('"class_name": "Dense"', '"class_name": "TFSMLayer"'),
        ('"registered_name": null', '"registered_name": "mine>Layer"'),
        ('"units": 3', '"vocabulary": "/etc/passwd"'),
        ('"units": 3', '"units": 99999999999999999999'),
        ('"units": 3', '"units": ' + "[" * 120 + "]" * 120),
        ('"units": 3', '"units": ' + "[" * 100_000),
        ('"units": 3', '"compile_config": {"loss": {"module": "os", "class_name": "function", "config": "system"}}'),
    ],
)
def test_a_network_of_other_classes_is_refused_before_keras_sees_it(tmp_path, before, after):
    path = network(tmp_path / "a.keras", keras.layers.Dense(3))
    check_network(path)
    with_config(path, lambda config: config.replace(before, after))
    with pytest.raises(ShippingError):
        check_network(path)


def test_layers_of_keras_and_ours_are_opened():
    paths = [*GOLDEN.rglob("*.keras")]
    assert len(paths) > 10
    for path in paths:
        check_network(path)


def test_an_archive_that_would_fill_the_memory_is_refused(tmp_path):
    path = tmp_path / "bomb.skops"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", bytes(80 * 1024**2))
    with pytest.raises(StrangeFile, match="would unpack to 83,886,080 bytes"):
        check_archive(path)


def test_json_within_bounds_is_read_as_ever():
    assert parse_json(b'{"a": [1, -2.5, NaN, "x"]}', "it")["a"][:2] == [1, -2.5]
