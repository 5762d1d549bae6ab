"""An ensemble of a study becomes a registered model of MLflow."""

from __future__ import annotations

from pathlib import Path

from ensembles.loading import load
from tuner.archive.study_folder import read_study_file
from tuner.task.storage import load_rows
from tuner.task.typical import typical_row
from tuner.tracking.client import default_uri, reachable_uri, study_run
from tuner.tracking.models import publish
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
    """
    study = read_study_file(folder)["id"]
    place = bundle or folder / "ensemble"
    ensemble = load(place)
    uri = reachable_uri(folder) or default_uri(folder)
    experiment, run = study_run(uri, folder.resolve().name, study, artifacts=folder.resolve().parent / "mlartifacts")
    numbers = ensemble_numbers(ensemble.metric, ensemble.scores, len(ensemble.members))
    data, example = folder / "data", None
    if data.is_dir():
        example = typical_row(ensemble.schema, load_rows(data, "train", ensemble.schema).table)
    return publish(
        place, ensemble, name, uri=uri, experiment=experiment, run=run, alias=alias, numbers=numbers, example=example
    )
