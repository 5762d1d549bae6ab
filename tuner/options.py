"""Options are written once, in signatures: what a study file and the command line take is derived from them.

Names, types and defaults come from the signature, and words from the `Args:` of its docstring.
"""

from __future__ import annotations

import functools
import inspect
import operator
import re
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model


class Section(BaseModel):
    """A section of a study file: unknown keys and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Option(NamedTuple):
    """An argument as TOML can say it: its type without what only Python can say, its default, and its words."""

    type: Any
    default: Any
    words: str


def options_of(function: Callable[..., Any], *, without: Collection[str] = ()) -> dict[str, Option]:
    """Return the arguments of a function or a class that TOML can say, by name.

    Args:
        function: The function or class. An argument that only Python can say is left out.
        without: Names that are left out too.

    >>> def search(data: list[float], *, trials: int = 40, stop: Callable[[], bool] | None = None): ...
    >>> [(name, option.type, option.default) for name, option in options_of(search, without=["data"]).items()]
    [('trials', <class 'int'>, 40)]
    """
    words = _words(function)
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        said = _in_toml(_hints(function).get(name, Any))
        if name not in without and said is not None:
            default = ... if parameter.default is parameter.empty else parameter.default
            found[name] = Option(said, default, words.get(name, ""))
    return found


def section(title: str, options: Mapping[str, Option], /, **others: Any) -> type[Section]:
    """Make a section of a study file.

    Args:
        title: The name of its class.
        options: What it takes.
        others: Further keys, `(type, default)` each, or other types for some of the options.
    """
    fields = {key: (one.type, Field(one.default, description=one.words)) for key, one in options.items()}
    made: type[Section] = create_model(title, __base__=Section, **{**fields, **others})
    return made


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of arguments; what a function returns may be known to type checkers only."""
    made: Any = getattr(function, "__init__") if isinstance(function, type) else function  # noqa: B009
    annotations = {name: hint for name, hint in made.__annotations__.items() if name != "return"}
    known = getattr(inspect.unwrap(made), "__globals__", {})
    return get_type_hints(types.SimpleNamespace(__annotations__=annotations), known, include_extras=True)


def _in_toml(hint: Any) -> Any:
    """Return the part of a type that TOML can say, or None of one that it cannot say at all."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in (str, int, float, bool, types.NoneType) or origin is Literal:
        return hint
    if origin is Annotated:
        return None if _in_toml(arguments[0]) is None else hint
    if origin in (Union, types.UnionType):
        parts = [part for part in map(_in_toml, arguments) if part is not None]
        return None if all(part is types.NoneType for part in parts) else functools.reduce(operator.or_, parts)
    if origin in (list, Sequence):
        item = _within(arguments[0])
        return None if item is None else types.GenericAlias(list, (item,))
    if origin in (dict, Mapping):
        value = _within(arguments[1])
        return None if value is None else types.GenericAlias(dict, (str, value))
    return None


def _within(hint: Any) -> Any:
    """Return the part of a container's type; anything may be in one of anything."""
    return Any if hint is Any else _in_toml(hint)


def _words(function: Callable[..., Any]) -> dict[str, str]:
    """Return what a docstring says of each argument.

    >>> _words(section)["title"]
    'The name of its class.'
    """
    block = re.search(r"^Args:\n((?: {4}.*\n?|\n)*)", inspect.getdoc(function) or "", re.MULTILINE)
    parts = re.split(r"^ {4}(\w+): ", block[1] if block else "", flags=re.MULTILINE)[1:]
    return {name: " ".join(text.split()) for name, text in zip(parts[::2], parts[1::2], strict=True)}
