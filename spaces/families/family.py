"""A family: a name, a space, and a way to build a model from one configuration of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spaces.engines.contract import Model
from spaces.engines.engine import Engine
from spaces.inputs.apart import with_apart
from spaces.language.narrow import narrow
from spaces.language.space import Config, Space, check
from spaces.rows.signature import Signature


@dataclass(frozen=True, repr=False)
class Family:
    """A family of models.

    Attributes:
        name: What studies call it.
        space: The search space for a task's signature.
        build: Makes a model of one configuration.
        engines: What its models are trained with.
        source: A digest of a user's own builder; None for the families that come with us.
        unfit: Says why it cannot be used for a task, or nothing where it can.
        lacking: Says what a narrowed space lacks for a task before it can be used, or nothing.
        cost: A rule of thumb for the seconds of a trial, relative to other families, by which a study goes before it
            knows better; that of its dearest engine when left out, and none where it has no engine.
        starts: Points that are known to be good, the most helpful first (see `spaces/families/starts.py`).
        grows: Whether each start is larger than the default, and better the longer it trains.
        kin: What it is called together with families that learn alike, as forests do; nothing where there are none.
        asked_for: Whether it is tried only where somebody names it, and is none of the default families.
        ignores_weights: Whether its models count all rows alike, although its engines could weigh them.
        callbacks: What a user adds while its networks train, as `tuner.tune` takes it.
        reads: Says which files its models are made of, by a narrowed space: as the user named them, and where they are.
        apart: Whether inputs of one kind may have settings of their own (`spaces.inputs.apart`).
    """

    name: str
    space: Callable[[Signature], Space]
    build: Callable[[Config, Signature], Model]
    engines: tuple[Engine, ...]
    source: str | None = None
    unfit: Callable[[Signature], str] = lambda signature: ""
    lacking: Callable[[Space, Signature], str] = lambda space, signature: ""
    cost: float | None = None
    starts: tuple[Mapping[str, Any], ...] = ()
    grows: bool = False
    kin: str = ""
    asked_for: bool = False
    ignores_weights: bool = False
    apart: bool = False
    callbacks: tuple[Any, ...] = ()
    reads: Callable[[Space], Mapping[str, Path]] = lambda space: {}

    def __repr__(self) -> str:
        whose = "" if self.source is None else " of your own"
        return f"Family {self.name}{whose} ({', '.join(engine.name for engine in self.engines) or 'no engine'})"

    def narrowed(self, signature: Signature, changes: Mapping[str, Any]) -> Space:
        """Return its space with some parts changed, as `spaces.language.narrow` says.

        Raises:
            ValueError: What the family gave is no space, or a change does not fit.
        """
        space = self.space(signature)
        check(space)
        return narrow(with_apart(space, signature, changes) if self.apart else space, changes)

    @property
    def expected_cost(self) -> float:
        """The rule of thumb for its cost."""
        return max((engine.cost for engine in self.engines), default=0.0) if self.cost is None else self.cost

    @property
    def library(self) -> str:
        """The name of its dearest engine; nothing where it has none."""
        return max(self.engines, key=lambda engine: engine.cost).name if self.engines else ""

    @property
    def weighs_rows(self) -> bool:
        """Whether its models count rows by their weights."""
        return not self.ignores_weights and all(engine.weighs_rows for engine in self.engines)
