"""What a sampler is shown of a long history: the best trials and a random part of the others.

The time of a proposal grows with the history: TPE models each finished trial by a kernel. Its model of good trials
holds at most 25 of them however many there are, so that only the model of the others becomes coarser.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

MOST_SHOWN = 400
BEST_SHOWN = 25


class ThinnedStorage(InMemoryStorage):
    """A storage in memory that leaves trials out while a sampler is asked."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: frozenset[int] | None = None

    @contextmanager
    def thinned(self, *, maximize: bool, seed: int) -> Iterator[None]:
        """Show at most 400 finished trials of the only study, and all others, while the block runs."""
        finished = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
        self._shown = shown_of(super().get_all_trials(0, deepcopy=False, states=finished), maximize=maximize, seed=seed)
        try:
            yield
        finally:
            self._shown = None

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials of a study, by number; see `optuna.storages.BaseStorage.get_all_trials`."""
        trials = super().get_all_trials(study_id, deepcopy, states)
        if self._shown is None:
            return trials
        return [trial for trial in trials if trial.number in self._shown or not trial.state.is_finished()]


def shown_of(finished: Sequence[FrozenTrial], *, maximize: bool, seed: int) -> frozenset[int] | None:
    """Return the numbers of the trials to show: the 25 best and 375 others, drawn by a seed; None for all of them.

    Args:
        finished: The finished trials, by number.
        maximize: Whether greater values are better.
        seed: Draws the others; the same history and seed show the same trials.
    """
    if len(finished) <= MOST_SHOWN:
        return None
    sign = -1.0 if maximize else 1.0
    scored = [one for one in finished if one.state == TrialState.COMPLETE and one.value is not None]
    best = {one.number for one in sorted(scored, key=lambda one: (sign * (one.value or 0.0), one.number))[:BEST_SHOWN]}
    others = [one.number for one in finished if one.number not in best]
    drawn = np.random.default_rng(seed).permutation(others)[: MOST_SHOWN - len(best)]
    return frozenset(best | set(drawn.tolist()))
