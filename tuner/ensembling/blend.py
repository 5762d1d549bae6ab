"""A running ensemble of all trials so far: what each new trial gains for it is known for the price of a few scores."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.choosing.cross_fitting import resamples
from ensembles.choosing.gate import seconds_of_stacks
from ensembles.losses import Undefined
from ensembles.methods import METHODS
from ensembles.pools import POOLS
from spaces.machine.cores import crowding
from spaces.machine.disk import size_of
from spaces.machine.torn import read_arrays
from spaces.rows.target import ITSELF
from tuner.ensembling.pool import loss_of_task
from tuner.task.task import Task
from tuner.trials.scored_folds import scored_folds

_WEIGHTS = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05)
_POWERS = (0.7, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0)
_MOST_NUMBERS = 2_000_000
_FEWEST_MEASURED = 0.05
# What an ensemble takes, in seconds and in scores of all rows: each method is fitted, and compared in resamples.
_SECONDS, _SECONDS_SHOWN, _SCORES_A_RESAMPLE = 2.0, 2.0, 50
_MOST_MEMBERS = 30
_LEAST_SHARE = 0.05
_MEMBERS, _A_BYTE = 10, 2e-8  # an ensemble's usual ones, and the seconds in which a byte of them is read
_A_SCORE, _A_NUMBER = 2e-4, 3e-8  # seconds, where none was measured yet


class Blend:
    """Mixes in the held-out predictions of one trial after the other, each with the best of a few weights.

    That is a Frank-Wolfe step with a coarse line search: no ensemble to predict with, but an honest sign of whether a
    trial brings anything new. Probabilities are multiplied in as well, where log loss decides: a model that is unsure
    adds much to one that is too sure. Of large predictions some rows of each fold stand for all.

    Args:
        task: The task.
    """

    def __init__(self, task: Task) -> None:
        self._task, self._scored = task, scored_folds(task)
        self._weights = _WEIGHTS[:1] if task.target.kind == ITSELF else _WEIGHTS
        loss, product = loss_of_task(task), METHODS["log_linear"]
        self._product = POOLS[product.pool_for(loss)] if product.accepts(loss) else None
        self._held: NDArray[Any] | None = None
        self._loss = np.inf
        self._waited = self._computed = 0.0
        self._scores = self._mixed = self._bytes = 0
        self._read: dict[Path, tuple[float, float]] = {}  # how much a trial counts, and its seconds

    @property
    def slowness(self) -> float:
        """How many times longer than its computing an ensemble will take, as others compute too; between 1 and 3.

        What mixing took so far says it where there was much to mix, or else how many processes want each core: short
        work is let through on a machine on which long work waits.
        """
        mixing = self._waited / self._computed if self._computed > _FEWEST_MEASURED else 1.0
        return float(np.clip(max(mixing, crowding()), 1.0, 3.0))

    def seconds_to_combine(self, *, shown: bool) -> float:
        """Return how long before its end a study is to stop, so that an ensemble can still be made of its trials.

        What a score of all rows takes is measured while predictions are mixed. Models are opened by the first
        prediction: what that takes is counted too, by the size of their files.

        Args:
            shown: Whether the ensemble is shown in MLflow, with a report.
        """
        if self._task.target.kind == ITSELF:
            return _SECONDS  # there is no ensemble
        rows = sum(len(held_out) for _, held_out in self._task.folds)
        one = self._computed / self._scores if self._scores else _A_SCORE + _A_NUMBER * rows * self._task.target.outputs
        table = self._task.signature.table
        sizes = (rows, self._task.target.outputs, min(_MOST_MEMBERS, self._mixed + 1))
        stacks = sum(seconds_of_stacks(*sizes, features=table.shape[0] if table else 0).values())
        scores = _SCORES_A_RESAMPLE * resamples(rows)
        opened = _A_BYTE * min(_MEMBERS, self._mixed) * self._bytes / max(1, self._mixed)
        return (_SECONDS + _SECONDS_SHOWN * shown + scores * one + stacks + opened) * self.slowness

    def seconds_of_members(self) -> list[float]:
        """Return the seconds of the trials that count for something now, those that count most first."""
        return [seconds for share, seconds in sorted(self._read.values(), reverse=True) if share >= _LEAST_SHARE]

    def add(self, folder: Path, *, seconds: float = 0.0) -> float:
        """Mix in the predictions that an attempt left in its folder.

        Args:
            folder: The attempt's folder.
            seconds: How long it trained.

        Returns:
            By which share of itself the loss fell; 0 for the first trial, and where nothing was gained or is left.
        """
        waited, computed = time.monotonic(), time.thread_time()
        self._mixed += 1
        self._bytes += size_of(folder)
        gained = self._gain(folder, seconds)
        self._waited += time.monotonic() - waited
        self._computed += time.thread_time() - computed
        return gained

    def _gain(self, folder: Path, seconds: float) -> float:
        try:
            stored = read_arrays(folder / "held_out.npz")
        except (OSError, ValueError):  # not there, or torn by a loss of power
            return 0.0
        predictions, rows, folds = stored["predictions"], stored["rows"], stored["folds"]
        kept = np.arange(0, len(rows), max(1, -(-predictions.size // _MOST_NUMBERS)))
        predictions, rows, folds = predictions[kept], rows[kept], folds[kept]
        if self._held is None:
            self._hold(predictions, rows, folds, loss=self._loss_of(rows, predictions, folds))
            self._read = {folder: (1.0, seconds)}
            return 0.0
        mixed = [(1 - weight) * self._held + weight * predictions for weight in self._weights]
        if self._product:
            both = np.stack([self._held, predictions])
            mixed += [self._product(both, np.array([1.0, weight])) for weight in self._weights]
        losses = [self._loss_of(rows, one, folds) for one in mixed]
        best, before = int(np.argmin(losses)), self._loss
        if not losses[best] < before:
            return 0.0
        self._hold(mixed[best], rows, folds, loss=losses[best])
        weight = self._weights[best % len(self._weights)]
        share = weight if best < len(self._weights) else weight / (1 + weight)  # of a product the sum is no 1
        self._read = {one: ((1 - share) * was, its) for one, (was, its) in self._read.items()}
        self._read[folder] = (share, seconds)
        return min(1.0, (before - losses[best]) / abs(before)) if np.isfinite(before) and before else 1.0

    def _hold(self, blended: NDArray[Any], rows: NDArray[Any], folds: NDArray[Any], *, loss: float) -> None:
        """Hold a blend, as sure as is best: else a trial would gain by being the same once more."""
        self._held, self._loss = blended, loss
        if self._product is None:
            return
        for power in _POWERS:
            tempered = self._product(blended[None], np.array([power]))
            if (lower := self._loss_of(rows, tempered, folds)) < self._loss:
                self._held, self._loss = tempered, lower

    def _loss_of(self, rows: NDArray[Any], predictions: NDArray[Any], folds: NDArray[Any]) -> float:
        """Return the mean loss of the folds that are scored; infinite where it is undefined."""
        self._scores += 1
        task, each = self._task, [rows[folds == k] for k in self._scored]

        def of(values: NDArray[Any] | None, some: NDArray[Any]) -> NDArray[Any] | None:
            return None if values is None else values[some]

        try:
            losses = [
                task.score.loss(
                    task.rows.target[some],
                    predictions[folds == k],
                    of(task.rows.weight, some),
                    group=of(task.rows.group, some),
                )
                for k, some in zip(self._scored, each, strict=True)
            ]
        except Undefined:
            return float("inf")
        found = float(np.mean(losses))
        return found if np.isfinite(found) else float("inf")
