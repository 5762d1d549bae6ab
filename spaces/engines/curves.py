"""Curves of a training: one number an epoch or boosting round, told apart by name, part of the rows and target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple


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


def labelled(curves: Mapping[Curve, Any]) -> dict[str, Any]:
    """Return curves, or a number of each, under what they are shown as."""
    return {curve.label: values for curve, values in curves.items()}


def of_target(curves: Mapping[Curve, Any], target: str) -> dict[Curve, Any]:
    """Return the same curves as those of a target."""
    return {curve._replace(target=target): values for curve, values in curves.items()}


def curves_to_json(curves: Mapping[Curve, Sequence[float]]) -> list[dict[str, Any]]:
    """Return curves as JSON values."""
    return [{**curve._asdict(), "values": list(values)} for curve, values in curves.items()]


def curves_from_json(data: Sequence[Mapping[str, Any]]) -> Curves:
    """Rebuild what `curves_to_json` returned."""
    return {Curve(one["name"], one["part"], one["target"]): one["values"] for one in data}
