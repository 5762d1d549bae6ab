"""An ensemble: members, weights, and how honest its score is; predicts from one folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ensembles.choosing.cross_fitting import error_said
from ensembles.combiners.combiner import Combiner
from ensembles.combiners.pooled import Pooled
from ensembles.frames import frame_of_each, index_of, rows_of
from ensembles.manifest import (
    COMBINER,
    DESCRIPTION,
    DISTANCES,
    FORMAT,
    BundleError,
    digest_of,
    only_bundle_errors,
    sha256_of,
)
from ensembles.measures.conformal import intervals, label_sets
from ensembles.member import Member
from ensembles.pools import check_shapes
from ensembles.requirements import versions
from spaces.engines.contract import Fitted
from spaces.engines.together import Together
from spaces.html import facts, table
from spaces.inputs.border import blank_row
from spaces.inputs.text.corpus import Corpus
from spaces.machine.disk import alone, link_or_copy, replaced
from spaces.machine.habits import SAVED, no_attribute
from spaces.machine.mistakes import all_briefly
from spaces.rows.columns import Schema
from spaces.rows.table import Table
from spaces.rows.target import Target
from spaces.store import load_fitted

_CHUNK = 50_000
_SHOWN, _LISTED, _LONGEST = 8, 20, 60  # members in a line and in a table, and letters of a name


@all_briefly
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
            f"  members  {', '.join(shown)}{more}\n{self._models}{self._honest}"
            f"  predicts {self.target.name[:_LONGEST]} ({said}) from {len(self.schema.columns):,} columns"
        )

    def _repr_html_(self) -> str:
        return self.as_html(repr(self))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(no_attribute("'Ensemble' object", name, dir(type(self)), habits=SAVED))

    def as_html(self, said: str) -> str:
        """Return a plain description of it as HTML, with a table of its members."""
        rows = [[member.trial, member.family, member.weight] for member in self.members[:_LISTED]]
        more = len(self.members) - _LISTED
        rest = f"<div>and {more} more</div>" if more > 0 else ""
        return facts(said, without=("members",)) + table(["member", "family", "weight"], rows) + rest

    @property
    def _models(self) -> str:
        """The line of models of all rows; empty where there are none."""
        count = sum(member.on_all_rows for member in self.members)
        if not count:
            return ""
        return f"  models   of the folds and, of {count} of {len(self.members)} members, of all rows\n"

    @property
    def _honest(self) -> str:
        """The line of the score on rows that fitted no weights; empty where it is not known, or is that of a trial."""
        value, one = (self.scores.get(which, {}).get("cross_fitted") for which in ("ensemble", "comparator"))
        if value is None or one is None:
            return ""
        return (
            f"  score    {self.metric} {value:.5g} cross-fitted, against {one:.5g} of one model chosen the same way "
            f"(standard error of the difference {error_said(self.scores['difference']['standard_error'])})\n"
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
    def columns(self) -> list[Any]:
        """Names of what comes out: classes, the target's name, or of several targets pairs of target and class."""
        if not self.target.parts:
            return list(self.target.classes) or [self.target.name]
        return [(part.name, label) for part in self.target.parts for label in part.classes or ("",)]

    @property
    def classes(self) -> tuple[Any, ...]:
        """The labels, sorted: the order of `predict_proba`'s columns."""
        return self.target.classes

    def predict(self, rows: Any, *, as_frame: bool = False) -> Any:
        """Predict values, or the label of the largest probability (by the threshold, where there is one).

        Args:
            rows: A data frame (pandas, Polars, Arrow) with the training columns, in any order, or an array with them in
                order; one row as a dict or series, or a list of such; the path of a file, read by the types of the
                training columns; of several named inputs a mapping from their names to such.
            as_frame: Return a data frame, its rows named as those of a pandas frame that was handed over.

        Returns:
            `(rows,)`; of several targets, and on request, a data frame with a column for each target.

        Raises:
            TableError: A column is missing or holds another kind of value.
        """
        found = self.labels(self.raw(rows))
        if not (as_frame or self.target.parts):
            return found
        import pandas as pd

        frame = pd.DataFrame(found if self.target.parts else {self.target.name: found})
        return frame.set_axis(index_of(rows, len(frame)))

    def predict_proba(self, rows: Any, *, as_frame: bool = False) -> Any:
        """Predict probabilities `(rows, classes)`, columns in the order of `classes`.

        Args:
            rows: As for `predict`.
            as_frame: Return a data frame with a column for each class; of several targets, below the target's name.

        Returns:
            An array, or a data frame on request; of several targets an array for each that has classes, by name.

        Raises:
            TableError: As for `predict`.
            ValueError: The target is a number.
        """
        if not any(part.classes for part in self.target.each):
            raise ValueError("predict_proba needs classes; this ensemble predicts a number: use predict")
        return self._of_each(rows, lambda outputs, off: outputs, classes=True, as_frame=as_frame)

    def predict_interval(self, rows: Any, coverage: float = 0.9, *, as_frame: bool = False) -> Any:
        """Predict intervals `(rows, 2)` that hold the true value in a share of at least `coverage` of rows.

        All have the same width: how far the ensemble was off on held-out rows (see `ensembles.measures.conformal`).

        Args:
            rows: As for `predict`.
            coverage: The share of rows whose interval is to hold the true value, between 0 and 1; of each target.
            as_frame: Return a data frame with the columns `lower` and `upper`; of several targets, below their names.

        Returns:
            An array, or a data frame on request; of several targets an array for each that is a number, by name.

        Raises:
            TableError: As for `predict`.
            ValueError: The target is a class, or there are too few held-out rows for the coverage.
        """
        if all(part.classes for part in self.target.each):
            raise ValueError("predict_interval needs a number as the target; for classes there is predict_set")
        return self._of_each(
            rows, lambda outputs, off: intervals(outputs, off, coverage), classes=False, as_frame=as_frame
        )

    def predict_set(self, rows: Any, coverage: float = 0.9, *, as_frame: bool = False) -> Any:
        """Predict sets of labels, `(rows, classes)`, that hold the true one in a share of at least `coverage` of rows.

        Args:
            rows: As for `predict`.
            coverage: Between 0 and 1, of each target.
            as_frame: As for `predict_proba`.

        Returns:
            An array, or a data frame on request; of several targets an array for each that has classes, by name.

        Raises:
            TableError: As for `predict`.
            ValueError: The target is a number, or there are too few held-out rows for the coverage.
        """
        if not any(part.classes for part in self.target.each):
            raise ValueError("predict_set needs classes as the target; for numbers there is predict_interval")
        return self._of_each(
            rows, lambda outputs, off: label_sets(outputs, off, coverage), classes=True, as_frame=as_frame
        )

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

    def predict_members(self, rows: Any, *, as_frame: bool = False) -> Any:
        """Predict with each member alone: its trial's name to values `(rows,)` or probabilities `(rows, classes)`.

        What is said of several targets stands side by side.

        Args:
            rows: As for `predict`.
            as_frame: Return a data frame with a column for each member, or of classes and several targets with their
                columns below each member's name.

        Raises:
            TableError: As for `predict`.
        """
        means = self._means(self._table(rows))
        one = self.target.kind == "regression"
        found = {m.trial: mean[:, 0] if one else mean for m, mean in zip(self.members, means, strict=True)}
        if not as_frame:
            return found
        import pandas as pd

        index = index_of(rows, means.shape[1])
        return pd.DataFrame(found, index) if one else frame_of_each(found, dict.fromkeys(found, self.columns), index)

    def warm_up(self) -> Self:
        """Load the models and predict an empty row, so that the first prediction is as quick as later ones."""
        self.outputs(blank_row(self.schema))
        return self

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

        An ensemble that is there already is replaced; the new one appears whole or not at all. Of several that are
        saved at once, one waits for the other.

        Raises:
            BundleError: The folder holds something else.
        """
        folder = Path(folder)
        with alone(folder):
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
                {
                    "trial": m.trial,
                    "family": m.family,
                    "weight": m.weight,
                    "folds": len(m.folders),
                    "on_all_rows": m.on_all_rows,
                }
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
        as_frame: bool,
    ) -> Any:
        """Make something of outputs and distances; of several targets by name, of those with classes or without."""
        outputs = self.raw(rows)
        off = self.distances.reshape(len(self.target.each), -1)
        each = [
            (part, make(outputs[:, columns], its))
            for part, columns, its in zip(self.target.each, self.target.columns, off, strict=True)
            if bool(part.classes) == classes
        ]
        found = {part.name: values for part, values in each}
        if as_frame:
            columns = {part.name: list(part.classes) or ["lower", "upper"] for part, _ in each}
            frame = frame_of_each(found, columns, index_of(rows, len(outputs)))
            return frame if self.target.parts else frame[self.target.name]
        return found if self.target.parts else found[self.target.name]

    @cached_property
    def _together(self) -> Together:
        return Together([_opened(folder) for member in self.members for folder in member.folders])

    def _blend(self, table: Table) -> NDArray[np.float64]:
        return self.combine(self._means(table), table.joined())

    def _means(self, table: Table) -> NDArray[np.float64]:
        """Return the mean of each member's models, `(members, rows, outputs)`."""
        if table.texts is not None and table.origin is None:  # read by many models, cut up and counted once
            table = replace(table, origin=(Corpus(table.texts), np.arange(len(table))))
        place = self.members[0].folders[0].absolute().parents[2]  # of a bundle, or of a study's trials
        with only_bundle_errors(place, lacks="holds models that cannot predict"):
            found = self._together(table)
            check_shapes(found, (len(table), self.target.outputs))
        outputs = iter(found)
        return np.stack([member.mean([next(outputs) for _ in member.folders]) for member in self.members])

    def _table(self, rows: Any) -> Table:
        return rows_of(self.schema, self.target, rows)


def _opened(folder: Path) -> Fitted:
    with only_bundle_errors(folder):
        return load_fitted(folder)


def _labels(target: Target, outputs: NDArray[np.float64]) -> NDArray[Any]:
    return np.array(target.classes)[outputs.argmax(axis=1)] if target.classes else outputs[:, 0]
