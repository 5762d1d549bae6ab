"""An ensemble as a registered model of MLflow, without pickle."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

import ensembles
import spaces
from ensembles.ensemble import Ensemble
from tuner.tracking.addresses import run_page
from tuner.tracking.client import open_client, runs_of
from tuner.tracking.complaints import said_plainly
from tuner.tracking.ensembles import show_model
from tuner.tracking.model_page import model_description, model_tags
from tuner.tracking.shown import rounded

_OURS = "tuned-ensembles"
_IMPORTED = ("filelock", "narwhals", "pandas", "scipy")  # by our code that travels in the model
_LONGEST = 400  # letters of a request that is shown whole


def check_model(uri: str, name: str, alias: str | None) -> None:
    """Refuse what could not be registered, before anything is made for it.

    Raises:
        Unusable: MLflow does not answer, has no registry, or refuses the name, the alias or who asks.
    """
    client = open_client(uri)
    from mlflow.utils import validation

    with said_plainly(uri):
        validation._validate_model_name(name)
        validation._validate_logged_model_name(name)
        if alias is not None:
            validation._validate_model_alias_name(alias)
            validation._validate_model_alias_name_reserved(alias)
        client.search_registered_models(max_results=1)


def publish(
    bundle: Path,
    ensemble: Ensemble,
    name: str,
    *,
    uri: str,
    experiment: str,
    run: str | None,
    alias: str | None,
    numbers: Mapping[str, float],
    example: Any = None,
) -> str:
    """Register an ensemble as a version of a model, and return the version.

    The model holds our own code, as no package index has it; requirements name the libraries only.

    Args:
        bundle: Where the ensemble is saved.
        ensemble: The ensemble.
        name: The model's name.
        uri: Where MLflow is.
        experiment: The id of the study's experiment.
        run: The id of the study's run.
        alias: A name for the version, such as `"champion"`.
        numbers: Scores that are shown on the model's page.
        example: A row that the model reads, for the model's page; None for none.
    """
    from mlflow.entities import LoggedModelOutput, Metric
    from mlflow.exceptions import MlflowException

    client = open_client(uri)
    runs = (
        {}
        if run is None
        else runs_of(client, experiment, parent=run, trials=[member.trial for member in ensemble.members])
    )
    tags = model_tags(ensemble) | {f"run of {trial}": its for trial, its in runs.items()}
    made = client.create_logged_model(experiment, name=name, source_run_id=run, tags=tags, model_type="ensemble")
    with tempfile.TemporaryDirectory() as place:
        _write(Path(place) / "model", bundle, ensemble, example=example)
        client.log_model_artifacts(made.model_id, str(Path(place) / "model"))
    client.finalize_logged_model(made.model_id, "READY")
    if run is not None:
        now = int(time.time() * 1000)
        shown = [Metric(key, rounded(value), now, 0, model_id=made.model_id) for key, value in numbers.items()]
        client.log_batch(run, metrics=shown)
        client.log_outputs(run, [LoggedModelOutput(made.model_id, 0)])  # the run's page lists it
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    known = tags | {"tuner.model": made.model_id}  # the registry keeps no link to the model's own page
    version = client.create_model_version(name, made.artifact_location, run_id=run, tags=known).version
    versions = json.dumps([{"name": name, "version": str(version)}])
    client.set_logged_model_tags(made.model_id, {"mlflow.modelVersions": versions})
    pages = {trial: run_page(experiment, its) for trial, its in runs.items()}
    said = model_description(
        ensemble,
        f"models:/{name}/{version}",
        registry=uri,
        pages=pages,
        request=_request(made.artifact_location, example),
    )
    client.update_model_version(name, version, said)
    if run is not None:
        show_model(client, experiment, run)
    if alias is not None:
        client.set_registered_model_alias(name, alias, version)
    return str(version)


def _request(place: str, example: Any) -> str | None:
    """Return what a server of the model can be sent, as curl takes it: JSON, or the file in which MLflow keeps it.

    Args:
        place: Where the model's artifacts lie.
        example: A row that the model reads; None for none.
    """
    if isinstance(example, pd.DataFrame):
        whole = json.dumps({"dataframe_records": json.loads(example.to_json(orient="records"))})
        if len(whole) <= _LONGEST and "'" not in whole:
            return whole
    path = urlsplit(place).path if place.startswith("file:") else place
    return f"@{path}/serving_input_example.json" if example is not None and path.startswith("/") else None


def _write(folder: Path, bundle: Path, ensemble: Ensemble, *, example: Any) -> None:
    """Write the model as MLflow keeps one."""
    os.environ.setdefault("MLFLOW_SKIP_PIP_REQUIREMENTS_CHECK", "true")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    versions: dict[str, str] = json.loads((bundle / "ensemble.json").read_text())["versions"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's types, and that some models have no example
        import mlflow.pyfunc

        mlflow.pyfunc.save_model(
            folder,
            loader_module="ensembles.mlflow_model",
            data_path=str(bundle),
            code_paths=[str(Path(package.__file__ or "").parent) for package in (spaces, ensembles)],
            signature=_signature(ensemble),
            input_example=example,
            pip_requirements=requirements(versions),
            metadata={_OURS: versions.get(_OURS, "")},
        )


def requirements(versions: Mapping[str, str]) -> list[str]:
    """Return what must be installed where a model predicts, besides MLflow: libraries, and what our code imports.

    Args:
        versions: The versions of the libraries that the models were trained with, by distribution.
    """
    beside = {package: metadata.version(package) for package in _IMPORTED}
    return [f"{package}=={version}" for package, version in {**versions, **beside}.items() if package != _OURS]


def _signature(ensemble: Ensemble) -> Any:
    """Return the columns that the model reads; None of inputs that are no columns of a table.

    MLflow checks their names, and the ensemble what is in them: MLflow takes no whole number where it expects others.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, Schema

    columns = ensemble.schema.columns
    if ensemble.schema.arrays:
        return None
    specs = [ColSpec(AnyType(), column.name) for column in columns]
    outputs = [ColSpec(AnyType() if part.classes else "double", "prediction") for part in ensemble.target.each]
    return ModelSignature(Schema(specs), Schema(outputs) if len(outputs) == 1 else None)
