"""Looking at a study from the terminal."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from importlib.util import find_spec

import pytest
from click.testing import CliRunner
from small import make_frame

import tuner
from spaces import Float
from tuner.archive.records import STOP_REQUEST
from tuner.cli import main
from tuner.launch.interrupts import Interrupted


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_status_says_how_a_study_stands(study):
    shown = run("status", study.folder)
    assert shown.exit_code == 0, shown.output
    assert f"best     {study.best.name}" in shown.output
    assert "not running" in shown.output


def test_status_names_the_budget_the_time_and_the_ensemble(tmp_path):
    make_frame(90).to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "s.toml").write_text(
        '[study]\nname = "s"\nworkers = 0\ntracking = "none"\n[budget]\ntrials = 2\ntrial_time = "1m"\n'
        '[data]\ntrain = "rows.csv"\ntarget = "label"\nsplit = "holdout"\n[families.linear]\n'
        '[ensemble]\nmethod = "uniform"\n'
    )
    ran = run("run", tmp_path / "s.toml", "-q")
    assert ran.exit_code == 0, ran.output
    folder = tmp_path / "runs" / "s"
    shown = run("status", folder).output
    assert re.search(r"\n  time     \d+ s in which trials ran, over all launches\n", shown)
    assert "\n  budget   trials 2, trial_time 1m, in study.toml\n" in shown
    assert re.search(r"\n  ensemble uniform: ensemble of 1 model 0?\.\d+, as good as one model\n", shown)
    (folder / "findings.json").unlink()
    assert f"  ensemble none yet: tuner ensemble {folder}\n" in run("status", folder).output


def test_show_tells_one_trial_whole(study):
    shown = run("show", study.folder, study.best.name)
    assert shown.exit_code == 0, shown.output
    assert f"{study.best.outcome.fold_values[1]:.5g}" in shown.output
    for name in study.best.params:
        assert name in shown.output
    wrong = run("show", study.folder, "xgbost-000000")
    assert wrong.exit_code == 2
    assert "did you mean" in wrong.output


@pytest.fixture
def read_only(study, tmp_path):
    """The folder of the study, at a place that cannot be written."""
    at, mount = tmp_path / "50%? [x]" / "small", ["mount", "--bind", "-o", "ro"]
    at.mkdir(parents=True)
    if shutil.which("mount") is None or subprocess.run([*mount, study.folder, at], capture_output=True).returncode:
        pytest.skip("mounting needs root")
    yield at
    subprocess.run(["umount", "--lazy", at], check=True)


def test_looking_writes_nothing_and_making_refuses_in_a_sentence(read_only, tmp_path):
    for command in ("leaderboard", "show", "status", "curves"):
        shown = run(command, read_only)
        assert shown.exit_code == 0, shown.output
    assert run("report", read_only, "-o", tmp_path / "page.html").exit_code == 0
    for command, instead in (("ensemble", "in Python, tuner.load_study"), ("report", "name another place")):
        refused = run(command, read_only)
        assert refused.exit_code == 2
        assert refused.stderr.startswith(f"Error: {read_only} can only be read: {instead}")
        assert len(refused.stderr.splitlines()) == 1
    assert tuner.load_study(read_only).ensemble("uniform").save(tmp_path / "taken").is_dir()


DAMAGE = {
    "torn": (lambda folder: os.truncate(folder / "study.json", 100), "study.json is damaged: restore it"),
    "empty": (lambda folder: os.truncate(folder / "study.json", 0), "study.json is damaged: restore it"),
    "bytes": (lambda folder: (folder / "study.json").write_bytes(bytes(range(256))), "study.json is damaged"),
    "deep": (lambda folder: (folder / "study.json").write_text("[" * 100_000), "study.json is damaged"),
    "another": (lambda folder: (folder / "study.json").write_text("[1]"), "study.json is damaged"),
    "ledger torn": (lambda folder: os.truncate(folder / "ledger.db", 8192), "ledger.db is damaged"),
    "ledger gone": (lambda folder: (folder / "ledger.db").unlink(), "ledger.db is gone, and there are trials beside"),
}


@pytest.mark.parametrize("fault", DAMAGE)
def test_a_damaged_study_is_a_sentence(study, tmp_path, fault):
    folder = shutil.copytree(study.folder, tmp_path / "small")
    damage, says = DAMAGE[fault]
    damage(folder)
    for command in ("leaderboard", "ensemble"):
        refused = run(command, folder)
        assert refused.exit_code == 2, refused.output
        assert refused.stderr.startswith("Error: ")
        assert says in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def build_badly(config, signature):
    import keras

    if config["x"] != 0.5:
        raise RuntimeError("no such layer [/x]")
    return keras.Sequential([keras.Input(signature.input.shape), keras.layers.Dense(1, "sigmoid")])


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    task = tuner.Task(make_frame(90), "label", split={"kind": "holdout"})
    mine = tuner.family(build_badly, {"x": Float(0, 1, default=0.5), "epochs": 1}, name="mine")
    folder = tmp_path_factory.mktemp("failed") / "study"
    return tuner.tune(task, [mine], trials=2, folder=folder, workers=0, tracking=None, progress=False)


def test_a_builder_that_raised_left_its_traceback(failed):
    shown = run("show", failed.folder, "mine-000001")
    assert "RuntimeError: no such layer [/x]" in shown.output
    assert "in build_badly" in shown.output
    (kept,) = (failed.folder / "trials" / "mine-000001").glob("*/traceback.txt")
    assert f'File "{__file__}", line ' in kept.read_text()


def test_stop_needs_something_that_runs(failed):
    assert "nothing runs" in run("stop", failed.folder).output


def test_a_study_that_is_asked_to_stop_finishes_what_runs(tmp_path):
    task = tuner.Task(make_frame(90), "label", split={"kind": "holdout"})
    folder = tmp_path / "study"
    with pytest.raises(Interrupted):
        tuner.tune(task, {"linear": {}, "xgboost": {"n_estimators": 5}}, trials=50, folder=folder, workers=0,
                   tracking=None, progress=False, sampler=stopping(folder))  # fmt: skip
    study = tuner.load_study(folder)
    assert 1 <= len(study.complete) < 50
    assert not (folder / STOP_REQUEST).exists()


def stopping(folder):
    """Make samplers; the fifth trial that is asked for is preceded by a wish to stop."""
    import optuna

    asked = []

    class Stopping(optuna.samplers.RandomSampler):
        def before_trial(self, study, trial):
            asked.append(trial)
            if len(asked) == 5:
                (folder / STOP_REQUEST).touch()

    return lambda seed: Stopping(seed=seed)


def test_a_taken_port_is_an_error_that_offers_another(study):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        shown = run("ui", study.folder, "--optuna", "--port", port)
    assert shown.exit_code == 1
    assert re.search(rf"port {port} is in use by another program: --port \d+ is free", shown.output)


@pytest.mark.skipif(find_spec("optuna_dashboard") is not None, reason="optuna-dashboard is installed")
def test_the_dashboard_of_optuna_is_named_where_it_is_not_installed(study):
    shown = run("ui", study.folder, "--optuna", "--port", 5999)
    assert shown.exit_code == 2
    assert "pip install optuna-dashboard" in shown.output


@pytest.mark.parametrize(
    ("said", "shown"), [("env:LEDGER", '"$LEDGER"'), ("postgresql://ann@db/s", "postgresql://ann@db/s")]
)
def test_the_dashboard_of_a_ledger_in_a_database_is_called_with_its_address(study, tmp_path, said, shown):
    stored = json.loads((study.folder / "study.json").read_text())
    (tmp_path / "study.json").write_text(json.dumps(stored | {"ledger": said}))
    found = run("ui", tmp_path, "--optuna", "--port", 5999)
    assert found.exit_code == 2
    assert f"the ledger of {tmp_path} is in a database: optuna-dashboard {shown} shows it" in found.output
    assert not (tmp_path / "ledger.db").exists()


def test_long_curves_are_thinned_in_a_table_and_whole_as_csv(study):
    name = next(trial.name for trial in study.complete if trial.family == "xgboost")
    whole = run("curves", study.folder, name, "--format", "csv").stdout.splitlines()[1:]
    table = [line for line in run("curves", study.folder, name).stdout.splitlines() if line.startswith("│")]
    assert len(table) == len(whole[:: -(-len(whole) // 60)])


def test_the_folder_of_a_study_in_place_of_its_file_is_told_how_to_go_on(study, tmp_path):
    (tmp_path / "study.toml").write_text("")
    said = run("run", tmp_path)
    assert said.exit_code == 2
    assert f"tuner run {tmp_path / 'study.toml'} --folder {tmp_path}" in said.output
