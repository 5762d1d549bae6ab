"""The one loop that asks, trains, tells and shows."""

from __future__ import annotations

import errno
import math
import time as clock
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from spaces.families.catalog import BASELINE
from spaces.language.space import Config
from tuner.archive.asked import is_kept, keep_asked
from tuner.archive.explained import KeptLeaderboard
from tuner.archive.model_files import ModelFiles
from tuner.archive.records import STOP_REQUEST
from tuner.archive.spending import elapsed
from tuner.ensembling.blend import Blend
from tuner.launch import on_trial
from tuner.launch.interrupts import Interrupted, interruptible
from tuner.launch.mlflow_page import StudyPage
from tuner.launch.places import slots_of
from tuner.launch.plan import Plan
from tuner.launch.progress import Display, Standing
from tuner.launch.refit import MOST, refit, seconds_to_refit
from tuner.search.early_end import as_told, is_beaten, stands_still
from tuner.search.ledger import Ledger, Trial
from tuner.search.turns import Past, by_seconds, by_trials, past_of, seconds_for_trial
from tuner.seeds import derive_seed
from tuner.study import Study
from tuner.tracking.client import remember
from tuner.tracking.tracker import Epochs, Tracker
from tuner.trials.outcome import Job, Outcome, attempts, ended_here, seal, sealed
from tuner.trials.shipping import check_shipping
from tuner.trials.slots import Finished, Slots
from tuner.trials.trial import folds_in

_DEATHS_BEFORE_FAILED = 3
_ENDS_BEFORE_FAILED = 2  # of the driver itself, which takes everything with it
_POLL_SECONDS = 0.5
_LEAST_SECONDS = 1.0
_MOST_RESERVED = 0.2  # of the time, for the ensemble


class Launch:
    """One launch of a study: its budget, its slots and the trials they run."""

    def __init__(self, study: Study, plan: Plan, display: Display, *, disk: float, began: float) -> None:
        self._study, self._plan, self._display = study, plan, display
        self._models, self._board = ModelFiles(study, disk), KeptLeaderboard(study)
        self._ledger: Ledger = study.ledger
        self._again: deque[Job] = deque()
        self._running: dict[str, Trial] = {}
        self._deaths: dict[str, int] = {}
        self._tracker: Tracker | None = None
        self._spent = elapsed(study.trials)
        self._blend = Blend(study.task)
        self._began = began
        self._gains: list[float] = []  # of this launch's trials, in the order in which they ended
        self._interrupts = 0
        self._stopped = False

    def check_own_families(self) -> None:
        """Train, save and load the default model of each of the user's own families."""
        for family in self._plan.families.values():
            if family.source is not None:
                self._display.say(f"checking that {family.name} can be saved and loaded in a fresh process")
                check_shipping(family, self._study.folder / "data", hidden=self._ledger.secrets)

    def run(self, tracking: str | None, constants: Mapping[str, Any]) -> None:
        """Run until a limit is reached."""
        slots = slots_of(self._study, self._plan, on_report=self._on_report, on_epochs=self._on_epochs)
        self._tracker = self._make_tracker(tracking, constants)
        limit = "failed"
        self._display.start(self._done())
        try:
            with interruptible(self._interrupt):
                slots.start()
                self._plan = replace(self._plan, workers=slots.count)
                self._asked_to_stop()  # of an earlier launch
                self._settle()
                limit = self._loop(slots)
                self._refit(slots)
            slots.close()
            self._display.stands(self._standing())
        finally:
            slots.kill()
            self._display.stop()
            self._board.write()
            self._close_tracking("KILLED" if self._interrupts else "FAILED" if limit == "failed" else "FINISHED")
        self._display.say(self._study.summary(limit))
        if self._interrupts:
            self._display.say(self._display.to_go_on(self._study.folder))
            raise Interrupted(limit)

    def _loop(self, slots: Slots) -> str:
        while True:
            self._study.must_be_there()
            while slots.free() and (job := self._next()) is not None:
                slots.submit(job)
            limit = self._limit()  # after that: a trial that is taken up may be a duplicate, which does not count
            if self._interrupts > 1:
                slots.kill()
                return "interrupted"
            if limit is not None and not self._running and (self._ends or not self._again):
                return limit
            if limit is None and slots.free() and not self._running and not self._again:
                left = self._left()
                return f"ended {left:.0f} s early, as no trial would end in time" if left >= 1 else "time used up"
            if self._asked_to_stop():
                self._interrupt()
            if self._display.live:
                self._display.stands(self._standing())
            for finished in slots.poll(_POLL_SECONDS):
                self._take(finished)

    @property
    def _ends(self) -> bool:
        """Whether somebody ends the study: nothing is begun any more."""
        return self._stopped or self._interrupts > 0

    def _standing(self) -> Standing:
        counted = [trial for trial in self._study.trials if trial.family != BASELINE and not trial.duplicate]
        finished = [trial for trial in counted if trial.outcome is not None]
        return Standing(list(self._running), finished, self._study.best, self._left())

    def _limit(self) -> str | None:
        if self._interrupts:
            return "interrupted"
        if self._stopped:
            return "stopped by on_trial"
        if self._trials_left() <= 0:
            return "trials used up" if self._baseline_asked() else None
        if self._left() <= 0:
            return "time used up"
        if math.isfinite(self._plan.budget.time) and (still := self._stands_still()):
            return f"ended {self._left():.0f} s early, as the last {still} trials gained nothing for the ensemble"
        if self._n_failed() >= self._plan.budget.max_failures:
            return f"{self._plan.budget.max_failures:g} trials failed"
        if self._baseline_asked() and all(self._ledger.exhausted(name) for name in self._searched()):
            return "spaces exhausted"
        return None

    def _stands_still(self) -> int:
        """Return for how many trials of this launch nothing was gained; a later call goes on as long again."""
        return stands_still(self._gains, rows=len(self._study.task.rows), families=len(self._plan.families) - 1)

    def _next(self) -> Job | None:
        """Return the next job: an interrupted trial, or a new one of the family whose turn it is."""
        while (proposed := self._proposed()) is not None:
            trial, config = proposed
            same = self._ledger.equal(trial)
            self._keep_asked(trial, config, same.number if same else None)
            if same is None:
                return self._begin(trial, config)
            self._running.pop(trial.name, None)
            self._show(self._ledger.tell_duplicate(trial, same))
        return None

    def _proposed(self) -> tuple[Trial, Config] | None:
        """Return the next trial and its configuration; None where there is none now."""
        if self._again and not self._ends:
            job = self._again.popleft()
            return self._ledger.resume(job.family, job.number)
        if self._limit() is not None:
            return None
        turn = self._whose_turn()
        return None if turn is None else self._ledger.ask(*turn)

    def _keep_asked(self, trial: Trial, config: Config, same: int | None) -> None:
        keep_asked(self._study.folder, trial, config, seed=self._seed_of(trial), same=same)

    def _seed_of(self, trial: Trial) -> int:
        return derive_seed(self._plan.seed, trial.family, trial.number, 1)

    def _whose_turn(self) -> tuple[str, str] | None:
        """Return the family whose turn it is, and why; None where no family may have one now."""
        if not self._baseline_asked():
            return BASELINE, "baseline first"
        if (trials := self._trials_left()) <= 0:
            return None
        pasts = {name: self._past(name) for name in self._searched() if not self._ledger.exhausted(name)}
        if not pasts:
            return None
        if self._plan.budget.turns == "trials":
            return by_trials(pasts)
        number = sum(len(self._ledger.trials(name)) for name in self._plan.families)
        trials /= max(1, self._plan.workers)
        return by_seconds(pasts, seed=self._plan.seed, number=number, left=self._left(), trials=trials)

    def _past(self, family: str, *, before: int | None = None) -> Past:
        return past_of(
            self._ledger.trials(family)[:before],
            self._plan.families[family],
            weight=self._plan.weights[family],
            sign=self._study.task.score.sign,
            baseline=self._baseline(),
        )

    def _baseline(self) -> float | None:
        return next((trial.value for trial in self._ledger.trials(BASELINE)), None)

    def _left(self) -> float:
        """Return the seconds until the study ends: an ensemble is to be made before its time is over."""
        time = self._plan.budget.time
        if math.isinf(time):
            return time
        left = self._left_to_refit()
        if not self._plan.refit:
            return left
        seconds = self._blend.seconds_of_members()
        return left - seconds_to_refit(self._study.task, seconds, most=MOST * time) / max(1, self._plan.workers)

    def _left_to_refit(self) -> float:
        """Return the seconds until nothing may be trained any more."""
        time = self._plan.budget.time
        reserve = min(_MOST_RESERVED * time, self._blend.seconds_to_combine(shown=self._tracker is not None))
        return time - reserve - self._spent - (clock.monotonic() - self._began)

    def _refit(self, slots: Slots) -> None:
        """Train what the ensemble will read on all rows, where that is wanted and nobody ends the study."""
        if not self._plan.refit or self._ends:
            return
        left, ends, say = self._left_to_refit, lambda: self._interrupts, self._display.say
        refit(self._study, self._plan, slots, left=left, ends=ends, say=say)

    def _begin(self, trial: Trial, config: Config) -> Job:
        folder = self._study.folder / "trials" / trial.name
        attempt = 1 + max(attempts(folder), default=0)
        (folder / str(attempt)).mkdir(parents=True)
        self._running[trial.name] = trial
        if self._tracker:
            self._tracker.started(trial, attempt)
        seed = self._seed_of(trial)
        return replace(
            self._limited(trial), attempt=attempt, config=config, seed=seed, folder=str(folder / str(attempt))
        )

    def _limited(self, trial: Trial) -> Job:
        """Return a trial's job as far as time goes: once another is complete, it may not make the study late."""
        left, seconds = self._left(), self._seconds(trial)
        found = any(self._ledger.ended(name, "complete") for name in self._searched())
        needed = trial.family == BASELINE or not found
        late = math.inf if needed else max(_LEAST_SECONDS, left - seconds + self._plan.budget.lateness)
        return Job(trial.family, trial.number, 0, {}, 0, "", seconds, left=left, late=late, needed=needed)

    def _seconds(self, trial: Trial) -> float:
        """Return how long a trial may take."""
        share = self._left()
        if self._plan.budget.turns == "seconds" and trial.family != BASELINE:
            past = self._past(trial.family, before=trial.number)
            others = [self._past(name) for name in self._searched() if name != trial.family]
            share = seconds_for_trial(share, past, others, workers=self._plan.workers)
        return max(_LEAST_SECONDS, min(self._plan.budget.trial_time, share))

    def _take(self, finished: Finished) -> None:
        """Commit a job that ended, or run it again when its worker died."""
        job, outcome = finished
        if outcome is None:
            outcome = sealed(Path(job.folder))
        elif outcome.reason == "disk":
            self._study.must_be_there()
            raise OSError(errno.ENOSPC, outcome.error)
        if outcome is None:
            self._deaths[job.name] = self._deaths.get(job.name, 0) + 1
            if self._ends or self._deaths[job.name] < _DEATHS_BEFORE_FAILED:
                self._running.pop(job.name)
                self._again.appendleft(job)  # by the same call another time, where the study ends
                if not self._ends:
                    self._display.say(f"a worker died while running {job.name}: trying again")
                return
            error = f"its worker died {_DEATHS_BEFORE_FAILED} times, perhaps out of memory"
            outcome = Outcome("failed", error=error, reason="died", started=clock.time(), attempt=job.attempt)
        if outcome.reason in ("time", "died"):  # the worker could not seal it
            seal(Path(job.folder), outcome)
        self._running.pop(job.name)
        self._tell(job.family, job.number, outcome, folder=Path(job.folder))

    def _tell(self, family: str, number: int, outcome: Outcome, *, folder: Path) -> None:
        outcome = as_told(outcome, self._baseline(), sign=self._study.task.score.sign)
        if outcome.state == "complete":
            outcome = replace(outcome, gain=self._blend.add(folder, seconds=outcome.seconds))
        if family != BASELINE:
            self._gains.append(outcome.gain)
        self._show(self._ledger.tell(family, number, outcome))

    def _settle(self) -> None:
        """Tell what was sealed but not told, and run again what was cut off, before anything is asked."""
        for trial in self._study.trials:
            if trial.value is not None and not trial.duplicate:
                seconds = trial.outcome.seconds if trial.outcome else 0.0
                self._blend.add(self._study.attempt_folder(trial), seconds=seconds)
        for family in self._plan.families:
            for trial in self._ledger.trials(family):
                if not is_kept(self._study.folder, trial):
                    same = trial.outcome.duplicate_of if trial.outcome else None
                    self._keep_asked(trial, self._study.config(trial), same)
                if trial.state == "running":
                    self._settle_one(trial)
                elif self._tracker:
                    self._tracker.told(trial)
                self._models.found(trial)

    def _settle_one(self, trial: Trial) -> None:
        folder = self._study.folder / "trials" / trial.name
        last = folder / str(max(attempts(folder), default=0))
        outcome = sealed(last)
        if outcome is None and (deaths := ended_here(folder)) >= _ENDS_BEFORE_FAILED:
            error = f"the process ended {deaths} times in the middle of this trial"
            outcome = Outcome("failed", error=error, reason="died", started=clock.time(), attempt=int(last.name))
            seal(last, outcome)
        if outcome is None:
            self._again.append(Job(trial.family, trial.number, 0, {}, 0, ""))
            return
        self._ledger.resume(trial.family, trial.number)
        self._tell(trial.family, trial.number, outcome, folder=last)

    def _show(self, trial: Trial) -> None:
        if self._tracker:
            self._tracker.told(trial)
        self._display.told(trial, self._done(), self._study.best)
        self._models.told(trial)
        self._board.told()
        if self._plan.on_trial:
            on_trial.call(self._plan.on_trial, self._study, trial)
            self._stopped |= self._asked_to_stop()

    def _done(self) -> int:
        return sum(self._ledger.done(name) for name in self._searched())

    def _trials_left(self) -> float:
        """Return how many trials the budget has beside those that were done, or run now."""
        most = self._plan.budget.trials
        return math.inf if most is None else most - self._done() - self._n_running()

    def _n_failed(self) -> int:
        return sum(self._ledger.ended(name, "failed") for name in self._searched())

    def _n_running(self) -> int:
        families = {name: trial.family for name, trial in self._running.items()}
        families |= {job.name: job.family for job in self._again}
        return sum(family != BASELINE for family in families.values())

    def _searched(self) -> list[str]:
        return [name for name in self._plan.families if name != BASELINE]

    def _baseline_asked(self) -> bool:
        return bool(self._ledger.trials(BASELINE))

    def _on_report(self, job: Job, step: int, value: float) -> bool:
        """Return whether a trial is to stop: the pruner says so, or it is beaten and trains no further fold."""
        pruned = self._ledger.report(job.family, job.number, step, value=value)
        folds = folds_in(step)
        if pruned or not folds or not self._plan.fold_pruning:
            return pruned
        baseline = next((trial.outcome for trial in self._ledger.trials(BASELINE)), None)
        trials = self._ledger.trials(job.family)
        return is_beaten(value, trials, folds=folds, sign=self._study.task.score.sign, baseline=baseline)

    def _on_epochs(self, job: Job, epochs: Epochs) -> None:
        fold, epoch, *_ = epochs[-1]
        self._display.epoch(job.name, fold, epoch)
        if self._tracker:
            self._tracker.epochs(job.name, epochs)

    def _make_tracker(self, uri: str | None, constants: Mapping[str, Any]) -> Tracker | None:
        if uri is None:
            return None
        remember(self._study.folder, uri)
        page = StudyPage(self._study, self._plan, constants)
        return Tracker(
            uri, page, curves=self._plan.log_curves, trials=self._plan.log_trials, complain=self._display.say
        )

    def _close_tracking(self, status: str) -> None:
        if self._tracker and (missing := self._tracker.close(status)):
            self._display.say(f"{missing} trials are not in MLflow yet: the same call again sends them")

    def _asked_to_stop(self) -> bool:
        """Return whether `tuner stop` asked for it, and take note."""
        request = self._study.folder / STOP_REQUEST
        asked = request.exists()
        request.unlink(missing_ok=True)
        return asked

    def _interrupt(self) -> None:
        self._interrupts += 1
        if self._interrupts == 1:
            self._display.say("Interrupted: running trials are finished first; Ctrl-C again to stop at once")
