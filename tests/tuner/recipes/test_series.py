"""Forecasts: from a frame of steps to what comes after the last."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from windows import make_task, weather

import tuner
from spaces import FAMILIES, defaults, narrow
from spaces.families.forecasts.change import ChangeFitted
from spaces.families.forecasts.naive import NaiveFitted, last_values
from spaces.inputs.files import DataError
from spaces.rows.columns import TableError
from spaces.rows.table import Table
from spaces.rows.target import Follows
from spaces.store import load_fitted
from tuner.cli import main
from tuner.ensembling.build import compare
from tuner.ensembling.joint import JointTrial
from tuner.ensembling.looks import single_ensemble
from tuner.task.folds import fold_parts, make_folds
from tuner.task.splits import blocks

QUIET = {"workers": 0, "tracking": None, "progress": False}
QUICK = {"epochs": 8, "optimizer.adam.learning_rate": 9e-3, "optimizer": ["adam"]}


def test_rows_are_windows_and_what_comes_after_them():
    frame, task = weather(), make_task(test=None)
    past = task.rows.table.arrays[0]
    assert task.schema.arrays[0].details["channels"] == ["temperature", "pressure"]
    for row in (0, 7, len(task.rows) - 1):
        np.testing.assert_allclose(past[[row]].__array__()[0, :, 0], frame["temperature"][row : row + 24], rtol=1e-6)
        assert task.rows.target[row] == frame["temperature"][row + 23 + 3]
    assert past.nbytes < 2 * frame[["temperature", "pressure"]].to_numpy(np.float32).nbytes + 8 * len(past)
    assert [column.name for column in task.schema.columns] == [
        "time.hour+3",
        "time.day_of_week+3",
        "holiday+3",
        "past",
    ]
    np.testing.assert_array_equal(task.rows.table.numbers[:, -1], frame["holiday"][26:].to_numpy())
    assert task.target.name == "temperature+3"
    assert [(one.name, one.shape) for one in task.signature.inputs] == [("table", (3,)), ("past", (24, 2))]
    assert task.score.name == "mae"
    assert task.signature.arrays[0].details["periods"] == [24, 168]


def test_a_window_may_read_every_so_many_steps(tmp_path):
    frame = pd.DataFrame({"time": pd.date_range("2026-01-01", periods=900, freq="10min"), "y": np.arange(900.0)})
    task = tuner.series_task(frame, "y", window=8, every=6, horizon=12, time="time", split={"folds": 1}, test=0.2)
    past = task.rows.table.arrays[0]
    np.testing.assert_array_equal(np.asarray(past[[0, 5]])[:, :, 0], np.add.outer([0, 5], np.arange(0, 48, 6)))
    assert task.rows.target[0] == 42 + 12
    assert task.signature.arrays[0].details["periods"] == [24, 168]
    parts = fold_parts(task)[0]
    assert past.starts[parts["full"]].max() + 42 + 12 < past.starts[parts["held_out"]].min()
    assert past.starts.max() + 42 + 12 < task.test.table.arrays[0].starts.min()
    study = tuner.tune(task, {"series_baseline": {"forecast": ["drift"]}}, trials=1, folder=tmp_path, **QUIET)
    drift = study.ensemble("uniform")
    assert tuner.forecast(drift, frame).iloc[0, 0] == pytest.approx(899 + 12)
    with pytest.raises(DataError, match="forecast needs the last 43 steps, got 42"):
        tuner.forecast(drift, frame.tail(42))
    told = tuner.anomalies(drift, frame)
    assert np.abs(told["error"]).max() < 1e-9
    assert told.index[0] == frame["time"][42 + 12]


def test_no_window_lies_across_a_cut():
    task = make_task(split={"folds": 2})
    window, horizon = 24, 3
    starts = task.rows.table.arrays[0].starts
    test_starts = task.test.table.arrays[0].starts
    assert starts.max() + window - 1 + horizon < test_starts.min()
    for parts in fold_parts(task):
        for earlier, later in (("train", "inner"), ("full", "held_out"), ("inner", "held_out")):
            ends = starts[parts[earlier]] + window - 1 + horizon
            assert ends.max() < starts[parts[later]].min(), (earlier, later)


def test_naive_forecasts_are_what_they_say():
    past = np.arange(48, dtype=np.float32).reshape(1, 48, 1)
    table = Table(np.empty((1, 0)), np.empty((1, 0), np.int32), arrays=(past,))
    said = {
        name: float(NaiveFitted({name: settings}, (Follows(0, horizon),)).predict(table)[0, 0])
        for name, settings, horizon in (
            ("last", {}, 5),
            ("seasonal", {"period": 24}, 5),
            ("mean", {"steps": 24}, 5),
            ("drift", {}, 5),
        )
    }
    assert said == {"last": 47, "seasonal": 47 + 5 - 24, "mean": np.mean(np.arange(24, 48)), "drift": 52}
    further = NaiveFitted({"seasonal": {"period": 24}}, (Follows(0, 30),))
    assert float(further.predict(table)[0, 0]) == 47 + 30 - 48


def test_the_last_known_value_is_taken_where_the_last_is_missing():
    past = np.array([[[1.0], [2.0], [np.nan]], [[np.nan], [np.nan], [np.nan]]], np.float32)
    table = Table(np.empty((2, 0)), np.empty((2, 0), np.int32), arrays=(past,))
    target = tuner.Task(past.repeat(20, 0), np.arange(40.0)).target
    target = type(target)("y", "regression", follows=Follows(0, 1))
    np.testing.assert_array_equal(last_values(table, target), [[2.0], [2.0]])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    families = {
        "series_baseline": {},
        "linear": {},
        "xgboost": {"n_estimators": 60, "predicts": ["change"]},
        "series_conv": {**QUICK, "predicts": ["change"]},
    }
    folder = tmp_path_factory.mktemp("series") / "study"
    return tuner.tune(make_task(), families, trials=4, folder=folder, seed=1, **QUIET)


def test_models_beat_what_anybody_would_say(study):
    best = {}
    for trial in study.complete:
        best.setdefault(trial.family, trial.value)
    assert set(best) == {"baseline", "series_baseline", "linear", "xgboost", "series_conv"}
    assert best["series_baseline"] <= best["baseline"]
    assert max(best["linear"], best["xgboost"], best["series_conv"]) < best["series_baseline"]
    assert best["linear"] < 0.5 * best["series_baseline"]  # the pressure says what comes, and so does the time of day
    naive = make_task().rows
    said = last_values(naive.table, study.task.target)[:, 0]
    folds = [held_out for _, held_out in study.task.folds]
    by_hand = np.mean([np.abs(said[rows] - naive.target[rows]).mean() for rows in folds])
    assert best["baseline"] == pytest.approx(by_hand, rel=1e-5)


def test_an_ensemble_forecasts_what_comes_after_the_last_row(study, tmp_path):
    ensemble = study.ensemble("uniform")
    ensemble.test()
    frame = weather(30, seed=5)
    cut = 150
    known = frame[["holiday"]].iloc[cut : cut + 3]
    loaded = tuner.load(ensemble.save(tmp_path / "bundle"))
    said = tuner.forecast(loaded, frame.iloc[:cut], known=known)
    assert list(said.columns) == ["temperature+3"]
    assert said.index[0] == frame["time"].iloc[cut - 1]
    rows = make_task(frame, test=None).rows
    row = int(np.flatnonzero(rows.table.arrays[0].starts == cut - 24)[0])
    expected = loaded.outputs(rows.table.take(slice(row, row + 1)))[0, 0]
    assert said.iloc[0, 0] == pytest.approx(expected, rel=1e-5)
    (model,) = study.best_models()
    alone = tuner.forecast(model, frame.iloc[:cut], known=known)
    assert alone.iloc[0, 0] == pytest.approx(
        model.ensemble.outputs(rows.table.take(slice(row, row + 1)))[0, 0], rel=1e-5
    )
    with pytest.raises(
        TableError, match=r"is missing; .*; rows to predict are windows: tuner.forecast\(ensemble, frame\)"
    ):
        loaded.predict(frame)
    with pytest.raises(DataError, match=r"rows of a forecast are windows of a series, .* \(\{'past': windows, 'table'"):
        model.evaluate(frame)
    beside = pd.DataFrame(rows.table.numbers, columns=study.task.schema.names[:-1])
    windows = {"past": np.asarray(rows.table.arrays[0]), "table": beside}
    expected = np.abs(model.ensemble.outputs(rows.table)[:, 0] - rows.target).mean()
    assert model.evaluate(windows, rows.target)["mae"] == pytest.approx(expected)
    with pytest.raises(DataError, match="forecast needs 'holiday' 3 steps after the last row"):
        tuner.forecast(loaded, frame.iloc[:cut])
    with pytest.raises(DataError, match="forecast needs the last 24 steps, got 20"):
        tuner.forecast(loaded, frame.iloc[:20], known=known)


def test_several_horizons_are_several_targets(tmp_path):
    task = make_task(horizon=[1, 6], split={"folds": 1})
    assert [part.name for part in task.target.each] == ["temperature+1", "temperature+6"]
    families = {"series_dense": {**QUICK, "predicts": ["change"]}, "linear": {"predicts": ["change"]}}
    study = tuner.tune(task, families, trials=2, folder=tmp_path / "s", **QUIET)
    assert len([trial for trial in study.complete if trial.family != "baseline"]) == 2
    said = tuner.forecast(study.ensemble("uniform"), weather(5), known=pd.DataFrame({"holiday": [0] * 6}))
    assert said.shape == (1, 2)
    assert np.isfinite(said.to_numpy()).all()


@pytest.mark.parametrize("predicts", ["change", "level"])
def test_a_level_or_a_change(predicts):
    """On a series that has drifted far away from where it was, only changes can be told."""
    steps = np.arange(400.0)
    frame = pd.DataFrame({"value": steps + np.random.default_rng(0).normal(0, 0.3, 400)})
    task = tuner.series_task(frame, "value", window=6, split={"folds": 1})
    (fold, held_out), *_ = make_folds(task)
    space = narrow(FAMILIES["xgboost"].space(task.signature), {"n_estimators": 50, "predicts": [predicts]})
    (fitted,) = FAMILIES["xgboost"].build(defaults(space), task.signature).fit([fold], lambda *a: None)
    error = np.abs(fitted.predict(held_out.table)[:, 0] - held_out.target).mean()
    assert (error < 1) == (predicts == "change")


def test_the_baseline_is_compared_on_the_rows_that_score_the_ensemble(study):
    """In time order the first parts score no ensemble, and the baseline's own value is of all of them."""
    combined = study.ensemble("uniform")
    fitted, (baseline,) = combined.choice.fitted, [trial for trial in study.complete if trial.family == "baseline"]
    said = np.load(study.attempt_folder(baseline) / "held_out.npz")["predictions"][fitted.rows]
    for nearer, warned in ((0.0, True), (0.01, False)):
        outputs = said + nearer * (combined.held.target[fitted.rows][:, None] - said)
        changed = replace(combined, choice=replace(combined.choice, fitted=replace(fitted, ensemble=outputs)))
        assert any("no better than the common-sense baseline" in one for one in changed.warnings()) == warned


def test_a_constant_channel_says_nothing():
    frame = weather().assign(pressure=7.0)
    task = make_task(frame, test=None, split={"folds": 1})
    (fold, held_out), *_ = make_folds(task)
    config = defaults(FAMILIES["linear"].space(task.signature))
    (fitted,) = FAMILIES["linear"].build(config, task.signature).fit([fold], lambda *a: None)
    assert np.isfinite(fitted.predict(held_out.table)).all()


@pytest.mark.slow
def test_a_joint_model_of_changes_begins_as_the_average_in_the_first_fold(study):
    joined = study.ensemble("joint")
    made = JointTrial(next((study.folder / "joint").glob("xgboost-*")), ("", ""))
    assert made.epochs[0] == 0
    (member,) = joined.members
    stored = [load_fitted(folder) for folder in member.folders]
    assert all(isinstance(one, ChangeFitted) for one in stored)
    rows = study.task.test.table.take(slice(0, 50))
    first = stored[0].fitted
    said = np.stack([one.predict(rows) for one in (first.average.tree, first.average.tower)])
    average = np.tensordot(first.average.coefficients, said, axes=1) + last_values(rows, study.task.target)
    # Sums of single-precision numbers of some ten degrees, of which one comes to nearly nothing.
    np.testing.assert_allclose(stored[0].predict(rows), average, rtol=1e-5, atol=1e-5)
    naive = next(trial.value for trial in study.complete if trial.family == "series_baseline")
    assert joined.scores["ensemble"]["cross_fitted"] < naive


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    """An ensemble of the mean of the last day, of a task whose calendar is not read."""
    task = make_task(known=[], calendar=False, test=None, split={"folds": 1})
    families = {"series_baseline": {"forecast": ["mean"]}}
    folder = tmp_path_factory.mktemp("steady") / "study"
    study = tuner.tune(task, families, trials=1, folder=folder, **QUIET)
    trial = next(trial for trial in study.trials if trial.family == "series_baseline")
    return single_ensemble(study, trial)


def test_a_window_that_begins_with_a_missing_step_holds_what_was_before(steady):
    frame = weather(10)
    frame.loc[len(frame) - 24, "temperature"] = np.nan
    filled = frame["temperature"].ffill()
    said = tuner.forecast(steady, frame).iloc[0, 0]
    assert said == pytest.approx(filled.iloc[-24:].mean(), rel=1e-5)


def test_gaps_are_filled_before_a_forecast_though_the_calendar_is_not_read(steady):
    frame = weather(10)
    gap = frame.drop(index=range(len(frame) - 12, len(frame) - 6))
    whole = frame.set_index("time")["temperature"].where(frame.set_index("time").index.isin(gap["time"])).ffill()
    said = tuner.forecast(steady, gap)
    assert said.iloc[0, 0] == pytest.approx(whole.iloc[-24:].mean(), rel=1e-5)
    assert said.index[0] == frame["time"].iloc[-1]


def test_what_is_known_may_hold_more_than_is_needed(study):
    frame = weather(10, seed=5)
    ensemble = study.ensemble("uniform")
    exact = tuner.forecast(ensemble, frame.iloc[:150], known=frame[["holiday"]].iloc[150:153])
    more = tuner.forecast(ensemble, frame.iloc[:150], known=frame.iloc[150:170])
    pd.testing.assert_frame_equal(exact, more)


def test_flags_stay_channels_where_time_has_gaps():
    frame = weather().assign(open=lambda f: f["temperature"] > 10).drop(index=100)
    task = make_task(frame, test=None)
    assert task.schema.arrays[0].details["channels"] == ["temperature", "pressure", "open"]


def test_a_series_that_is_too_short_within_a_fold_is_refused_at_once():
    with pytest.raises(ValueError, match="rows are too few to be cut with 26 left out"):
        make_task(weather(6), test=None)


@pytest.mark.parametrize("split", ["time", {"folds": 2}, tuner.Split("time", folds=2), None])
def test_splits_of_a_series_have_a_gap(split):
    assert make_task(split=split).split.gap == 26


def test_a_study_file_of_a_series_ends_in_a_forecast(tmp_path):
    weather(30).to_csv(tmp_path / "weather.csv", index=False)
    text = """
        [study]
        name = "weather"
        workers = 0
        tracking = "none"
        [budget]
        trials = 2
        [data]
        train = "weather.csv"
        target = "temperature"
        time = "time"
        series = { window = 24, horizon = 3, channels = ["pressure"] }
        split = { folds = 2 }
        [families.series_baseline]
        [families.linear]
        """
    (tmp_path / "weather.toml").write_text(text)
    done = CliRunner().invoke(main, ["run", str(tmp_path / "weather.toml")])
    assert done.exit_code == 0, done.output
    folder = str(tmp_path / "runs" / "weather")
    done = CliRunner().invoke(main, ["predict", folder, str(tmp_path / "weather.csv"), "--format", "csv"])
    assert done.exit_code == 0, done.output
    assert "temperature+3" in done.output
    assert "2026-03-30 23:00:00" in done.output
    (tmp_path / "weather.toml").write_text(text.replace("window =", "windw ="))
    done = CliRunner().invoke(main, ["run", str(tmp_path / "weather.toml")])
    assert done.exit_code == 2
    assert "unknown name 'windw', did you mean 'window'" in done.output


def test_whole_numbers_of_any_library_are_steps(tmp_path):
    task = make_task(window=np.int64(24), horizon=np.array([1, 3]), stride=np.int32(2))
    task.save(tmp_path)
    opened = tuner.Task.open(tmp_path)
    assert opened.digest == task.digest
    assert opened.target == task.target
    np.testing.assert_array_equal(opened.rows.table.arrays[0].starts, task.rows.table.arrays[0].starts)


def test_standard_errors_know_that_windows_overlap(study):
    task = study.task
    assert task.split.gap == 26
    assert set(np.bincount(task.drawn_together)[:-1]) == {27}
    assert len(task.test_drawn_together) == len(task.test)
    assert len(np.unique(blocks(100, 99))) == 5  # a bootstrap of one block would draw rows
    table = compare(study, ["uniform"], test=True).set_index("model")
    naive = table.loc["baseline-000000"]
    assert (naive["better than baseline by"], naive["standard error"]) == (0, 0)
    gains = table["test mae"].iloc[0] - table["test mae"]
    np.testing.assert_allclose(table["better than baseline by"], gains, atol=1e-6)


def test_moments_that_no_forecast_expected_are_flagged(study):
    combined = study.ensemble()
    later = weather(days=20, seed=5)
    spoilt = later.copy()
    odd = [200, 300, 400]
    spoilt.loc[odd, "temperature"] += 40
    found = tuner.anomalies(combined, spoilt, known=["holiday"])
    assert found.index.equals(pd.DatetimeIndex(later["time"].iloc[26:], name=found.index.name))
    np.testing.assert_allclose(found["observed"], spoilt["temperature"].iloc[26:])
    assert found["anomaly"].loc[later["time"].iloc[odd]].all()
    assert found["threshold"].iloc[0] == pytest.approx(np.quantile(combined.ensemble.distances, 0.99))
    usual = tuner.anomalies(combined, later, known=["holiday"])
    assert usual["anomaly"].mean() < 0.1
    said = tuner.forecast(combined, later.iloc[:-3], known=later[["holiday"]].iloc[-3:])
    assert usual["expected"].iloc[-1] == pytest.approx(said.iloc[0, 0], rel=1e-5)
    with pytest.raises(ValueError, match="quantile must be between 0 and 1, got 99"):
        tuner.anomalies(combined, later, quantile=99)
