"""Which kinds of input there are; one line here makes a new one."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from importlib import import_module
from typing import Any

from spaces.inputs.image.kind import IMAGE
from spaces.inputs.kind import Arrays, InputKind
from spaces.inputs.series.kind import SERIES
from spaces.inputs.table.kind import TABLE
from spaces.inputs.text.kind import TEXT
from spaces.language.complaints import unknown_name
from spaces.rows.columns import TableError

KINDS: dict[str, InputKind] = {kind.name: kind for kind in (TABLE, TEXT, SERIES, IMAGE)}


def kind_named(name: str) -> InputKind:
    """Return a kind by its name, or one that was handed over by `"module:NAME"`.

    Raises:
        TableError: There is none, or it is a user's own whose module is not imported; nothing is imported here, as a
            stored name may come from a stranger.
    """
    if name in KINDS:
        return KINDS[name]
    module, colon, record = name.partition(":")
    if not colon:
        raise TableError(f"kind of input: {unknown_name(name, list(KINDS))}, or 'module:NAME' of a kind of your own")
    if module not in sys.modules:
        raise TableError(
            f"the kind of input {name} does not come with us, and {module} is not imported here: import it if you "
            f"trust it, or hand the kind over, as in tuner.load(folder, kinds=[{name!r}])"
        )
    kind = getattr(sys.modules[module], record, None)
    if not isinstance(kind, InputKind) or kind.arrays is None or kind.name in KINDS:
        raise TableError(f"{name} must be an InputKind with arrays and a name of its own, got {kind!r}")
    return kind


def hand_over(names: Iterable[str]) -> None:
    """Import the modules of a user's own kinds, so that rows and models of theirs can be loaded.

    Raises:
        TableError: One of them is not there.
    """
    for name in names:
        module = name.partition(":")[0]
        if name not in KINDS and module != name:
            try:
                import_module(module)
            except ImportError as error:
                raise TableError(f"the kind of input {name} must be called by where it stands: {error}") from error
        kind_named(name)


def arrays_of(name: str) -> Arrays:
    """Return how the arrays of a kind are handled."""
    arrays = kind_named(name).arrays
    assert arrays is not None
    return arrays


def kinds_of(names: Iterable[str]) -> dict[str, InputKind]:
    """Return distinct kinds by their names in configs."""
    return {kind.name: kind for kind in map(kind_named, dict.fromkeys(names))}


def array_kinds() -> Iterator[tuple[str, Arrays]]:
    """Yield the kinds of arrays that nobody has to name."""
    for name, kind in KINDS.items():
        if kind.arrays is not None:
            yield name, kind.arrays


def options_named(name: str, given: Any) -> Any:
    """Return options of a kind by what is written of them, as in a study file.

    Raises:
        TableError: There is no such kind, or it has no such option.
    """
    options: Any = kind_named(name).options
    known: Collection[str] = list(options.__dataclass_fields__)
    for option in given:
        if option not in known:
            raise TableError(f"{name}: {unknown_name(option, list(known))}")
    return options(**given)
