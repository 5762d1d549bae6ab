"""Which trials an ensemble will read, before it is made: those are worth more training."""

from __future__ import annotations

import numpy as np

from ensembles.methods import METHODS
from spaces.rows.target import ITSELF
from tuner.archive.study_folder import Archive, StudyError
from tuner.ensembling.build import held_out_for
from tuner.search.ledger import Trial

_MOST = 12  # as many as a second layer reads


def winners(study: Archive) -> list[Trial]:
    """Return the trials that greedy selection takes, what counts most first, and then the best others.

    It chooses among the same candidates as every method does, in a few seconds. A second layer reads more of them.

    Returns:
        At most twelve, or as many as are taken; none where nothing can be combined.
    """
    if study.task.target.kind == ITSELF:
        return []
    try:
        held = held_out_for(study, "greedy")
        weights = METHODS["greedy"](held.predictions, held.truth, held.loss, sample_weight=held.weight)
    except (StudyError, ValueError):
        return []
    trials = {trial.name: trial for trial in study.complete}
    order = np.argsort(-weights, kind="stable")[: max(_MOST, int((weights > 0).sum()))]
    return [trials[held.members[i].trial] for i in order]
