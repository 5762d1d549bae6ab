"""A study from data to predictions, in this process."""

import json
import shutil
import subprocess
import sys

import filelock
import keras
import numpy as np
import optuna
import pandas as pd
import pytest
from small import SMALL_XGBOOST

import tuner
from ensembles.methods import METHODS, STACKS
from spaces import Choice, Float
from tuner.ensembling.build import compare
from tuner.launch.loop import _elapsed
from tuner.task.folds import make_folds
from tuner.trials.outcome import Job, Outcome
from tuner.trials.trial import run_trial

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
    assert optuna.importance.get_param_importances(opened.to_optuna("xgboost"))
    with pytest.raises(ValueError, match="family must be one of"):
        opened.to_optuna("liner")


@pytest.mark.parametrize("method", ["auto", *METHODS, *STACKS])
def test_every_method_ends_in_an_ensemble(study, frame, method):
    combined = study.ensemble(method)
    if method != "log_linear":
        assert sum(member.weight for member in combined.members) == pytest.approx(1)
    probabilities = combined.predict_proba(frame)
    assert probabilities.shape == (len(frame), 2)
    assert np.array_equal(combined.predict(frame), np.array(["no", "yes"])[probabilities.argmax(axis=1)])
    scores = combined.scores
    if method in ("nelder_mead", "convex", "log_linear"):  # they minimise the loss on the rows given
        assert scores["ensemble"]["in_sample"] <= scores["ensemble"]["cross_fitted"] + 1e-9
    assert scores["difference"]["standard_error"] >= 0


def test_sets_of_labels_grow_with_the_coverage(study, frame):
    combined = study.ensemble("uniform")
    few, many = (combined.predict_set(frame, coverage) for coverage in (0.5, 0.95))
    assert few.shape == (len(frame), 2)
    assert (few <= many).all()
    assert few.any(axis=1).all()
    with pytest.raises(ValueError, match="there is predict_set"):
        combined.predict_interval(frame)


def test_diversity_describes_the_members(study):
    combined = study.ensemble("uniform")
    found = combined.diversity()
    assert set(found.without_family) == {member.family for member in combined.members}
    assert found.diversity > 0
    assert found.ensemble_loss == pytest.approx(combined.scores["ensemble"]["in_sample"], rel=0.02)


def test_auto_explains_what_it_took_and_why(study):
    combined = study.ensemble()
    table = combined.explain()
    assert list(table.columns) == ["method", "log_loss (cross-fitted)", "better by", "standard error", "taken"]
    assert list(table["method"])[:2] == ["family_average", "best_single"]
    last_taken = table[table["taken"] == "yes"].iloc[-1]
    assert combined.ensemble.method == f"auto: {last_taken['method']}"
    assert combined.scores["ensemble"]["cross_fitted"] == last_taken["log_loss (cross-fitted)"]
    later = table.iloc[1:]
    assert ((later["better by"] > later["standard error"]) == (later["taken"] == "yes")).all()


def test_a_method_that_cannot_minimise_the_metric_is_refused(tmp_path, frame):
    task = tuner.Task(frame, "label", metric="roc_auc", split={"kind": "kfold", "folds": 3})
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "auc", **QUIET)
    with pytest.raises(ValueError, match="'convex' cannot minimise roc_auc: use nelder_mead or auto"):
        study.ensemble("convex")
    assert study.ensemble().explain()["method"].tolist() == [
        "family_average",
        "best_single",
        "regularized",
        "nelder_mead",
    ]


def test_the_ensemble_beats_chance_by_far(study, frame):
    combined = study.ensemble()
    labels = frame["label"].to_numpy()
    assert np.mean(combined.predict(frame) == labels) > 0.7


def test_test_rows_are_counted_and_reported_in_the_promised_shape(study):
    combined = study.ensemble()
    before = combined.report()["test_looks"]
    report = combined.test()
    assert report["test_looks"] == before + 1
    assert set(report) == {"method", "metric", "members", "scores", "test_looks"}
    assert set(report["members"][0]) == {"trial", "family", "weight"}
    assert set(report["scores"]) == {"ensemble", "best_single", "comparator", "difference"}
    assert set(report["scores"]["ensemble"]) == {"in_sample", "cross_fitted", "metrics", "test"}
    assert set(report["scores"]["best_single"]) == {"trial", "cross_validated", "test"}
    assert set(report["scores"]["difference"]) >= {"cross_fitted", "standard_error"}
    assert list(report["scores"]["ensemble"]["test"]) == ["log_loss", "roc_auc", "accuracy"]
    json.dumps(report)
    table = compare(study, ["uniform"], test=True)
    assert table["model"].iloc[0] == "baseline-000000"
    assert combined.report()["test_looks"] == before + 2


def test_without_test_rows_the_call_says_so(frame, tmp_path):
    task = tuner.Task(frame, "label", split={"kind": "kfold", "folds": 2})
    study = tuner.tune(task, ["linear"], trials=2, folder=tmp_path / "s", **QUIET)
    with pytest.raises(ValueError, match="no test rows"):
        study.ensemble().test()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 4}, "its seed is 3, not 4"),
        ({"families": {"linear": {"alpha": {"high": 10.0}}, "xgboost": SMALL_XGBOOST}}, "the space of linear changed"),
    ],
)
def test_another_study_in_the_folder_is_refused(study, change, message):
    call = {"families": {"linear": {}, "xgboost": SMALL_XGBOOST}, "trials": 9, "seed": 3, **change}
    with pytest.raises(ValueError, match=message):
        tuner.tune(study.task, folder=study.folder, **call, **QUIET)


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
    assert _elapsed(second.trials) <= sum(trial.outcome.seconds for trial in second.trials) + 1e-6
    second_names = names(second)
    stopped = tuner.tune(task, ["linear"], time=1e-3, folder=tmp_path / "s", **QUIET)
    assert names(stopped) == second_names


def test_a_small_space_is_exhausted_and_duplicates_cost_nothing(task, tmp_path):
    space = {"linear": {"scaling": ["standard", "quantile"], "alpha": 1.0}}
    study = tuner.tune(task, space, trials=50, folder=tmp_path / "s", sampler="optuna.random", **QUIET)
    assert len([trial for trial in study.trials if trial.family == "linear" and not trial.duplicate]) == 2
    assert "exhausted" in study.summary("spaces exhausted")


def build_small(config, signature):
    if config["trouble"] == "raise":
        raise RuntimeError("this configuration cannot be built")
    inputs = keras.Input(signature.input.shape)
    x = keras.layers.Dense(4, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
    if config["trouble"] == "nan":
        model.compile(optimizer=keras.optimizers.SGD(1e30), loss=lambda y, p: keras.ops.mean(p) * float("nan"))
    return model


SMALL_SPACE = {
    "trouble": Choice(["none", "raise", "nan"]),
    "learning_rate": Float(1e-3, 1e-1, log=True),
    "epochs": 2,
    "batch_size": 64,
}


@pytest.fixture(scope="module")
def own_study(task, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "study"
    mine = tuner.family(build_small, SMALL_SPACE, name="mine")
    return tuner.tune(task, [mine, "linear"], trials=18, folder=folder, sampler="optuna.random", seed=5, **QUIET)


def test_a_users_own_family_is_tuned_and_its_failures_are_data(own_study):
    mine = [trial for trial in own_study.trials if trial.family == "mine"]
    reasons = {trial.params["trouble"]: trial.outcome.reason for trial in mine}
    assert reasons == {"none": None, "raise": "error", "nan": "nan"}
    raised = next(trial for trial in mine if trial.params["trouble"] == "raise")
    assert "this configuration cannot be built" in raised.outcome.error
    board = own_study.leaderboard()
    assert set(board[board["state"] == "failed"]["reason"]) == {"error", "nan"}
    assert "failed: error, nan" in own_study.summary()


def test_the_ensemble_loads_in_a_fresh_process_without_the_builder(own_study, frame, tmp_path):
    from tuner.ensembling.looks import single_ensemble

    (mine,) = [trial for trial in own_study.best_of_each_family if trial.family == "mine"]
    combined = single_ensemble(own_study, mine)
    saved = combined.save(tmp_path / "bundle")
    frame.to_parquet(tmp_path / "rows.parquet")
    script = (
        "import sys, numpy, pandas, tuner;"
        f"e = tuner.load({str(saved)!r});"
        f"rows = pandas.read_parquet({str(tmp_path / 'rows.parquet')!r});"
        f"numpy.save({str(tmp_path / 'out.npy')!r}, e.predict_proba(rows));"
        "assert 'test_study' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, cwd=tmp_path)
    assert np.allclose(np.load(tmp_path / "out.npy"), combined.predict_proba(frame), atol=1e-6)


def test_a_model_that_cannot_be_shipped_fails_before_the_first_trial(task, tmp_path):
    def build(config, signature):
        inputs = keras.Input(signature.input.shape)
        doubled = keras.layers.Lambda(lambda x: 2 * x)(inputs)
        return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(doubled))

    lambdas = tuner.family(build, {"epochs": 1}, name="lambdas")
    with pytest.raises(ValueError, match=r"cannot be loaded in a fresh process.*no Lambda layers"):
        tuner.tune(task, [lambdas], folder=tmp_path / "s", **QUIET)


def test_a_builder_that_raises_fails_before_the_first_trial(task, tmp_path):
    broken = tuner.family(lambda config, signature: keras.Nonsense(), {"epochs": 1}, name="broken")
    with pytest.raises(ValueError, match=r"'broken' fails before the first trial.*Nonsense"):
        tuner.tune(task, [broken], folder=tmp_path / "s", **QUIET)


def test_logits_are_refused_before_the_first_trial(task, tmp_path):
    def build(config, signature):
        inputs = keras.Input(signature.input.shape)
        return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(inputs))

    logits = tuner.family(build, {"epochs": 1}, name="logits")
    with pytest.raises(ValueError, match=r"'logits' fails .*outside \[0, 1\] .*as logits do: end the model with a sig"):
        tuner.tune(task, [logits], folder=tmp_path / "s", **QUIET)


def test_a_trial_whose_outputs_are_no_probabilities_fails(task, tmp_path):
    def build(config, signature):
        inputs = keras.Input(signature.input.shape)
        model = keras.Model(inputs, keras.layers.Dense(2, activation="sigmoid", bias_initializer="ones")(inputs))
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    sigmoids = tuner.family(build, {"epochs": 1}, name="sigmoids")
    job = Job("sigmoids", 0, 1, {"epochs": 1}, 7, str(tmp_path / "trial"))
    outcome = run_trial(job, task, make_folds(task), sigmoids, report=lambda *_: False, log=lambda *_: None)
    assert outcome.reason == "error"
    assert "rows do not add up to 1" in outcome.error


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


def test_regression_ends_in_an_ensemble_too(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 3))
    task = tuner.Task(x, x[:, 0] * 2 + np.sin(3 * x[:, 1]) + 100, test=0.2, split={"kind": "kfold", "folds": 2})
    study = tuner.tune(task, {"linear": {}, "xgboost": SMALL_XGBOOST}, trials=4, folder=tmp_path / "s", **QUIET)
    combined = study.ensemble("greedy")
    assert combined.predict(x).shape == (150,)
    with pytest.raises(ValueError, match="predicts a number"):
        combined.predict_proba(x)
    ends = combined.predict_interval(x, 0.8)
    np.testing.assert_allclose(ends.mean(axis=1), combined.predict(x))
    assert (ends[:, 0] < ends[:, 1]).all()
    again = tuner.load(combined.save(tmp_path / "saved"))
    np.testing.assert_allclose(again.predict_interval(x, 0.8), ends, rtol=1e-6)
    with pytest.raises(ValueError, match="there is predict_interval"):
        combined.predict_set(x)
    tested = combined.test()["scores"]["ensemble"]["test"]["rmse"]
    baseline = next(trial.value for trial in study.complete if trial.family == "baseline")
    assert tested < 0.6 * baseline


def test_time_order_is_kept_to_the_end(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"when": pd.date_range("2026-01-01", periods=120), "x": rng.normal(size=120)})
    frame["y"] = frame["x"] + 0.01 * np.arange(120)
    task = tuner.Task(frame, "y", time="when", split={"kind": "time", "folds": 3}, test=0.2)
    study = tuner.tune(task, {"linear": {}, "xgboost": SMALL_XGBOOST}, trials=4, folder=tmp_path / "s", **QUIET)
    assert study.ensemble().scores["ensemble"]["cross_fitted"] > 0


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
    assert "families linear\n  budget  1 trials, or 3600 seconds, 0 workers" in said
    assert said.index("families linear") < said.index("baseline-000000")
    tuner.tune(task, {"linear": {}}, trials=2, **quiet)
    assert "families linear" not in capfd.readouterr().err
