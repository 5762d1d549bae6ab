"""The command line as a person or a script meets it."""

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from click.testing import CliRunner
from small import make_frame

from tuner.cli import main
from tuner.studyfile import families_of, importable, read_study_toml

STUDY = """
[study]
name = "small"
sampler = "hyperopt.tpe"
seed = 7
workers = 0
tracking = "none"
[budget]
trials = 4
time = "20m"
trial_time = "3m"
[data]
train = "train.csv.gz"
test = "test.csv"
target = "label"
metric = "log_loss"
metrics = ["roc_auc", "accuracy"]
split = { kind = "kfold", folds = 3 }
[families.linear]
alpha = { low = 0.1, high = 10.0, log = true }
[families.xgboost]
n_estimators = 20
[ensemble]
method = "greedy"
"""


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    make_frame(150).to_csv(folder / "train.csv.gz", index=False)
    make_frame(60, seed=1).to_csv(folder / "test.csv", index=False)
    (folder / "study.toml").write_text(STUDY)
    result = call("run", folder / "study.toml")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def folder(place):
    return place / "runs" / "small"


def test_run_leaves_a_study_and_an_ensemble_and_runs_again(place, folder):
    assert (folder / "ensemble" / "ensemble.json").is_file()
    again = call("run", place / "study.toml")
    assert again.exit_code == 0
    assert "best single" in again.stdout
    assert "Study small goes on" in again.stderr
    assert "  trials   5: 5 complete" in again.stderr


def test_leaderboard_in_every_format(folder):
    table = call("leaderboard", folder)
    assert table.exit_code == 0
    assert "linear-000000" in table.stdout
    rows = json.loads(call("leaderboard", folder, "--format", "json").stdout)
    assert {row["trial"] for row in rows} >= {"baseline-000000", "xgboost-000000"}
    assert call("leaderboard", folder, "--format", "csv").stdout.startswith("trial,family,state,log_loss")
    assert json.loads(call("leaderboard", folder, "--top", 2, "--format", "json").stdout) == rows[:2]


def test_curves_are_shown_and_written_for_tensorboard(folder, tmp_path):
    shown = pd.read_csv(io.StringIO(call("curves", folder, "xgboost-000000", "--format", "csv").stdout))
    assert list(shown.columns[:4]) == ["fold", "step", "log_loss", "val_log_loss"]
    assert set(shown.columns[4:]) == {"roc_auc", "val_roc_auc", "accuracy", "val_accuracy"}
    assert shown["val_accuracy"].notna().sum() >= shown["fold"].nunique()  # at least one epoch of each fold
    assert (shown.groupby("fold")["step"].min() == 0).all()
    assert call("curves", folder, "--tensorboard", tmp_path / "board").exit_code == 0
    assert {path.name for path in (tmp_path / "board").iterdir()} == {call_best_xgboost(folder)}
    (events,) = (tmp_path / "board" / call_best_xgboost(folder) / "fold-0").iterdir()
    values = [
        value.simple_value
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
        if value.tag == "val_log_loss"
    ]
    best = pd.read_csv(io.StringIO(call("curves", folder, call_best_xgboost(folder), "--format", "csv").stdout))
    np.testing.assert_allclose(values, best.loc[best["fold"] == 0, "val_log_loss"], rtol=1e-6)
    wrong = call("curves", folder, "xgboost-00000")
    assert wrong.exit_code != 0
    assert "did you mean 'xgboost-00000" in wrong.stderr


def test_a_trial_without_curves_is_a_sentence_that_names_those_with_some(folder):
    shown = call("curves", folder, "linear-000000")
    assert shown.exit_code == 0
    assert shown.stdout == ""
    assert shown.stderr.startswith("linear-000000 has no curves")
    assert call_best_xgboost(folder) in shown.stderr


def call_best_xgboost(folder):
    rows = json.loads(call("leaderboard", folder, "--format", "json").stdout)
    return next(row["trial"] for row in rows if row["trial"].startswith("xgboost"))


def test_ensemble_prints_exactly_the_promised_json(folder):
    result = call("ensemble", folder, "--method", "nelder_mead", "--test", "--format", "json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert list(report) == ["method", "metric", "members", "scores", "test_looks"]
    assert list(report["scores"]["ensemble"]) == ["in_sample", "cross_fitted", "metrics", "test"]
    assert list(report["scores"]["best_single"]) == ["trial", "cross_validated", "test"]
    assert report["test_looks"] == 1
    again = call("ensemble", folder, "--method", "uniform", "--format", "json")
    assert json.loads(again.stdout)["test_looks"] == 1


def test_evaluate_scores_labelled_rows_in_a_study_and_beside_it(place, folder, tmp_path):
    make_frame(50, seed=5).to_csv(tmp_path / "new.csv", index=False)
    found = json.loads(call("evaluate", folder, tmp_path / "new.csv", "--format", "json").stdout)
    assert [one["metric"] for one in found] == ["log_loss", "roc_auc", "accuracy"]
    taken = shutil.copytree(folder / "ensemble", tmp_path / "taken")
    alone = call("evaluate", taken, tmp_path / "new.csv", "--metric", "accuracy", "--format", "json")
    assert json.loads(alone.stdout) == [pytest.approx(one) for one in (found[0], found[2])]
    member = json.loads((taken / "ensemble.json").read_text())["members"][0]["trial"]
    one = call("evaluate", folder, tmp_path / "new.csv", "--trial", member, "--metric", "brier_score")
    assert f"{member} on " in one.output
    assert "brier_score" in one.output
    unlabelled = make_frame(50).drop(columns="label").to_csv(index=False)
    (tmp_path / "new.csv").write_text(unlabelled)
    refused = call("evaluate", folder, tmp_path / "new.csv")
    assert refused.exit_code == 2
    assert "rows: target: unknown name 'label'" in refused.output


def test_predict_to_a_file_and_to_the_screen(place, folder):
    out = place / "out" / "predictions.csv"
    assert call("predict", folder, place / "test.csv", "-o", out).exit_code == 0
    predictions = pd.read_csv(out)
    assert list(predictions.columns) == ["prediction", "probability_no", "probability_yes"]
    assert len(predictions) == 60
    first = predictions["probability_no"].iloc[0]
    alone = call("predict", folder, place / "test.csv", "--trial", "linear-000000", "--format", "json")
    make_frame(3).assign(id=["007", "b", "c"]).to_csv(place / "named.csv", index=False)
    kept = call("predict", folder, place / "named.csv", "--keep", "id", "--keep", "colour", "--format", "csv").stdout
    assert kept.splitlines()[0] == "id,colour,prediction,probability_no,probability_yes"
    assert [line.split(",")[0] for line in kept.splitlines()[1:]] == ["007", "b", "c"]
    assert "did you mean 'id'" in call("predict", folder, place / "named.csv", "--keep", "ID").stderr
    assert json.loads(alone.stdout)[0]["probability_no"] != pytest.approx(first, abs=1e-9)
    shown = json.loads(call("predict", folder / "ensemble", place / "test.csv", "--format", "json").stdout)
    assert shown[0]["probability_no"] == pytest.approx(first, abs=1e-6)


CHANGES = {
    "unknown key": ("trials = 4", "trails = 4", "did you mean 'trials'"),
    "unknown section": ("[budget]", "[budgets]", "did you mean 'budget'"),
    "unknown split key": ("folds = 3", "fold = 3", "did you mean 'folds'"),
    "negative budget": ("trials = 4", "trials = -4", "trials"),
    "zero time": ('time = "20m"', 'time = "0m"', "above zero"),
    "wrong type": ("trials = 4", 'trials = "four"', "trials"),
    "unknown family": ("[families.linear]", "[families.liner]", "did you mean 'linear'"),
    "unknown parameter": ("alpha = {", "alfa = {", "did you mean 'alpha'"),
    "low above high": ("low = 0.1", "low = 100.0", "low < high"),
    "unknown sampler": ("hyperopt.tpe", "hyperopt.tp", "did you mean 'hyperopt.tpe'"),
    "unknown metric": ('"log_loss"', '"logloss"', "did you mean 'log_loss'"),
    "unfit metric": ('"log_loss"', '"rmse"', "does not fit"),
    "unknown method": ('"greedy"', '"greedier"', "did you mean 'greedy'"),
    "missing file": ("train.csv.gz", "trian.csv.gz", "there is no file"),
    "wrong target": ('"label"', '"lable"', "did you mean 'label'"),
    "not TOML": ("[study]", "[study", "not valid TOML"),
    "no quotes": ('target = "label"', "target = label", "Texts stand in quotes"),
    "missing key": ('target = "label"', "", "target is missing"),
    "module not found": ("[families.linear]", '[families.mine]\nbuild = "nowhere:f"\nspace = "nowhere:s"', "nowhere"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_bad_study_file_exits_with_2_and_a_way_out(place, tmp_path, case):
    old, new, message = CHANGES[case]
    assert old in STUDY
    path = place / f"{case.replace(' ', '_')}.toml"
    path.write_text(STUDY.replace(old, new).replace('"small"', f'"{case}"'.replace(" ", "_")))
    result = call("run", path)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert not (place / "runs" / case.replace(" ", "_") / "ledger.db").exists()


def test_a_study_file_names_a_builder_and_changes_its_space(tmp_path):
    (tmp_path / "small_nets.py").write_text(
        "from spaces import Float\nSPACE = {'learning_rate': Float(1e-3, 1e-1)}\ndef build(config, signature): ...\n"
    )
    mine = '[families.mine]\nbuild = "small_nets:build"\nspace = "small_nets:SPACE"\nlearning_rate = { low = 0.01 }'
    (tmp_path / "own.toml").write_text(STUDY.replace("[ensemble]", f"{mine}\n[ensemble]"))
    with importable(tmp_path):
        named = families_of(read_study_toml(tmp_path / "own.toml"), tmp_path)
    assert list(named) == ["linear", "xgboost", "mine"]
    assert named["mine"].pop("family").name == "mine"
    assert named["mine"] == {"learning_rate": {"low": 0.01}}


@pytest.mark.slow
def test_an_own_family_in_a_study_file_is_tuned(place):
    (place / "nets.py").write_text(
        "import keras\nfrom spaces import Float\n"
        "SPACE = {'learning_rate': Float(1e-3, 1e-1, log=True), 'epochs': 1}\n"
        "def build(config, signature):\n"
        "    inputs = keras.Input(signature.input.shape)\n"
        "    return keras.Model(inputs, keras.layers.Dense(1, activation='sigmoid')(inputs))\n"
    )
    text = (
        STUDY.replace('"small"', '"own"')
        .replace('time = "20m"\ntrial', "trial")
        .replace(
            "[families.linear]\nalpha = { low = 0.1, high = 10.0, log = true }",
            '[families.mine]\nbuild = "nets:build"\nspace = "nets:SPACE"\nlearning_rate = { low = 0.01 }',
        )
    )
    (place / "own.toml").write_text(text)
    result = call("run", place / "own.toml")
    assert result.exit_code == 0, result.output
    rows = json.loads(call("leaderboard", place / "runs" / "own", "--format", "json").stdout)
    rates = [row["params.learning_rate"] for row in rows if row["family"] == "mine"]
    assert len(rates) == 2
    assert min(rates) >= 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["leaderboard", "nowhere"], "holds no study"),
        (["predict", "nowhere", "rows.csv"], "holds no ensemble"),
        (["ui", "nowhere"], "holds no study"),
        (["run", "nowhere.toml"], "there is no file"),
    ],
)
def test_wrong_folders_exit_with_2(arguments, message):
    result = call(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_rows_that_do_not_fit_are_refused(place, folder):
    make_frame(20).drop(columns="colour").to_csv(place / "narrow.csv", index=False)
    result = call("predict", folder, place / "narrow.csv")
    assert result.exit_code == 2
    assert "column 'colour' is missing" in result.stderr
    make_frame(20).assign(x="much").to_csv(place / "text.csv", index=False)
    assert "must hold numbers, got 'much'" in call("predict", folder, place / "text.csv").stderr


def test_a_study_without_models_exits_with_3(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    for model in (copy / "trials").glob("*/*/fold-*"):
        if not model.parts[-3].startswith("baseline"):
            shutil.rmtree(model)
    result = call("ensemble", copy, "--method", "uniform")
    assert result.exit_code == 3, result.output
    assert "no trial beside the baseline succeeded" in result.stderr


@pytest.mark.slow
def test_only_the_baseline_succeeded_exits_with_3(place):
    (place / "bad_nets.py").write_text(
        "import sys\nimport keras\nSPACE = {'epochs': 1}\n"
        "def build(config, signature):\n"
        "    if 'shipping' not in sys.argv[0]:  # good in the check before the first trial, bad ever after\n"
        "        raise RuntimeError('no')\n"
        "    inputs = keras.Input(signature.input.shape)\n"
        "    return keras.Model(inputs, keras.layers.Dense(1, activation='sigmoid')(inputs))\n"
    )
    text = STUDY.replace('"small"', '"bad"').split("[families.linear]")[0]
    (place / "bad.toml").write_text(text + '[families.bad]\nbuild = "bad_nets:build"\nspace = "bad_nets:SPACE"\n')
    result = call("run", place / "bad.toml")
    assert result.exit_code == 3, result.output
    assert "no trial beside the baseline succeeded" in result.stderr
    assert "failed, 0 ended early): " in result.stderr


def test_trials_without_an_ensemble_are_shown_and_exit_with_1(place):
    """The joint model needs a network, and the study has none."""
    (place / "alone.toml").write_text(STUDY.replace('"small"', '"alone"').replace('"greedy"', '"joint"'))
    result = call("run", place / "alone.toml")
    assert result.exit_code == 1, result.output
    assert "xgboost-000000" in result.stdout
    assert "no ensemble could be made: a joint model needs a network" in result.stderr
    assert call("ensemble", place / "runs" / "alone", "--method", "uniform").exit_code == 0


def test_a_method_that_cannot_minimise_the_metric_is_refused_before_the_first_trial(place):
    text = STUDY.replace('"small"', '"never"').replace('"greedy"', '"convex"').replace('"log_loss"', '"roc_auc"')
    (place / "never.toml").write_text(text.replace('["roc_auc", "accuracy"]', '["accuracy"]'))
    result = call("run", place / "never.toml")
    assert result.exit_code == 2
    assert "'convex' cannot minimise roc_auc" in result.stderr
    assert not (place / "runs" / "never").exists()


def test_help_and_imports_load_nothing_heavy():
    script = (
        "import sys, tuner, spaces, ensembles, tuner.cli\n"
        "try:\n    tuner.cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'tensorflow', 'keras', 'optuna', 'hyperopt', 'xgboost', 'mlflow', 'sklearn', 'pandas'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "Usage" in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded: []"


def test_the_spaces_that_is_imported_is_ours():
    """PyPI's `spaces` belongs to Hugging Face."""
    import spaces

    assert hasattr(spaces, "Choice")
    assert hasattr(spaces, "FAMILIES")


def test_a_study_keeps_the_file_that_it_was_run_from(folder):
    kept = read_study_toml(folder / "study.toml")
    assert kept.launch["trials"] == 4
    again = call("run", folder / "study.toml", "--folder", folder, "--dry-run")
    assert again.exit_code == 0, again.output
    assert "linear, xgboost" in again.stdout
