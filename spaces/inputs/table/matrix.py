"""What is learned from training rows: imputation, scaling, encoding of categories.

A `Recipe` says what to do, `prepare` learns it from the training rows of one fold (and from nothing else), and the
`PreparedTable` result turns any rows into a float32 matrix. scikit-learn does the work; skops writes it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from spaces.inputs.table.stored import dump, load
from spaces.machine.memory import cached, remembered
from spaces.machine.strange import inside
from spaces.rows.table import Table

if TYPE_CHECKING:
    from spaces.inputs.table.one_row import OfRow

Scaling = Literal["standard", "quantile", "robust", "piecewise", "none"]
ONE_HOT_LIMIT = 32
FREQUENT_VALUE_ROWS, FREQUENT_VALUE_LIMIT = 20, 96
_FILE = "preprocess.skops"
_CROSS_FITTED = "|training rows"  # beside the key of what was learned of them


@dataclass(frozen=True)
class Recipe:
    """How a table becomes a matrix.

    Attributes:
        scaling: Numbers: `"standard"` (mean 0, deviation 1), `"quantile"` (to a normal distribution), `"robust"`
            (by quartiles, see `spaces.inputs.table.robust`), all with the median in place of missing values and an
            indicator column beside, behind all numbers; `"piecewise"`: standardised, with a
            piecewise linear encoding and a column for each frequent value beside, which lets a network see steps and
            single values as trees do; or `"none"`: as they are, NaN included, those far
            from zero less their median (see `spaces.inputs.table.centred`).
        categories: `"onehot"` up to `ONE_HOT_LIMIT` columns, the mean target beside it above that many; or
            `"codes"`, whole numbers for a model that knows categories.
        cardinalities: The number of categories of each category column.
        crosses: So many columns of hashed crosses come first (see `spaces.inputs.table.crosses`); none when 0.
        columns: Of `Table.joined()` only these; all when empty.
        twins: Whether the second half of the training rows are the first half's partners, with the same targets.
        embedded_above: Columns of more categories than this come first, as whole numbers, -1 for a category that no
            training row has, in place of one-hot columns; none do when 0.
    """

    scaling: Scaling
    categories: Literal["onehot", "codes"]
    cardinalities: tuple[int, ...]
    crosses: int = 0
    columns: tuple[int, ...] = ()
    twins: bool = False
    embedded_above: int = 0

    @property
    def wide(self) -> tuple[int, ...]:
        """Indices of the category columns with too many categories for one-hot columns or codes alone."""
        return tuple(i for i, size in enumerate(self.cardinalities) if size > ONE_HOT_LIMIT)

    @property
    def embedded(self) -> tuple[int, ...]:
        """Indices of the category columns that a network embeds."""
        above = self.embedded_above or math.inf
        return tuple(i for i, size in enumerate(self.cardinalities) if size > above)

    @property
    def learns_target(self) -> bool:
        """Whether what is learned depends on the target, as mean-target columns and the choice of crosses do."""
        return bool(self.crosses or self.wide)


@dataclass(frozen=True, eq=False)
class PreparedTable:
    """A recipe with what it learned.

    Attributes:
        transformer: The fitted scikit-learn transformer; None when there is nothing to learn.
        width: Columns of the matrix.
        key: Names the rows it was learned from; None when they have no name.
        columns: As in the recipe.
    """

    transformer: Any
    width: int
    key: str | None = None
    columns: tuple[int, ...] = ()

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of each table's matrix: there is one."""
        return (self.width,)

    def matrix(self, table: Table) -> NDArray[np.float32]:
        """Return the rows as a float32 matrix `(rows, width)`, cached for rows that have a key."""
        if self.key is None or table.key is None:
            return self._transform(table)
        return cached(f"{self.key}|{table.key}", lambda: self._transform(table))

    def _transform(self, table: Table) -> NDArray[np.float32]:
        # What a ColumnTransformer does, without the checks and the scheduling that cost it milliseconds a call.
        if self.transformer is None:
            return np.zeros((len(table), 0), dtype=np.float32)
        rows = (table.only(self.columns) if self.columns else table).joined()
        if len(rows) == 1:
            return _float32(self._of_one_row(rows[0])[None])
        with _arrays_come_out():
            parts = [step.transform(rows[:, columns]) for _, step, columns in self.transformer.transformers_ if columns]
        return _float32(np.hstack(parts))

    @cached_property
    def _of_one_row(self) -> OfRow:
        from spaces.inputs.table.one_row import of_one_row

        with _arrays_come_out():
            return of_one_row(self.transformer)

    def save(self, folder: Path, file: str = _FILE) -> dict[str, Any]:
        """Write `preprocess.skops`, without pickle, and return what else loading needs, as JSON values."""
        dump(self.transformer, folder / file)
        return {"kind": "table", "width": self.width, "key": self.key, "columns": list(self.columns), "file": file}

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Any = None) -> PreparedTable:
        """Read what `save` wrote and returned; nothing else is opened for it."""
        transformer = load(inside(folder, settings["file"]))
        return PreparedTable(transformer, settings["width"], settings["key"], tuple(settings["columns"]))


def prepare(recipe: Recipe, train: Table, target: NDArray[Any], *, target_kind: str) -> PreparedTable:
    """Learn a recipe from training rows.

    Args:
        recipe: What to do.
        train: The training rows of one fold.
        target: Their targets, for mean-target encoding (cross-fitted inside the training rows); of several the first.
        target_kind: As in `spaces.rows.target.Target`.
    """
    key = _key(recipe, train, target, target_kind=target_kind)
    if key is None:
        return _learn(recipe, train, target, target_kind=target_kind, key=None)[0]

    def learn() -> PreparedTable:
        prepared, matrix = _learn(recipe, train, target, target_kind=target_kind, key=key)
        # The training matrix is not transform(train): its mean-target columns are cross-fitted.
        cached(f"{key}{_CROSS_FITTED}", lambda: matrix)
        return prepared

    prepared: PreparedTable = cached(key, learn)
    return prepared


def training_matrix(
    recipe: Recipe, train: Table, target: NDArray[Any], *, target_kind: str
) -> tuple[PreparedTable, NDArray[np.float32]]:
    """Learn a recipe and return it with the training rows' own matrix, mean-target columns cross-fitted."""
    if train.key is None:
        return _learn(recipe, train, target, target_kind=target_kind, key=None)
    prepared = prepare(recipe, train, target, target_kind=target_kind)
    matrix = remembered(f"{prepared.key}{_CROSS_FITTED}")
    if matrix is None:  # fell out of the cache
        return _learn(recipe, train, target, target_kind=target_kind, key=prepared.key)
    return prepared, matrix


def _key(recipe: Recipe, train: Table, target: NDArray[Any], *, target_kind: str) -> str | None:
    """Name what is learned by all that it depends on: the same rows have other mean targets with another target."""
    if train.key is None:
        return None
    if not recipe.learns_target:
        return f"{train.key}|{recipe}"
    digest = hashlib.blake2b(np.ascontiguousarray(target).tobytes(), digest_size=8).hexdigest()
    return f"{train.key}|{recipe}|{target_kind} {digest}"


def feature_types(recipe: Recipe, n_numbers: int) -> list[str]:
    """Return XGBoost's types of the first columns of a `"codes"` matrix: `"q"` for numbers, then `"c"` for codes."""
    narrow = len(recipe.cardinalities) - len(recipe.wide)
    return ["q"] * n_numbers + ["c"] * narrow


def _learn(
    recipe: Recipe, train: Table, target: NDArray[Any], *, target_kind: str, key: str | None
) -> tuple[PreparedTable, NDArray[np.float32]]:
    if recipe.columns:
        train = train.only(recipe.columns)
    if not train.joined().shape[1]:
        return PreparedTable(None, 0, key, recipe.columns), np.zeros((len(train), 0), dtype=np.float32)
    if target_kind == "several":
        target = target[:, 0]
    n_classes = 0 if target_kind in ("regression", "several") else len(np.unique(target))
    transformer = _transformer(recipe, train, n_classes)
    with _arrays_come_out():
        matrix = _float32(transformer.fit_transform(train.joined(), target))
    return PreparedTable(transformer, matrix.shape[1], key, recipe.columns), matrix


def _arrays_come_out() -> AbstractContextManager[None]:
    """Return a context in which scikit-learn's transformers return arrays, whatever the user's process prefers."""
    from sklearn import config_context

    context: AbstractContextManager[None] = config_context(transform_output="default")
    return context


def _float32(matrix: NDArray[Any]) -> NDArray[np.float32]:
    """Narrow a matrix; numbers too large for float32 become its largest, not infinite."""
    largest = np.finfo(np.float32).max
    return np.clip(matrix, -largest, largest).astype(np.float32)


def _transformer(recipe: Recipe, train: Table, n_classes: int) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.model_selection import KFold, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

    from spaces.inputs.table.crosses import HashedCrosses

    n_numbers = train.numbers.shape[1]
    numbers = list(range(n_numbers))
    wide = [n_numbers + i for i in recipe.wide]
    narrow = [n_numbers + i for i in range(len(recipe.cardinalities)) if i not in recipe.wide]
    folds = StratifiedKFold if n_classes else KFold
    encoder = TargetEncoder(
        # By the classes that occur in these rows: a fold may lack one.
        target_type="continuous" if not n_classes else "binary" if n_classes == 2 else "multiclass",
        cv=_partners_together(len(train)) if recipe.twins else folds(5, shuffle=True, random_state=0),
    )
    parts: list[tuple[str, Any, list[int]]] = []
    if recipe.crosses:  # first, where a network finds them whatever the width of the rest
        parts.append(("crosses", HashedCrosses(recipe.crosses, n_numbers), numbers + sorted(wide + narrow)))
    embedded = [n_numbers + i for i in recipe.embedded]
    if embedded:
        parts.append(("embedded", _codes(train, recipe.embedded, unknown=-1), embedded))
    parts.append(("numbers", _scaler(recipe.scaling, len(train)), numbers))
    if recipe.categories == "codes":
        codes = _codes(train, [i - n_numbers for i in narrow], unknown=np.nan)
        parts += [("codes", codes, narrow), ("wide", encoder, wide)]
    else:
        onehot = OneHotEncoder(
            max_categories=ONE_HOT_LIMIT, handle_unknown="infrequent_if_exist", sparse_output=False, dtype=np.float32
        )
        scale = [StandardScaler()] if recipe.scaling != "none" else []
        parts += [
            ("onehot", onehot, [i for i in narrow + wide if i not in embedded]),
            ("wide", make_pipeline(encoder, *scale), wide),
        ]
    return ColumnTransformer([part for part in parts if part[2]], verbose_feature_names_out=False)


def _codes(train: Table, columns: Sequence[int], *, unknown: float) -> Any:
    """Return what counts the categories of each column that occur in training rows, from 0."""
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=unknown,
        categories=[np.unique(train.codes[:, i]).astype(np.float64) for i in columns],
    )


def _partners_together(rows: int) -> Any:
    """Return five parts in which a row and its partner are never apart: one would tell the other's target."""
    from sklearn.model_selection import PredefinedSplit

    return PredefinedSplit(np.tile(np.random.default_rng(0).permutation(rows // 2) % 5, 2))


def _scaler(scaling: Scaling, rows: int) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import FeatureUnion, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

    from spaces.inputs.table.centred import Centred
    from spaces.inputs.table.piecewise import PiecewiseLinear
    from spaces.inputs.table.robust import SmoothlyClipped

    if scaling == "none":
        return Centred()
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    if scaling == "robust":
        return make_pipeline(imputer, SmoothlyClipped())
    if scaling == "quantile":
        quantiles = QuantileTransformer(
            n_quantiles=min(1000, rows), output_distribution="normal", subsample=100_000, random_state=0
        )
        return make_pipeline(imputer, quantiles, StandardScaler())
    if scaling == "piecewise":
        values = OneHotEncoder(  # census records and sensors repeat certain numbers, which mean something of their own
            min_frequency=FREQUENT_VALUE_ROWS,
            max_categories=FREQUENT_VALUE_LIMIT + 1,
            handle_unknown="infrequent_if_exist",
            sparse_output=False,
            dtype=np.float32,
        )
        parts = [("number", StandardScaler()), ("pieces", PiecewiseLinear()), ("values", values)]
        return make_pipeline(imputer, FeatureUnion(parts))
    return make_pipeline(imputer, StandardScaler())
