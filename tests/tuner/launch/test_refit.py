"""In the last part of a study's time, what the ensemble reads is trained on all rows, too."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small import SMALL_XGBOOST

import tuner
from spaces import FAMILIES, Family
from spaces.engines.engine import SKLEARN
from tuner.ensembling.more_models import job_on_all_rows
from tuner.ensembling.winners import winners
from tuner.launch.refit import seconds_to_refit, share_of
from tuner.launch.tune import plan_of
from tuner.trials.all_rows import run_on_all_rows

QUIET = {"tracking": None, "progress": False}
PAIR = {"linear": {}, "xgboost": SMALL_XGBOOST}
LINEAR = FAMILIES["linear"]


def refitted(study):
    return sorted(path.name for path in (study.folder / "refit").glob("*"))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"time": 600, "refit": True}, True),
        ({"time": 600, "refit": False}, False),
        ({"time": 600}, False),  # there are few rows
        ({}, False),
        ({"refit": True}, True),
    ],
)
def test_where_a_time_is_given_or_it_is_asked_for(task, tmp_path, given, wanted):
    study = tuner.tune(task, PAIR, trials=2, workers=0, folder=tmp_path / "s", **QUIET, **given)
    members = study.ensemble("uniform").members
    assert refitted(study) == (sorted(one.trial for one in members) if wanted else [])
    assert [one.on_all_rows for one in members] == [wanted, wanted]
    assert [len(one.of_folds) for one in members] == [3, 3]
    assert ("trained on all rows: " in (study.folder / "driver.log").read_text()) == wanted


def test_the_same_call_again_trains_only_what_is_new(task, tmp_path):
    given = {"folder": tmp_path / "s", "workers": 0, "refit": True, **QUIET}
    study = tuner.tune(task, PAIR, trials=2, **given)
    before = {path: path.stat().st_mtime_ns for path in (study.folder / "refit").rglob("*")}
    study = tuner.tune(task, PAIR, trials=4, **given)
    assert set(refitted(study)) >= {path.name for path in before if path.parent.name == "refit"}
    assert len(refitted(study)) > 2
    assert before.items() <= {path: path.stat().st_mtime_ns for path in (study.folder / "refit").rglob("*")}.items()


def test_what_counts_most_comes_first_and_then_the_best_others(study):
    held = [one.trial for one in study.ensemble("greedy").members]
    found = [trial.name for trial in winners(study)]
    assert found[: len(held)] == held
    assert len(held) < len(found) == len(set(found)) <= 12
    assert "baseline-000000" not in found


def test_a_model_that_the_clock_stops_is_not_kept(study, tmp_path):
    trial = next(one for one in study.complete if one.family == "xgboost")
    job = replace(job_on_all_rows(study, trial), folder=str(tmp_path / "whole"))
    outcome = run_on_all_rows(replace(job, seconds=0.0, left=0.0), study.task, FAMILIES["xgboost"])
    assert (outcome.state, outcome.error) == ("pruned", "its time was over")
    assert not (tmp_path / "whole").exists()
    assert run_on_all_rows(job, study.task, FAMILIES["xgboost"]).state == "complete"
    assert (tmp_path / "whole" / "model.json").exists()


def test_it_is_expected_to_take_what_one_more_fold_of_all_rows_takes(task):
    assert share_of(task) == pytest.approx(1.3 / 2, rel=0.01)  # three folds, each of two thirds of the rows
    assert seconds_to_refit(task, [10.0, 100.0, 4.0], most=10.0) == pytest.approx(14 * share_of(task))
    assert seconds_to_refit(task, [10.0], most=6.0) == 0.0


def of_own(tmp_path, end):
    """A linear model of one's own, whose building ends somehow once its trial is told."""

    def build(config, signature):
        if (tmp_path / "told").exists():
            end()
        return LINEAR.build(config, signature)

    return Family("mine", LINEAR.space, build, (SKLEARN,))


def raises():
    raise LookupError("no luck")


def of_rows(count):
    numbers = np.random.default_rng(0).normal(size=count)
    return tuner.Task(pd.DataFrame({"x": numbers, "y": numbers}), "y")


def test_no_time_is_kept_free_for_it_where_there_are_few_rows_or_no_ensemble():
    assert plan_of(of_rows(200), None, time=600).refit
    assert not plan_of(of_rows(199), None, time=600).refit
    assert plan_of(of_rows(199), None, time=600, refit=True).refit
    unlabelled = tuner.Task(np.random.default_rng(0).random((40, 8, 8)), target=None)
    assert not plan_of(unlabelled, None, time=600, refit=True).refit


@pytest.mark.parametrize("end", [raises, lambda: os._exit(1)], ids=["raises", "dies"])
def test_what_fails_is_left_out_and_the_study_ends_well(task, tmp_path, end):
    study = tuner.tune(
        task,
        [of_own(tmp_path, end)],
        trials=1,
        workers=1,
        refit=True,
        folder=tmp_path / "s",
        on_trial=lambda study, trial: (tmp_path / "told").touch() if trial.family == "mine" else None,
        **QUIET,
    )
    assert refitted(study) == []
    assert [trial.state for trial in study.trials] == ["complete", "complete"]
    assert not any(member.on_all_rows for member in study.ensemble("uniform").members)


def test_a_family_of_ones_own_is_trained_on_all_rows_too(task, frame, tmp_path):
    study = tuner.tune(
        task, [of_own(tmp_path, raises)], trials=1, workers=1, refit=True, folder=tmp_path / "s", **QUIET
    )
    assert refitted(study) == ["mine-000000"]
    combined = study.ensemble("uniform")
    assert np.isfinite(combined.predict_proba(frame)).all()


def test_a_model_that_predicts_no_numbers_is_not_kept(study, tmp_path):
    class Diverged:
        def __init__(self, model):
            self.model = model

        def fit(self, folds, watch):
            for fitted in self.model.fit(folds, watch):
                yield NoNumbers(fitted)

    class NoNumbers:
        def __init__(self, fitted):
            self.fitted = fitted

        def predict(self, table):
            return np.full_like(self.fitted.predict(table), np.nan)

        def save(self, folder):
            self.fitted.save(folder)

    trial = next(one for one in study.complete if one.family == "linear")
    job = replace(job_on_all_rows(study, trial), folder=str(tmp_path / "whole"))
    diverged = Family("mine", LINEAR.space, lambda *given: Diverged(LINEAR.build(*given)), (SKLEARN,))
    outcome = run_on_all_rows(job, study.task, diverged)
    assert outcome.error == "NotFinite: predictions of training rows hold NaN or infinite values"
    assert not (tmp_path / "whole").exists()
    assert run_on_all_rows(job, study.task, LINEAR).state == "complete"


@pytest.mark.slow
def test_networks_with_callbacks_of_ones_own_stay_as_they_are(task, tmp_path):
    study = tuner.tune(
        task,
        {"linear": {}, "dense": {"epochs": 2, "units": 16, "depth": 1}},
        trials=2,
        workers=0,
        refit=True,
        callbacks=[{"ReduceLROnPlateau": {"factor": 0.5}}],
        folder=tmp_path / "s",
        **QUIET,
    )
    assert [trial.state for trial in study.trials] == ["complete"] * 3
    assert refitted(study) == ["linear-000000"]
