"""A command whose options are the arguments of a function (see `tuner.options`)."""

from __future__ import annotations

import functools
import importlib
import operator
import re
from contextlib import suppress
from typing import Annotated, Any, Literal, get_args, get_origin

import click
from annotated_types import Ge, Gt

from tuner.options import Option, options_of


class DerivedCommand(click.Command):
    """A command with an option for each argument that a word can say.

    The function is imported when the command is used, not for the help of all commands. An option that is not given is
    handed over as None.

    Args:
        function: Where it is: `"module:name"`.
        without: Its arguments that are no options.
        given: What `click.Command` takes.
    """

    def __init__(self, *, function: str, without: tuple[str, ...] = (), **given: Any) -> None:
        super().__init__(**given)
        self._function, self._without = function, without

    @functools.cached_property
    def derived(self) -> list[click.Parameter]:
        """The options that the function's signature gives."""
        module, names = self._function.split(":")
        function = operator.attrgetter(names)(importlib.import_module(module))
        options = options_of(function, without=self._without)
        return [made for name, option in options.items() if (made := option_named(name, option)) is not None]

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters, then the derived ones, then help."""
        *own, last = super().get_params(ctx)
        return [*own, *self.derived, last]


def option_named(name: str, option: Option) -> click.Option | None:
    """Make the option of an argument; None of one that needs more than a word.

    >>> option_named("max_mb", Option(float | None, None, "The members' files may be so large. No more.")).opts
    ['--max-mb']
    """
    kinds = [one for one in _alternatives(option.type) if one is not type(None)]
    flag = f"--{name.replace('_', '-')}"
    shown = "" if option.default in (None, ...) or kinds == [bool] else f"  [default: {_written(option.default)}]"
    words = re.split(r"(?<=[.:;]) ", option.words)[0].rstrip(".:;").replace("`", "").replace('"', "") + "." + shown
    if kinds == [bool]:
        both = f"{flag}/--no-{flag[2:]}" if option.default else flag
        return click.Option([both], is_flag=True, default=None, help=words)
    types = [_type_of(kind) for kind in kinds]
    if not types or None in types:
        return None
    return click.Option([flag], type=types[0] if len(types) == 1 else _NumberOrText(), help=words)


def _written(default: Any) -> str:
    """Return a default as people write it.

    >>> _written(8e9), _written(0.5), _written("auto")
    ('8,000,000,000', '0.5', 'auto')
    """
    return f"{default:,.0f}" if isinstance(default, float) and default.is_integer() else str(default)


def _alternatives(hint: Any) -> list[Any]:
    return list(get_args(hint)) if type(None) in get_args(hint) or _is_union(hint) else [hint]


def _is_union(hint: Any) -> bool:
    return get_origin(hint) not in (None, Annotated, Literal, list, dict)


def _type_of(kind: Any) -> Any:
    if get_origin(kind) is Annotated:
        whole, *bounds = get_args(kind)
        least: Any = next((bound.ge for bound in bounds if isinstance(bound, Ge)), None)
        above: Any = next((bound.gt for bound in bounds if isinstance(bound, Gt)), None)
        return click.IntRange(least) if whole is int else click.FloatRange(above, min_open=True)
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    return kind if kind in (str, int, float) else None


class _NumberOrText(click.ParamType[float | str]):
    name = "number or text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        for kind in (int, float):
            with suppress(ValueError):
                return kind(value)
        return str(value)
