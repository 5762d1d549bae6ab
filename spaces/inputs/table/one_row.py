"""One row through fitted transformers of scikit-learn, whose checks take a thousand times longer than its arithmetic.

Each transformer that a recipe may hold has its arithmetic here, of its public fitted attributes and bit by bit the
same; any other transforms the row itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, QuantileTransformer, StandardScaler, TargetEncoder

from spaces.inputs.table.centred import Centred
from spaces.inputs.table.piecewise import PiecewiseLinear
from spaces.inputs.table.robust import SmoothlyClipped, smoothly_clipped

Row = NDArray[Any]
OfRow = Callable[[Row], Row]
"""What a transformer makes of one row, `(columns,)` to `(columns that come out,)`."""
_BOUND = 1e-7  # so near to the least and the largest quantile, scikit-learn takes a value for these


def of_one_row(transformer: Any) -> OfRow:
    """Return what a fitted transformer does, for one row.

    Args:
        transformer: Of scikit-learn, or of ours.
    """
    make = _KNOWN.get(type(transformer))
    return _itself(transformer) if make is None else make(transformer)


def _itself(transformer: Any) -> OfRow:
    def transform(row: Row) -> Row:
        made: Row = transformer.transform(row[None])[0]
        return made

    return transform


def _columns(transformer: ColumnTransformer) -> OfRow:
    parts = [(of_one_row(step), columns) for _, step, columns in transformer.transformers_ if columns]
    return lambda row: np.hstack([part(row[columns]) for part, columns in parts])


def _pipeline(transformer: Pipeline) -> OfRow:
    steps = [of_one_row(step) for _, step in transformer.steps]

    def transform(row: Row) -> Row:
        for step in steps:
            row = step(row)
        return row

    return transform


def _union(transformer: FeatureUnion) -> OfRow:
    parts = [of_one_row(part) for _, part in transformer.transformer_list]
    return lambda row: np.hstack([part(row) for part in parts])


def _imputer(transformer: SimpleImputer) -> OfRow:
    shown, medians = transformer.indicator_.features_, transformer.statistics_

    def transform(row: Row) -> Row:
        missing = np.isnan(row)
        return np.concatenate([np.where(missing, medians, row), missing[shown]])

    return transform


def _scaler(transformer: StandardScaler) -> OfRow:
    mean, scale = transformer.mean_, transformer.scale_
    return lambda row: (row - mean) / scale


def _normal(transformer: QuantileTransformer) -> OfRow:
    """Do what `QuantileTransformer._transform_col` of scikit-learn 1.9 does to a normal distribution."""
    levels, columns = transformer.references_, transformer.quantiles_.T
    low, high = columns[:, 0], columns[:, -1]
    most = ndtri(1 - (_BOUND - np.spacing(1)))
    least = ndtri(_BOUND - np.spacing(1))

    def transform(row: Row) -> Row:
        up = np.array([np.interp(value, column, levels) for value, column in zip(row, columns, strict=True)])
        down = np.array(
            [np.interp(-value, -column[::-1], -levels[::-1]) for value, column in zip(row, columns, strict=True)]
        )
        level = 0.5 * (up - down)
        level[row + _BOUND > high] = 1
        level[row - _BOUND < low] = 0
        return np.clip(ndtri(level), least, most)

    return transform


def _centred(transformer: Centred) -> OfRow:
    centres = transformer.centres_
    return lambda row: row - centres


def _clipped(transformer: SmoothlyClipped) -> OfRow:
    centres, factors = transformer.centres_, transformer.factors_
    return lambda row: smoothly_clipped((row - centres) * factors)


def _pieces(transformer: PiecewiseLinear) -> OfRow:
    ends = np.cumsum(transformer.sizes_)
    begins = np.ones(len(transformer.knots_), dtype=bool)
    stops = begins.copy()
    begins[ends - 1] = stops[ends - transformer.sizes_] = False  # a column's last knot begins no piece
    low, high = transformer.knots_[begins], transformer.knots_[stops]
    width, column = high - low, np.repeat(np.arange(len(ends)), transformer.sizes_ - 1)
    return lambda row: np.clip((row[column] - low) / width, 0.0, 1.0)


def _encoder(transformer: OneHotEncoder | OrdinalEncoder | TargetEncoder) -> OfRow:
    """Look up what the encoder makes of each known value, and of one that it does not know."""
    categories = [np.asarray(known, dtype=np.float64) for known in transformer.categories_]
    unknown = [known.max() + 1 for known in categories]
    longest = max(map(len, categories))
    values = [np.append(np.resize(known, longest), other) for known, other in zip(categories, unknown, strict=True)]
    encoded = transformer.transform(np.stack(values, axis=1))
    ends = np.cumsum(_widths(transformer, categories, encoded.shape[1]))
    parts = np.split(encoded, ends[:-1], axis=1)
    tables = [
        (dict(zip(known.tolist(), part, strict=False)), part[-1]) for known, part in zip(categories, parts, strict=True)
    ]
    return lambda row: np.concatenate(
        [table.get(value, other) for value, (table, other) in zip(row.tolist(), tables, strict=True)]
    )


def _widths(transformer: Any, categories: list[Row], columns: int) -> list[int]:
    """Return how many columns come out for each that goes in."""
    if not isinstance(transformer, OneHotEncoder):
        return [columns // len(categories)] * len(categories)
    rare = getattr(transformer, "infrequent_categories_", [None] * len(categories))  # all of them are one column
    return [len(known) - (0 if few is None else len(few) - 1) for known, few in zip(categories, rare, strict=True)]


_KNOWN: dict[type, Callable[[Any], OfRow]] = {
    ColumnTransformer: _columns,
    Pipeline: _pipeline,
    FeatureUnion: _union,
    SimpleImputer: _imputer,
    StandardScaler: _scaler,
    QuantileTransformer: _normal,
    Centred: _centred,
    PiecewiseLinear: _pieces,
    SmoothlyClipped: _clipped,
    OneHotEncoder: _encoder,
    OrdinalEncoder: _encoder,
    TargetEncoder: _encoder,
}
