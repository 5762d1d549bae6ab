"""Show a study in MLflow: a parent run, a child run for each trial. The only file that talks to MLflow.

One thread is the only writer. Nothing depends on it: the ledger and the trials' folders hold everything, so a server
that is down is tried again later, and what it missed is sent then, or when the study is started the next time.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spaces.engines.curves import Curves
from tuner.plain_names import plain
from tuner.search.ledger import Trial

_FLUSH_SECONDS = 3.0
_RETRY_SECONDS = 20.0
_NOTE_SECONDS = 20.0
_CURVE_POINTS = 100
_BATCH = 1000
_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
_SIGNS = "-/. "  # in names, beside letters and digits


Epochs = list[tuple[int, int, dict[str, float], float]]


class Tracker:
    """Sends what happens to MLflow, from a thread of its own.

    Args:
        uri: MLflow's tracking URI.
        experiment: The experiment's name.
        study: Identifies the study; its parent run carries it as a tag.
        name: The parent run's name.
        params: Constants of the study, logged on the parent.
        dataset: Name, digest, source and profile of the data, logged on the parent.
        note: Called for the parent's description, in markdown.
        curves_of: Called with a trial for its curves, one mapping a fold.
        complain: Called with a message, once each time the server is lost or found.
    """

    def __init__(
        self,
        uri: str,
        *,
        experiment: str,
        study: str,
        name: str,
        params: Mapping[str, Any],
        dataset: Mapping[str, Any],
        note: Callable[[], str],
        curves_of: Callable[[Trial], list[Curves]],
        complain: Callable[[str], None],
    ) -> None:
        self._uri, self._experiment, self._study, self._name = uri, experiment, study, name
        self._params, self._dataset, self._note, self._curves_of = params, dataset, note, curves_of
        self._complain = complain
        self._inbox: queue.Queue[tuple[Any, ...]] = queue.Queue()
        self._client: Any = None
        self._parent = self._experiment_id = ""
        self._runs: dict[str, str] = {}
        self._finished: set[str] = set()
        self._pending: dict[str, Trial] = {}
        self._epochs: dict[str, Epochs] = {}
        self._sent: dict[str, set[tuple[str, int]]] = {}
        self._retry_at = self._noted = 0.0
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def started(self, trial: Trial, attempt: int) -> None:
        """Open the child run of a trial."""
        self._inbox.put(("started", trial, attempt))

    def epochs(self, name: str, epochs: Epochs) -> None:
        """Send a running trial's epochs, soon."""
        self._inbox.put(("epochs", name, epochs))

    def told(self, trial: Trial) -> None:
        """Complete the child run of a finished trial, unless it is complete already."""
        self._inbox.put(("told", trial))

    def close(self, status: str, seconds: float = 30.0) -> int:
        """Send the rest, end the parent run, and return how many trials could not be sent."""
        self._inbox.put(("close", status))
        self._thread.join(seconds)
        return len(self._pending) + sum(item[0] == "told" for item in list(self._inbox.queue))

    def _work(self) -> None:
        flushed, status = time.monotonic(), ""
        while not status:
            try:
                kind, *rest = self._inbox.get(timeout=1.0)
            except queue.Empty:
                kind, rest = "", []
            if kind == "close":
                status, self._retry_at = rest[0], 0.0
            elif kind == "told":
                self._pending[rest[0].name] = rest[0]
            elif kind == "epochs":
                self._epochs.setdefault(rest[0], []).extend(rest[1])
            elif kind == "started":
                self._try(lambda rest=rest: self._open(*rest))  # type: ignore[misc]
            idle = self._inbox.empty()
            if status or (idle and time.monotonic() - flushed > _FLUSH_SECONDS):
                self._try(lambda last=bool(status): self._flush(last))  # type: ignore[misc]
                flushed = time.monotonic()
        self._try(lambda: self._client.set_terminated(self._parent, status))

    def _try(self, send: Callable[[], None]) -> None:
        """Send, unless the server was lost a moment ago. Whatever fails is sent again later, from the ledger."""
        if time.monotonic() < self._retry_at:
            return
        try:
            if self._client is None:
                self._connect()
            send()
        except Exception as error:
            if not self._retry_at:
                self._complain(
                    f"MLflow at {self._uri} does not answer ({type(error).__name__}); the study goes on, "
                    "what is missing there is sent later"
                )
            self._client, self._retry_at = None, time.monotonic() + _RETRY_SECONDS
        else:
            if self._retry_at:
                self._complain(f"MLflow at {self._uri} answers again")
            self._retry_at = 0.0

    def _connect(self) -> None:
        """Find or make experiment and parent run, and see which children are there; cut-off ones are deleted."""
        client = open_client(self._uri)
        experiment = client.get_experiment_by_name(self._experiment)
        self._experiment_id = (
            experiment.experiment_id
            if experiment is not None
            else client.create_experiment(self._experiment, tags={"mlflow.experimentKind": "custom_model_development"})
        )
        found = client.search_runs([self._experiment_id], f"tags.`tuner.study` = '{self._study}'", max_results=1)
        if found:
            self._parent = found[0].info.run_id
            client.update_run(self._parent, status="RUNNING")
        else:
            tags = {"tuner.study": self._study}
            self._parent = client.create_run(self._experiment_id, tags=tags, run_name=self._name).info.run_id
            _log_dataset(client, self._parent, self._dataset)
        client.log_batch(self._parent, tags=_tags(self._changed_params(client)))
        self._runs, self._finished, self._sent = {}, set(), {}
        for run in _children(client, self._experiment_id, self._parent):
            name = run.data.tags.get("tuner.trial", "")
            if run.info.status in _STATUS.values() and name not in self._finished:
                self._finished.add(name)
            else:
                client.delete_run(run.info.run_id)
        self._client = client

    def _changed_params(self, client: Any) -> dict[str, Any]:
        """Log the study's constants; what a later launch may change goes to tags, as params never change."""
        known = client.get_run(self._parent).data.params
        new = {name: str(value)[:500] for name, value in self._params.items() if name not in known}
        _log_params(client, self._parent, new)
        return {f"tuner.{name}": v for name, v in self._params.items() if name in known and known[name] != str(v)[:500]}

    def _open(self, trial: Trial, attempt: int) -> None:
        if trial.name in self._runs or trial.name in self._finished:
            return
        tags = {
            "mlflow.parentRunId": self._parent,
            "tuner.trial": trial.name,
            "tuner.family": trial.family,
            "tuner.attempt": str(attempt),
        }
        run = self._client.create_run(self._experiment_id, tags=tags, run_name=trial.name)
        self._runs[trial.name] = run.info.run_id
        _log_params(self._client, run.info.run_id, {"family": trial.family, **trial.params})

    def _flush(self, last: bool) -> None:
        for name in list(self._epochs):
            if name in self._runs:
                points = [
                    (f"{key}/fold-{fold}", epoch, value, when)
                    for fold, epoch, curves, when in self._epochs[name]
                    for key, value in curves.items()
                ]
                self._send_points(name, points)
            self._epochs.pop(name, None)
        for name, trial in list(self._pending.items()):
            if name not in self._finished:
                self._complete(trial)
            del self._pending[name]
        if last or time.monotonic() - self._noted > _NOTE_SECONDS:
            self._client.set_tag(self._parent, "mlflow.note.content", self._note())
            self._noted = time.monotonic()

    def _complete(self, trial: Trial) -> None:
        outcome = trial.outcome
        assert outcome is not None
        self._open(trial, outcome.attempt)
        when = outcome.started + outcome.seconds
        points = [
            (f"{curve.label}/fold-{fold}", step, values[step], when)
            for fold, curves in enumerate(self._curves_of(trial))
            for curve, values in curves.items()
            for step in _thinned(len(values))
        ]
        single = {"seconds": outcome.seconds}
        if outcome.value is not None:
            single["objective"] = outcome.value
        single |= outcome.scores.get("held_out", {})
        single |= {f"train_{key}": value for key, value in outcome.scores.get("train", {}).items()}
        points += [(key, 0, value, when) for key, value in single.items()]
        by_fold = [(fold, value) for fold, value in enumerate(outcome.fold_values) if value is not None]
        points += [("objective_by_fold", fold, value, when) for fold, value in by_fold]
        self._send_points(trial.name, points)
        tags: dict[str, str] = {"tuner.state": trial.state}
        if outcome.reason or outcome.error:
            tags |= {"tuner.failure": outcome.reason or trial.state, "mlflow.note.content": str(outcome.error)[:4000]}
        if outcome.duplicate_of is not None:
            tags["tuner.duplicate_of"] = str(outcome.duplicate_of)
        run = self._runs[trial.name]
        self._client.log_batch(run, tags=_tags(tags))
        self._client.set_terminated(run, _STATUS[trial.state], end_time=int(when * 1000))
        self._finished.add(trial.name)
        self._runs.pop(trial.name)
        self._sent.pop(trial.name, None)

    def _send_points(self, name: str, points: list[tuple[str, int, float, float]]) -> None:
        from mlflow.entities import Metric

        sent = self._sent.setdefault(name, set())
        new = [point for point in points if (point[0], point[1]) not in sent]
        for start in range(0, len(new), _BATCH):
            batch = [
                Metric(plain(key, _SIGNS), value, int(when * 1000), step)
                for key, step, value, when in new[start : start + _BATCH]
            ]
            self._client.log_batch(self._runs[name], metrics=batch)
        sent.update((key, step) for key, step, _, _ in new)


def default_uri(folder: Path) -> str:
    """Return the database beside the study folders, shared by all of them."""
    return f"sqlite:///{(folder.resolve().parent / 'mlflow.db').as_posix()}"


def ui_command(uri: str, port: int) -> list[str]:
    """Return the command of MLflow's UI on this computer only.

    `--allowed-hosts` is given because the default check of MLflow 3.17 accepts names that merely begin alike.
    """
    import sys

    return [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--host", "127.0.0.1",
        "--port", str(port), "--workers", "1", "--allowed-hosts", "localhost:*,127.0.0.1:*",
    ]  # fmt: skip


def quiet_environment() -> None:
    """Set what MLflow reads from the environment, where the user has not: no telemetry, short waits."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")


def open_client(uri: str) -> Any:
    """Return a client of MLflow; a database that is not there yet appears whole or not at all."""
    quiet_environment()
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    from mlflow import MlflowClient

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it prints tracebacks that we handle
    if uri.startswith("sqlite:///"):
        _make_database(Path(uri.removeprefix("sqlite:///")))
    return MlflowClient(tracking_uri=uri)


def _make_database(path: Path) -> None:
    """Make an empty database under another name, and rename it: MLflow cannot go on with half of its tables."""
    if path.exists():
        return
    from filelock import FileLock
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        if path.exists():  # another study made it meanwhile
            return
        part = path.with_name(f"{path.name}.part")
        part.unlink(missing_ok=True)
        store = SqlAlchemyStore(f"sqlite:///{part.as_posix()}", "./mlruns")
        store.engine.dispose()
        part.rename(path)


def _children(client: Any, experiment: str, parent: str) -> list[Any]:
    found, token = [], None
    while True:
        page = client.search_runs(
            [experiment], f"tags.`mlflow.parentRunId` = '{parent}'", max_results=1000, page_token=token
        )
        found += list(page)
        token = page.token
        if not token:
            return found


def _log_dataset(client: Any, run: str, dataset: Mapping[str, Any]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"tags": {"mlflow.source.name": dataset["source"]}})
    entity = Dataset(
        name=dataset["name"],
        digest=dataset["digest"],
        source_type="code",
        source=source,
        schema=json.dumps(dataset["schema"]),
        profile=json.dumps(dataset["profile"]),
    )
    client.log_inputs(run, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])])


def _log_params(client: Any, run: str, params: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    items = [Param(plain(name, _SIGNS), str(value)[:500]) for name, value in params.items()]
    for start in range(0, len(items), 100):
        client.log_batch(run, params=items[start : start + 100])


def _tags(tags: Mapping[str, Any]) -> list[Any]:
    from mlflow.entities import RunTag

    return [RunTag(key, str(value)) for key, value in tags.items()]


def _thinned(length: int) -> list[int]:
    """Return at most a hundred steps of a curve, its ends among them."""
    if length <= _CURVE_POINTS:
        return list(range(length))
    return sorted({round(i * (length - 1) / (_CURVE_POINTS - 1)) for i in range(_CURVE_POINTS)})
