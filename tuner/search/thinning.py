"""What a sampler is shown of a long history: the best trials and a random part of the others.

The time of a proposal grows with the history: TPE models each finished trial by a kernel. Its model of good trials
holds at most 25 of them however many there are, so that only the model of the others becomes coarser.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

MOST_SHOWN = 400
BEST_SHOWN = 25
_ONLY = 0  # the id of the only study of a storage in memory


class ThinnedStorage(InMemoryStorage):
    """A storage in memory that leaves trials out while a sampler is asked."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[FrozenTrial] | None = None
        self._begun: list[int] = []

    @contextmanager
    def thinned(self, *, maximize: bool, seed: int) -> Iterator[None]:
        """Show at most 400 finished trials of the only study, and all others, while the block runs.

        In the block trials may begin; those that were there stay as they are.
        """
        trials = super().get_all_trials(_ONLY, deepcopy=False)
        finished = [trial for trial in trials if trial.state.is_finished()]
        shown = shown_of(finished, maximize=maximize, seed=seed)
        self._begun = []
        if shown is not None:
            self._shown = [trial for trial in trials if trial.number in shown or not trial.state.is_finished()]
        try:
            yield
        finally:
            self._shown = None

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Begin a trial; see `optuna.storages.BaseStorage.create_new_trial`."""
        self._begun.append(super().create_new_trial(study_id, template_trial))
        return self._begun[-1]

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials of a study, by number; see `optuna.storages.BaseStorage.get_all_trials`."""
        if self._shown is None:
            return super().get_all_trials(study_id, deepcopy, states)
        begun = [self.get_trial(one) for one in self._begun]
        trials = [trial for trial in [*self._shown, *begun] if states is None or trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials


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
