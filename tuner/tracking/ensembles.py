"""The last ensemble of a study, on the study's run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from tuner.tracking.addresses import NOTE, experiment_note, run_page
from tuner.tracking.client import experiment_named, open_client, published
from tuner.tracking.complaints import Unusable, complaint, without_password
from tuner.tracking.tracker import children


class NotShown(RuntimeError):
    """MLflow does not show an ensemble; the message says why. The ensemble is as good."""


def show_ensemble(
    uri: str,
    *,
    experiment: str,
    study: str,
    numbers: Mapping[str, float],
    note: Callable[[Mapping[str, str]], str],
    files: Mapping[str, str],
) -> None:
    """Send an ensemble's scores and report to the study's run, and bring its description up to date.

    Args:
        uri: Where the study is tracked.
        experiment: The experiment's name.
        study: What identifies the study.
        numbers: The scores.
        note: Called with the addresses of trials' runs for the description.
        files: Texts that become artifacts of the run, by name.

    Raises:
        NotShown: MLflow does not answer, has no run of the study, or its experiment was deleted.
    """
    from mlflow.entities import Metric
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        client = open_client(uri)
        found = experiment_named(client, uri, experiment)
        which = f"tags.`tuner.study` = '{study}'"
        runs = client.search_runs([found.experiment_id], which, max_results=1) if found is not None else []
        if found is None or not runs:
            raise NotShown(f"MLflow at {without_password(uri)} has no run of {experiment}: run the study again first")
        (run,) = runs
        named = {
            one.data.tags.get("tuner.trial", ""): one for one in children(client, found.experiment_id, run.info.run_id)
        }
        now = int(time.time() * 1000)
        client.log_batch(run.info.run_id, metrics=[Metric(key, value, now, 0) for key, value in numbers.items()])
        pages = {name: run_page(found.experiment_id, one.info.run_id) for name, one in named.items()}
        said = note(pages)
        client.set_tag(run.info.run_id, NOTE, said)
        show_model(client, found.experiment_id, run.info.run_id)
        for name, text in files.items():
            client.log_text(run.info.run_id, text, name)
    except (MlflowException, SQLAlchemyError, OSError, Unusable) as error:
        raise NotShown(complaint(uri, error)) from error


def show_model(client: Any, experiment: str, run: str) -> None:
    """Bring what stands above the leaderboard up to date, with a link to the last model that was published.

    Args:
        client: MLflow's.
        experiment: The id of the study's experiment.
        run: The id of the study's run.
    """
    said = client.get_run(run).data.tags.get(NOTE, "")
    note = experiment_note(said, experiment, run, model=published(client, run))
    client.set_experiment_tag(experiment, NOTE, note)
