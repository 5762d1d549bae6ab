"""Tables on standard output: of trials, of an ensemble, of anything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from tuner.commands.common import say

if TYPE_CHECKING:
    import pandas as pd

    from tuner.study import Study


def show_trials(study: Study) -> None:
    """Show the trials of a study, best first."""
    from tuner.archive.report import compact

    show_frame(compact(study.leaderboard(), study.task.score.name), study.name, "table")


def show_steps(steps: pd.DataFrame) -> None:
    """Show which methods were tried, where it was more than one."""
    if len(steps) > 1:
        show_frame(steps, "Methods, taken if better by a standard error", "table")
        say(
            "held before: the score of the method that was held until then, which in each part of the rows is chosen "
            "on the other parts. The ensemble is scored in the same way."
        )


def strict(value: Any) -> Any:
    """Return JSON values with `null` for what is not known: strict readers refuse NaN.

    >>> strict({"standard_error": float("nan"), "each": [0.5, float("inf")]})
    {'standard_error': None, 'each': [0.5, None]}
    """
    if isinstance(value, dict):
        return {key: strict(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [strict(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def show_report(report: dict[str, Any], form: str) -> None:
    """Show the members and the scores of an ensemble."""
    import json

    if form == "json":
        click.echo(json.dumps(strict(report), allow_nan=False))
        return
    import pandas as pd

    from ensembles.choosing.cross_fitting import error_said
    from tuner.archive.report import cross_fitted

    members = pd.DataFrame(report["members"])
    if form == "csv":
        click.echo(members.to_csv(index=False), nl=False)
        return
    scores, metric = report["scores"], report["metric"]
    comparator, difference = scores["comparator"], scores["difference"]
    show_frame(members, f"{report['method']} ensemble of {len(members)}", "table")
    whole = cross_fitted(scores) + (", the choice of the method too" if report["method"].startswith("auto") else "")
    rows = [
        {"": "ensemble", metric: scores["ensemble"]["cross_fitted"], "scored": whole},
        {"": "ensemble", metric: scores["ensemble"]["in_sample"], "scored": "on the rows that fitted the weights"},
        {"": f"best single, {scores['best_single']['trial']}", metric: scores["best_single"]["cross_validated"],
         "scored": "cross-validated"},
        {"": "comparator: one model, chosen on other rows", metric: comparator["cross_fitted"],
         "scored": f"cross-fitted, {', '.join(comparator['trials'][:3])}"},
        {"": "ensemble minus comparator", metric: difference["cross_fitted"],
         "scored": f"paired, standard error {error_said(difference['standard_error'])}"},
    ]  # fmt: skip
    for key, its in scores["ensemble"].get("metrics", {}).items():
        rows.append({"": "ensemble", metric: its["cross_fitted"], "scored": f"cross-fitted, {key}"})
    for name in ("ensemble", "best_single"):
        for key, value in scores[name].get("test", {}).items():
            rows.append({"": name.replace("_", " "), metric: value, "scored": f"test rows, {key}"})
    looks = report["test_looks"]
    title = f"Scores; the test rows were read {looks} time{'' if looks == 1 else 's'} so far"
    show_frame(pd.DataFrame(rows), title, "table")
    say(f"The comparator is {comparator['why']}.")


def show_frame(frame: pd.DataFrame, title: str, form: str) -> None:
    """Show a data frame as a table with a title, as CSV, or as JSON."""
    if form == "csv":
        click.echo(frame.to_csv(index=False), nl=False)
    elif form == "json":
        click.echo(frame.to_json(orient="records"))
    else:
        from tuner.archive.report import print_table

        print_table(title, [str(name) for name in frame.columns], frame.astype(object).values.tolist())
