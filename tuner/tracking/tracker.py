"""Show a study in MLflow: a parent run, a child run for each trial.

One thread is the only writer. Nothing depends on it: the ledger and the trials' folders hold everything, so a server
that is down is tried again later, and what it missed is sent then, or when the study is started the next time.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from tuner.search.ledger import Trial
from tuner.tracking.addresses import NOTE, experiment_note, run_page, view_tags
from tuner.tracking.client import experiment_named, identity, leave, open_client, published
from tuner.tracking.complaints import complaint, without_password
from tuner.tracking.shown import (
    CurvesShown,
    Point,
    Tracked,
    TrialsShown,
    accepted,
    curve_points,
    run_name,
    study_points,
    trial_points,
    trial_tags,
    trials_shown,
    worded,
)

_FLUSH_SECONDS = 3.0
_RETRY_SECONDS = 20.0
_PAGE_SECONDS = 20.0
_BATCH, _PARAMS = 1000, 100  # MLflow takes no more at once
_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
_REFUSED = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS")

Epochs = list[tuple[int, int, dict[str, float], float]]


class Tracker:
    """Sends what happens to MLflow, from a thread of its own.

    Args:
        uri: MLflow's tracking URI.
        study: What there is to show.
        curves: Which curves a trial's run holds.
        trials: Which trials have a run.
        complain: Called with a message, once each time the server is lost or found.
    """

    def __init__(
        self, uri: str, study: Tracked, *, curves: CurvesShown, trials: TrialsShown, complain: Callable[[str], None]
    ) -> None:
        self._uri, self._study, self._curves, self._trials, self._complain = uri, study, curves, trials, complain
        self._inbox: queue.Queue[tuple[Any, ...]] = queue.Queue()
        self._client: Any = None
        self._file: tuple[int, int] | None = None
        self._parent = self._experiment_id = ""
        self._runs: dict[str, str] = {}
        self._finished: dict[str, str] = {}
        self._pending: dict[str, Trial] = {}
        self._epochs: dict[str, Epochs] = {}
        self._sent: dict[str, set[tuple[str, int]]] = {}
        self._retry_at = self._paged = 0.0
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def started(self, trial: Trial, attempt: int) -> None:
        """Open the child run of a trial, where each has one."""
        if self._trials == "all":
            self._inbox.put(("started", trial, attempt, time.time()))

    def epochs(self, name: str, epochs: Epochs) -> None:
        """Send a running trial's epochs, soon, where each fold's curves are shown."""
        if self._curves == "folds":
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
                self._try(lambda rest=rest: self._start(*rest))  # type: ignore[misc]
            idle = self._inbox.empty()
            if status or (idle and time.monotonic() - flushed > _FLUSH_SECONDS):
                self._try(lambda last=bool(status): self._flush(last=last))  # type: ignore[misc]
                flushed = time.monotonic()
        self._try(lambda: self._client.set_terminated(self._parent, status))

    def _try(self, send: Callable[[], None]) -> None:
        """Send, unless the server was lost a moment ago. Whatever fails is sent again later, from the ledger."""
        if time.monotonic() < self._retry_at:
            return
        if self._client is not None and identity(self._uri) != self._file:
            self._leave()
        try:
            if self._client is None:
                self._connect()
            send()
        except Exception as error:  # a client of any server fails in ways of its own; the study must go on
            if not self._retry_at:
                self._complain(
                    f"{complaint(self._uri, error)}; the study goes on, and what is missing in MLflow is sent later"
                )
            self._leave()
            self._retry_at = time.monotonic() + _RETRY_SECONDS
        else:
            if self._retry_at:
                self._complain(f"MLflow at {without_password(self._uri)} answers again")
            self._retry_at = 0.0

    def _leave(self) -> None:
        leave(self._client)
        self._client = None

    def _connect(self) -> None:
        """Find or make experiment and parent run, and see which children are there.

        Those are deleted that did not end as their trials did: trials that were cut off, or are tried once more.
        """
        client = open_client(self._uri)
        self._experiment_id = self._experiment(client)
        self._parent = self._parent_run(client)
        client.log_batch(self._parent, tags=_tags(self._changed_params(client)))
        self._runs, self._finished, self._sent = {}, {}, {}
        ended = {trial.name: _STATUS[trial.state] for trial in self._study.finished()}
        for run in children(client, self._experiment_id, self._parent):
            name = run.data.tags.get("tuner.trial", "")
            if run.info.status == ended.get(name) and name not in self._finished:
                self._finished[name] = run.info.run_id
            else:
                client.delete_run(run.info.run_id)
        self._client, self._file = client, identity(self._uri)
        for trial in self._study.finished():
            self._pending.setdefault(trial.name, trial)

    def _experiment(self, client: Any) -> str:
        """Return the id of the study's experiment, which is made if there is none."""
        name = self._study.name
        found = experiment_named(client, self._uri, name)
        if found is None:
            kind = {"mlflow.experimentKind": "custom_model_development"}
            return str(client.create_experiment(name, artifact_location=self._study.artifacts, tags=kind))
        return str(found.experiment_id)

    def _parent_run(self, client: Any) -> str:
        """Return the id of the study's run: the one that is there, even a deleted one, or a new one."""
        from mlflow.entities import ViewType

        which = f"tags.`tuner.study` = '{self._study.id}'"
        found = client.search_runs([self._experiment_id], which, run_view_type=ViewType.ALL, max_results=1)
        if not found:
            tags = {"tuner.study": self._study.id}
            return str(client.create_run(self._experiment_id, tags=tags, run_name=self._study.name).info.run_id)
        (run,) = found
        if run.info.lifecycle_stage == "deleted":
            client.restore_run(run.info.run_id)
            self._complain(f"the run of {self._study.name} was deleted in MLflow: it is restored, as the study goes on")
        client.update_run(run.info.run_id, status="RUNNING")
        return str(run.info.run_id)

    def _changed_params(self, client: Any) -> dict[str, Any]:
        """Log the study's data and constants, unless they are there.

        What a later launch may change is returned for tags, as params never change.
        """
        run = client.get_run(self._parent)
        if not run.inputs.dataset_inputs and (dataset := self._study.dataset) is not None:
            _log_dataset(client, self._parent, dataset)
        known, given = run.data.params, self._study.params
        _log_params(client, self._parent, {name: value for name, value in given.items() if accepted(name) not in known})
        return {f"tuner.{n}": v for n, v in given.items() if known.get(accepted(n), worded(v)) != worded(v)}

    def _start(self, trial: Trial, attempt: int, started: float) -> None:
        if trial.name not in self._runs and trial.name not in self._finished:
            self._open(trial, attempt, started)
            _log_params(self._client, self._runs[trial.name], _params(trial))

    def _open(self, trial: Trial, attempt: int, started: float, *, tags: Mapping[str, str] | None = None) -> None:
        """Make a trial's run; tags that are known already cost nothing more."""
        tags = {
            **(tags or {}),
            "mlflow.parentRunId": self._parent,
            "tuner.trial": trial.name,
            "tuner.family": trial.family,
            "tuner.attempt": str(attempt),
        }
        start = int(started * 1000)
        run = self._client.create_run(self._experiment_id, start_time=start, tags=tags, run_name=run_name(trial))
        self._runs[trial.name] = run.info.run_id

    def _flush(self, *, last: bool) -> None:
        for name in list(self._epochs):
            if name in self._runs:
                points = [
                    Point(accepted(f"{key}/fold-{fold}"), epoch, value, when)
                    for fold, epoch, curves, when in self._epochs[name]
                    for key, value in curves.items()
                ]
                self._send(name, points)
            self._epochs.pop(name, None)
        news = bool(self._pending)
        shown = trials_shown(self._study.finished(), self._study.sign, self._trials) if news else set()
        for name, trial in list(self._pending.items()):
            if name in shown and name not in self._finished:
                self._complete_or_give_up(trial)
            del self._pending[name]
        if last or (news and time.monotonic() - self._paged > _PAGE_SECONDS):
            self._page(last=last)
            self._paged = time.monotonic()

    def _complete_or_give_up(self, trial: Trial) -> None:
        """Complete a run; one that MLflow refuses must not keep the others from being sent."""
        from mlflow.exceptions import MlflowException

        try:
            self._complete(trial)
        except MlflowException as error:
            if error.error_code not in _REFUSED:
                raise
            reason = str(error.message).strip().splitlines()[0][:300]
            self._complain(f"MLflow refuses {trial.name} ({reason}); the study and its other runs go on")
            self._finished[trial.name] = self._runs.pop(trial.name, "")

    def _complete(self, trial: Trial) -> None:
        outcome = trial.outcome
        assert outcome is not None
        tags, beside = trial_tags(trial, self._study.use(trial), self._study.traceback(trial)), dict[str, Any]()
        if trial.name in self._runs:
            beside["tags"] = _tags(tags)
        else:
            self._open(trial, outcome.attempt, outcome.started, tags=tags)
            if len(trial.params) < _PARAMS:
                beside["params"] = _as_params(_params(trial))
            else:
                _log_params(self._client, self._runs[trial.name], _params(trial))
        when, run = outcome.started + outcome.seconds, self._runs[trial.name]
        curves = curve_points(self._study.curves(trial), when, self._curves)
        self._send_to(run, [*trial_points(trial, self._study.metric), *curves], trial.name, beside=beside)
        self._client.set_terminated(run, _STATUS[trial.state], end_time=int(when * 1000))
        self._finished[trial.name] = self._runs.pop(trial.name)
        self._sent.pop(trial.name, None)

    def _page(self, *, last: bool) -> None:
        """Bring the study's own run up to date: its numbers, its description, the leaderboard's columns, its files."""
        study = self._study
        self._send_to(self._parent, study_points(study.finished(), study.metric, study.sign), "")
        pages = {name: run_page(self._experiment_id, run) for name, run in self._finished.items() if run}
        note = study.note(pages)
        self._client.set_tag(self._parent, NOTE, note)
        metrics, params = study.columns
        tags = view_tags(
            accepted(study.metric),
            greater_is_better=study.sign < 0,
            metrics=[accepted(name) for name in metrics],
            params=[accepted(name) for name in params],
            curves=[
                tuple(accepted(f"{name}/{part}") for part in ("train", "validation")) for name in study.curve_names
            ],
        )
        tags[NOTE] = experiment_note(
            note, self._experiment_id, self._parent, model=published(self._client, self._parent)
        )
        for key, value in tags.items():
            self._client.set_experiment_tag(self._experiment_id, key, value)
        if last:
            for name, text in study.files().items():
                self._client.log_text(self._parent, text, name)

    def _send(self, name: str, points: list[Point]) -> None:
        self._send_to(self._runs[name], points, name)

    def _send_to(self, run: str, points: list[Point], name: str, *, beside: Mapping[str, Any] | None = None) -> None:
        """Send the points that were not sent yet, and what else there is with the first of them: each call is slow."""
        from mlflow.entities import Metric

        sent = self._sent.setdefault(name, set())
        new = [point for point in points if (point.key, point.step) not in sent]
        for start in range(0, len(new), _BATCH):
            some = new[start : start + _BATCH]
            batch = [Metric(point.key, point.value, int(point.when * 1000), point.step) for point in some]
            self._client.log_batch(run, metrics=batch, **(beside or {} if start == 0 else {}))
        sent.update((point.key, point.step) for point in new)


def children(client: Any, experiment: str, parent: str) -> list[Any]:
    """Return the runs of a study's trials."""
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


def _params(trial: Trial) -> dict[str, Any]:
    return {"family": trial.family, **trial.params}


def _log_params(client: Any, run: str, params: Mapping[str, Any]) -> None:
    items = _as_params(params)
    for start in range(0, len(items), _PARAMS):
        client.log_batch(run, params=items[start : start + _PARAMS])


def _as_params(params: Mapping[str, Any]) -> list[Any]:
    from mlflow.entities import Param

    return [Param(accepted(name), worded(value)) for name, value in params.items()]


def _tags(tags: Mapping[str, Any]) -> list[Any]:
    from mlflow.entities import RunTag

    return [RunTag(key, str(value)) for key, value in tags.items()]
