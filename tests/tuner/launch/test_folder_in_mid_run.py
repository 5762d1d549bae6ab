"""A study whose folder goes away, or whose clock goes back, says so in a sentence, loses nothing and goes on."""

from __future__ import annotations

import shutil
import subprocess
import time

import pytest
from small import make_frame

import tuner
from spaces import FAMILIES, Family, defaults
from spaces.engines.engine import SKLEARN
from tuner.archive.study_folder import StudyError

LINEAR = FAMILIES["linear"]


def of_one(harm, once):
    """A family during whose second trial something happens, once."""

    class Harmed:
        stops_early = False

        def __init__(self, model):
            self._model = model

        def fit(self, folds, watch):
            if once.read_text() == "next":
                once.write_text("done")
                subprocess.run(harm, check=True)
            yield from self._model.fit(folds, watch)

    def build(config, signature):
        if not once.exists():
            once.write_text("first")
        elif once.read_text() == "first":
            once.write_text("next")
        return Harmed(LINEAR.build({**defaults(LINEAR.space(signature)), "alpha": config["alpha"]}, signature))

    return Family("mine", lambda signature: {"alpha": LINEAR.space(signature)["alpha"]}, build, (SKLEARN,))


def launch(folder, family, *, trials=3, workers=0, ledger=None, **given):
    task = tuner.Task(make_frame(), "label", split={"kind": "kfold", "folds": 2})
    return tuner.tune(
        task, [family], trials=trials, workers=workers, folder=folder, tracking=None, progress=False, ledger=ledger,
        **given,
    )  # fmt: skip


HARM = {
    "deleted": (lambda at: ["rm", "-r", at], "is gone"),
    "moved": (lambda at: ["mv", at, f"{at}-moved"], "is gone"),
    "read-only": (lambda at: ["mount", "--bind", "-o", "ro", at, at], "can only be read now"),
}
WHERE = [
    (0, "sqlite"),
    pytest.param(1, "sqlite", marks=pytest.mark.slow),
    pytest.param(1, "postgres", marks=[pytest.mark.slow, pytest.mark.cluster]),
]


@pytest.fixture
def mountable(tmp_path):
    """A folder that can be made read-only for root, too, and cannot be afterwards."""
    place, mount = tmp_path / "study", ["mount", "--bind", "-o", "ro"]
    place.mkdir()
    if shutil.which("mount") is None or subprocess.run([*mount, place, place], capture_output=True).returncode:
        pytest.skip("mounting needs root")
    subprocess.run(["umount", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], capture_output=True)


@pytest.mark.parametrize(("workers", "store"), WHERE)
@pytest.mark.parametrize("fault", HARM)
def test_a_folder_that_goes_away_in_mid_trial_is_a_sentence(tmp_path, request, fault, workers, store):
    place = request.getfixturevalue("mountable") if fault == "read-only" else tmp_path / "study"
    database = request.getfixturevalue("database") if store == "postgres" else None
    harm, says = HARM[fault]
    mine = of_one(harm(str(place)), tmp_path / "once")
    with pytest.raises(StudyError, match=f"{place} {says}") as error:
        launch(place, mine, workers=workers, ledger=database)
    assert len(str(error.value).splitlines()) == 1
    if fault != "read-only":
        assert not place.exists(), "it came back"
    if fault == "deleted":
        return
    now = place if fault == "read-only" else place.with_name("study-moved")
    if fault == "read-only":
        subprocess.run(["umount", "--lazy", place], check=True)
    study = launch(now, mine, workers=workers)
    assert [(trial.state, trial.outcome.attempt) for trial in study.ledger.trials("mine")] == [
        ("complete", 1), ("complete", 2), ("complete", 1),
    ]  # fmt: skip


def test_a_clock_that_was_set_back_is_said_and_harms_nothing(tmp_path, monkeypatch, caplog):
    mine = Family("mine", LINEAR.space, LINEAR.build, (SKLEARN,))
    first = launch(tmp_path / "s", mine, trials=2)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 7200)
    caplog.set_level("INFO", logger="tuner")
    study = launch(tmp_path / "s", mine, trials=3)
    assert "The clock of this machine was set back: a trial began 7," in caplog.text
    assert study.ledger.trials("mine")[:2] == first.ledger.trials("mine")
    assert [trial.state for trial in study.ledger.trials("mine")] == ["complete"] * 3
    assert study.leaderboard()["seconds"].min() >= 0
    caplog.clear()
    monkeypatch.setattr(time, "time", real)
    launch(tmp_path / "s", mine, trials=4)
    assert "set back" not in caplog.text
