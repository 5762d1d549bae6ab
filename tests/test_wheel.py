"""The wheel holds what the tests saw: it is built, installed beside the libraries, and predicts with a bundle."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tuner

ROOT = Path(__file__).parents[1]
PREDICT = """
import sys, pandas, numpy, tuner, spaces, ensembles
assert all(one.__file__.startswith(sys.argv[1]) for one in (tuner, spaces, ensembles)), tuner.__file__
numpy.save(sys.argv[4], tuner.load(sys.argv[2]).predict_proba(pandas.read_parquet(sys.argv[3])))
"""


def run(*command, cwd, **more):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | more
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]


@pytest.mark.slow
def test_the_wheel_predicts_what_the_tree_does(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=120), "c": rng.choice(["a", "b"], 120)})
    frame["y"] = np.where(frame["x"] + rng.normal(size=120) > 0, "yes", "no")
    task = tuner.Task(frame, "y", split={"folds": 2})
    families = {"linear": {}, "dense": {"epochs": 1}}
    study = tuner.tune(task, families, trials=2, workers=0, folder=tmp_path / "s", tracking=None, progress=False)
    ensemble = study.ensemble("uniform")
    bundle = ensemble.save(tmp_path / "bundle")
    frame.to_parquet(tmp_path / "rows.parquet")
    run("-m", "pip", "wheel", ROOT, "--no-deps", "--no-build-isolation", "-w", tmp_path / "wheels", cwd=tmp_path)
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    run("-m", "pip", "install", wheel, "--no-deps", "--target", tmp_path / "installed", cwd=tmp_path)
    script = tmp_path / "predict.py"
    script.write_text(PREDICT)
    files = tmp_path / "installed", bundle, tmp_path / "rows.parquet", tmp_path / "said.npy"
    run(script, *files, cwd=tmp_path, PYTHONPATH=str(tmp_path / "installed"))
    np.testing.assert_allclose(np.load(tmp_path / "said.npy"), ensemble.predict_proba(frame), rtol=1e-5)
