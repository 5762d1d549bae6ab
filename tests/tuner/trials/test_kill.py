"""Kill drivers and workers; nothing finished may be lost or repeated."""

import os
import random
import signal
import subprocess
import time

import pytest
from drive import run
from killing import check_whole, finish, proposals, start, wait_for, workers_of

import tuner
from spaces import FAMILIES, Family
from spaces.engines.engine import SKLEARN

LINEAR = FAMILIES["linear"]


def values(study):
    return {trial.name: trial.value for trial in study.trials}


def kill_driver_often(folder, *, kills, workers, tracking, trials, seed):
    rng = random.Random(seed)
    for _ in range(kills):
        driver = start(folder, workers, tracking, trials)
        # From before the workers are up to the middle of a late trial.
        try:
            driver.wait(timeout=rng.uniform(2.0, 12.0))
        except subprocess.TimeoutExpired:
            pass
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
        assert wait_for(lambda: not workers_of(folder)), "workers outlived their driver"
    finish(folder, workers, tracking, trials)


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", pytest.param("postgres", marks=pytest.mark.cluster)])
def test_a_killed_driver_loses_and_repeats_nothing(tmp_path, store, request):
    ledger = [request.getfixturevalue("database")] if store == "postgres" else []
    driver = start(tmp_path / "killed", 1, "none", 4, *ledger)
    assert wait_for(lambda: len(list((tmp_path / "killed" / "trials").glob("*/1/result.json"))) >= 2)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    assert wait_for(lambda: not workers_of(tmp_path / "killed")), "workers outlived their driver"
    finish(tmp_path / "killed", 1, "none", 4, *ledger)
    killed, straight = check_whole(tmp_path / "killed", "none", 4), run(tmp_path / "straight", 0, None, 4)
    assert proposals(killed) == proposals(straight)
    assert values(killed) == pytest.approx(values(straight))


@pytest.mark.slow
@pytest.mark.evening
def test_a_driver_killed_ten_times_over_one_study(tmp_path):
    tracking = f"sqlite:///{tmp_path / 'mlflow.db'}"
    finish(tmp_path / "straight", 1, "none", 30)
    kill_driver_often(tmp_path / "one", kills=10, workers=1, tracking=tracking, trials=30, seed=time.time_ns())
    killed, straight = check_whole(tmp_path / "one", tracking, 30), tuner.load_study(tmp_path / "straight")
    assert proposals(killed) == proposals(straight)
    assert values(killed) == pytest.approx(values(straight))
    kill_driver_often(tmp_path / "two", kills=10, workers=2, tracking=tracking, trials=30, seed=time.time_ns())
    check_whole(tmp_path / "two", tracking, 30)


def kill_workers_often(folder, *, kills, trials):
    driver = start(folder, 2, "none", trials)
    killed = 0
    while killed < kills and driver.poll() is None:
        time.sleep(random.uniform(0.5, 4.0) if killed else 0.1)
        victims = workers_of(folder)
        if victims:
            random.choice(victims).kill()
            killed += 1
    _, said = driver.communicate(timeout=600)
    assert driver.returncode == 0, said.decode()
    return killed


def test_a_killed_worker_costs_an_attempt_and_no_trial(tmp_path, task):
    once = tmp_path / "once"

    def build(config, signature):
        if not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return LINEAR.build(config, signature)

    mine = Family("mine", LINEAR.space, build, (SKLEARN,))
    tuner.tune(task, [mine], trials=2, workers=1, folder=tmp_path / "s", tracking=None, progress=False)
    study = check_whole(tmp_path / "s", "none", 2)
    assert [(trial.state, trial.outcome.attempt) for trial in study.trials] == [
        ("complete", 1), ("complete", 2), ("complete", 1),
    ]  # fmt: skip


@pytest.mark.slow
def test_workers_killed_while_they_start_are_started_again(tmp_path):
    folder, killed = tmp_path / "study", set()
    driver = start(folder, 1, "none", 2)
    while len(killed) < 5 and driver.poll() is None:
        for worker in workers_of(folder):
            worker.kill()
            killed.add(worker.pid)
        time.sleep(0.1)
    _, said = driver.communicate(timeout=600)
    assert driver.returncode == 0, said.decode()
    assert len(killed) >= 5  # some were there at once
    check_whole(folder, "none", 2)


@pytest.mark.slow
@pytest.mark.evening
def test_workers_killed_ten_times_over_one_study(tmp_path):
    assert kill_workers_often(tmp_path / "study", kills=10, trials=60) == 10
    check_whole(tmp_path / "study", "none", 60)


def test_ctrl_c_drains_says_how_to_go_on_and_the_same_call_goes_on(tmp_path):
    folder = tmp_path / "study"
    driver = start(folder, 1, "none", 200)
    assert wait_for(lambda: len(list((folder / "trials").glob("*/1/result.json"))) >= 2)
    driver.send_signal(signal.SIGINT)
    _, said = driver.communicate(timeout=120)
    assert driver.returncode != 0
    assert "To continue: the same call or command again" in said.decode()
    before = tuner.load_study(folder).trials
    assert all(trial.state != "running" for trial in before)
    assert wait_for(lambda: not workers_of(folder))
    run(folder, 0, None, len(before) + 1)
    assert tuner.load_study(folder).trials[: len(before)] == before
    assert len(tuner.load_study(folder).trials) > len(before)


@pytest.mark.slow
def test_a_closed_terminal_ends_a_study_as_ctrl_c_does_but_not_under_nohup(tmp_path):
    driver = _start_under(signal.SIG_DFL, tmp_path / "closed", 200)
    assert wait_for(lambda: len(list((tmp_path / "closed" / "trials").glob("*/1/result.json"))) >= 1)
    driver.send_signal(signal.SIGHUP)
    _, said = driver.communicate(timeout=120)
    assert "To continue: the same call or command again" in said.decode()
    assert all(trial.state != "running" for trial in tuner.load_study(tmp_path / "closed").trials)
    driver = _start_under(signal.SIG_IGN, tmp_path / "nohup", 3)
    assert wait_for(lambda: len(list((tmp_path / "nohup" / "trials").glob("*/1/result.json"))) >= 1)
    driver.send_signal(signal.SIGHUP)
    _, said = driver.communicate(timeout=120)
    assert driver.returncode == 0, said.decode()
    check_whole(tmp_path / "nohup", "none", 3)


def _start_under(handler, folder, trials):
    """Start a driver that takes over how SIGHUP is handled: ignored, as under nohup, or not."""
    before = signal.signal(signal.SIGHUP, handler)
    try:
        return start(folder, 1, "none", trials)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_trial_whose_time_is_over_keeps_what_every_fold_has_learned(tmp_path, task):
    slow = {"n_estimators": 100_000, "patience": 100_000, "learning_rate": 0.02}
    study = tuner.tune(
        task, {"xgboost": slow}, trials=1, trial_time=3.0, workers=0, folder=tmp_path / "s", tracking=None,
        progress=False,
    )  # fmt: skip
    (trial,) = study.ledger.trials("xgboost")
    assert trial.state == "complete"
    assert len(trial.outcome.scored) == 3
    assert all(0 < rounds < 100_000 for rounds in trial.outcome.stopped)
    assert study.ensemble("uniform").report()["members"]


@pytest.mark.slow
def test_a_trial_that_hangs_is_killed_and_the_study_goes_on(tmp_path, task):
    class Sleeper:
        stops_early = False

        def fit(self, folds, watch):
            time.sleep(600)

    sleeper = Family("sleeper", lambda signature: {}, lambda config, signature: Sleeper(), (SKLEARN,))
    study = tuner.tune(
        task, [sleeper, "linear"], trials=2, trial_time=1.0, workers=1, folder=tmp_path / "s", tracking=None,
        progress=False,
    )  # fmt: skip
    reasons = {trial.family: trial.outcome.reason for trial in study.trials}
    assert reasons == {"baseline": None, "sleeper": "time", "linear": None}
    assert "failed: time" in study.summary()
