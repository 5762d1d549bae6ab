"""Models of a single target, one for each target of a task that has several."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spaces.engines.clock import Clock
from spaces.engines.contract import Fitted, Fold, InSteps, Look, Model, Network, Output, Read, Store, Watch
from spaces.engines.curves import Curve, Curves, of_target
from spaces.engines.folds import ENDLESS
from spaces.inputs.prepared import Columns, Reader
from spaces.language.space import Config
from spaces.rows.signature import Signature
from spaces.rows.table import Rows, Table
from spaces.rows.target import Target


@dataclass(frozen=True, eq=False)
class EachFitted(InSteps):
    """Models trained on one fold, one a target."""

    library: ClassVar[str] = "each"
    fitted: tuple[Fitted, ...]
    names: tuple[str, ...]

    @property
    def readers(self) -> tuple[Reader, ...]:
        """What all read."""
        return tuple(reader for one in self.fitted for reader in one.readers)

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks of all."""
        return tuple(network for one in self.fitted for network in one.networks)

    @property
    def curves(self) -> Curves:
        """The curves of all, each of its target."""
        each = zip(self.names, self.fitted, strict=True)
        return {curve: values for name, one in each for curve, values in of_target(one.curves, name).items()}

    def feeds(self, read: Read) -> tuple[Columns, ...]:
        """Return what the networks of all are fed."""
        return tuple(feed for one, its in self._each(read) for feed in one.feeds(its))

    def finish(self, read: Read, outputs: tuple[Output, ...]) -> NDArray[Any]:
        """Return what each model predicts, side by side, `(rows, outputs)`."""
        left = iter(outputs)
        return np.hstack([one.finish(its, tuple(next(left) for _ in one.networks)) for one, its in self._each(read)])

    def _each(self, read: Read) -> Iterator[tuple[Fitted, Read]]:
        """Yield each model with what it reads."""
        left = iter(read)
        for one in self.fitted:
            yield one, tuple(next(left) for _ in one.readers)

    def save(self, folder: Path) -> None:
        """Write a folder for each model, and `model.json`."""
        for i, one in enumerate(self.fitted):
            (folder / f"target-{i}").mkdir(exist_ok=True)
            one.save(folder / f"target-{i}")
        (folder / "model.json").write_text(
            json.dumps({"library": self.library, "names": self.names, "wraps": "target-0"})
        )

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> EachFitted:
        """Read what `save` wrote."""
        names = tuple(settings["names"])
        return EachFitted(tuple(store.fitted(folder / f"target-{i}") for i in range(len(names))), names)


@dataclass(frozen=True)
class EachModel:
    """One configuration, trained for each target."""

    models: tuple[Model, ...]
    target: Target

    @property
    def stops_early(self) -> bool:
        """Whether the models train without the inner rows."""
        return self.models[0].stops_early

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[EachFitted]:
        """Train on each fold in turn; the pruner looks at the last target's model, when the others can predict too."""
        inner, done, names = folds[0].inner.table, list[Fitted](), [part.name for part in self.target.parts]

        def watch_of(name: str) -> Watch:
            def watched(step: int, steps: int, curves: Mapping[Curve, float], predict: Look, /) -> None:
                def of_all(table: Table | None = None, /) -> NDArray[Any]:
                    return np.hstack([*(one.predict(table or inner) for one in done), predict(table)])

                watch(step, steps if name == names[-1] else ENDLESS, of_target(curves, name), of_all)

            return watched

        clocks = [Clock() for _ in names]
        training = [
            model.fit([replace(fold_of(fold, self.target, i), clock=clocks[i]) for fold in folds], watch_of(names[i]))
            for i, model in enumerate(self.models)
        ]
        for fold in folds:
            inner, done = fold.inner.table, []
            for i, each in enumerate(training):
                fold.clock.lend(clocks[i], parts=len(training) - i)
                done.append(next(each))
                fold.clock.note(clocks[i].stopped)
            yield EachFitted(tuple(done), tuple(names))


def each_target(build: Callable[[Config, Signature], Any]) -> Callable[[Config, Signature], Any]:
    """Return a builder that, of several targets, trains one model for each, all of the same configuration."""

    def built(config: Config, signature: Signature) -> Any:
        if not signature.target.parts:
            return build(config, signature)
        return EachModel(tuple(build(config, one) for one in signature.each_target), signature.target)

    return built


def fold_of(fold: Fold, target: Target, place: int) -> Fold:
    """Return a fold with one target. The rows keep their name, as most that is learned of them is the same."""

    def only(rows: Rows) -> Rows:
        return replace(rows, target=target.column(rows.target, place))

    steps = fold.steps_of[place] if fold.steps_of else fold.steps
    beside = tuple(fold_of(one, target, place) for one in fold.beside)
    full, train, inner = map(only, (fold.full, fold.train, fold.inner))
    return replace(fold, full=full, train=train, inner=inner, steps=steps, beside=beside)
