"""Families of builders in KerasTuner's form, `build(hp)`; KerasTuner itself is not needed.

The space is found by running the builder: with default values first, then with each option of each choice and the ends
of each whole number, so that parameters are found that are asked for in some branches only.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from spaces.engines.contract import ShippingError
from spaces.families.family import Family
from spaces.families.own import family, source_digest
from spaces.language.complaints import unknown_name
from spaces.language.leaves import Choice, Float, Int
from spaces.language.space import Config, Space
from spaces.machine.mistakes import briefly
from spaces.rows.signature import Signature

_TRAINING: Space = {"epochs": 100, "batch_size": 64, "patience": 10}
_MOST_OPTIONS = 32


@briefly
def keras_tuner_family(build: Any, *, name: str, training: Space | None = None) -> Family:
    """Make a family of a builder that is written for KerasTuner.

    Args:
        build: A function of `hp`, or an object with such a method `build`, as KerasTuner's hypermodels are. It may take
            the signature of the task beside, `build(hp, signature)`. It returns a `keras.Model`; a loss and an
            optimizer that it compiles are used, and refused where they do not fit the target (see `tuner.family`). A
            Sequential model without an input is given the task's. `hp` has `Int`, `Float`, `Choice`, `Boolean`,
            `Fixed`, `get`, `conditional_scope` and `name_scope`. Parameters in a conditional scope exist only where
            its condition holds; those behind an `if` are always proposed, as in KerasTuner.
        name: What studies call the family.
        training: A space of what the training loop reads: `epochs`, `batch_size`, `patience`, `schedule` and others
            (see `tuner.family`).

    Raises:
        ValueError: There is no such builder, or what it asks for cannot be searched; the latter when a study begins.
    """
    called = getattr(build, "build", build)
    if not callable(called):
        raise ValueError(f"build must be a function of hp, or have a method build(hp), got {build!r}")
    known: dict[int, Space] = {}

    def space_of(signature: Signature) -> Space:
        key = hash(signature)
        if key not in known:
            known[key] = found_space(lambda hp: _build(called, hp, signature))
        settings = {**_TRAINING, **(training or {})}
        if both := sorted(known[key].keys() & (training or {}).keys()):
            raise ValueError(f"{both[0]!r} is asked for by the builder and given as training: leave one out")
        return {**settings, **known[key]}

    def built(config: Config, signature: Signature) -> Any:
        given = dict(_by_name(config))
        hp = HyperParameters(given)
        model = _build(called, hp, signature)
        if new := [one.name for one in hp.asked if one.name not in given and one.searched and one.holds(hp.values)]:
            raise ShippingError(
                f"the builder asks for {new[0]!r} only where several choices meet, so it was not found: ask outside"
            )
        return _fitted_to(model, signature)

    return replace(family(built, space_of, name=name), source=source_digest(called))


class Asked(NamedTuple):
    """A parameter as a builder asks for it.

    Attributes:
        name: Its name.
        node: A leaf of a space, or a constant.
        conditions: Names of other parameters, each with the values for which this one exists.
    """

    name: str
    node: Any
    conditions: tuple[tuple[str, tuple[Any, ...]], ...]

    @property
    def searched(self) -> bool:
        """Whether there is anything to choose."""
        return isinstance(self.node, Float | Int | Choice)

    @property
    def default(self) -> Any:
        """Its value where nothing is proposed."""
        return self.node.middle if self.searched else self.node

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether it exists beside other values."""
        return all(values.get(name) in wanted for name, wanted in self.conditions)

    def options(self) -> list[Any]:
        """Return its values where they can be counted.

        Raises:
            ValueError: They cannot be, or are too many.
        """
        if isinstance(self.node, Choice):
            return list(self.node.options)
        if isinstance(self.node, Int) and not self.node.log:
            values = list(range(self.node.low, self.node.high + 1, self.node.step))
            if len(values) <= _MOST_OPTIONS:
                return values
        if not self.searched:
            return [self.node]
        raise ValueError(
            f"conditional_scope: {self.name!r} must be a choice or a small whole number, got {self.node!r}"
        )

    def branches(self) -> list[Any]:
        """Return values by which a builder may branch."""
        if isinstance(self.node, Int):
            return [self.node.low, self.node.high]
        return list(self.node.options) if isinstance(self.node, Choice) else []


class HyperParameters:
    """What a builder gets as KerasTuner's `hp`: it answers with given values, and notes which it was asked for.

    Attributes:
        values: What was answered, by name; None where a condition does not hold.
        asked: What was asked for, in order.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.values: dict[str, Any] = {}
        self.asked: list[Asked] = []
        self._given = given
        self._conditions: tuple[tuple[str, tuple[Any, ...]], ...] = ()
        self._prefix = ""

    def Int(self, *given: Any, **named: Any) -> Any:  # noqa: N802
        """Ask for a whole number: `name, min_value, max_value, step, sampling, default, parent_name, parent_values`."""
        return self._ask_number(Int, given, named)

    def Float(self, *given: Any, **named: Any) -> Any:  # noqa: N802
        """Ask for a real number; see `Int`."""
        return self._ask_number(Float, given, named)

    def Choice(self, *given: Any, **named: Any) -> Any:  # noqa: N802
        """Ask for one of some values: `name, values, ordered, default, parent_name, parent_values`."""
        said = _said("Choice", ("name", "values", "ordered", "default"), given, named=named)
        values, default = list(said["values"]), said.get("default")
        return self._ask(said, Choice(values, default=default) if len(values) > 1 else values[0])

    def Boolean(self, *given: Any, **named: Any) -> Any:  # noqa: N802
        """Ask for yes or no: `name, default, parent_name, parent_values`."""
        said = _said("Boolean", ("name", "default"), given, named=named)
        return self._ask(said, Choice([False, True], default=said.get("default", False)))

    def Fixed(self, *given: Any, **named: Any) -> Any:  # noqa: N802
        """Note a constant: `name, value, parent_name, parent_values`."""
        said = _said("Fixed", ("name", "value"), given, named=named)
        return self._ask(said, said["value"])

    def get(self, name: str) -> Any:
        """Return what was answered.

        Raises:
            KeyError: It was not asked for yet.
        """
        return self.values[name]

    @contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Any) -> Iterator[None]:
        """Ask within for what exists only where another parameter has one of some values."""
        values = tuple(parent_values) if isinstance(parent_values, list | tuple) else (parent_values,)
        before, self._conditions = self._conditions, (*self._conditions, (self._prefix + parent_name, values))
        yield
        self._conditions = before

    @contextmanager
    def name_scope(self, name: str) -> Iterator[None]:
        """Put a name before the names that are asked for within."""
        before, self._prefix = self._prefix, f"{self._prefix}{name}/"
        yield
        self._prefix = before

    def _ask_number(self, kind: Any, given: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        said = _said(
            kind.__name__, ("name", "min_value", "max_value", "step", "sampling", "default"), given, named=named
        )
        settings = {name: said.get(name) for name in ("step", "sampling", "default")}
        return self._ask(said, _number(kind, (said["min_value"], said["max_value"]), **settings))

    def _ask(self, said: Mapping[str, Any], node: Any) -> Any:
        """Answer what was asked, within the scopes around it and below the parent that it names."""
        if (parent := said.get("parent_name")) is not None:
            with self.conditional_scope(parent, said.get("parent_values")):
                return self._ask({"name": said["name"]}, node)
        one = Asked(self._prefix + said["name"], node, self._conditions)
        if one not in self.asked:
            self.asked.append(one)
        if not one.holds(self.values):
            return self.values.setdefault(one.name, None)
        self.values[one.name] = self._answer(one)
        return self.values[one.name]

    def _answer(self, one: Asked) -> Any:
        given = self._given.get(one.name, one.default)
        if isinstance(given, _Label):
            return next(value for value in one.options() if _label(value) == given)
        return given


class _Label(str):
    """The name of an option that has parameters of its own."""


def found_space(build: Callable[[HyperParameters], Any]) -> Space:
    """Return the space of what a builder asks for, in branches too."""
    asked: dict[tuple[str, Any], Asked] = {}
    ways: deque[dict[str, Any]] = deque([{}])
    while ways:
        given = ways.popleft()
        hp = HyperParameters(given)
        build(hp)
        for one in hp.asked:
            if (one.name, one.conditions) in asked:
                continue
            asked[one.name, one.conditions] = one
            there = {**given, **{name: values[0] for name, values in one.conditions}}
            ways.extend({**there, one.name: value} for value in one.branches() if value != one.default)
            if one.conditions and not one.holds(hp.values):
                ways.append(there)
    return _nested(list(asked.values()))


def _nested(asked: list[Asked]) -> Space:
    """Return a space in which what is conditional stands within the options of its choice."""
    here = {one.name: one for one in asked if not one.conditions}
    for one in asked:
        if one.conditions and one.conditions[0][0] not in here:
            raise ValueError(
                f"conditional_scope: {one.name!r} depends on {one.conditions[0][0]!r}, which is asked for "
                "in no scope around it: ask for that first"
            )
    space: dict[str, Any] = {}
    for name, one in here.items():
        inner = [other for other in asked if other.conditions and other.conditions[0][0] == name]
        if not inner:
            space[name] = one.node
            continue
        options = {_label(value): _nested(_beside(inner, name, value)) for value in one.options()}
        if len(options) < len(one.options()):
            raise ValueError(f"conditional_scope: values of {name!r} cannot be told apart by name: {one.options()}")
        space[name] = Choice(options, default=_label(one.default))
    return space


def _beside(asked: list[Asked], name: str, value: Any) -> list[Asked]:
    """Return what exists where a parameter has a value, without that condition."""
    there = [one for one in asked if all(value in wanted for parent, wanted in one.conditions if parent == name)]
    return [one._replace(conditions=tuple(c for c in one.conditions if c[0] != name)) for one in there]


def _label(value: Any) -> str:
    return str(value).replace(".", "_")


def _by_name(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield a config's values by the names that a builder knows."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            for option, inner in value.items():
                yield name, _Label(option)
                yield from _by_name(inner if isinstance(inner, Mapping) else {})
        else:
            yield name, value


def _said(method: str, order: Sequence[str], given: tuple[Any, ...], *, named: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a builder asks by names, in KerasTuner's order of arguments.

    Raises:
        TypeError: An argument is not known, is given twice, or one that is needed is not there.
    """
    order = (*order, "parent_name", "parent_values")
    if len(given) > len(order):
        raise TypeError(f"hp.{method} takes {', '.join(order)}, got {len(given)} values")
    said = dict(zip(order, given, strict=False))
    for name, value in named.items():
        if name not in order:
            raise TypeError(f"hp.{method}: {unknown_name(name, list(order))}")
        if name in said:
            raise TypeError(f"hp.{method}: {name} is given twice")
        said[name] = value
    for name in ("name", *(one for one in ("min_value", "max_value", "values", "value") if one in order)):
        if name not in said:
            raise TypeError(f"hp.{method}: {name} is missing")
    return said


def _number(kind: Any, ends: tuple[Any, Any], *, step: Any, sampling: str | None, default: Any) -> Any:
    """Return a range as our spaces say it; a constant where it is a single number."""
    low, high = ends
    if sampling not in (None, "linear", "log"):
        raise ValueError(f"sampling must be 'linear' or 'log', got {sampling!r}")
    if low == high:
        return low
    if sampling == "log" and step is not None:
        values = [low]
        while step > 1 and values[-1] * step <= high:
            values.append(values[-1] * step)
        return Choice(values, default=default) if len(values) > 1 else low
    if sampling == "log":
        return kind(low, high, log=True, default=default)
    if step is None:
        return kind(low, high, default=default)
    steps = int((high - low) / step + 1e-9)
    return kind(low, low + steps * step, step=step, default=default) if steps else low


def _build(build: Callable[..., Any], hp: HyperParameters, signature: Signature) -> Any:
    wants = len(inspect.signature(build).parameters)
    return build(hp, signature) if wants > 1 else build(hp)


def _fitted_to(model: Any, signature: Signature) -> Any:
    """Give a Sequential model without an input the task's, and refuse an input of another shape."""
    import keras

    if not isinstance(model, keras.Model) or len(signature.inputs) > 1:
        return model
    wanted = (None, *signature.input.shape)
    if isinstance(model, keras.Sequential) and not model.built:
        model.build(wanted)
    elif getattr(model, "inputs", None) and len(model.inputs) == 1 and tuple(model.inputs[0].shape) != wanted:
        raise ShippingError(
            f"the model reads {tuple(model.inputs[0].shape[1:])}, and a row has the shape {wanted[1:]} after "
            "preprocessing: take the signature, build(hp, signature), and begin with keras.Input(signature.input.shape)"
        )
    return model
