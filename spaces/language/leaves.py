"""The three leaves of a space: `Float`, `Int` and `Choice`.

Every leaf answers the same five questions: its `middle` (the default), a `sample` from its prior, a `suggest`ion
of an Optuna trial, whether a value is a `member`, and what value a stored label stands for (`unlabel`). Answers
are native Python values inside the bounds, because Keras refuses numpy scalars.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np


@dataclass(frozen=True, repr=False)
class Float:
    """A real number in `[low, high]`, uniform on its scale.

    Args:
        low: Lower bound, included.
        high: Upper bound, included.
        log: Uniform in the logarithm; needs `low > 0` and no step.
        step: Only `low, low + step, ...`; must reach `high`.
        default: The value of the untuned model; the middle of the range, on its scale, when left out.

    >>> Float(1e-4, 1e-2, log=True).middle
    0.001
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    default: float | None = None

    def __init__(
        self,
        low: float,
        high: float,
        *,
        log: bool = False,
        step: float | None = None,
        default: float | None = None,
    ) -> None:
        _set(self, low=_real(low, "low"), high=_real(high, "high"), log=bool(log))
        _set(self, step=None if step is None else _real(step, "step"))
        _check_range(self)
        if self.step is not None:
            _set(self, high=_step_up(self.low, self.step, _n_steps(self)))
        _set(self, default=None if default is None else self.member(default, "default"))

    @property
    def middle(self) -> float:
        """The default, or the middle of the range on its scale."""
        if self.default is not None:
            return self.default
        if self.log:
            middle = math.exp((math.log(self.low) + math.log(self.high)) / 2)
            return self.snap(float(f"{middle:.15g}"))
        return self.snap(self.low + (self.high - self.low) / 2)

    def snap(self, value: float) -> float:
        """Return the nearest value that the leaf can take."""
        value = float(value)
        if self.step is not None:
            low, step = Decimal(repr(self.low)), Decimal(repr(self.step))
            return _step_up(
                self.low, self.step, min(max(round((Decimal(repr(value)) - low) / step), 0), _n_steps(self))
            )
        return min(max(value, self.low), self.high)

    def sample(self, rng: np.random.Generator) -> float:
        """Draw a value."""
        if self.step is not None:
            return self.snap(self.low + int(rng.integers(_n_steps(self) + 1)) * self.step)
        if self.log:
            return self.snap(math.exp(rng.uniform(math.log(self.low), math.log(self.high))))
        return self.snap(rng.uniform(self.low, self.high))

    def suggest(self, name: str, trial: Any) -> float:
        """Ask an Optuna trial."""
        return self.snap(trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log))

    def member(self, value: Any, name: str) -> float:
        """Return the value as a float.

        Raises:
            ValueError: It is no number, outside the bounds, or between steps.
        """
        number = _real(value, name)
        slack = 1e-9 * (self.step or 0.0)  # 3 * 0.1 is a little above 0.3
        if not self.low - slack <= number <= self.high + slack:
            raise ValueError(f"{name} must be between {self.low} and {self.high}, got {value!r}")
        if self.step is not None and abs(self.snap(number) - number) > 1e-9 * self.step:
            raise ValueError(f"{name} must be {self.low} plus a multiple of {self.step}, got {value!r}")
        return self.snap(number) if self.step is not None else number

    def constant(self, value: Any, name: str) -> float:
        """Return a value that it may be fixed to, also outside the range.

        Raises:
            ValueError: It is no number, or of a kind that the range has not: negative, or no share of 1.
        """
        return _of_the_kind(self, _real(value, name), name)

    def unlabel(self, label: Any) -> Any:
        """Return the value stored as a parameter: itself."""
        return label

    def __repr__(self) -> str:
        return _range_repr(self)


@dataclass(frozen=True, repr=False)
class Int:
    """A whole number in `[low, high]`; arguments as for `Float`.

    >>> Int(16, 256, log=True).middle
    64
    """

    low: int
    high: int
    log: bool = False
    step: int = 1
    default: int | None = None

    def __init__(self, low: int, high: int, *, log: bool = False, step: int = 1, default: int | None = None) -> None:
        _set(self, low=_whole(low, "low"), high=_whole(high, "high"), log=bool(log), step=_whole(step, "step"))
        _check_range(self)
        _set(self, default=None if default is None else self.member(default, "default"))

    @property
    def middle(self) -> int:
        """The default, or the middle of the range on its scale."""
        if self.default is not None:
            return self.default
        if self.log:
            return self.snap(math.exp((math.log(self.low) + math.log(self.high)) / 2))
        return self.snap(self.low + (self.high - self.low) // 2)

    def snap(self, value: float) -> int:
        """Return the nearest value that the leaf can take."""
        steps = round((value - self.low) / self.step)
        return self.low + min(max(steps, 0), _n_steps(self)) * self.step

    def sample(self, rng: np.random.Generator) -> int:
        """Draw a value."""
        if self.log:
            return self.snap(math.exp(rng.uniform(math.log(self.low - 0.5), math.log(self.high + 0.5))))
        return self.low + int(rng.integers(_n_steps(self) + 1)) * self.step

    def suggest(self, name: str, trial: Any) -> int:
        """Ask an Optuna trial."""
        return int(trial.suggest_int(name, self.low, self.high, step=self.step, log=self.log))

    def member(self, value: Any, name: str) -> int:
        """Return the value as an int.

        Raises:
            ValueError: It is not whole, outside the bounds, or between steps.
        """
        number = _whole(value, name)
        if not self.low <= number <= self.high:
            raise ValueError(f"{name} must be between {self.low} and {self.high}, got {value!r}")
        if (number - self.low) % self.step:
            raise ValueError(f"{name} must be {self.low} plus a multiple of {self.step}, got {value!r}")
        return number

    def constant(self, value: Any, name: str) -> int:
        """Return a value that it may be fixed to, also outside the range.

        Raises:
            ValueError: It is not whole, or below zero, or zero on a logarithmic scale.
        """
        return int(_of_the_kind(self, _whole(value, name), name))

    def unlabel(self, label: Any) -> Any:
        """Return the value stored as a parameter: itself."""
        return label

    def __repr__(self) -> str:
        return _range_repr(self)


@dataclass(frozen=True, repr=False, eq=True)
class Choice:
    """One of several plain values, or, given a mapping, one of several named sub-spaces.

    Args:
        options: A sequence of JSON values, or a mapping from names to nodes (the condition: parameters inside
            an option exist only where it is chosen).
        default: The option of the untuned model; the first when left out.

    >>> Choice(["relu", "selu"]).middle
    'relu'
    >>> Choice({"none": None, "l2": Float(1e-6, 1e-2, log=True)}, default="l2").middle
    'l2'
    """

    options: Any
    default: Any = None

    def __init__(self, options: Sequence[Any] | Mapping[str, Any], *, default: Any = None) -> None:
        if isinstance(options, str) or not isinstance(options, Sequence | Mapping):
            raise ValueError(f"Choice needs a list of values or a mapping of sub-spaces, got {options!r}")
        if not options:
            raise ValueError("Choice needs at least one option, got none")
        _set(self, options=dict(options) if isinstance(options, Mapping) else _plain(options))
        _set(self, default=None if default is None else self.member(default, "default"))

    @property
    def conditional(self) -> bool:
        """Whether the options are named sub-spaces."""
        return isinstance(self.options, dict)

    @property
    def labels(self) -> tuple[Any, ...]:
        """What stands for each option in params: itself, or its JSON text when it is no scalar."""
        return tuple(label_of(option) for option in self.options)

    @property
    def middle(self) -> Any:
        """The default, or the first option."""
        return self.default if self.default is not None else next(iter(self.options))

    def sample(self, rng: np.random.Generator) -> Any:
        """Draw an option."""
        return tuple(self.options)[int(rng.integers(len(self.options)))]

    def suggest(self, name: str, trial: Any) -> Any:
        """Ask an Optuna trial."""
        return self.unlabel(trial.suggest_categorical(name, self.labels))

    def member(self, value: Any, name: str) -> Any:
        """Return the option equal to the value.

        Raises:
            ValueError: There is none.
        """
        for option in self.options:
            same = list(value) == option if isinstance(value, tuple) else value == option
            if same and isinstance(option, bool) == isinstance(value, bool):
                return copy.deepcopy(option)
        raise ValueError(f"{name} must be one of {list(self.options)}, got {value!r}")

    def unlabel(self, label: Any) -> Any:
        """Return the option that a label stands for; an unknown label is returned for `member` to refuse."""
        return next((option for known, option in zip(self.labels, self.options, strict=True) if known == label), label)

    def __hash__(self) -> int:
        return hash(self.labels)

    def __repr__(self) -> str:
        options = self.options if self.conditional else list(self.options)
        return f"Choice({options!r}{'' if self.default is None else f', default={self.default!r}'})"


Leaf = Float | Int | Choice


def label_of(value: Any) -> Any:
    """Return what stands for a value in flat params: Optuna stores scalars only."""
    return value if value is None or isinstance(value, bool | int | float | str) else json.dumps(value)


def _set(leaf: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(leaf, name, value)


def _real(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ValueError(f"{name} must be a number, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return float(value)


def _whole(value: Any, name: str) -> int:
    number = _real(value, name)
    if number != int(number):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    return int(value)


def _of_the_kind(leaf: Float | Int, number: float, name: str) -> float:
    """Return a number if it could be in a range like a leaf's."""
    if leaf.log and number <= 0:
        raise ValueError(f"{name} must be above 0, got {number}")
    if leaf.low >= 0 and number < 0:
        raise ValueError(f"{name} must not be negative, got {number}")
    if isinstance(leaf, Float) and not leaf.log and leaf.low >= 0 and leaf.high < 1 < number:
        raise ValueError(f"{name} is a share and must be between 0 and 1, got {number}")
    return number


def _check_range(leaf: Float | Int) -> None:
    kind = type(leaf).__name__
    if leaf.low >= leaf.high:
        hint = " (write a plain value for a constant)" if leaf.low == leaf.high else ""
        raise ValueError(f"{kind} needs low < high, got low={leaf.low}, high={leaf.high}{hint}")
    if leaf.log and leaf.low <= 0:
        raise ValueError(f"{kind} with log=True needs low > 0, got low={leaf.low}")
    if leaf.step is None or (isinstance(leaf, Int) and leaf.step == 1):
        return
    if leaf.step <= 0:
        raise ValueError(f"{kind} needs step > 0, got step={leaf.step}")
    if leaf.log:
        raise ValueError(f"{kind} cannot have both log=True and step={leaf.step}: leave one out")
    reached = leaf.low + _n_steps(leaf) * leaf.step
    if abs(reached - leaf.high) > 1e-9 * leaf.step:
        raise ValueError(
            f"{kind}({leaf.low}, {leaf.high}, step={leaf.step}) never reaches {leaf.high}: "
            f"use high={reached:g} or another step"
        )


def _step_up(low: float, step: float, steps: int) -> float:
    """Return low plus some steps as one would write it: 0.3, not 0.30000000000000004."""
    return float(Decimal(repr(low)) + steps * Decimal(repr(step)))


def _n_steps(leaf: Float | Int) -> int:
    return math.floor((leaf.high - leaf.low) / (leaf.step or 1) + 1e-9)


def _plain(options: Sequence[Any]) -> tuple[Any, ...]:
    """Return the options as JSON would, tuples as lists, and refuse those that could not be told apart."""
    plain: list[Any] = []
    for option in options:
        try:
            value = json.loads(json.dumps(option, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ValueError(f"Choice options must be JSON values, got {option!r}") from error
        for other in plain:
            if value == other or label_of(value) == label_of(other):
                raise ValueError(f"Choice options must differ, got {other!r} and {option!r}")
        plain.append(value)
    return tuple(plain)


def _range_repr(leaf: Float | Int) -> str:
    extras = [
        f", {name}={value!r}"
        for name, value, plain in (("log", leaf.log, False), ("step", leaf.step, None), ("default", leaf.default, None))
        if value != plain and not (isinstance(leaf, Int) and name == "step" and value == 1)
    ]
    return f"{type(leaf).__name__}({leaf.low!r}, {leaf.high!r}{''.join(extras)})"
