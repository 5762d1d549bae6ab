"""What a report says of an ensemble: why this one, where it errs, which columns it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ensembles.choosing.cross_fitting import error_said
from spaces.html import table, text
from tuner import plots
from tuner.archive.study_folder import Archive
from tuner.reporting.look import paragraph, plot

_CLASSES, _TARGETS = 30, 6
_METHODS = {
    "family_average": "the plain average of the best model of each family",
    "best_single": "the best single model",
    "regularized": "weights, held near the average",
    "nelder_mead": "free weights",
    "log_linear": "a weighted geometric mean",
    "joint": "the joint model of trees and network",
    "each_target": "weights of their own for each target",
}


def ensemble_part(study: Archive, found: Mapping[str, Any] | None) -> str:
    """Return members, weights, the steps by which the method was chosen, and what casts doubt on it."""
    if found is None:
        return paragraph("None was made yet.")
    doubts = "".join(f"<li>{text(doubt)}</li>" for doubt in found["warnings"])
    steps = "".join(f"<li>{text(_step(step, found['metric']))}</li>" for step in found["steps"])
    why = (
        "A method takes the place of what was held before only if it is better by more than one standard error. Held "
        "is, in each part of the rows, the method that is chosen on the other parts; the ensemble is scored so too."
    )
    alike = (
        "<h3>How alike the candidates err</h3>"
        + paragraph("Models that err alike (near 1) add little to each other.", kind="soft")
        + plot(plots.error_correlations(study))
    )
    return (
        (f"<ul>{doubts}</ul>" if doubts else "")
        + plot(plots.weights(study))
        + _certificate(found)
        + f"<h3>Why this method</h3>{paragraph(why, kind='soft')}<ol>{steps}</ol>"
        + (alike if len(found["candidates"]) > 1 else "")
    )


def _step(step: Mapping[str, Any], metric: str) -> str:
    """Say in words what came of one method.

    >>> _step({"method": "nelder_mead", "score": 0.5, "against": None, "gain": 0, "standard_error": 0}, "rmse")
    'Begin with free weights (nelder_mead): rmse 0.5.'
    """
    what = _method(step["method"])
    if step["against"] is None:
        return f"Begin with {what}: {metric} {step['score']:.4g}."
    better = "better" if step["gain"] >= 0 else "worse"
    by = f"{abs(step['gain']):.2g} {better}, standard error {error_said(step['standard_error'])}"
    scores = f"{metric} {step['score']:.4g} against {step['held_before']:.4g} held before"
    return f"Try {what}: {scores}, {by}. {'Taken.' if step['taken'] else 'Not taken.'}"


def _method(name: str) -> str:
    """Return a method in words, where there are any."""
    for before, said in (("calibrated ", "calibrating"), (" with a threshold", "a threshold for")):
        if before in name:
            return f"{said} {name.replace(before, '')}"
    return f"{_METHODS[name]} ({name})" if name in _METHODS else name


def _certificate(found: Mapping[str, Any]) -> str:
    if found["certificate"] is None:
        return ""
    return paragraph(
        f"Certificate: on the held-out rows no other weights of these candidates score {found['metric']} lower by more "
        f"than {found['certificate']:.2g}."
    )


def errors_part(study: Archive, found: Mapping[str, Any] | None) -> str:
    """Return what is predicted against what is true, of each target, with calibration and coverage."""
    if found is None:
        return ""
    several = len(found["targets"]) > 1
    about = "All of it is of rows that trained neither the models nor the weights."
    if study.task.rows.weight is not None:
        about += " Means count rows by their weights; where rows are counted, each counts once."
    parts = [paragraph(about, kind="soft")]
    for its in found["targets"][:_TARGETS]:
        name = its["name"]
        parts.append(f"<h3>{text(name)}</h3>" if several else "")
        parts.append(plot(plots.predictions(study, name)))
        parts.append(_classes(its) + _calibration(study, its) if "classes" in its else _quarters(its))
        parts.append(_coverage(its))
    return "".join(parts)


def _classes(its: Mapping[str, Any]) -> str:
    counts = its["confusion"]
    if len(counts) > _CLASSES:
        return ""
    predicted = [sum(row[i] for row in counts) for i in range(len(counts))]
    rows = []
    for i, name in enumerate(its["classes"]):
        others = [(count, its["classes"][j]) for j, count in enumerate(counts[i]) if j != i]
        most, confused = max(others, default=(0, ""))
        rows.append(
            [
                name,
                sum(counts[i]),
                counts[i][i] / max(sum(counts[i]), 1),
                counts[i][i] / predicted[i] if predicted[i] else None,
                f"{confused} ({most})" if most else "",
            ]
        )
    return table(["class", "rows", "found (recall)", "right when said (precision)", "most often taken for"], rows)


def _calibration(study: Archive, its: Mapping[str, Any]) -> str:
    measured = its["calibration"]
    said = (
        f"On average the ensemble is off by {measured['expected_calibration_error']:.1%} in how sure it says it is "
        f"(expected calibration error; Brier score {measured['brier_score']:.4g}). Points below the diagonal: too sure."
    )
    return "<h3>Whether probabilities come true</h3>" + paragraph(said) + plot(plots.reliability(study, its["name"]))


def _quarters(its: Mapping[str, Any]) -> str:
    rows = [
        [f"{one['from']:.4g} to {one['to']:.4g}", one["rows"], one["mean_absolute_error"], one["mean_error"]]
        for one in its["quarters"]
    ]
    head = ["a quarter of the rows, by prediction", "rows", "mean absolute error", "predicted too high by"]
    return "<h3>Errors by what is predicted</h3>" + table(head, rows)


def _coverage(its: Mapping[str, Any]) -> str:
    if not its["coverage"]:
        return ""
    kind = "predict_set" if "classes" in its else "predict_interval"
    rows = [[f"{one['asked']:.0%}", f"{one['seen']:.1%}"] for one in its["coverage"]]
    said = f"How often {kind} holds the truth, its width taken from the other folds."
    return (
        "<h3>Whether intervals and sets hold</h3>" + paragraph(said, kind="soft") + table(["asked for", "seen"], rows)
    )


def columns_part(study: Archive, found: Mapping[str, Any] | None) -> str:
    """Return how much worse the score gets without each column."""
    if found is None:
        return ""
    measured = found.get("importances")
    if not measured or not measured["columns"]:
        return paragraph(f"Not measured. tuner ensemble {study.folder} --column-time 10s measures them.")
    said = (
        "Each column of held-out rows is shuffled, and the ensemble predicts once more: how much worse it gets is what "
        "the column brings. Columns that say the same share it. Thin lines: the least and the most of the folds."
    )
    looked = len(measured["columns"])
    few = f" The time was enough for {looked} of {measured['are']} columns." if looked < measured["are"] else ""
    return paragraph(said + few, kind="soft") + plot(plots.importances(study))
