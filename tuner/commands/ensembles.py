"""Commands that combine models, and use what was combined."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.commands.common import folder_argument, format_option, own_code, say, told, with_exit_codes
from tuner.commands.output import show_frame, show_report, show_steps
from tuner.derived_command import DerivedCommand

if TYPE_CHECKING:
    from ensembles.ensemble import Ensemble


@click.command(cls=DerivedCommand, function="tuner.study:Study.ensemble", without=("self",))
@folder_argument
@click.option("--refit", is_flag=True, help="Train each member once more, on all rows.")
@click.option("--test", is_flag=True, help="Score the test rows too; the study counts how often.")
@format_option
@with_exit_codes
@own_code
def ensemble(folder: Path, refit: bool, test: bool, *, form: str, **given: Any) -> None:
    """Combine the best models of a study, and save the ensemble in its folder."""
    from tuner.archive.room import said_when_full
    from tuner.ensembling.method_names import check_method_name
    from tuner.study import load_study

    check_method_name(given["method"] or "auto")
    study = load_study(folder)
    study.must_be_writable("in Python, tuner.load_study(folder).ensemble().save(elsewhere) writes nothing there")
    with said_when_full(study.folder):
        combined = study.ensemble(**told(given))
        if refit:
            combined = combined.refit()
        report = combined.test() if test else combined.report()
        combined.save(study.folder / "ensemble")
    if form == "table":
        show_steps(combined.explain())
    show_report(report, form)
    if combined.certificate is not None:
        say(
            f"Certificate: on the held-out rows no weights of these candidates score {report['metric']} lower by more "
            f"than {combined.certificate:.2g}"
        )
    for warning in combined.warnings():
        say(f"Warning: {warning}")


@click.command()
@folder_argument
@click.argument("rows", metavar="INPUT", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A CSV or Parquet file  [default: print].")
@click.option("--trial", help="The model of this trial instead of the ensemble.")
@click.option("--keep", metavar="COLUMN", multiple=True, help="A column of INPUT to be written too, such as an id.")
@format_option
@with_exit_codes
@own_code
def predict(
    folder: Path, rows: Path, output: Path | None, *, trial: str | None, keep: tuple[str, ...], form: str
) -> None:
    """Predict the rows of a file, or the images in a folder, with a saved ensemble.

    FOLDER is a study's, or one that an ensemble was saved in. What comes out is a column `prediction`, and of classes
    the probability of each, `probability_NAME`.

    Example: tuner predict runs/adult new_rows.csv -o predictions.csv --keep id
    """
    from ensembles.predictions import predictions_table
    from spaces.inputs.files import DataError
    from spaces.inputs.given import read_given
    from spaces.language.complaints import unknown_name

    if output is not None and not output.name.endswith((".csv", ".csv.gz", ".parquet")):
        raise DataError(f"the output must end in .csv, .csv.gz or .parquet, got {output}")
    loaded = _predictor(folder, trial)
    given = read_given(rows, schema=loaded.schema)
    frame = given.frame
    for name in keep:
        if name not in frame.columns:
            raise DataError(f"--keep: {unknown_name(name, list(map(str, frame.columns)))}")
    if all(part.follows for part in loaded.target.each):
        from tuner.recipes.series import forecast

        if keep:
            raise DataError(f"--keep {keep[0]}: a forecast is of steps after {rows}, which has no column of them")
        predictions = forecast(loaded, frame)
        predictions = predictions.rename_axis("after").reset_index()
    else:
        predictions = predictions_table(loaded, loaded.raw(given)).set_axis(frame.index)
        for name in reversed((*keep, *given.images)):  # which prediction is of which row or file
            predictions.insert(0, name, frame[name])
    said = f"{len(predictions)} prediction{'' if len(predictions) == 1 else 's'}"
    if output is None:
        show_frame(predictions, said, form)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.suffix == ".parquet":
        predictions.to_parquet(output, index=False)
    else:
        predictions.to_csv(output, index=False)
    say(f"{said} in {output}")


@click.command()
@folder_argument
@click.argument("rows", metavar="INPUT", type=click.Path(path_type=Path))
@click.option("--trial", help="The model of this trial instead of the ensemble.")
@click.option("--metric", "metrics", multiple=True, help="A further metric; may be given several times.")
@click.option("--sample-weight", metavar="COLUMN", help="The column that says how much each row counts.")
@click.option("--group", metavar="COLUMN", help="The column of groups that rows are ranked in, of ndcg, map and mrr.")
@format_option
@with_exit_codes
@own_code
def evaluate(
    folder: Path,
    rows: Path,
    *,
    trial: str | None,
    metrics: tuple[str, ...],
    sample_weight: str | None,
    group: str | None,
    form: str,
) -> None:
    """Score a saved ensemble on a file of rows with their labels.

    In a study's folder every metric of the study is shown, and a look at its test rows is counted.

    Example: tuner evaluate runs/adult labelled.csv --metric roc_auc
    """
    import pandas as pd

    from tuner.ensembling.evaluation import evaluate as evaluated
    from tuner.ensembling.evaluation import evaluation_of, read_rows
    from tuner.study import load_study

    found: dict[str, float] = {}
    one, study = _predictor(folder, trial), None
    if (folder / "study.json").exists():
        study = load_study(folder)
        found |= evaluation_of(study, one, read_rows(study, rows, sample_weight=sample_weight))
        group = group or study.task.group
    if study is None or set(metrics) - set(found):
        found |= evaluated(one, rows, metrics=metrics, sample_weight=sample_weight, group=group)
    scores = pd.DataFrame({"metric": list(found), "value": list(found.values())})
    show_frame(scores, f"{trial or f'{one.method} ensemble'} on {rows}", form)


def _predictor(folder: Path, trial: str | None) -> Ensemble:
    """Return the saved ensemble, or one trial's model as an ensemble of itself."""
    from ensembles.loading import load
    from tuner.study import load_study

    return load(folder) if trial is None else load_study(folder).model(trial).ensemble


@click.command()
@folder_argument
@click.argument("name")
@click.option("--alias", help="Name this version, such as champion.")
@click.option("--trial", help="The model of this trial instead of the ensemble.")
@with_exit_codes
@own_code
def publish(folder: Path, name: str, *, alias: str | None, trial: str | None) -> None:
    """Register the saved ensemble of a study as a model of MLflow.

    Example: tuner publish runs/churn churn --alias champion
    """
    from tuner.ensembling.publishing import publish_saved
    from tuner.study import load_study

    if trial is None:
        version = publish_saved(folder, name, alias=alias)
    else:
        version = load_study(folder).model(trial).publish(name, alias=alias)
    address = f"models:/{name}@{alias}" if alias else f"models:/{name}/{version}"
    say(f"Version {version} of {name}: mlflow.pyfunc.load_model({address!r}).predict(frame)")
