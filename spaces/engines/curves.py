"""Curves of a training: one number an epoch or boosting round, told apart by name, part of the rows and target."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np


class Curve(NamedTuple):
    """What a curve tells.

    Attributes:
        name: The loss, a metric, or a setting such as the learning rate, as the library calls it.
        part: The rows it is computed of: those that train, or the inner ones, which early stopping watches.
        target: The target, where every target has a model of its own.

    >>> Curve("loss", "validation").label
    'val_loss'
    """

    name: str
    part: Literal["train", "validation"] = "train"
    target: str = ""

    @property
    def label(self) -> str:
        """How it is shown; not to be read back."""
        shown = f"val_{self.name}" if self.part == "validation" else self.name
        return f"{self.target}/{shown}" if self.target else shown


Curves = dict[Curve, list[float]]
"""One number an epoch or round; NaN stands where none was computed."""

_VALIDATION = "val_"  # Keras's word for what is computed of inner rows


def curve_named(name: str) -> Curve:
    """Return the curve that Keras calls so.

    >>> curve_named("val_loss") == Curve("loss", "validation")
    True
    """
    return Curve(name.removeprefix(_VALIDATION), "validation" if name.startswith(_VALIDATION) else "train")


def labelled(curves: Mapping[Curve, Any]) -> dict[str, Any]:
    """Return curves, or a number of each, under what they are shown as."""
    return {curve.label: values for curve, values in curves.items()}


def of_target(curves: Mapping[Curve, Any], target: str) -> dict[Curve, Any]:
    """Return the same curves as those of a target."""
    return {curve._replace(target=target): values for curve, values in curves.items()}


def curves_to_json(curves: Mapping[Curve, Sequence[float]]) -> list[dict[str, Any]]:
    """Return curves as JSON values; JSON has no NaN, so None stands for it."""
    return [
        {**curve._asdict(), "values": [None if math.isnan(value) else value for value in values]}
        for curve, values in curves.items()
    ]


def curves_from_json(data: Sequence[Mapping[str, Any]]) -> Curves:
    """Rebuild what `curves_to_json` returned."""
    return {
        Curve(one["name"], one["part"], one["target"]): [
            math.nan if value is None else value for value in one["values"]
        ]
        for one in data
    }


def loss_of(folds: Sequence[Curves], part: str, target: str = "") -> Curve | None:
    """Return the curve of the loss: the one called so, or else the first that the library drew; None without any.

    Args:
        folds: The curves of each fold.
        part: Of which rows.
        target: Of which target, where every target has a model of its own.
    """
    known = [curve for fold in folds for curve in fold if (curve.part, curve.target) == (part, target) and fold[curve]]
    return next((curve for curve in known if curve.name == "loss"), next(iter(known), None))


def mean_of(folds: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean of a curve over folds, and NaN at steps of which no fold has a number.

    A fold counts between two of its numbers with what lies on the line between them, and behind its last with that.

    >>> mean_of([[4.0, math.nan, 2.0, 1.0], [2.0, math.nan, 0.0]])
    [3.0, nan, 1.0, 0.5]
    """
    steps = np.arange(max(map(len, folds), default=0))
    given = [(steps[: len(fold)], np.asarray(fold, float)) for fold in folds if not np.isnan(fold).all()]
    known = np.zeros(len(steps), bool)
    for at, values in given:
        known[at[~np.isnan(values)]] = True
    filled = [np.interp(steps, at[~np.isnan(values)], values[~np.isnan(values)]) for at, values in given]
    return np.where(known, np.mean(filled, axis=0), np.nan).tolist() if filled else []
