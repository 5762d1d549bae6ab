"""What a builder gets as KerasTuner's `hp`, and the space that is found by running the builder.

It runs with default values first, then with each option of each choice and the ends of each whole number, so that
parameters are found that are asked for in some branches only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from spaces.language.complaints import unknown_name
from spaces.language.leaves import Choice, Float, Int
from spaces.language.space import Space
from spaces.machine.habits import HP, no_attribute

_MOST_OPTIONS = 32


class AskedWrongly(ValueError):
    """A builder asks hp for what cannot be searched."""


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
        with _about("Choice", said):
            values, default = list(said["values"]), said.get("default")
            node = Choice(values, default=default) if len(values) != 1 else values[0]
        return self._ask(said, node)

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
        if name not in self.values:
            raise KeyError(f"{unknown_name(name, list(self.values))}: ask for it before")
        return self.values[name]

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(no_attribute("hp", name, dir(type(self)), habits=HP))

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
        with _about(kind.__name__, said):
            node = _number(kind, (said["min_value"], said["max_value"]), **settings)
        return self._ask(said, node)

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
    """Return the space of what a builder asks for, in branches too.

    Raises:
        AskedWrongly: Something that it asks for cannot be searched.
        Exception: What the builder itself raises with its default values.
    """
    asked: dict[tuple[str, Any], Asked] = {}
    ways: deque[dict[str, Any]] = deque([{}])
    while ways:
        given = ways.popleft()
        hp = HyperParameters(given)
        try:
            build(hp)
        except AskedWrongly:
            raise
        except Exception:
            if not given:
                raise
            # a trial that takes this branch fails with its reason, and others go on
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


def by_name(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield a config's values by the names that a builder knows."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            for option, inner in value.items():
                yield name, _Label(option)
                yield from by_name(inner if isinstance(inner, Mapping) else {})
        else:
            yield name, value


@contextmanager
def _about(method: str, said: Mapping[str, Any]) -> Iterator[None]:
    """Say with a complaint what was asked for."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise AskedWrongly(f"hp.{method}({said['name']!r}): {error}") from None


def _said(method: str, order: Sequence[str], given: tuple[Any, ...], *, named: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a builder asks by names, in KerasTuner's order of arguments.

    Raises:
        AskedWrongly: An argument is not known, is given twice, or one that is needed is not there.
    """
    order = (*order, "parent_name", "parent_values")
    if len(given) > len(order):
        raise AskedWrongly(f"hp.{method} takes {', '.join(order)}, got {len(given)} values")
    said = dict(zip(order, given, strict=False))
    for name, value in named.items():
        if name not in order:
            raise AskedWrongly(f"hp.{method}: {unknown_name(name, list(order))}")
        if name in said:
            raise AskedWrongly(f"hp.{method}: {name} is given twice")
        said[name] = value
    for name in ("name", *(one for one in ("min_value", "max_value", "values", "value") if one in order)):
        if name not in said:
            raise AskedWrongly(f"hp.{method}: {name} is missing")
    return said


def _number(kind: Any, ends: tuple[Any, Any], *, step: Any, sampling: str | None, default: Any) -> Any:
    """Return a range as our spaces say it; a constant where it is a single number."""
    low, high = ends
    if low > high:
        raise ValueError(f"min_value {low} is above max_value {high}")
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
