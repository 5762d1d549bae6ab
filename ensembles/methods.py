"""The ensemble methods by name. One file and one line here make a new one.

`auto` tries it if its name stands in `ladder` of `choosing/gate.py` too.

Every weight solver is `(predictions, target, loss, *, sample_weight=None) -> weights`: predictions
`(members, rows, outputs)`, target `(rows,)` or `(rows, outputs)`, weights `(members,)`, at least 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from ensembles.combiners.combiner import Candidate, Features, Select
from ensembles.combiners.pooled import Pooled
from ensembles.combiners.second_layer import SecondLayer
from ensembles.combiners.stacking import Stacking
from ensembles.losses import Loss, SampleWeight
from ensembles.pools import Pool, Predictions, Weights, check_predictions
from ensembles.solvers.bagged_greedy import bagged_greedy
from ensembles.solvers.convex import CERTIFIED, convex
from ensembles.solvers.greedy import greedy
from ensembles.solvers.log_linear import log_linear
from ensembles.solvers.nelder_mead import nelder_mead
from ensembles.solvers.random_search import random_search
from ensembles.solvers.regularized import regularized
from ensembles.solvers.uniform import uniform


class Solver(Protocol):
    """A weight solver."""

    def __call__(
        self, predictions: Predictions, target: NDArray[Any], loss: Loss, /, *, sample_weight: SampleWeight = None
    ) -> Weights:
        """Return weights `(members,)`, at least 0; of sum 1 for the linear pool."""
        ...


@dataclass(frozen=True)
class Method:
    """How members become one by weights: a solver, and the pool that its weights are for.

    Attributes:
        solver: The weight solver.
        pool: The name of the pool, a key of `ensembles.pools.POOLS`.
        losses: Names of the losses that the solver can minimise; None for any.
        select: Where weights depend on each member's own loss and nothing else, how.
    """

    solver: Solver
    pool: Pool = "linear"
    losses: tuple[str, ...] | None = None
    select: Select | None = None

    def __call__(
        self, predictions: Predictions, target: NDArray[Any], loss: Loss, *, sample_weight: SampleWeight = None
    ) -> Weights:
        """Return the solver's weights.

        Raises:
            ValueError: The solver cannot minimise this loss, or the predictions cannot be combined.
        """
        check_predictions(predictions, target, targets=loss.columns)
        return self.solver(predictions, target, loss, sample_weight=sample_weight)

    def fit(
        self,
        predictions: Predictions,
        target: NDArray[Any],
        loss: Loss,
        *,
        sample_weight: SampleWeight = None,
        features: Features = None,
    ) -> Pooled:
        """Return the pool with the solver's weights; see `ensembles.combiners.combiner.Candidate.fit`."""
        return Pooled(self(predictions, target, loss, sample_weight=sample_weight), self.pool_for(loss))

    @property
    def plain(self) -> Candidate:
        """Itself."""
        return self

    @property
    def linear(self) -> bool:
        """Whether its pool is the linear one."""
        return self.pool == "linear"

    def pool_for(self, loss: Loss) -> Pool:
        """Return the pool of its weights: of labels that are each there or not, log odds are added."""
        return "log_odds" if self.pool == "log_linear" and loss.name == "multilabel_log_loss" else self.pool

    def accepts(self, loss: Loss) -> bool:
        """Return whether the solver can minimise this loss."""
        return self.losses is None or loss.name in self.losses


METHODS: dict[str, Method] = {
    "uniform": Method(uniform),
    "greedy": Method(greedy),
    "bagged_greedy": Method(bagged_greedy),
    "random_search": Method(random_search),
    "nelder_mead": Method(nelder_mead),
    "convex": Method(convex, losses=CERTIFIED),
    "regularized": Method(regularized),
    "log_linear": Method(log_linear, "log_linear", losses=("log_loss", "multilabel_log_loss")),
}

STACKS: dict[str, Stacking | SecondLayer] = {
    "stack_linear": Stacking("linear"),
    "stack_trees": Stacking("trees"),
    "stack_trees_on_rows": SecondLayer(),
    "stack_forest_on_rows": Stacking("forest", with_features=True),
}
