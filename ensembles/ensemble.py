"""An ensemble: members, weights, and how honest its score is; predicts from one folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.combiners.combiner import Combiner
from ensembles.combiners.pooled import Pooled
from ensembles.combiners.registry import combiner_from_json
from ensembles.manifest import (
    COMBINER,
    DESCRIPTION,
    DISTANCES,
    FORMAT,
    BundleError,
    digest_of,
    only_bundle_errors,
    read_manifest,
    sha256_of,
)
from ensembles.measures.conformal import intervals, label_sets
from ensembles.requirements import engines_of, versions
from spaces.engines.contract import Fitted
from spaces.engines.engine import Engine, hand_over
from spaces.engines.together import Together
from spaces.inputs.kinds import hand_over as hand_over_kinds
from spaces.inputs.kinds import kinds_of
from spaces.inputs.text.corpus import Corpus
from spaces.machine.disk import link_or_copy, replaced
from spaces.machine.strange import read_json
from spaces.rows.columns import Schema
from spaces.rows.table import Table
from spaces.rows.target import Target
from spaces.store import load_fitted

_CHUNK = 50_000
_SHOWN, _LONGEST = 8, 60  # members and letters of a name that a description shows


@dataclass(frozen=True)
class Member:
    """A member: a trial whose fold models predict together, by their mean.

    Attributes:
        trial: The trial's name.
        family: Its family.
        weight: Its weight.
        folders: The folder of each fold's model.
    """

    trial: str
    family: str
    weight: float
    folders: tuple[Path, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble:
    """Members and weights, ready to predict.

    Attributes:
        method: How the weights were found.
        metric: The metric they were found for.
        members: The members, with how much each counts.
        schema: The columns of the rows it predicts.
        target: What it predicts.
        scores: What is known of its quality, as in `tuner ensemble --format json`.
        combiner: How members become one; the linear pool of their weights when left out.
        distances: How far held-out predictions were off, sorted (see `ensembles.measures.conformal`), `(rows,)`, or of
            several targets `(targets, rows)`; empty when not known.
    """

    method: str
    metric: str
    members: tuple[Member, ...]
    schema: Schema
    target: Target
    scores: Mapping[str, Any]
    combiner: Combiner | None = None
    distances: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __repr__(self) -> str:
        shown = [f"{member.trial} {member.weight:.3g}" for member in self.members[:_SHOWN]]
        more = f", and {len(self.members) - _SHOWN} more" if len(self.members) > _SHOWN else ""
        plural = "" if len(self.members) == 1 else "s"
        said = f"{len(self.classes)} classes" if self.classes else self.target.kind
        return (
            f"Ensemble of {len(self.members)} member{plural} by {self.method}, for {self.metric}\n"
            f"  members  {', '.join(shown)}{more}\n"
            f"  predicts {self.target.name[:_LONGEST]} ({said}) from {len(self.schema.columns):,} columns"
        )

    @property
    def combine(self) -> Combiner:
        """What combines the members."""
        return self.combiner or Pooled(np.array([member.weight for member in self.members]))

    @property
    def threshold(self) -> float:
        """The probability of the second of two classes from which `predict` returns it."""
        return self.combine.threshold

    @property
    def classes(self) -> tuple[Any, ...]:
        """The labels, sorted: the order of `predict_proba`'s columns."""
        return self.target.classes

    def predict(self, rows: Any) -> Any:
        """Predict values, or the label of the largest probability (by the threshold, where there is one).

        Args:
            rows: A data frame (pandas, Polars, Arrow) with the training columns, in any order, or an array with them in
                order; one row as a dict or series, or a list of such; the path of a file, read by the types of the
                training columns; of several named inputs a mapping from their names to such.

        Returns:
            `(rows,)`; of several targets a data frame with a column for each.

        Raises:
            TableError: A column is missing or holds another kind of value.
        """
        import pandas as pd

        found = self.labels(self.raw(rows))
        return found.set_axis(rows.index) if self.target.parts and isinstance(rows, pd.DataFrame) else found

    def predict_proba(self, rows: Any) -> Any:
        """Predict probabilities `(rows, classes)`, columns in the order of `classes`.

        Returns:
            An array; of several targets one for each that has classes, by name.

        Raises:
            TableError: As for `predict`.
            ValueError: The target is a number.
        """
        if not any(part.classes for part in self.target.each):
            raise ValueError("predict_proba needs classes; this ensemble predicts a number: use predict")
        return self._of_each(rows, lambda outputs, off: outputs, classes=True)

    def predict_interval(self, rows: Any, coverage: float = 0.9) -> Any:
        """Predict intervals `(rows, 2)` that hold the true value in a share of at least `coverage` of rows.

        All have the same width: how far the ensemble was off on held-out rows (see `ensembles.measures.conformal`).

        Args:
            rows: As for `predict`.
            coverage: Between 0 and 1, of each target.

        Returns:
            An array; of several targets one for each that is a number, by name.

        Raises:
            TableError: As for `predict`.
            ValueError: The target is a class, or there are too few held-out rows for the coverage.
        """
        if all(part.classes for part in self.target.each):
            raise ValueError("predict_interval needs a number as the target; for classes there is predict_set")
        return self._of_each(rows, lambda outputs, off: intervals(outputs, off, coverage), classes=False)

    def predict_set(self, rows: Any, coverage: float = 0.9) -> Any:
        """Predict sets of labels, `(rows, classes)`, that hold the true one in a share of at least `coverage` of rows.

        Args:
            rows: As for `predict`.
            coverage: Between 0 and 1, of each target.

        Returns:
            An array; of several targets one for each that has classes, by name.

        Raises:
            TableError: As for `predict`.
            ValueError: The target is a number, or there are too few held-out rows for the coverage.
        """
        if not any(part.classes for part in self.target.each):
            raise ValueError("predict_set needs classes as the target; for numbers there is predict_interval")
        return self._of_each(rows, lambda outputs, off: label_sets(outputs, off, coverage), classes=True)

    def raw(self, rows: Any) -> NDArray[np.float64]:
        """Predict `(rows, 1)` values, or `(rows, classes)` probabilities; several targets side by side."""
        return self.outputs(self._table(rows))

    def labels(self, outputs: NDArray[np.float64]) -> Any:
        """Return what `predict` makes of values or probabilities."""
        if not self.target.parts:
            return _labels(self.target, self.decisions(outputs))
        import pandas as pd

        each = zip(self.target.parts, self.target.columns, strict=True)
        return pd.DataFrame({part.name: _labels(part, outputs[:, columns]) for part, columns in each})

    def predict_members(self, rows: Any) -> dict[str, NDArray[np.float64]]:
        """Predict with each member alone: its trial's name to values `(rows,)` or probabilities `(rows, classes)`.

        What is said of several targets stands side by side.

        Raises:
            TableError: As for `predict`.
        """
        means = self._means(self._table(rows))
        one = self.target.kind == "regression"
        return {m.trial: mean[:, 0] if one else mean for m, mean in zip(self.members, means, strict=True)}

    def disagreement(self, rows: Any) -> NDArray[np.float64]:
        """Return how far members are apart, `(rows,)`: the deviation of what they say, by weight, over all outputs.

        Rows on which models disagree are those to look at by hand: the ensemble is likelier to be wrong there.

        Raises:
            TableError: As for `predict`.
        """
        means = self._means(self._table(rows))
        shares = self.combine.weights / self.combine.weights.sum()
        middle = np.tensordot(shares, means, axes=1)
        spread: NDArray[np.float64] = np.sqrt(np.tensordot(shares, (means - middle) ** 2, axes=1).sum(axis=1))
        return spread

    def outputs(self, table: Table) -> NDArray[np.float64]:
        """Return combined outputs `(rows, outputs)` of encoded rows: values, or probabilities."""
        if table.sequence is not None and len(table):  # to be read as a whole
            return self._blend(table)
        chunks = (table.take(slice(start, start + _CHUNK)) for start in range(0, len(table), _CHUNK))
        return np.concatenate([np.empty((0, self.target.outputs)), *map(self._blend, chunks)])

    def decisions(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return outputs for metrics of labels: probabilities shifted so that the larger one is what is predicted."""
        return self.combine.decide(outputs)

    def save(self, folder: str | Path) -> Path:
        """Write everything that prediction needs into one folder, without pickle, and return it.

        An ensemble that is there already is replaced; the new one appears whole or not at all.

        Raises:
            BundleError: The folder holds something else.
        """
        folder = Path(folder)
        if folder.exists() and any(folder.iterdir()) and not (folder / DESCRIPTION).exists():
            raise BundleError(f"{folder} is not empty and holds no ensemble: choose another folder")
        with replaced(folder) as part:
            part.mkdir()
            self._write(part)
        return folder

    def _write(self, part: Path) -> None:
        """Write everything that prediction needs into an empty folder."""
        for member in self.members:
            for k, source in enumerate(member.folders):
                target = part / "members" / member.trial / f"fold-{k}"
                shutil.copytree(source, target, copy_function=link_or_copy)
        np.save(part / DISTANCES, self.distances.astype(np.float32), allow_pickle=False)
        (part / COMBINER).write_text(json.dumps(self.combine.to_json()))
        files = sorted(path for path in part.rglob("*") if path.is_file())
        description: dict[str, Any] = {
            "format": FORMAT,
            "method": self.method,
            "metric": self.metric,
            "members": [
                {"trial": m.trial, "family": m.family, "weight": m.weight, "folds": len(m.folders)}
                for m in self.members
            ],
            "schema": self.schema.to_json(),
            "target": self.target.to_json(),
            "scores": self.scores,
            "versions": versions([folder for member in self.members for folder in member.folders]),
            "sha256": {path.relative_to(part).as_posix(): sha256_of(path) for path in files},
        }
        description["digest"] = digest_of(json.loads(json.dumps(description)))
        (part / DESCRIPTION).write_text(json.dumps(description, indent=1))

    def _of_each(
        self,
        rows: Any,
        make: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[Any]],
        *,
        classes: bool,
    ) -> Any:
        """Make something of outputs and distances; of several targets by name, of those with classes or without."""
        outputs = self.raw(rows)
        if not self.target.parts:
            return make(outputs, self.distances)
        off = self.distances.reshape(len(self.target.parts), -1)
        each = zip(self.target.parts, self.target.columns, off, strict=True)
        return {part.name: make(outputs[:, at], its) for part, at, its in each if bool(part.classes) == classes}

    @cached_property
    def _together(self) -> Together:
        return Together([_opened(folder) for member in self.members for folder in member.folders])

    def _blend(self, table: Table) -> NDArray[np.float64]:
        return self.combine(self._means(table), table.joined())

    def _means(self, table: Table) -> NDArray[np.float64]:
        """Return the mean of each member's fold models, `(members, rows, outputs)`."""
        if table.texts is not None and table.origin is None:  # read by many models, cut up and counted once
            table = replace(table, origin=(Corpus(table.texts), np.arange(len(table))))
        outputs = iter(self._together(table))
        return np.stack(
            [np.mean([next(outputs) for _ in member.folders], axis=0, dtype=np.float64) for member in self.members]
        )

    def _table(self, rows: Any) -> Table:
        from spaces.inputs.border import table_of

        return table_of(self.schema, rows)


def load(
    folder: str | Path,
    *,
    engines: Sequence[str | Engine] = (),
    kinds: Sequence[str] = (),
    sha256: str | None = None,
) -> Ensemble:
    """Load an ensemble that was saved, or the one saved in a study's folder.

    It needs neither the builders of the models nor the training data. Nothing of the folder is opened before its
    description and the sums of all files were checked.

    Args:
        folder: The folder.
        engines: Engines of your own that trained some of the models, each or its name, `"module:name"`; their modules
            are imported. Nothing else is, whatever the folder says.
        kinds: Kinds of input of your own, `"module:NAME"` each; the same holds for their modules.
        sha256: The SHA-256 of `ensemble.json`, where you keep it elsewhere; another one is refused.

    Raises:
        BundleError: There is none, a file is missing or was changed, or the format is newer.
        EngineError: A model is of an engine that is neither ours nor imported, or an engine is not there.
        TableError: An input is of a kind that is neither ours nor imported, or a kind is not there.
    """
    hand_over(engines)
    hand_over_kinds(kinds)
    folder = _bundle(Path(folder)).absolute()
    stored = read_manifest(folder, sha256=sha256)
    members = tuple(
        Member(
            m["trial"],
            m["family"],
            float(m["weight"]),
            tuple(folder / "members" / m["trial"] / f"fold-{k}" for k in range(m["folds"])),
        )
        for m in stored["members"]
    )
    with only_bundle_errors(folder):
        for member in members:  # refuse an unknown engine now, and not at the first prediction
            engines_of(member.folders)
        target, schema = Target.from_json(stored["target"]), Schema.from_json(stored["schema"])
        kinds_of(schema.kinds)  # refuse an unknown kind now, too
        off = np.load(folder / DISTANCES, mmap_mode="r", allow_pickle=False).astype(np.float64)
        combiner = combiner_from_json(read_json(folder / COMBINER))
        _check_combiner(combiner, members, off)
    return Ensemble(stored["method"], stored["metric"], members, schema, target, stored["scores"], combiner, off)


def _bundle(folder: Path) -> Path:
    """Return the folder of a bundle, which may be a study's."""
    for place in (folder, folder / "ensemble"):
        if (place / DESCRIPTION).is_file():
            return place
    hint = f": make one first with `tuner ensemble {folder}`" if (folder / "study.json").exists() else ""
    raise BundleError(f"{folder} holds no ensemble{hint}")


def _check_combiner(combiner: Combiner, members: Sequence[Member], off: NDArray[np.float64]) -> None:
    weights = np.asarray(combiner.weights)
    if weights.shape != (len(members),) or not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError(f"{COMBINER} needs a weight for each of {len(members)} members, got {weights}")
    if not np.isfinite(off).all():
        raise ValueError(f"{DISTANCES} holds numbers that are not finite")


def _opened(folder: Path) -> Fitted:
    with only_bundle_errors(folder):
        return load_fitted(folder)


def _labels(target: Target, outputs: NDArray[np.float64]) -> NDArray[Any]:
    return np.array(target.classes)[outputs.argmax(axis=1)] if target.classes else outputs[:, 0]
