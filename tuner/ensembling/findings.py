"""What there is to say of an ensemble: why this one, where it errs, and whether it says how sure it is.

Every number is of rows that fitted neither the models nor the weights.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import SampleWeight
from ensembles.measures.calibration import calibration
from ensembles.measures.conformal import distances
from spaces.rows.target import Target
from tuner.archive.findings import write_findings
from tuner.ensembling.importance import column_importances

if TYPE_CHECKING:
    from tuner.ensembling.study_ensemble import StudyEnsemble

_POINTS, _BINS, _QUARTERS = 1000, 10, 4
_COVERAGES = (0.5, 0.8, 0.9, 0.95)


def findings(made: StudyEnsemble) -> dict[str, Any]:
    """Return what there is to say of an ensemble, as JSON values.

    Returns:
        `method`, `metric`, `members`, `scores`, the `steps` of the gate, `certificate`, `warnings`, `candidates` with
        the `correlations` of their errors, and of each of the `targets` what `of_target` returns.
    """
    sign, fitted, held = made.study.task.score.sign, made.choice.fitted, made.held
    target, folds = held.target[fitted.rows], held.folds[fitted.rows]
    whole = made.study.task.target
    each = []
    for i, (part, columns) in enumerate(zip(whole.each, whole.columns, strict=True)):
        true = whole.column(target, i) if whole.parts else target
        decided = fitted.outputs if whole.parts else fitted.ensemble
        found = of_target(
            part,
            true,
            fitted.outputs[:, columns],
            decided=decided[:, columns],
            folds=folds,
            sample_weight=held.weights_of(fitted.rows),
        )
        each.append(found)
    return {
        **made.report(),
        "steps": [
            {
                "method": step.method,
                "score": sign * step.cross_fitted,
                "against": step.against,
                "held_before": sign * step.held_before,
                "gain": step.gain,
                "standard_error": step.standard_error,
                "taken": bool(step.taken),
            }
            for step in made.choice.steps
        ],
        "certificate": made.certificate,
        "warnings": made.warnings(),
        "candidates": [member.trial for member in held.members],
        "correlations": np.round(held.correlations, 4).tolist(),
        "targets": each,
    }


def of_target(
    part: Target,
    true: NDArray[Any],
    outputs: NDArray[np.float64],
    *,
    decided: NDArray[np.float64],
    folds: NDArray[Any],
    sample_weight: SampleWeight = None,
) -> dict[str, Any]:
    """Return where predictions of one target err.

    Args:
        part: The target.
        true: `(rows,)`, values or class indices.
        outputs: `(rows, 1)` values or `(rows, classes)` probabilities.
        decided: The same, of which the largest is what is predicted.
        folds: The fold of each row.
        sample_weight: `(rows,)`, how much each row counts in means; all the same when left out.

    Returns:
        `name`, `coverage` (asked for, and seen, a share of the rows); of numbers a sample of `true` and `predicted`,
        and `quarters` of the predictions with their errors; of classes `classes`, the `confusion` (rows are what is
        true), `reliability` and `calibration`.
    """
    weight = np.ones(len(true)) if sample_weight is None else sample_weight
    found: dict[str, Any] = {"name": part.name, "rows": len(true), "coverage": _coverage(outputs, true, folds)}
    if not part.classes:
        values = outputs[:, 0]
        some = np.linspace(0, len(true) - 1, min(_POINTS, len(true))).astype(int)
        return found | {
            "true": true[some].astype(float).tolist(),
            "predicted": values[some].tolist(),
            "quarters": _quarters(true.astype(float), values, weight),
        }
    counts = np.zeros((len(part.classes), len(part.classes)), dtype=int)
    np.add.at(counts, (true, decided.argmax(axis=1)), 1)
    measured = calibration(outputs, true, sample_weight=sample_weight)
    return found | {
        "classes": [str(label) for label in part.classes],
        "confusion": counts.tolist(),
        "reliability": _reliability(outputs, true, weight),
        "calibration": {
            "brier_score": measured.brier_score,
            "expected_calibration_error": measured.expected_calibration_error,
        },
    }


def _coverage(outputs: NDArray[np.float64], true: NDArray[Any], folds: NDArray[Any]) -> list[dict[str, float]]:
    """Return how often intervals or sets made from the other folds hold the truth of a fold."""
    found = []
    for asked in _COVERAGES:
        held, rows = 0, 0
        for k in np.unique(folds):
            inside = folds == k
            off = distances(outputs[~inside], true[~inside]) if (~inside).any() else np.empty(0)
            rank = int(np.ceil((len(off) + 1) * asked))
            if 0 < rank <= len(off):
                held += int((distances(outputs[inside], true[inside]) <= off[rank - 1]).sum())
                rows += int(inside.sum())
        if rows:
            found.append({"asked": asked, "seen": held / rows})
    return found


def _quarters(
    true: NDArray[np.float64], predicted: NDArray[np.float64], weight: NDArray[np.float64]
) -> list[dict[str, float]]:
    """Return the errors in each quarter of the rows, by what is predicted of them."""
    found = []
    for of in np.array_split(np.argsort(predicted, kind="stable"), _QUARTERS):
        if len(of):
            off = predicted[of] - true[of]
            found.append(
                {
                    "from": float(predicted[of].min()),
                    "to": float(predicted[of].max()),
                    "rows": len(of),
                    "mean_absolute_error": float(np.average(np.abs(off), weights=weight[of])),
                    "mean_error": float(np.average(off, weights=weight[of])),
                }
            )
    return found


def _reliability(
    outputs: NDArray[np.float64], true: NDArray[Any], weight: NDArray[np.float64]
) -> list[dict[str, float]]:
    """Return how often predictions come true, in tenths of the rows by how sure they are.

    Of two classes the probability of the second is taken, of more that of the most probable one.
    """
    two = outputs.shape[1] == 2
    sure = outputs[:, 1] if two else outputs.max(axis=1)
    right = true == (1 if two else outputs.argmax(axis=1))
    parts = [of for of in np.array_split(np.argsort(sure, kind="stable"), _BINS) if len(of)]
    said, seen = ([float(np.average(each[of], weights=weight[of])) for of in parts] for each in (sure, right))
    return [{"said": s, "seen": r, "rows": len(of)} for s, r, of in zip(said, seen, parts, strict=True)]


def keep_findings(made: StudyEnsemble, seconds: float) -> None:
    """Keep what there is to say of an ensemble in its study's folder, the importances of columns too.

    Args:
        made: The ensemble.
        seconds: How long columns may be measured; 0 measures none.
    """
    measured = column_importances(made.study, made.ensemble, seconds) if seconds > 0 else None
    try:
        write_findings(made.study.folder, findings(made) | {"importances": measured})
    except OSError as error:  # a folder that can only be read: plots and the report do without
        logging.getLogger("tuner").warning("what there is to say of the ensemble is not kept: %s", error)
