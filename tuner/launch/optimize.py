"""Search somebody's own function: one space, the samplers of both engines, a ledger that goes on, MLflow and plots."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import time as clock
import traceback
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from spaces.families.own import source_digest
from spaces.language.complaints import unknown_name
from spaces.language.points import point
from spaces.language.space import Config, Space, check, defaults, digest, flatten, leaves, to_json
from spaces.machine.disk import delete_parts, write_text
from spaces.machine.mistakes import briefly
from spaces.machine.torn import read_record
from tuner.amounts import Count, Duration, Natural
from tuner.archive.optimization import OBJECTIVE, Optimization
from tuner.archive.records import STOP_REQUEST
from tuner.archive.study_folder import StudyError
from tuner.launch import on_trial as listeners
from tuner.launch.objective_page import ObjectivePage
from tuner.launch.on_trial import OnTrial
from tuner.launch.plan import Budget, budget_of
from tuner.launch.progress import Display
from tuner.launch.tune import locked, name_of
from tuner.search.ledger import Ledger, Trial
from tuner.search.samplers import THINNED, make_pruner, sampler_maker
from tuner.tracking.client import remember, tracking_uri
from tuner.tracking.tracker import Tracker
from tuner.trials.outcome import Outcome
from tuner.trials.trial import TRACEBACK

Direction = Literal["minimize", "maximize"]
_FILE, _FORMAT = "objective.json", 1
_RESTORE = "restore it from a backup, or search in another folder"


@briefly
def optimize(
    objective: Callable[[Any], Any],
    space: Any,
    *,
    sampler: str | Any = "optuna.tpe",
    trials: Count | None = None,
    time: Duration | None = None,
    direction: Direction = "minimize",
    metric: str = "value",
    start: Sequence[Mapping[str, Any]] = (),
    seed: Natural = 0,
    folder: str | Path | None = None,
    tracking: str | None = "auto",
    progress: bool = True,
    on_trial: OnTrial | Sequence[OnTrial] | None = None,
) -> Optimization:
    """Search the best configuration of a function of your own, or go on with the search in the folder.

    The first trial is the start, or else the default of each parameter. A configuration that was tried already is not
    tried again.

    Args:
        objective: Called with a configuration, nested like the space; returns a number, or Hyperopt's
            `{"loss": ..., "status": ...}`. Where it raises or the number is not finite, the trial fails and the search
            goes on.
        space: A space (see `spaces`), or an expression of Hyperopt's, such as `{"x": hp.uniform("x", 0, 1)}`: the
            objective is then called with what Hyperopt would hand over.
        sampler: A name (see `tuner.SAMPLERS`), a function `seed -> BaseSampler`, or an Optuna sampler.
        trials: Stop after so many trials of all calls together; 40 when neither this nor `time` is given.
        time: Begin no trial after so many seconds of trials, or text such as `"20m"`, of all calls together.
        direction: Whether less is better, or more.
        metric: What the number is called, in tables, plots and MLflow.
        start: Points to begin with, `[{"x": 0.5}]`; what is not said has its default.
        seed: What the samplers draw is derived from it.
        folder: Where to keep the search, so that the same call goes on. Without one, all goes when the result does.
        tracking: An MLflow tracking URI, or None. `"auto"` is as for `tuner.tune`, and None without a folder.
        progress: Print a line for each trial.
        on_trial: Called with the result so far and the trial after each trial; it may end the search, `result.stop()`.

    Raises:
        ValueError: An argument cannot be used, or the folder holds another search; nothing was started.
    """
    searched, handed_over = _space(space)
    budget = budget_of(trials, time, None, max_failures=None, turns="trials")
    functions = listeners.checked(on_trial)
    if direction not in get_args(Direction):
        raise ValueError(f"direction: {unknown_name(str(direction), list(get_args(Direction)))}")
    if not callable(objective):
        raise ValueError(f"objective must be a function of a configuration, got {objective!r}")
    points = [point(searched, one) for one in start] or [flatten(searched, defaults(searched))]
    make_sampler = sampler_maker(sampler, searched)
    place = Path(tempfile.mkdtemp(prefix="optimize-") if folder is None else folder).absolute()
    with locked(place):
        about = {"format": _FORMAT, "direction": direction, "metric": metric, "seed": seed}
        stored = _begun(place, {**about, "space": digest(searched), "objective": source_digest(objective)}, searched)
        ledger = Ledger(place / "ledger.db", seed=seed, maximize=direction == "maximize", pruner=make_pruner(None))
        ledger.open(OBJECTIVE, searched, make_sampler, starts=points, thinned=sampler in THINNED)
        found = Optimization(place, ledger, (OBJECTIVE,), searched, direction, metric, handed_over)
        if folder is None:
            weakref.finalize(found, shutil.rmtree, place, ignore_errors=True)
        display = Display(budget.trials, metric, silent=not progress)
        uri = None if folder is None and tracking == "auto" else tracking_uri(tracking, place)
        page = ObjectivePage(found, stored, {"sampler": name_of(sampler), "seed": seed})
        with _tracked(uri, page, display) as tracker:
            _search(found, objective, budget, display=display, tracker=tracker, functions=functions)
    return found


def _space(given: Any) -> tuple[Space, Callable[[Config], Any]]:
    """Return the space, and what turns its configs into what the objective is called with."""
    if _of_hyperopt(given):
        from tuner.search.from_hyperopt import from_hyperopt

        space, handed_over = from_hyperopt(given)
    else:
        space, handed_over = given, lambda config: config
    check(space)
    if not leaves(space):
        raise ValueError(
            f"there is nothing to search in this space: {given!r}; a range is Float(0, 1), Int(1, 9) or Choice([1, 2])"
        )
    return space, handed_over


def _of_hyperopt(given: Any) -> bool:
    if isinstance(given, Mapping):
        return any(map(_of_hyperopt, given.values()))
    if isinstance(given, list | tuple):
        return any(map(_of_hyperopt, given))
    return type(given).__module__.startswith("hyperopt.")


def _begun(place: Path, about: dict[str, Any], space: Space) -> dict[str, Any]:
    """Return what is stored of a search; begin one where nothing is stored.

    Raises:
        StudyError: The folder holds something else.
    """
    path = place / _FILE
    if path.exists():
        stored = read_record(path, {"id": str, **dict.fromkeys(about, object)}, instead=_RESTORE)
        if differing := [name for name, value in about.items() if stored[name] != value]:
            raise StudyError(
                f"{place} holds another search: its {', '.join(differing)} differ. Choose another folder or restore it"
            )
        return stored
    delete_parts(path)  # of a call that was killed as it began
    if any(one.name != ".lock" for one in place.iterdir()):
        raise StudyError(f"{place} is not empty and holds no search: choose another folder")
    stored = {"id": uuid.uuid4().hex, **about, "leaves": to_json(space)}
    write_text(path, json.dumps(stored, indent=1))
    return stored


@contextmanager
def _tracked(uri: str | None, page: ObjectivePage, display: Display) -> Iterator[Tracker | None]:
    tracker = None
    if uri is not None:
        remember(page.folder, uri)
        tracker = Tracker(uri, page, curves="none", trials="all", complain=display.say)
    status = "KILLED"
    display.start(len(page.finished()))
    try:
        yield tracker
        status = "FINISHED"
    finally:
        display.stop()
        if tracker and (missing := tracker.close(status)):
            display.say(f"{missing} trials are not in MLflow yet: the same call again sends them")


def _search(
    found: Optimization,
    objective: Callable[[Any], Any],
    budget: Budget,
    *,
    display: Display,
    tracker: Tracker | None,
    functions: Sequence[OnTrial],
) -> None:
    """Ask, call and tell until a limit is reached; what was cut off is called first."""
    ledger, request = found.ledger, found.folder / STOP_REQUEST
    request.unlink(missing_ok=True)
    cut_off = [trial for trial in ledger.trials(OBJECTIVE) if trial.state == "running"]
    while not request.exists() and (cut_off or not _used_up(found, budget)):
        if cut_off:
            trial, config = ledger.resume(OBJECTIVE, cut_off.pop(0).number)
        else:
            trial, config = ledger.ask(OBJECTIVE)
        if (same := ledger.equal(trial)) is not None:
            told = ledger.tell_duplicate(trial, same)
        else:
            if tracker:
                tracker.started(trial, 1)
            folder = found.folder / "trials" / trial.name
            told = ledger.tell(OBJECTIVE, trial.number, _outcome(objective, found.handed_over(config), folder))
        if tracker:
            tracker.told(told)
        display.told(told, len(_run(found)), found.best)
        listeners.call(functions, found, told)
    request.unlink(missing_ok=True)


def _used_up(found: Optimization, budget: Budget) -> bool:
    ended = _run(found)
    seconds = sum(trial.outcome.seconds for trial in ended if trial.outcome)
    enough = budget.trials is not None and len(ended) >= budget.trials
    return enough or seconds >= budget.time or found.ledger.exhausted(OBJECTIVE)


def _run(found: Optimization) -> list[Trial]:
    return [trial for trial in found.ledger.trials(OBJECTIVE) if trial.outcome and not trial.duplicate]


def _outcome(objective: Callable[[Any], Any], config: Any, folder: Path) -> Outcome:
    """Call the objective; whatever happens is the trial's outcome, and the search goes on."""
    started, began = clock.time(), clock.monotonic()
    try:
        value = _number(objective(config))
    except Exception as error:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / TRACEBACK).write_text(traceback.format_exc())
        said = f"{type(error).__name__}: {str(error).strip()[:500]}{_instead(error)}"
        outcome = Outcome("failed", error=said, reason="error")
    else:
        outcome = Outcome("complete", value=value, fold_values=(value,))
        if not math.isfinite(value):
            outcome = Outcome("failed", error=f"the objective returned {value}", reason="nan")
    return replace(outcome, seconds=clock.monotonic() - began, started=started)


def _instead(error: Exception) -> str:
    """Say what an objective that is written for Optuna's trial reads here."""
    wanted = (
        isinstance(error, AttributeError) and isinstance(error.obj, Mapping) and str(error.name).startswith("suggest_")
    )
    return (
        "; here: the space says what is suggested, and the objective is called with a dict: config['x']"
        if wanted
        else ""
    )


def _number(returned: Any) -> float:
    """Return the number that an objective returned."""
    if isinstance(returned, Mapping):  # Hyperopt's habit
        if returned.get("status", "ok") != "ok":
            raise ValueError(f"the objective says status={returned['status']!r}")
        returned = returned["loss"]
    try:
        return float(returned)
    except (TypeError, ValueError):
        raise TypeError(f"the objective must return a number, got {returned!r}") from None
