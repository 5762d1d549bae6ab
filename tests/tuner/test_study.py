"""A study from data to predictions, in this process."""

import json
import shutil

import filelock
import numpy as np
import optuna
import pandas as pd
import pytest
from small import SMALL_XGBOOST

import tuner
from tuner.archive.spending import elapsed
from tuner.trials.outcome import Outcome

QUIET = {"workers": 0, "tracking": None, "progress": False}


def names(study):
    return [trial.name for trial in study.trials]


def test_the_baseline_runs_once_and_families_take_turns(study):
    families = [trial.family for trial in study.trials if not trial.duplicate]
    assert families.count("baseline") == 1
    assert families.count("linear") == families.count("xgboost") == 4
    (baseline,) = [trial for trial in study.trials if trial.family == "baseline"]
    shares = np.bincount(study.task.rows.target) / len(study.task.rows)
    assert baseline.value == pytest.approx(-(shares * np.log(shares)).sum(), abs=0.01)


def test_the_leaderboard_is_sorted_and_complete(study):
    board = study.leaderboard()
    complete = board[board["state"] == "complete"]
    assert complete["log_loss"].is_monotonic_increasing
    assert {"trial", "log_loss", "roc_auc", "train_accuracy", "seconds", "params.alpha"} <= set(board.columns)
    assert study.best.name == complete["trial"].iloc[0]


def test_what_each_family_took_and_why_it_had_its_turn(study):
    table = study.spending().set_index("family")
    assert set(table.index) == {"baseline", "linear", "xgboost"}
    assert table["share"].sum() == pytest.approx(1.0)
    assert table.loc["linear", "trials"] == 4
    assert table.loc["baseline", "why"] == "baseline first"
    assert table.loc["xgboost", "why"] == "in turn"
    numbers = [trial.turn.number for trial in study.trials]
    assert numbers == list(range(len(numbers)))
    assert study.leaderboard().set_index("trial").loc["baseline-000000", "turn"] == 0
    assert max(trial.outcome.gain for trial in study.trials) > 0.1


def test_turns_by_seconds_begin_with_the_cheapest_and_are_the_same_again(task, tmp_path):
    again = {"turns": "seconds", "sampler": "optuna.random", "folder": tmp_path / "s", **QUIET}
    first = tuner.tune(task, {"xgboost": SMALL_XGBOOST, "linear": {}}, trials=4, **again)
    assert [trial.family for trial in first.trials][:3] == ["baseline", "linear", "xgboost"]
    told = {trial.name: trial.turn for trial in first.trials}
    second = tuner.tune(task, {"xgboost": SMALL_XGBOOST, "linear": {}}, trials=5, **again)
    assert {trial.name: trial.turn for trial in second.trials if trial.name in told} == told
    assert len(second.trials) > len(told)


def test_a_trials_value_is_the_mean_of_its_folds_on_held_out_rows(study):
    for trial in study.complete:
        stored = np.load(study.attempt_folder(trial) / "held_out.npz")
        rows, folds, predictions = stored["rows"], stored["folds"], stored["predictions"]
        values = [study.task.score(study.task.rows.target[rows[folds == k]], predictions[folds == k]) for k in range(3)]
        assert np.mean(values) == pytest.approx(trial.value, abs=1e-12)
        assert np.array_equal(np.sort(rows), np.arange(len(study.task.rows)))


def test_the_same_call_continues_and_a_finished_study_trains_nothing(study):
    before = names(study)
    again = tuner.tune(
        study.task, {"linear": {}, "xgboost": SMALL_XGBOOST}, trials=8, seed=3, folder=study.folder, **QUIET
    )
    assert names(again) == before


def test_a_study_opens_from_its_folder(study):
    opened = tuner.load_study(study.folder)
    pd.testing.assert_frame_equal(opened.leaderboard(), study.leaderboard())
    assert isinstance(opened.to_optuna("linear"), optuna.Study)
    assert optuna.importance.get_param_importances(opened.to_optuna("linear"))
    with pytest.raises(ValueError, match="family must be one of"):
        opened.to_optuna("liner")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 4}, "its seed is 3, not 4"),
    ],
)
def test_another_study_in_the_folder_is_refused(study, change, message):
    call = {"families": {"linear": {}, "xgboost": SMALL_XGBOOST}, "trials": 9, "seed": 3, **change}
    with pytest.raises(ValueError, match=message):
        tuner.tune(study.task, folder=study.folder, **call, **QUIET)


def test_a_study_goes_on_in_a_space_that_is_wider_or_moved(task, tmp_path, capfd):
    """What is no point of the space any more stays a trial of the study, and may be a member of its ensemble."""
    first = {"alpha": {"low": 0.1, "high": 1.0}, "scaling": ["standard"]}
    moved = {"alpha": {"low": 0.3, "high": 100.0}, "scaling": ["standard", "quantile"]}
    call = {"folder": tmp_path / "s", "sampler": "optuna.tpe", "seed": 5, "workers": 0, "tracking": None}
    before = tuner.tune(task, {"linear": first}, trials=6, **call)
    left = [t for t in before.trials if t.family == "linear" and t.params["alpha"] < 0.3]
    assert 0 < len(left) < 6
    configs = {trial.name: before.config(trial) for trial in before.trials}
    capfd.readouterr()
    after = tuner.tune(task, {"linear": moved, "xgboost": SMALL_XGBOOST}, trials=10, **call)
    said = f"the space of linear changed: {6 - len(left)} of its 6 trials are points of it, and samplers know them; "
    assert said + f"{len(left)} are not" in capfd.readouterr().err
    assert names(after)[:7] == names(before)
    assert {name: after.config(trial) for trial in after.trials if (name := trial.name) in configs} == configs
    assert {trial.name for trial in after.trials if trial.outside} == {trial.name for trial in left}
    later = [trial.params for trial in after.trials if trial.family == "linear"][6:]
    assert all(params["alpha"] >= 0.3 for params in later)
    assert {params["scaling"] for params in later} <= {"standard", "quantile"}
    known = after.to_optuna("linear").get_trials(states=[optuna.trial.TrialState.COMPLETE])
    assert all(len(trial.distributions["scaling"].choices) == 2 for trial in known)
    assert len(after.ensemble("uniform").refit().members) > 1
    again = tuner.tune(task, {"linear": moved, "xgboost": SMALL_XGBOOST}, trials=10, **call)
    assert "changed" not in capfd.readouterr().err
    assert names(again) == names(after)


def test_starting_points_that_are_left_are_tried_where_they_fit_the_changed_space(task, tmp_path):
    start = [{"linear": {"alpha": alpha}} for alpha in (0.2, 0.1, 5.0)]
    call = {"folder": tmp_path / "s", "start": start, **QUIET}
    tuner.tune(task, {"linear": {"alpha": {"low": 0.1, "high": 10.0}}}, trials=1, **call)
    wider = {"folder": tmp_path / "s", "start": [{"linear": {"alpha": 70.0}}], **QUIET}
    study = tuner.tune(task, {"linear": {"alpha": {"low": 0.15, "high": 80.0}}}, trials=7, **wider)
    alphas = [trial.params["alpha"] for trial in study.trials if trial.family == "linear"]
    assert alphas == [0.2, 5.0, 1.0, 10.0, 3.0, 70.0, 30.0]  # what was left, then what is new


def test_other_data_in_the_folder_are_refused(study, frame):
    task = tuner.Task(
        frame.iloc[:-1], "label", metrics=["roc_auc", "accuracy"], split={"kind": "stratified", "folds": 3}, test=0.2
    )
    with pytest.raises(ValueError, match="its data differ"):
        tuner.tune(task, ["linear"], folder=study.folder, seed=3, **QUIET)


def test_a_study_of_an_earlier_version_is_refused_by_name(study, tmp_path):
    folder = tmp_path / "old"
    shutil.copytree(study.folder, folder)
    path = folder / "study.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 1}))
    with pytest.raises(ValueError, match="written by an earlier version"):
        tuner.load_study(folder)
    with pytest.raises(ValueError, match="written by an earlier version"):
        tuner.tune(study.task, {"linear": {}}, folder=folder, seed=3, **QUIET)


def test_a_second_driver_is_refused(study):
    with filelock.FileLock(study.folder / ".lock"), pytest.raises(ValueError, match="in use by another process"):
        tuner.tune(study.task, {"linear": {}}, folder=study.folder, seed=3, **QUIET)


def test_a_launch_that_was_killed_as_it_began_is_begun_again(task, tmp_path):
    part = tmp_path / "s" / f"study.{'0a' * 16}.part.json"
    part.parent.mkdir()
    part.write_text("{")
    tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
    assert not part.exists()


def test_a_folder_of_something_else_is_refused(task, tmp_path):
    (tmp_path / "precious.txt").write_text("keep me")
    with pytest.raises(ValueError, match="not empty and holds no study"):
        tuner.tune(task, ["linear"], folder=tmp_path, **QUIET)
    assert (tmp_path / "precious.txt").read_text() == "keep me"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"families": ["xgbost"]}, "did you mean 'xgboost'"),
        ({"families": {"linear": {"alfa": 1.0}}}, "did you mean 'alpha'"),
        ({"families": {"linear": {"alpha": {"low": 10.0, "high": 1.0}}}}, "low < high"),
        ({"families": []}, "at least one"),
        ({"sampler": "optuna.tp"}, "did you mean 'optuna.tpe'"),
        ({"pruner": "medain"}, "did you mean 'median'"),
        ({"trials": 0}, "trials must be"),
        ({"trials": -3}, "trials must be"),
        ({"time": "-5m"}, "time must be"),
        ({"time": 0}, "time must be above zero"),
        ({"trial_time": "soon"}, "trial_time must be"),
        ({"turns": "second"}, "did you mean 'seconds'"),
        ({"max_failures": 0}, "max_failures must be"),
        ({"workers": -1}, "workers must be"),
        ({"seed": -1}, "seed must be"),
        ({"weights": {"dense": 2}, "families": ["linear"]}, "no family 'dense'"),
    ],
)
def test_bad_arguments_are_refused_before_anything_starts(task, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        tuner.tune(task, folder=tmp_path / "s", **{**QUIET, **arguments})
    assert not (tmp_path / "s" / "ledger.db").exists()


def test_limits_are_totals_over_launches(task, tmp_path):
    first = tuner.tune(task, ["linear"], trials=3, folder=tmp_path / "s", **QUIET)
    first_names = names(first)
    assert len(first_names) == 4
    second = tuner.tune(task, ["linear"], trials=5, folder=tmp_path / "s", **QUIET)
    assert len(second.complete) == 6
    assert names(second)[:4] == first_names
    assert elapsed(second.trials) <= sum(trial.outcome.seconds for trial in second.trials) + 1e-6
    second_names = names(second)
    stopped = tuner.tune(task, ["linear"], time=1e-3, folder=tmp_path / "s", **QUIET)
    assert names(stopped) == second_names


def test_a_small_space_is_exhausted_and_duplicates_cost_nothing(task, tmp_path):
    space = {"linear": {"scaling": ["standard", "quantile"], "alpha": 1.0}}
    study = tuner.tune(task, space, trials=50, folder=tmp_path / "s", sampler="optuna.random", **QUIET)
    assert len([trial for trial in study.trials if trial.family == "linear" and not trial.duplicate]) == 2
    assert "exhausted" in study.summary("spaces exhausted")


def test_a_sampler_of_ones_own_and_a_sampler_object(task, tmp_path):
    made = tuner.tune(
        task,
        ["linear"],
        sampler=lambda seed: optuna.samplers.QMCSampler(seed=seed),
        trials=2,
        folder=tmp_path / "a",
        **QUIET,
    )
    given = tuner.tune(
        task, ["linear"], sampler=optuna.samplers.RandomSampler(1), trials=2, folder=tmp_path / "b", **QUIET
    )
    assert len(made.complete) == len(given.complete) == 3


def test_models_over_the_disk_budget_go_worst_first_and_the_best_of_each_family_stay(task, tmp_path):
    study = tuner.tune(
        task, {"linear": {}, "xgboost": SMALL_XGBOOST}, trials=6, folder=tmp_path / "s", disk=1.0, seed=1, **QUIET
    )
    kept = {trial.name for trial in study.complete if study.has_models(trial)}
    best = {}
    for trial in study.complete:
        best.setdefault(trial.family, trial.name)
    assert kept == set(best.values())
    assert {member.trial for member in study.ensemble().members} <= kept


def test_outcomes_survive_json():
    outcome = Outcome("complete", value=0.5, fold_values=(0.4, 0.6), scores={"train": {"a": 1.0}}, duplicate_of=3)
    assert Outcome.from_json(json.loads(json.dumps(outcome.to_json()))) == outcome


def test_what_was_understood_is_said_once_before_the_first_trial(task, tmp_path, capfd):
    quiet = {"workers": 0, "tracking": None, "folder": tmp_path / "s", "seed": 3}
    tuner.tune(task, {"linear": {}}, trials=1, time="1h", **quiet)
    said = capfd.readouterr().err
    assert "rows" in said
    assert "target  label, two classes" in said
    assert "families linear\n  budget  1 trial, or 60 min, in this process" in said
    assert said.index("families linear") < said.index("baseline-000000")
    tuner.tune(task, {"linear": {}}, trials=2, **quiet)
    assert "families linear" not in capfd.readouterr().err
