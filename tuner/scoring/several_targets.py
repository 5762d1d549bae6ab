"""Several targets at once: what each counts for the score of all.

Errors in euros and errors in years cannot be added. Where the targets have metrics of their own, each that shrinks is
divided by what the common-sense baseline gets on the training rows, so that 1 is as bad as saying nothing; one that
grows, such as accuracy, is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import SampleWeight
from spaces.language.complaints import unknown_name
from spaces.rows.target import ITSELF, Target
from tuner.plain_names import plain
from tuner.scoring.constant import constant_prediction
from tuner.scoring.metrics import DEFAULT_METRICS, METRICS, check_fits, loss_of, metric_named
from tuner.scoring.score import Metric, Score, TargetScore

WEIGHTED = "weighted_loss"

Wanted = str | Metric | Mapping[str, Any] | None


def scores_of(
    target: Target,
    values: NDArray[Any],
    metric: Wanted,
    *,
    metrics: Sequence[str | Metric],
    sample_weight: SampleWeight = None,
) -> tuple[Target, tuple[Score, ...]]:
    """Return the target with what its models minimise, and its scores, the deciding one first.

    Args:
        target: The target, or several as one.
        values: True values or class indices, `(rows,)` or `(rows, targets)`.
        metric: What decides: a metric; of several targets also a metric or `(metric, weight)` for each, by name.
        metrics: Further metrics.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.

    Raises:
        ValueError: A metric is unknown or does not fit.
    """
    extra = [metric_named(one) for one in metrics]
    _check_names([one for one in (metric, *extra) if isinstance(one, Metric)])
    if not target.parts:
        if isinstance(metric, Mapping):
            raise ValueError(f"metric: {target.name!r} is the only target, so name one metric, not one for each target")
        chosen = metric_named(metric or DEFAULT_METRICS[target.kind])
        for one in (chosen, *extra):
            check_fits(one, target.kind)
        if target.kind == ITSELF and extra:
            raise ValueError("rows without a target have one metric, which says what models learn: leave metrics out")
        target = replace(target, loss=loss_of(chosen, target.kind), weigh_classes=chosen.weighs_classes)
        return target, tuple(Score(one, target.kind, target.classes) for one in dict.fromkeys([chosen, *extra]))
    alike = len({part.kind == "regression" for part in target.parts}) == 1 and target.parts[0].classes
    if metric is None and alike:
        metric = "log_loss"
    if isinstance(metric, str | Metric):
        deciding = _mean(metric_named(metric), target)
        each = {part.name: deciding.metric for part in target.parts}
        if not deciding.of_targets:
            return target, (deciding, *(_mean(one, target) for one in extra))
        kept = [replace(part, loss=loss_of(each[part.name], part.kind)) for part in target.parts]
    else:
        deciding = _weighted(metric or {}, target, values, sample_weight=sample_weight)
        kept = [
            replace(part, loss=loss_of(one.score.metric, part.kind))
            for part, one in zip(target.parts, deciding.of_targets, strict=True)
        ]
    alone: dict[str, Score] = {}
    for part, its in zip(target.parts, deciding.of_targets, strict=True):
        name = _name(part, its.score)
        if name in alone:
            name = _name(replace(part, name=f"{part.name}_{its.place}"), its.score)
        alone[name] = Score(replace(its.score.metric, name=name), "several", of_targets=(replace(its, factor=1.0),))
    return replace(target, parts=tuple(kept)), (deciding, *alone.values(), *(_mean(one, target) for one in extra))


def _check_names(own: Sequence[Metric]) -> None:
    """Refuse two metrics of one name, as scores are kept by name."""
    known: dict[str, Metric] = {}
    for one in own:
        if known.setdefault(one.name, one) != one:
            raise ValueError(f"two metrics are called {one.name!r}: give each a name of its own")


def score_to_json(score: Score) -> Any:
    """Return a score as JSON values: the metric's name, or of several targets what each adds."""
    if not score.of_targets:
        return score.name
    parts = [[part.score.name, part.place, part.factor] for part in score.of_targets]
    return {"name": score.name, "greater_is_better": score.metric.greater_is_better, "parts": parts}


def metric_names(stored: Any) -> list[str]:
    """Return the names of the metrics that a stored score is made of."""
    return [stored] if isinstance(stored, str) else [name for name, _, _ in stored["parts"]]


def score_from_json(stored: Any, target: Target, known: Mapping[str, Metric]) -> Score:
    """Rebuild what `score_to_json` returned.

    Args:
        stored: What it returned.
        target: The target.
        known: All metrics, the user's own among them, by name.
    """
    if isinstance(stored, str):
        return Score(known[stored], target.kind, target.classes)
    parts = tuple(_part(target, place, known[name], factor=factor) for name, place, factor in stored["parts"])
    metric = Metric(stored["name"], _unused, stored["greater_is_better"], "value", kinds=("several",))
    return Score(metric, "several", of_targets=parts)


def _mean(metric: Metric, target: Target) -> Score:
    """Return a metric's mean over the targets, or where it is of labels, the metric of all."""
    kinds = dict.fromkeys(part.kind for part in target.parts)
    if "several" in metric.kinds and list(kinds) == ["binary"]:
        return Score(metric, "several")
    for kind in kinds:
        if kind not in metric.kinds:
            fitting = [name for name, one in METRICS.items() if all(each in one.kinds for each in kinds)]
            fitting += [name for name, one in METRICS.items() if "several" in one.kinds and list(kinds) == ["binary"]]
            those = f"these fit all: {', '.join(dict.fromkeys(fitting))}; or " if fitting else ""
            first = next(part.name for part in target.parts if part.kind == kind)
            raise ValueError(
                f"metric {metric.name!r} does not fit the {kind} target {first!r}; "
                f"{those}name one for each, metric={{'target': 'metric', ...}}"
            )
    factor = 1 / len(target.parts)
    return Score(
        metric, "several", of_targets=tuple(_part(target, i, metric, factor=factor) for i in range(len(target.parts)))
    )


def _weighted(wanted: Mapping[str, Any], target: Target, values: NDArray[Any], *, sample_weight: SampleWeight) -> Score:
    names = [part.name for part in target.parts]
    for name in wanted:
        if name not in names:
            raise ValueError(f"metric: {unknown_name(name, names)}")
    parts = []
    for i, part in enumerate(target.parts):
        metric, weight = _with_weight(wanted.get(part.name) or DEFAULT_METRICS[part.kind], part.name)
        check_fits(metric, part.kind)
        if not metric.greater_is_better:
            weight /= _of_baseline(metric, part, target.column(values, i), sample_weight=sample_weight)
        parts.append(_part(target, i, metric, factor=-weight if metric.greater_is_better else weight))
    return Score(Metric(WEIGHTED, _unused, False, "value", kinds=("several",)), "several", of_targets=tuple(parts))


def _with_weight(given: Any, target: str) -> tuple[Metric, float]:
    metric, weight = given if isinstance(given, list | tuple) and len(given) == 2 else (given, 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not weight > 0:
        raise ValueError(f"metric of {target!r}: the weight must be a number above 0, got {weight!r}")
    return metric_named(metric), float(weight)


def _of_baseline(metric: Metric, part: Target, values: NDArray[Any], *, sample_weight: SampleWeight) -> float:
    """Return the baseline's score on the rows that it was learned from; 1 where that is not above zero."""
    learned = replace(part, loss=loss_of(metric, part.kind))
    outputs = constant_prediction(learned, values, len(values), sample_weight=sample_weight)
    found = Score(metric, part.kind, part.classes)(values, outputs, sample_weight)
    return found if np.isfinite(found) and found > 0 else 1.0


def _part(target: Target, place: int, metric: Metric, *, factor: float) -> TargetScore:
    part = target.parts[place]
    return TargetScore(Score(metric, part.kind, part.classes), place, target.columns[place], factor)


def _name(part: Target, score: Score) -> str:
    """Return the name of a target's own score, `target/metric`: MLflow groups by what stands before a slash."""
    return f"{plain(part.name, '-. ')}/{score.name}"


def _unused(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
    raise AssertionError("a score of several targets is the sum of theirs")
