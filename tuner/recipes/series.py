"""Forecasts: from the last steps of a series to its value some steps later.

Each row is a moment: the window of steps up to it is the input, what comes `horizon` steps later the target. Windows
share one array in memory, and splits leave out the rows whose window or target lies across a cut.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ensembles.ensemble import Ensemble
from spaces.inputs.columns import check_named_once, with_columns
from spaces.inputs.files import DataError
from spaces.inputs.series.border import Series
from spaces.inputs.series.reading import carried_forward
from spaces.language.complaints import unknown_name
from spaces.machine.mistakes import briefly
from spaces.rows.arrays import Stretches
from spaces.rows.columns import Column
from spaces.rows.target import Follows
from tuner.amounts import Count
from tuner.ensembling.predictor import Predictor
from tuner.scoring.score import Metric
from tuner.task.folds import fold_parts
from tuner.task.reading import read_frame
from tuner.task.splits import Split
from tuner.task.task import Task
from tuner.task.times import time_stamps

PAST = "past"
# Neither the day, which never comes again, nor the month, which few series have seen often: a linear model that counts
# on them runs away.
_CALENDAR = ("hour", "day_of_week")
_Step = pd.Timedelta | pd.tseries.offsets.BaseOffset
_MONTHS = (12, 3, 1)  # of a step, the longest first: all years are quarters too
_DAY, _WEEK = pd.Timedelta(days=1), pd.Timedelta(days=7)


@briefly
def series_task(
    data: Any,
    target: str | Sequence[str],
    *,
    window: Count,
    horizon: Count | Sequence[int] = 1,
    stride: Count = 1,
    every: Count = 1,
    time: str | None = None,
    channels: Sequence[str] | None = None,
    known: Sequence[str] = (),
    calendar: bool = True,
    metric: str | Metric | Mapping[str, Any] | None = "mae",
    metrics: Sequence[str | Metric] = (),
    split: Split | Mapping[str, Any] | str | None = None,
    test: float | None = None,
    missing: Sequence[str] = (),
    seed: int = 0,
) -> Task:
    """Make a task of a series: forecast a column from the steps before.

    Args:
        data: A data frame, or the path of a CSV, TSV or Parquet file: a row a step, in order, steps of equal length,
            or of a month, a quarter, a year.
        target: The column to be forecast, or several.
        window: Steps that are read.
        horizon: How many steps after the window's last one the target is, or several such numbers.
        stride: Every so many steps a row begins.
        every: Of the steps before, every so many is read: `window=240, every=6` are 240 hours of steps of ten minutes.
        time: The column of time stamps: dates, or texts of dates that can be read in one way. Gaps are filled with
            missing steps; what is forecast knows its own date.
        channels: The columns that are read; all of numbers when left out, the target among them.
        known: Columns that are known beforehand, such as holidays: they are read at the moment of the forecast.
        calendar: Whether hour and weekday of that moment are read, where there is a time column.
        metric: As for `tuner.Task`.
        metrics: As for `tuner.Task`.
        split: How moments are divided, in time order; `{"folds": 3}` (forward chaining) when left out.
        test: The share at the end that only `ensemble.test()` reads.
        missing: As for `tuner.Task`.
        seed: The task's seed.

    Raises:
        DataError: A column is missing, time stamps are unsorted, doubled or of unequal distance, or the series is too
            short for the window.
        ValueError: A number is out of range.
    """
    window, stride, every = _count("window", window), _count("stride", stride), _count("every", every)
    span = (window - 1) * every + 1
    horizons = [_count("horizon", one) for one in ([horizon] if np.ndim(horizon) == 0 else horizon)]  # type: ignore[union-attr]
    if not horizons or len(set(horizons)) < len(horizons):
        raise ValueError(f"horizon must be a number of steps, or several different ones, got {horizon!r}")
    targets = [target] if isinstance(target, str) else list(target)
    frame, step = _steps(read_frame(data, missing=missing), time)
    for name in (*targets, *(channels or ()), *known):
        if name not in frame.columns:
            raise DataError(f"series: {unknown_name(name, list(frame.columns))}")
    read = list(channels) if channels is not None else _numbers(frame, leave_out=[*known, *([time] if time else [])])
    read += [name for name in targets if name not in read]
    base = _channels(frame, read)
    if empty := [name for name, values in zip(read, base.T, strict=True) if np.isnan(values).all()]:
        raise DataError(f"channel {empty[0]!r} holds no number at all")
    moments = np.arange(span - 1, len(frame) - max(horizons), stride)
    if len(moments) < 4:
        raise DataError(
            f"{len(frame)} steps are too few for windows of {span} and a target {max(horizons)} steps later"
        )
    values = {
        f"{name}+{ahead}": frame[name].to_numpy(np.float64)[moments + ahead] for name in targets for ahead in horizons
    }
    there = np.isfinite(np.stack(list(values.values()))).all(axis=0)
    moments = moments[there]
    rows = pd.DataFrame({name: one[there] for name, one in values.items()})
    dated = time if calendar and isinstance(step, pd.Timedelta) else None
    rows = pd.concat([rows, _known(frame, moments, horizons, known=known, time=dated)], axis=1)
    gap = math.ceil((span - 1 + max(horizons)) / stride)
    division = _division(split, gap)
    stretches = Stretches(base, moments - (span - 1), window, every)
    read_step = None if step is None or any(horizon % every for horizon in horizons) else step * every
    task = Task(
        {"table": rows, PAST: stretches},
        list(values) if len(values) > 1 else next(iter(values)),
        metric=metric,
        metrics=metrics,
        kind="regression",
        split=division,
        test=test,
        seed=seed,
        continues={f"{name}+{ahead}": Follows(read.index(name), ahead) for name in targets for ahead in horizons},
        columns={PAST: Series(tuple(read), periods=_periods(read_step), clock=time or "", every=every)},
    )
    fold_parts(task)  # refuses a series that is too short for the gap within a fold's training rows
    return task


def forecast(ensemble: Ensemble | Predictor, data: Any, *, known: pd.DataFrame | None = None) -> pd.DataFrame:
    """Forecast what comes after the last row of some data.

    Args:
        ensemble: Or a model, of a `series_task`.
        data: At least a window of rows, as `series_task` was given.
        known: Where the task has columns that are known beforehand: these columns for the moments to come, one row a
            step after the last of `data`.

    Returns:
        One row, with a column for each target; its index is the last time stamp, or row.

    Raises:
        DataError: A column is missing, or there are fewer rows than the window has steps.
        ValueError: The ensemble is of another task.
    """
    ensemble = ensemble if isinstance(ensemble, Ensemble) else ensemble.ensemble
    past = _past_of(ensemble)
    channels, time = past.details["channels"], past.details["clock"] or None
    columns = [column.name for column in ensemble.schema.columns if column.name != PAST]
    frame, step = _steps(read_frame(data), time)
    for name in channels:
        if name not in frame.columns:
            raise DataError(f"series: {unknown_name(name, list(frame.columns))}")
    every = past.details.get("every", 1)
    span = (past.shape[0] - 1) * every + 1
    if len(frame) < span:
        raise DataError(f"forecast needs the last {span} steps, got {len(frame)}")
    ahead = {name: int(name.rpartition("+")[2]) for name in columns}
    row: dict[str, list[Any]] = {}
    for name, steps in ahead.items():
        origin = name.rpartition("+")[0]
        if time is not None and step is not None and origin in {f"{time}.{part}" for part in _CALENDAR}:
            row[name] = [getattr(frame[time].iloc[-1] + steps * step, origin.rpartition(".")[2])]
        elif known is None or origin not in known.columns or len(known) < steps:
            raise DataError(f"forecast needs {origin!r} {steps} steps after the last row: known=DataFrame(...)")
        else:
            row[name] = [known[origin].iloc[steps - 1]]
    # As in training, what is missing at a window's beginning is carried on from before it.
    base = carried_forward(_channels(frame, channels))
    window = base[None, -span::every]
    predicted = np.asarray(ensemble.predict({"table": pd.DataFrame(row, index=[0]), PAST: window})).reshape(1, -1)
    index = [frame[time].iloc[-1] if time is not None else frame.index[-1]]
    return pd.DataFrame(predicted, columns=[one.name for one in ensemble.target.each], index=index)


def anomalies(
    ensemble: Ensemble | Predictor, data: Any, *, quantile: float = 0.99, known: Sequence[str] = ()
) -> pd.DataFrame:
    """Say which moments of a series were not as a forecast expected them.

    The threshold is a quantile of the errors on rows that were held out of the members (see `Ensemble.distances`), so
    that of usual moments a share of about `1 - quantile` is flagged.

    Args:
        ensemble: Or a model, of a `series_task` with one target.
        data: The series, as `series_task` was given: every moment behind the first window is judged.
        quantile: Of the errors of held-out rows, above which a moment is odd.
        known: The columns that are known beforehand, where the task has some.

    Returns:
        One row a moment, in order: its time stamp or row as index, and the columns `expected`, `observed`, `error`,
        `threshold` and `anomaly`.

    Raises:
        DataError: A column is missing, or the series is shorter than a window.
        ValueError: The ensemble is of another task or of several targets, or the quantile is not between 0 and 1.
    """
    ensemble = ensemble if isinstance(ensemble, Ensemble) else ensemble.ensemble
    if not 0 < quantile < 1:
        raise ValueError(f"quantile must be between 0 and 1, got {quantile!r}")
    past, target = _past_of(ensemble), ensemble.target
    channels, time = past.details["channels"], past.details["clock"] or None
    if target.parts or target.follows is None:
        raise ValueError("anomalies needs an ensemble that forecasts one target, at one horizon")
    horizon, name = target.follows.horizon, channels[target.follows.channel]
    task = series_task(
        data,
        name,
        window=past.shape[0],
        horizon=horizon,
        every=past.details.get("every", 1),
        time=time,
        channels=channels,
        known=known,
        calendar=any(column.name.partition("+")[0] == f"{time}.hour" for column in ensemble.schema.columns),
    )
    if task.schema.names != ensemble.schema.names:
        reads, given = (", ".join(one.names) for one in (ensemble.schema, task.schema))
        raise DataError(f"the ensemble reads {reads}, and this is {given}: name what is known beforehand, known=[...]")
    expected, observed = ensemble.outputs(task.rows.table)[:, 0], task.rows.target
    error, threshold = np.abs(expected - observed), float(np.quantile(ensemble.distances, quantile))
    frame, _ = _steps(read_frame(data), time)
    stretches = task.rows.table.arrays[0]
    assert isinstance(stretches, Stretches)
    at = stretches.last + horizon
    return pd.DataFrame(
        {
            "expected": expected,
            "observed": observed,
            "error": error,
            "threshold": threshold,
            "anomaly": error > threshold,
        },
        index=frame[time].iloc[at] if time else frame.index[at],
    )


def _past_of(ensemble: Ensemble) -> Column:
    """Return the series that an ensemble forecasts from."""
    columns = {column.name: column for column in ensemble.schema.columns}
    if PAST not in columns or any(part.follows is None for part in ensemble.target.each):
        raise ValueError("this needs an ensemble of a series task: tuner.series_task(frame, target, window=...)")
    return columns[PAST]


def _count(name: str, value: Any) -> int:
    """Return a number of steps, of whatever library's whole numbers it is one."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a number of steps, at least 1, got {value!r}")
    return int(value)


def _channels(frame: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
    """Return columns as a series, `(steps, channels)`; missing steps are NaN."""
    for name in names:
        if not pd.api.types.is_numeric_dtype(frame[name].dtype):  # flags are numbers too
            raise DataError(f"channel {name!r} must hold numbers, got {frame[name].dtype}: leave it out of channels")
    base = frame[list(names)].to_numpy(np.float64)
    if np.isinf(base).any():
        raise DataError("the series holds infinite numbers: replace them, or leave the cells empty")
    return base


def _division(split: Split | Mapping[str, Any] | str | None, gap: int) -> Split:
    """Return how moments are divided: in time order, with a gap at each cut unless another one is asked for."""
    given = (
        asdict(split) if isinstance(split, Split) else {"kind": split} if isinstance(split, str) else dict(split or {})
    )
    if given.get("kind", "time") != "time":
        raise ValueError(f"a series is divided in time order: split kind must be 'time', got {given['kind']!r}")
    if isinstance(split, Split) and not split.gap:
        del given["gap"]
    return Split.of({"folds": 3, "gap": gap, **given}, "time")


def _steps(frame: pd.DataFrame, time: str | None) -> tuple[pd.DataFrame, _Step | None]:
    """Return the steps in order, missing ones filled in with nothing, and how long a step is."""
    frame = frame.rename(columns=str)
    check_named_once(frame)
    if time is None:
        return frame.reset_index(drop=True), None
    if time not in frame.columns:
        raise DataError(f"time: {unknown_name(time, list(frame.columns))}")
    stamps = time_stamps(frame[time], time)
    if stamps.duplicated().any():
        raise DataError(f"time column {time!r} holds {stamps[stamps.duplicated()].iloc[0]} twice: one row a moment")
    if not stamps.is_monotonic_increasing:
        raise DataError(f"time column {time!r} is not in order: sort the rows by it")
    if len(stamps) < 2:
        raise DataError(f"a series needs more than {len(stamps)} rows")
    even, step = _even(stamps, time)
    flags = {name: frame[name].astype(float) for name in frame.columns if frame[name].dtype == bool}
    filled = with_columns(frame, {**flags, time: stamps}).set_index(time).reindex(even)
    return filled.rename_axis(time).reset_index(), step


def _even(stamps: pd.Series[Any], time: str) -> tuple[pd.DatetimeIndex, _Step]:
    """Return all moments from the first to the last, those that are missing among them, and how long a step is."""
    step: _Step = stamps.diff().mode().iloc[0]
    even = pd.date_range(stamps.iloc[0], stamps.iloc[-1], freq=step)
    if not len(odd := stamps[~stamps.isin(even)]):
        return even, step
    for months in _MONTHS:
        for calendar in (pd.DateOffset(months=months), pd.offsets.MonthEnd(months)):
            even = pd.date_range(stamps.iloc[0], stamps.iloc[-1], freq=calendar)
            if stamps.isin(even).all():
                return even, calendar
    raise DataError(
        f"time column {time!r}: {odd.iloc[0]} is no multiple of {step} after the first moment; bring the steps to "
        "one length first, as with DataFrame.resample"
    )


def _numbers(frame: pd.DataFrame, *, leave_out: Sequence[str]) -> list[str]:
    found = [name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name].dtype)]
    return [name for name in found if name not in leave_out and frame[name].notna().any()]


def _known(
    frame: pd.DataFrame, moments: NDArray[np.int64], horizons: Sequence[int], *, known: Sequence[str], time: str | None
) -> pd.DataFrame:
    """Return what is known beforehand of the moments that are forecast: a column for each of these and horizon."""
    found: dict[str, Any] = {}
    if time:
        later = pd.DatetimeIndex(frame[time].iloc[moments + horizons[-1]])
        for part in _CALENDAR:
            values = np.asarray(getattr(later, part))
            if len(np.unique(values)) > 1:
                found[f"{time}.{part}+{horizons[-1]}"] = values
    for name in known:
        found |= {f"{name}+{ahead}": frame[name].to_numpy()[moments + ahead] for ahead in horizons}
    return pd.DataFrame(found)


def _periods(step: _Step | None) -> tuple[int, ...]:
    """Return how many steps a day and a week have, or months a year, where these are whole numbers above 1."""
    if step is None:
        return ()
    if not isinstance(step, pd.Timedelta):
        year = 12 // getattr(step, "months", step.n)
        return (year,) if year > 1 else ()
    found = [period / step for period in (_DAY, _WEEK)]
    return tuple(int(one) for one in found if one > 1 and one == int(one))
