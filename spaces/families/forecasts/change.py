"""Forecasts as the change from the last known value, for any family: on slow series this decides everything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spaces.engines.contract import Fitted, Fold, InSteps, Look, Model, Network, Output, Read, Store, Watch
from spaces.engines.curves import Curve, Curves
from spaces.families.family import Family
from spaces.families.forecasts.naive import last_values
from spaces.inputs.prepared import Columns, Reader
from spaces.language.leaves import Choice
from spaces.language.space import Config, Space
from spaces.rows.signature import Signature
from spaces.rows.table import Rows, Table
from spaces.rows.target import Target, followed

_NAME = "predicts"


def forecasting(family: Family) -> Family:
    """Return a family that, where its targets continue a series, may predict how much they change."""

    def space(signature: Signature) -> Space:
        inner = family.space(signature)
        return {**inner, _NAME: Choice(["change", "level"])} if followed(signature.target) else inner

    def build(config: Config, signature: Signature) -> Model:
        if _NAME not in config:
            return family.build(config, signature)
        model = family.build({name: value for name, value in config.items() if name != _NAME}, signature)
        return ChangeModel(model, signature.target) if config[_NAME] == "change" else model

    return replace(family, space=space, build=build)


@dataclass(frozen=True)
class _Last:
    """Reads the last known values of what the targets continue."""

    target: Target

    @property
    def key(self) -> str:
        """Names it by what it reads: nothing of it is learned."""
        return f"last {followed(self.target)}"

    def matrix(self, table: Table) -> NDArray[np.float64]:
        """Return them, `(rows, targets)`."""
        return last_values(table, self.target)


@dataclass(frozen=True, eq=False)
class ChangeFitted(InSteps):
    """A model of changes, trained on one fold."""

    library: ClassVar[str] = "change"
    fitted: Fitted
    target: Target

    @property
    def readers(self) -> tuple[Reader, ...]:
        """What the model of changes reads, and the last known values."""
        return (*self.fitted.readers, _Last(self.target))

    @property
    def networks(self) -> tuple[Network, ...]:
        """Those of the model of changes."""
        return self.fitted.networks

    @property
    def curves(self) -> Curves:
        """The curves of the model of changes."""
        return self.fitted.curves

    def feeds(self, read: Read) -> tuple[Columns, ...]:
        """Return what the networks of the model of changes are fed."""
        return self.fitted.feeds(read[:-1])

    def finish(self, read: Read, outputs: tuple[Output, ...]) -> NDArray[Any]:
        """Return values `(rows, targets)`: changes, and the last known values added."""
        found: NDArray[Any] = self.fitted.finish(read[:-1], outputs) + read[-1]
        return found

    def save(self, folder: Path) -> None:
        """Write the model of changes into a folder of its own, and `model.json`."""
        (folder / "change").mkdir(exist_ok=True)
        self.fitted.save(folder / "change")
        settings = {"library": self.library, "wraps": "change", "target": self.target.to_json()}
        (folder / "model.json").write_text(json.dumps(settings))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> ChangeFitted:
        """Read what `save` wrote."""
        return ChangeFitted(store.fitted(folder / "change"), Target.from_json(settings["target"]))


@dataclass(frozen=True)
class ChangeModel:
    """One configuration that is trained on changes from the last known values."""

    model: Model
    target: Target

    @property
    def stops_early(self) -> bool:
        """Whether it trains without the inner rows."""
        return self.model.stops_early

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[ChangeFitted]:
        """Train on each fold in turn; whoever watches sees levels."""
        last = np.zeros((0, 1))

        def watched(step: int, steps: int, curves: Mapping[Curve, float], predict: Look, /) -> None:
            def levels(table: Table | None = None, /) -> NDArray[Any]:
                return predict(table) + (last if table is None else last_values(table, self.target))

            watch(step, steps, curves, levels)

        training = self.model.fit([self._changes(fold) for fold in folds], watched)
        for fold in folds:
            last = last_values(fold.inner.table, self.target)
            yield ChangeFitted(next(training), self.target)

    def _changes(self, fold: Fold) -> Fold:
        full, train, inner = (changed(rows, self.target) for rows in (fold.full, fold.train, fold.inner))
        return replace(fold, full=full, train=train, inner=inner)


def changed(rows: Rows, target: Target) -> Rows:
    """Return rows whose target is how much it changes from the last known value."""
    last = last_values(rows.table, target)
    return replace(rows, target=rows.target - (last if target.parts else last[:, 0]))
