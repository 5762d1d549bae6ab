"""One trial: what trains, what is watched, what is reported, and from which seeds; each a line that could go wrong."""

from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
import pytest
from small import make_frame

import tuner
from spaces import FAMILIES, Family, Float, defaults, narrow
from spaces.engines.engine import SKLEARN
from spaces.engines.keras.compiling import callbacks, compiled
from spaces.families.sequences.network import build_steps
from spaces.layers.heads import loss_for
from spaces.rows.signature import Input, Signature
from spaces.rows.target import Target
from spaces.store import load_fitted
from tuner.recipes.language import _draw
from tuner.scoring.score import scored
from tuner.seeds import derive_seed
from tuner.task.folds import fold_parts, make_folds
from tuner.trials.outcome import Job
from tuner.trials.sealed_folds import SealedFold
from tuner.trials.trial import _report_fold, folds_in, run_trial


@pytest.fixture(scope="module")
def task():
    return tuner.Task(make_frame(), "label", split={"folds": 3})


def config(name, task, **changes):
    return defaults(narrow(FAMILIES[name].space(task.signature), changes))


def run(name, task, folder, *, report=lambda *_: False, log=lambda *_: None, limits=None, **changes):
    job = Job(name, 0, 1, config(name, task, **changes), 7, str(folder), **(limits or {}))
    return run_trial(job, task, make_folds(task), family=FAMILIES[name], report=report, log=log)


def test_held_out_rows_are_apart_from_all_that_is_trained_on_or_watched(task):
    for parts in fold_parts(task):
        assert not set(parts["held_out"]) & set(parts["full"])
        assert sorted([*parts["train"], *parts["inner"]]) == sorted(parts["full"])
        assert not set(parts["train"]) & set(parts["inner"])
        assert len(parts["held_out"]) + len(parts["full"]) == len(task.rows)


def test_a_trial_whose_folds_would_not_end_with_the_study_is_pruned_and_says_why(task, tmp_path):
    outcome = run("linear", task, tmp_path / "late", limits={"seconds": 0.0, "left": 0.0})
    assert (outcome.state, outcome.value) == ("pruned", None)
    assert outcome.error == "its time was over after 1 of 3 folds"
    needed = run("linear", task, tmp_path / "needed", limits={"seconds": 0.0, "left": 0.0, "needed": True})
    assert (needed.state, len(needed.fold_values)) == ("complete", 3)


@dataclass(frozen=True)
class Spy:
    """A model that notes the folds it is given, and is the baseline otherwise."""

    inside: object
    seen: list
    stops_early = False

    def fit(self, folds, watch):
        self.seen.append(folds)
        yield from self.inside.fit(folds, watch)


def build(signature, seen):
    return Spy(FAMILIES["baseline"].build({}, signature), seen)


def test_every_fold_and_every_trial_has_a_seed_of_its_own(task, tmp_path):
    seen = []
    family = Family("spy", lambda signature: {}, lambda config, signature: build(signature, seen), (SKLEARN,))
    for number in range(2):
        job = Job("spy", number, 1, {}, derive_seed(0, "spy", number, 1), str(tmp_path / str(number)))
        run_trial(job, task, make_folds(task), family=family, report=lambda *_: False, log=lambda *_: None)
    seeds = [fold.seed for folds in seen for fold in folds]
    assert len(seeds) == len(set(seeds)) == 6


def test_a_study_gives_each_trial_a_seed_of_its_own(task, tmp_path):
    seen = []
    space = {"x": Float(0.0, 1.0)}
    family = Family("spy", lambda signature: space, lambda config, signature: build(signature, seen), (SKLEARN,))
    tuner.tune(task, [family], trials=3, workers=0, folder=tmp_path / "s", tracking=None, progress=False)
    seeds = [fold.seed for folds in seen for fold in folds]
    assert len(seeds) == 9
    assert len(set(seeds)) == 9


def test_rungs_are_at_an_eighth_a_quarter_and_half_of_the_first_fold_then_at_the_ends_of_folds(task, tmp_path):
    rounds, told = [], []

    def report(step, value):
        told.append((step, rounds[-1]))
        return False

    run(
        "xgboost",
        task,
        tmp_path / "t",
        report=report,
        log=lambda fold, step, curves: rounds.append((fold, step)),
        n_estimators=80,
        patience=1000,
    )
    assert told[:3] == [(0, (0, 9)), (1, (0, 19)), (2, (0, 39))]
    assert [step for step, _ in told[3:]] == [3, 4]  # the last fold is the end of the trial


def test_a_trial_stops_where_the_pruner_says_so(task, tmp_path):
    told = []

    def report(step, value):
        told.append(step)
        return step == 1

    outcome = run("xgboost", task, tmp_path / "t", report=report, n_estimators=80, patience=1000)
    assert (outcome.state, told, outcome.value) == ("pruned", [0, 1], None)
    assert outcome.error == "pruned at step 1"


def test_training_scores_are_those_of_the_training_rows(task, tmp_path):
    outcome = run("random_forest", task, tmp_path / "t", n_estimators=20, min_samples_leaf=1)
    expected = []
    for k, (fold, _) in enumerate(make_folds(task)):
        fitted = load_fitted(tmp_path / "t" / f"fold-{k}")
        expected.append(scored(task.scores, fold.full.target, fitted.predict(fold.full.table))["log_loss"])
    assert outcome.scores["train"]["log_loss"] == pytest.approx(np.mean(expected), rel=1e-6)
    assert outcome.scores["train"]["log_loss"] < outcome.scores["held_out"]["log_loss"] / 2  # a forest knows its rows


def test_a_column_that_equals_the_target_on_held_out_rows_only_gains_nothing(tmp_path):
    frame = make_frame(240)
    plain = tuner.Task(frame, "label", split={"kind": "holdout", "share": 0.5})
    (_, held_out) = plain.folds[0]
    rng = np.random.default_rng(0)
    leak = rng.choice(["yes", "no"], len(frame))
    leak[held_out] = frame["label"].to_numpy()[held_out]
    leaky = tuner.Task(frame.assign(leak=leak), "label", split={"kind": "holdout", "share": 0.5})
    values = {}
    for name, task in (("plain", plain), ("leaky", leaky)):
        families = {"linear": {}, "xgboost": {"n_estimators": 30, "patience": 5}}
        quiet = {"workers": 0, "tracking": None, "progress": False}
        values[name] = tuner.tune(task, families, trials=4, folder=tmp_path / name, **quiet).best.value
    assert values["leaky"] > values["plain"] - 0.05


def test_the_loss_of_several_targets_is_the_weighted_sum():
    target = Target.of([Target("a", "regression"), Target("b", "regression")])
    loss = loss_for(target, 2, {"a": 3.0, "b": 0.5})
    true, said = np.array([[1.0, 2.0]], np.float32), np.array([[3.0, 5.0]], np.float32)
    assert float(np.ravel(loss(true, said))[0]) == pytest.approx(3.0 * 4 + 0.5 * 9)


def test_the_rate_falls_on_a_plateau():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    settings = {"patience": 3, "schedule": "reduce_on_plateau", "optimizer": {"adam": {"learning_rate": 0.1}}}
    compiled(model, settings, Target("y", "regression"))
    (lower,) = callbacks(settings, 10, watched=False)
    lower.set_model(model)
    lower.on_train_begin()
    for epoch in range(3):
        lower.on_epoch_end(epoch, {"loss": 1.0})
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1 * 0.3**2, rel=1e-4)


def test_recurrent_dropout_of_step_families_reaches_their_layers():
    signature = Signature((Input("table", "table", (2,)),), (Target("y", "binary", (0, 1)),), rows=100, steps=8)
    space = FAMILIES["language_model"].space(signature)
    changes = {"layers": {"recurrent": {"recurrent_dropout": 0.35}}, "length": 8}
    model = build_steps(defaults(narrow(space, changes)), signature, 2)
    layers = [layer for layer in model.layers if hasattr(layer, "recurrent_dropout")]
    assert [layer.recurrent_dropout for layer in layers] == [0.35]


@pytest.mark.parametrize(("temperature", "share"), [(0.25, 0.6**4 / (0.6**4 + 0.4**4)), (1.0, 0.6), (4.0, 0.5253)])
def test_a_low_temperature_makes_likely_tokens_likelier(temperature, share):
    rng = np.random.default_rng(0)
    drawn = [_draw(np.array([0.6, 0.4]), temperature, rng) for _ in range(4000)]
    assert np.mean(np.equal(drawn, 0)) == pytest.approx(share, abs=0.03)


def test_training_scores_are_of_two_thousand_rows_at_most(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=2999), "z": rng.normal(size=2999)})
    frame["y"] = (frame["x"] + rng.normal(size=2999) > 0).astype(int)
    task = tuner.Task(frame, "y", metrics=["accuracy"], split="holdout")
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", workers=0, tracking=None, progress=False)
    accuracy = study.complete[0].outcome.scores["train"]["accuracy"]
    assert 0.5 < accuracy < 1
    assert accuracy * 2000 == pytest.approx(round(accuracy * 2000), abs=1e-9)
    assert accuracy * 2399 != pytest.approx(round(accuracy * 2399), abs=1e-9)


def test_after_each_fold_but_the_last_the_mean_over_folds_so_far_is_reported(task, tmp_path):
    reported = {}
    outcome = run("xgboost", task, tmp_path, report=lambda step, value: reported.update({step: value}), n_estimators=5)
    means = {folds_in(step): value for step, value in reported.items() if folds_in(step)}
    assert list(means) == [1, 2]
    assert list(means.values()) == pytest.approx([np.mean(outcome.inner_values[:folds]) for folds in means])


def test_a_fold_whose_metric_is_undefined_is_no_step():
    """So that a mean of so many folds is held against as many values of another trial."""
    reported = []

    def report(step, value):
        reported.append((folds_in(step), value))

    done = [SealedFold(np.zeros(1), 0.5, {}, {}, curves=[], inner=inner) for inner in ([], [0.4], [], [0.8])]
    for count in range(1, 5):
        _report_fold(report, done[:count], last=False)
    assert reported == [(1, 0.4), (2, pytest.approx(0.6))]
