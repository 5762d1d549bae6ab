"""A metric by group as a loss that weights are fitted to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Loss
from tuner.scoring.ranking import places_of
from tuner.scoring.score import Score


def beside(target: NDArray[Any], group: NDArray[Any] | None) -> NDArray[Any]:
    """Return the target with groups as a second column, as losses by group want it; as it is where there are none."""
    return target if group is None else np.column_stack([target, group])


def group_loss(score: Score) -> Loss:
    """Return a loss whose target has two columns, relevance and group.

    Its mean over groups is a mean over rows too: of each row its group's loss, counted as one over the group's rows.
    """

    def function(truth: NDArray[Any], predictions: NDArray[Any]) -> float:
        return score.loss(truth[:, 0], predictions, group=truth[:, 1])

    def by_row(truth: NDArray[Any], predictions: NDArray[Any]) -> NDArray[np.float64]:
        found = score.sign * score.of_groups(truth[:, 0], predictions, truth[:, 1])
        each: NDArray[np.float64] = np.nan_to_num(found)[places_of(truth[:, 1])]
        return each

    def counts(truth: NDArray[Any]) -> NDArray[np.float64]:
        alike = np.full((len(truth), max(1, len(score.classes))), 0.5)
        places = places_of(truth[:, 1])
        known = ~np.isnan(score.of_groups(truth[:, 0], alike, truth[:, 1]))
        each: NDArray[np.float64] = (known / np.bincount(places))[places]
        return each

    return Loss(score.name, function, by_row=by_row, counts=counts, by_group=True)
