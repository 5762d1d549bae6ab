"""The report of a study: what was understood, what was found, how good it is, and how to go on."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

from spaces.html import cell, facts_of, table, text
from spaces.machine.disk import write_text
from tuner import plots
from tuner.archive.findings import read_findings
from tuner.archive.report import compact, cross_fitted, leaderboard, summary
from tuner.archive.study_folder import Archive
from tuner.reporting.ensembles import columns_part, ensemble_part, errors_part
from tuner.reporting.look import page, paragraph, plot

_SHOWN, _REASONS, _METRICS = 10, 8, 3


def write_report(study: Archive, path: Path) -> Path:
    """Write the report into a file, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, report(study))
    return path


def report(study: Archive) -> str:
    """Return the report as one page of HTML.

    Nothing is computed of models: what there is to say of an ensemble was kept when it was made.
    """
    found = read_findings(study.folder)
    sections = [
        ("The data", _data(study)),
        ("The best trials", _trials(study)),
        ("The ensemble", ensemble_part(study, found)),
        ("Where it errs", errors_part(study, found)),
        ("Which columns matter", columns_part(study, found)),
        ("Which parameters matter", _parameters(study)),
        ("How trials learned", _curves(study)),
        ("What limited the study", _limits(study)),
        ("How to go on", _onward(study, found)),
    ]
    return page(study.name, _header(study, found), sections)


def _header(study: Archive, found: dict[str, Any] | None) -> str:
    metric, best = study.task.score.name, study.best
    direction = "greater is better" if study.task.score.sign < 0 else "lower is better"
    ended = [trial for trial in study.trials if trial.outcome and not trial.duplicate]
    seconds = sum(trial.outcome.seconds for trial in ended if trial.outcome)
    tiles = [
        ("", cell(best.value) if best else "none", f"{metric} of the best trial, {best.name}" if best else "trial")
    ]
    said = "No ensemble was made yet."
    if found is not None:
        scores, members = found["scores"], len(found["members"])
        gain, error = scores["difference"]["cross_fitted"], scores["difference"]["standard_error"]
        better = -study.task.score.sign * gain
        whole = f"{metric} of the ensemble, {cross_fitted(scores)}"
        tiles.insert(0, ("main", cell(scores["ensemble"]["cross_fitted"]), whole))
        word, by = "better" if better > 0 else "worse", f"{abs(better):.2g}"
        models = f"{members} model{'' if members == 1 else 's'}"
        said = f"The ensemble of {models} is as good as one model chosen the same way."
        if better:
            shown = by if math.isnan(error) else f"{by} ± {error:.2g}"
            tiles.append(("", shown, f"{word} than one model chosen the same way (standard error)"))
            said = f"The ensemble of {models} is {word} than one model by {by}, {_sure(better, error)}."
    tiles += [("", f"{len(ended):,}", "trials"), ("", _time(seconds), "of training")]
    shown = "".join(
        f'<div class="tile {kind}"><b>{value}</b><span>{text(what)}</span></div>' for kind, value, what in tiles
    )
    lead = f"Predicts {study.task.target.name[:60]}. The metric is {metric}: {direction}. {said}"
    return paragraph(lead, kind="soft") + f'<div class="tiles">{shown}</div>'


def _sure(better: float, error: float) -> str:
    """Say what a difference of scores means, given its standard error.

    >>> _sure(0.3, 0.1), _sure(-0.1, 0.1)
    ('which is more than chance', 'which may be chance: one model does as well')
    """
    if abs(better) > 2 * error:
        return "which is more than chance" if better > 0 else "which is more than chance: take the single model"
    return "which may be chance" if better >= 0 else "which may be chance: one model does as well"


def _data(study: Archive) -> str:
    understood = "".join(f"<dt>{text(name)}</dt><dd>{text(said)}</dd>" for name, said in facts_of(repr(study.task)))
    hints = " ".join(str(study.task).split("  hint: ")[1:])
    return f"<dl>{understood}</dl>" + (paragraph(f"Look at this: {' '.join(hints.split())}") if hints else "")


def _trials(study: Archive) -> str:
    if not study.complete:
        return paragraph("No trial succeeded yet.")
    metric = study.task.score.name
    board = compact(leaderboard(study), metric).head(_SHOWN).drop(columns=["state", "reason"], errors="ignore")
    board = board.rename(columns={"std": "± over folds"})
    rows = board.astype(object).values.tolist()
    few = f"The best {min(_SHOWN, len(study.complete))} of {len(study.complete)} trials, scored on held-out rows."
    return (
        paragraph(few, kind="soft")
        + table([str(name) for name in board.columns], rows)
        + "<h3>Scores in time</h3>"
        + plot(plots.history(study))
        + "<h3>Where the seconds went</h3>"
        + plot(plots.families(study))
    )


def _parameters(study: Archive) -> str:
    best = next((trial.family for trial in study.complete if len(trial.params) > 1), None)
    its = [trial for trial in study.complete if trial.family == best]
    if best is None or len(its) < 4:
        return ""
    return (
        paragraph(
            f"Of {best}, by its {len(its)} complete trials. So few trials show a direction and no proof.", kind="soft"
        )
        + plot(plots.parameter_importances(study, best))
        + paragraph(
            "Each line is a trial, the best ones dark. Drag along an axis to see some of them only.", kind="soft"
        )
        + plot(plots.parallel_coordinates(study, best))
    )


def _curves(study: Archive) -> str:
    told = {curve.name for trial in study.complete for fold in study.curves(trial) for curve in fold}
    names = [score.name for score in study.task.scores[:_METRICS] if score.name in told]  # a sum of metrics has none
    figures = [(name, plots.learning_curves(study, _SHOWN, name)) for name in names]
    figures.append(("The loss that each trial minimises", plots.learning_curves(study, _SHOWN)))
    shown = "".join(f"<h3>{text(name)}</h3>{plot(figure)}" for name, figure in figures if figure.data)
    said = (
        "The best trials that learn in steps. Dotted lines are rows that trained the model, full lines those that "
        "early stopping watched. The scores in the tables are of other rows."
    )
    return paragraph(said, kind="soft") + shown if shown else ""


def _limits(study: Archive) -> str:
    found = summary(study)
    said = f"{found[:1].upper()}{found[1:]}."
    failed = [trial for trial in study.trials if trial.state == "failed" and trial.outcome]
    if not failed:
        return paragraph(said)
    counts = Counter((t.family, str(t.outcome.reason), _first(t.outcome.error)) for t in failed if t.outcome)
    rows = [[*what, count] for what, count in counts.most_common(_REASONS)]
    return paragraph(said) + "<h3>What failed</h3>" + table(["family", "reason", "message", "trials"], rows)


def _onward(study: Archive, found: dict[str, Any] | None) -> str:
    folder = study.folder
    steps = [] if found else [("Combine the best models", f"tuner ensemble {folder}")]
    steps += [
        ("Predict the rows of a file", f"tuner predict {folder}/ensemble INPUT.csv -o OUT.csv"),
        ("See every trial in MLflow", f"tuner ui {folder} --open"),
        ("Make this page anew", f"tuner report {folder}"),
    ]
    if study.task.test is not None:
        steps.append(("Score the test rows, once, at the end", f"tuner ensemble {folder} --test"))
    more = "To search on, run the same call or command again with more trials or time: nothing is done twice."
    shown = "".join(f"<h3>{text(what)}</h3><pre>{text(command)}</pre>" for what, command in steps)
    return shown + paragraph(more)


def _first(error: str | None) -> str:
    return next(iter((error or "").strip().splitlines()[-1:]), "")[:100]


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
