"""An ensemble of a study becomes a registered model of MLflow."""

from __future__ import annotations

from pathlib import Path

from ensembles.loading import load
from tuner.archive.study_folder import read_study_file
from tuner.task.storage import load_rows
from tuner.task.typical import typical_row
from tuner.tracking.client import default_uri, reachable_uri, remembered_uri, study_run
from tuner.tracking.complaints import Unusable, said_plainly
from tuner.tracking.models import check_model, publish
from tuner.tracking.shown import ensemble_numbers


def publish_saved(folder: Path, name: str, *, alias: str | None = None, bundle: Path | None = None) -> str:
    """Register the ensemble that is saved in a study's folder, and return the version.

    Args:
        folder: The study's folder.
        name: The model's name.
        alias: A name for the version, such as `"champion"`.
        bundle: Where the ensemble is saved; in the study's folder when left out.

    Raises:
        StudyError: The folder holds no study.
        BundleError: It holds no ensemble.
        Unusable: MLflow does not answer, or refuses the name, the alias or who asks.
    """
    study = read_study_file(folder)["id"]
    place = bundle or folder / "ensemble"
    uri = _uri(folder)
    check_model(uri, name, alias)
    ensemble = load(place)
    numbers = ensemble_numbers(ensemble.metric, ensemble.scores, len(ensemble.members))
    data, example = folder / "data", None
    if data.is_dir():
        example = typical_row(ensemble.schema, load_rows(data, "train", ensemble.schema).table)
    with said_plainly(uri):
        artifacts = folder.resolve().parent / "mlartifacts"
        experiment, run = study_run(uri, folder.resolve().name, study, artifacts=artifacts)
        return publish(
            place,
            ensemble,
            name,
            uri=uri,
            experiment=experiment,
            run=run,
            alias=alias,
            numbers=numbers,
            example=example,
        )


def _uri(folder: Path) -> str:
    """Return where a study's models are registered: where it is tracked, or else in the database beside it."""
    uri = reachable_uri(folder)
    if uri is None and (known := remembered_uri(folder)) is not None:
        raise Unusable(f"{folder} is tracked at {known}: set MLFLOW_TRACKING_URI to that address, with the password")
    return uri or default_uri(folder)
