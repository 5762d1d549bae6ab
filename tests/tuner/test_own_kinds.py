"""A kind of input of the user's own beside a table: study file, worker process, bundle in a fresh process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from toys.clouds.kind import Cloud

import tuner
from spaces.inputs.files import DataError
from spaces.inputs.kinds import KINDS
from spaces.rows.columns import TableError
from tuner.cli import main

STUDY = """
[study]
name = "clouds"
workers = 1
tracking = "none"
[budget]
trials = 2
[data]
train = "train.npz"
target = "label"
test = 0.2
split = { kind = "holdout", share = 0.25 }
[data.columns.stars]
kind = "toys.clouds.kind:CLOUD"
points = 4
[families.cloud_pooled]
epochs = 40
[families.functional]
epochs = 40
[ensemble]
method = "uniform"
"""
TESTS = str(Path(__file__).parents[1])
LOAD = """
import sys
import numpy as np
import ensembles, spaces, tuner
sys.path.append(sys.argv[3])
given = dict(np.load(sys.argv[2]))
try:
    tuner.load(sys.argv[1])
except ValueError as error:
    print(error)
assert "toys.clouds.kind" not in sys.modules
loaded = tuner.load(sys.argv[1], kinds=["toys.clouds.kind:CLOUD"])
table = __import__("pandas").DataFrame({"size": given["size"]})
print(loaded.predict_proba({"table": table, "stars": given["stars"]})[3, 1])
"""


def made(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Clouds that are wide or narrow, some of their points missing, beside a number."""
    rng = np.random.default_rng(seed)
    wide = rng.random(rows) < 0.5
    stars = rng.normal(size=(rows, 6, 2)) * np.where(wide, 3.0, 0.5)[:, None, None]
    stars[::5, 3] = np.nan
    return {"size": rng.normal(size=rows), "label": wide.astype(np.int64), "stars": stars}


def frame_of(given: dict[str, np.ndarray]) -> dict[str, object]:
    return {"table": pd.DataFrame({name: given[name] for name in ("size", "label")}), "stars": given["stars"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clouds")
    np.savez(folder / "train.npz", **made(160))
    (folder / "study.toml").write_text(STUDY)
    result = CliRunner().invoke(main, ["run", str(folder / "study.toml")])
    assert result.exit_code == 0, result.output
    return folder


def test_a_study_file_names_the_kind_and_workers_train_its_families(place):
    study = tuner.load_study(place / "runs" / "clouds", kinds=[Cloud.kind])
    assert {trial.family for trial in study.complete} == {"baseline", "cloud_pooled", "functional"}
    assert [(one.name, one.kind, one.shape) for one in study.task.signature.inputs] == [
        ("table", "table", (1,)),
        ("stars", Cloud.kind, (4, 3)),
    ]
    assert study.best.family != "baseline"
    assert "1 cloud (stars: 4 x 2)" in repr(study.task)
    assert not {"cloud", Cloud.kind} & set(KINDS)


@pytest.mark.slow
def test_its_bundle_predicts_in_a_fresh_process_that_was_handed_the_kind(place):
    bundle, new = place / "runs" / "clouds" / "ensemble", made(7, seed=1)
    np.savez(place / "new.npz", **new)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(bundle), str(place / "new.npz"), TESTS],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    refusal, said = done.stdout.strip().splitlines()
    assert f"the kind of input {Cloud.kind} does not come with us" in refusal
    loaded = tuner.load(bundle, kinds=[Cloud.kind])
    every = loaded.predict_proba(frame_of(new))
    assert float(said) == pytest.approx(every[3, 1], abs=1e-6)
    one = loaded.predict_proba({"size": new["size"][3], "stars": new["stars"][3]})
    np.testing.assert_allclose(one[0], every[3], atol=1e-6)
    command = ["predict", str(bundle), str(place / "new.npz"), "--kind", Cloud.kind, "-o", str(place / "o.csv")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(pd.read_csv(place / "o.csv")["probability_1"], every[:, 1], atol=1e-6)


def test_a_task_that_is_saved_is_the_same_when_it_is_opened(tmp_path):
    task = tuner.Task(frame_of(made(60)), "label", columns={"stars": Cloud(points=4)})
    task.save(tmp_path)
    again = tuner.Task.open(tmp_path)
    assert again.digest == task.digest
    assert again.signature == task.signature
    np.testing.assert_array_equal(np.asarray(again.rows.table.arrays[0]), np.asarray(task.rows.table.arrays[0]))


def test_an_array_alone_is_what_it_is_said_to_be():
    given = made(40)
    task = tuner.Task(given["stars"], given["label"], columns={"stars": Cloud(points=3)})
    assert task.signature.input.kind == Cloud.kind


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"stairs": Cloud(points=3)}, "cloud: unknown name 'stairs', did you mean 'stars'"),
        ({"size": Cloud(points=3)}, "'size' is said to be a cloud of points, which no file holds"),
        ({"stars": Cloud}, "what 'stars' is must be said as tuner.Image"),
        (["stars"], "columns must say of each what it is"),
    ],
)
def test_what_is_said_of_columns_is_checked(columns, message):
    with pytest.raises(DataError, match=message):
        tuner.Task(frame_of(made(40)), "label", columns=columns)


def test_short_arguments_say_what_columns_says():
    frame = pd.DataFrame({"code": [1, 2, 3, 1] * 10, "note": ["a b", "b", "c a", "c"] * 10, "y": [0.5, 1, 2, 0] * 10})
    long = tuner.Task(frame, "y", columns={"code": tuner.Category(), "note": tuner.Text()})
    assert long.digest == tuner.Task(frame, "y", categories=["code"], text=["note"]).digest
    with pytest.raises(TableError, match="'code' is named in categories and in columns: it can be one of them"):
        tuner.Task(frame, "y", categories=["code"], columns={"code": tuner.Text()})
