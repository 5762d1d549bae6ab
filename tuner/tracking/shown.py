"""The names and values that runs show in MLflow, of a study and its trials. Nothing here talks to MLflow."""

from __future__ import annotations

import hashlib
import heapq
import math
import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from spaces.engines.curves import Curve, Curves, mean_of
from tuner.plain_names import plain
from tuner.search.ledger import Trial

CurvesShown = Literal["mean", "folds", "none"]
TrialsShown = Literal["all", "top", "none"]
TOP = 20
_SIGNS = "-/. "  # in names, beside letters and digits
_LONGEST = 200
_DIGITS = 6
_CURVE_POINTS, _STUDY_POINTS = 100, 200
_SETTINGS = ("learning_rate",)  # of a training, which are of no rows
_VALUE = 500  # letters of a parameter
_NOTE = 3500  # letters of an error or a traceback


class Point(NamedTuple):
    """A number of a run: its name, step, value, and when it was known, in seconds since 1970."""

    key: str
    step: int
    value: float
    when: float


class Tracked(Protocol):
    """What the tracker asks of a study."""

    @property
    def name(self) -> str:
        """The study's name, its experiment's too."""

    @property
    def id(self) -> str:
        """What identifies it; its parent run carries it as a tag."""

    @property
    def metric(self) -> str:
        """The deciding metric."""

    @property
    def sign(self) -> int:
        """1 where less is better, else -1."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Constants, logged on the parent."""

    @property
    def dataset(self) -> Mapping[str, Any] | None:
        """Name, digest, source and profile of the data, logged on the parent."""

    @property
    def artifacts(self) -> str | None:
        """Where artifacts go; None where the server decides."""

    @property
    def columns(self) -> tuple[list[str], list[str]]:
        """Further metrics, and parameters, that the leaderboard shows."""

    @property
    def curve_names(self) -> Sequence[str]:
        """Curves that have a chart in the experiment's view of charts, training rows beside inner ones."""

    def note(self, pages: Mapping[str, str]) -> str:
        """Return the parent's description in markdown; `pages` are the addresses of trials' runs."""

    def finished(self) -> list[Trial]:
        """Return all finished trials in the order in which they ended."""

    def curves(self, trial: Trial) -> list[Any]:
        """Return a trial's curves, one mapping a fold."""

    def use(self, trial: Trial) -> str:
        """Return how to use a trial that succeeded, and where its files lie."""

    def traceback(self, trial: Trial) -> str:
        """Return where a trial raised; nothing of one that did not."""

    def files(self) -> Mapping[str, str]:
        """Return texts that are kept as the parent's artifacts, by name."""


def accepted(name: str) -> str:
    """Return a name as MLflow accepts it; two different names never become one.

    >>> accepted("units"), accepted("rate(a)") == accepted("rate[a]")
    ('units', False)
    """
    changed = plain(name, _SIGNS)
    if posixpath.normpath(changed) != changed or changed.startswith(("/", ".")):  # MLflow takes names for paths
        changed = changed.replace("/", "_").replace(".", "_")
    if changed == name and len(name) <= _LONGEST:
        return name
    return f"{changed[:_LONGEST]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def rounded(value: float) -> float:
    """Return a number of six digits: what a table can show."""
    return float(f"{value:.{_DIGITS}g}")


def worded(value: Any) -> str:
    """Return a parameter as a table can show it; what it is exactly stands in the trial's own folder.

    >>> worded(0.12345678901), worded(1.0), worded(1_234_567), worded(True)
    ('0.123457', '1', '1234567', 'True')
    """
    return (f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value))[:_VALUE]


def trials_shown(trials: Sequence[Trial], sign: int, how: TrialsShown) -> set[str]:
    """Return the names of the trials that have a run of their own.

    Args:
        trials: Finished trials.
        sign: 1 where less is better, else -1.
        how: `"all"`, `"top"` for the twenty best, or `"none"`.
    """
    if how != "top":
        return {trial.name for trial in trials} if how == "all" else set()
    scored = [(sign * trial.value, trial.name) for trial in trials if trial.value is not None]
    return {name for _, name in heapq.nsmallest(TOP, scored)}


def run_name(trial: Trial) -> str:
    """Return the trial's name, with two numbers among its parameters: `dense-000003 units=64 rate=0.01`.

    They are the first fraction, such as a learning rate, and the first count above one.
    """
    fractions = [name for name, value in trial.params.items() if isinstance(value, float)]
    counts = [name for name, value in trial.params.items() if isinstance(value, int) and value > 1]
    shown = {*fractions[:1], *counts[:1]}
    told = [f"{_leaf(name)}={_short(value)}" for name, value in trial.params.items() if name in shown]
    return " ".join([trial.name, *told])


def _leaf(name: str) -> str:
    """Return the last part of a parameter's name that says something: `dropout` of `dropout.some`."""
    return name.removesuffix(".some").rpartition(".")[2]


def trial_points(trial: Trial, metric: str) -> list[Point]:
    """Return a trial's scores, each once: `log_loss`, `log_loss_std`, `train_log_loss`, `seconds`, `memory_mb`.

    Args:
        trial: The trial.
        metric: The name of the deciding metric.
    """
    outcome = trial.outcome
    assert outcome is not None
    numbers = dict(outcome.scores.get("held_out", {}))
    if trial.value is not None:
        numbers = {metric: trial.value, f"{metric}_std": float(np.std(outcome.scored)), **numbers}
    numbers |= {f"train_{key}": value for key, value in outcome.scores.get("train", {}).items()}
    numbers["seconds"] = outcome.seconds
    if outcome.memory:
        numbers["memory_mb"] = outcome.memory / 1e6
    when = outcome.started + outcome.seconds
    return [Point(accepted(key), 0, rounded(value), when) for key, value in numbers.items()]


def curve_points(folds: Sequence[Curves], when: float, how: CurvesShown) -> list[Point]:
    """Return a trial's curves, such as `loss/train` and `loss/validation`, as the mean over folds or fold by fold.

    Args:
        folds: Curves of each fold.
        when: When they were known, in seconds since 1970.
        how: `"mean"`, `"folds"` or `"none"`.
    """
    if how == "none":
        return []
    if how == "folds":
        each = (
            (f"{curve.label}/fold-{k}", values) for k, curves in enumerate(folds) for curve, values in curves.items()
        )
    else:
        known = dict.fromkeys(curve for curves in folds for curve in curves if curves[curve])
        each = ((_label(curve), mean_of([curves[curve] for curves in folds if curves.get(curve)])) for curve in known)
    return [
        Point(accepted(key), step, rounded(values[step]), when)
        for key, values in each
        for step in _thinned([step for step, value in enumerate(values) if not math.isnan(value)])
    ]


def study_points(trials: Sequence[Trial], metric: str, sign: int) -> list[Point]:
    """Return how a study went, a step a trial: the best score so far, trials by state, seconds of training.

    Of hundreds of trials every second step is kept, or every fourth, and so on, and each new best.

    Args:
        trials: Finished trials, in the order in which they ended.
        metric: The name of the deciding metric.
        sign: 1 where less is better, else -1.
    """
    points: list[Point] = []
    best, seconds, states = None, 0.0, Counter[str]()
    every = 1 << (len(trials) // _STUDY_POINTS).bit_length()
    for step, trial in enumerate(trials):
        outcome = trial.outcome
        assert outcome is not None
        when = outcome.started + outcome.seconds
        seconds += outcome.seconds
        states[trial.state] += 1
        if better := trial.value is not None and (best is None or sign * trial.value < sign * best):
            best = trial.value
        if not better and (step + 1) % every and step + 1 < len(trials):
            continue
        numbers = {} if best is None else {f"best_{metric}": best}
        numbers |= {f"trials_{state}": float(states[state]) for state in ("complete", "pruned", "failed")}
        numbers["trial_seconds"] = seconds
        points += [Point(accepted(key), step, rounded(value), when) for key, value in numbers.items()]
    return points


def ensemble_numbers(metric: str, scores: Mapping[str, Any], members: int) -> dict[str, float]:
    """Return an ensemble's scores for the study's run: its own, and that of one model chosen the same way.

    The difference has its standard error. Of one trial's model there is its score alone.

    Args:
        metric: The name of the deciding metric.
        scores: The ensemble's `scores`.
        members: How many models it has.
    """
    if "difference" not in scores:
        return {accepted(f"single_{metric}"): rounded(float(scores["ensemble"]["cross_fitted"]))}
    difference = scores["difference"]
    numbers = {
        f"ensemble_{metric}": scores["ensemble"]["cross_fitted"],
        f"one_model_{metric}": scores["comparator"]["cross_fitted"],
        "ensemble_minus_one_model": difference["cross_fitted"],
        "ensemble_minus_one_model_standard_error": difference["standard_error"],
        "ensemble_members": members,
    }
    for name in ("ensemble", "best_single"):
        numbers |= {f"{name}_test_{key}": value for key, value in scores[name].get("test", {}).items()}
    finite = {key: float(value) for key, value in numbers.items() if value is not None and np.isfinite(value)}
    return {accepted(key): rounded(value) for key, value in finite.items()}


def _label(curve: Curve) -> str:
    """Return a name such as `loss/train`, and the bare name of a setting."""
    name = f"{curve.target}/{curve.name}" if curve.target else curve.name
    return name if curve.name in _SETTINGS else f"{name}/{curve.part}"


def _thinned(steps: Sequence[int]) -> list[int]:
    """Return at most a hundred steps of a curve, its ends among them."""
    if len(steps) <= _CURVE_POINTS:
        return list(steps)
    return [steps[i] for i in sorted({round(i * (len(steps) - 1) / (_CURVE_POINTS - 1)) for i in range(_CURVE_POINTS)})]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def trial_tags(trial: Trial, use: str, traceback: str) -> dict[str, str]:
    """Return the tags of a finished trial: its state, and how to use it or why it failed, as its run's description.

    Args:
        trial: The trial.
        use: How to use one that succeeded; "" of another.
        traceback: Where it raised, "" where it did not; of a long one the end is shown.
    """
    tags: dict[str, str] = {"tuner.state": trial.state}
    if use and trial.state == "complete":
        tags["mlflow.note.content"] = use
    outcome = trial.outcome
    if outcome is not None and (outcome.reason or outcome.error):
        where = f"\n\n```\n{traceback[-_NOTE:].rstrip()}\n```" if traceback else ""
        tags["tuner.failure"] = outcome.reason or trial.state
        tags["mlflow.note.content"] = str(outcome.error)[:_NOTE] + where
    if outcome is not None and outcome.duplicate_of is not None:
        tags["tuner.duplicate_of"] = str(outcome.duplicate_of)
    return tags
