"""An engine of the user's own, from a study file through worker processes to a bundle in a fresh process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from small import make_frame

import tuner
from tuner.cli import main

STUDY = """
[study]
name = "toy"
workers = 1
tracking = "none"
[budget]
trials = 1
[data]
train = "train.csv"
target = "label"
split = { kind = "kfold", folds = 2 }
[families.toy]
family = "toys.network:FAMILY"
epochs = 30
[ensemble]
method = "uniform"
"""
TESTS = str(Path(__file__).parents[1])
LOAD = """
import sys
import ensembles, spaces, tuner
sys.path.append(sys.argv[3])
assert "toys.network" not in sys.modules
try:
    tuner.load(sys.argv[1])
except ValueError as error:
    print(error)
assert "toys.network" not in sys.modules
loaded = tuner.load(sys.argv[1], engines=["toys.network:TOY"])
print(loaded.predict_proba(sys.argv[2])[0, 1])
"""

pytestmark = pytest.mark.slow  # an engine is guarded quickly by tests/spaces/engines/test_engine.py


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    make_frame(120).to_csv(folder / "train.csv", index=False)
    (folder / "study.toml").write_text(STUDY)
    result = CliRunner().invoke(main, ["run", str(folder / "study.toml")])
    assert result.exit_code == 0, result.output
    return folder


def test_a_study_file_names_a_family_of_another_engine_and_workers_train_it(place):
    study = tuner.load_study(place / "runs" / "toy")
    (trial,) = [trial for trial in study.complete if trial.family == "toy"]
    assert study.made_of(trial) == ("toys.network:TOY",)
    (log,) = (study.folder / "workers").iterdir()
    assert "Traceback" not in log.read_text()
    (baseline,) = [trial for trial in study.complete if trial.family == "baseline"]
    assert trial.value < baseline.value


def test_its_bundle_predicts_in_a_fresh_process_that_was_handed_the_engine(place):
    bundle = place / "runs" / "toy" / "ensemble"
    make_frame(5, seed=1).to_csv(place / "new.csv", index=False)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(bundle), str(place / "new.csv"), TESTS],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    refusal, said = done.stdout.strip().splitlines()
    assert "the engine toys.network:TOY does not come with us, and toys.network is not imported here" in refusal
    command = [
        "predict",
        str(bundle),
        str(place / "new.csv"),
        "--engine",
        "toys.network:TOY",
        "-o",
        str(place / "o.csv"),
    ]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert pd.read_csv(place / "o.csv")["probability_yes"][0] == pytest.approx(float(said), abs=1e-6)
