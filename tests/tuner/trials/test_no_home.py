"""A user without a home, whose caches cannot be written either, may run a study."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
CODE = """
import sys
sys.path.insert(0, {here!r})
from small import make_frame
import tuner

task = tuner.Task(make_frame(90), "label", split={{"kind": "holdout"}})
families = {{"linear": {{}}, "dense": {{"epochs": 1, "depth": 1}}}}
study = tuner.tune(task, families, trials=2, workers=1, folder=sys.argv[1])
print([trial.state for trial in study.trials])
study.ensemble("uniform").save(sys.argv[1] + "-bundle")
study.report()
tuner.plots.history(study)
"""
NOWHERE = "/dev/null/nowhere"


@pytest.mark.slow
def test_a_study_runs_without_home_and_caches(tmp_path):
    unknown = ["unshare", "--user", "--map-user=54321"]
    if subprocess.run([*unknown, "true"], capture_output=True).returncode:
        pytest.skip("this system has no user namespaces")
    caches = dict.fromkeys(("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "KERAS_HOME", "MPLCONFIGDIR", "TUNER_CACHE"), NOWHERE)
    without = ["env", "-u", "HOME", *(f"{name}={value}" for name, value in caches.items()), *unknown]
    command = [*without, sys.executable, "-c", CODE.format(here=str(HERE)), str(tmp_path / "study")]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "['complete', 'complete', 'complete']" in done.stdout
    assert (tmp_path / "study" / "report.html").exists()
    assert (tmp_path / "mlflow.db").exists()
    doctor = subprocess.run([*without, sys.executable, "-m", "tuner.cli", "doctor"], capture_output=True, text=True)
    assert f"{NOWHERE} (CANNOT be written: set TUNER_CACHE)" in " ".join(doctor.stdout.split()), doctor.stderr[-3000:]
