"""A full disk ends a study with a sentence, and costs no trial."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress

import numpy as np
import pytest
from click.testing import CliRunner
from small import make_frame

import tuner
from spaces.engines.engine import SKLEARN
from spaces.families.family import Family
from tuner.archive.room import NoRoom
from tuner.cli import main


@pytest.fixture
def small_disk(tmp_path):
    """A file system of three megabytes."""
    place, mount = tmp_path / "disk", ["mount", "-t", "tmpfs", "-o", "size=3m", "none"]
    place.mkdir()
    if shutil.which("mount") is None or subprocess.run([*mount, place], capture_output=True).returncode:
        pytest.skip("mounting needs root")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk):
    """Leave no room."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert shutil.disk_usage(disk).free == 0


class _FillsTheDisk:
    """A model that is fitted while somebody fills the disk, once."""

    stops_early = False

    def __init__(self, model, disk):
        self.model, self.disk = model, disk

    def fit(self, folds, watch):
        if not (self.disk / "once").exists():
            (self.disk / "once").touch()
            fill(self.disk)
        yield from self.model.fit(folds, watch)


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_disk_that_is_full_in_mid_trial_loses_nothing(small_disk, workers):
    from spaces import FAMILIES, defaults

    linear, disk = FAMILIES["linear"], small_disk

    def build(config, signature):
        return _FillsTheDisk(linear.build(defaults(linear.space(signature)), signature), disk)

    mine = Family("mine", lambda signature: {}, build, (SKLEARN,))
    task = tuner.Task(make_frame(), "label", split={"kind": "stratified", "folds": 3})
    given = {"trials": 1, "workers": workers, "folder": disk / "study", "tracking": None, "progress": False}
    with pytest.raises(NoRoom) as full:
        tuner.tune(task, [mine], **given)
    said = str(full.value)
    assert said.startswith(f"the disk that holds {disk / 'study'} is full: 0.0 MB are free, and a trial of this study")
    assert "What may be deleted at any time" in said
    (disk / "filler").unlink()
    study = tuner.tune(task, [mine], **given)
    (trial,) = study.ledger.trials("mine")
    assert (trial.state, trial.outcome.attempt) == ("complete", 2)
    assert np.isfinite(trial.value)

    fill(disk)
    for command in (["ensemble", "--method", "uniform"], ["report"]):
        refused = CliRunner().invoke(main, [command[0], str(disk / "study"), *command[1:]])
        assert refused.exit_code == 2
        assert f"Error: the disk that holds {disk / 'study'} is full" in refused.stderr
    assert len(tuner.load_study(disk / "study").leaderboard()) == 2
