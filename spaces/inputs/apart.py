"""Inputs of one kind with settings of their own, where a user names one of them in place of all.

A config says so under `"apart"`; there, what stands under the kind's name stands under each input's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spaces.inputs.kinds import kind_named, kinds_of
from spaces.language.leaves import Choice
from spaces.language.narrow import nested
from spaces.language.space import Config, Space
from spaces.rows.signature import Input, Signature

APART, MERGE = "apart", "merge"


def settings_of(config: Config, one: Input) -> Config:
    """Return the config of one input: its own settings where it has some, else those of its kind."""
    kind = kind_named(one.kind).name
    return {**config, kind: config[kind][one.name]} if kind in config.get(APART, ()) else config


def with_apart(space: Space, signature: Signature, changes: Mapping[str, Any]) -> Space:
    """Return a family's space in which the inputs that changes name have settings of their own.

    How their outputs become one does not depend on the branch then, and is no attention.

    Args:
        space: The family's space.
        signature: The task's.
        changes: As `narrow` is told: `{"text.question.recurrent.units": 16}`, where `question` is an input.
    """
    told, wider = nested(changes), dict(space)
    apart = []
    for kind in kinds_of(one.kind for one in signature.inputs):
        inputs = [one.name for one in signature.inputs if kind_named(one.kind).name == kind]
        named, node = told.get(kind), space.get(kind)
        known: Any = node.options if isinstance(node, Choice) else node or ()
        if isinstance(named, Mapping) and any(one in inputs and one not in known for one in named):
            apart.append(kind)
            wider[kind] = {one: _without_merge(node) for one in inputs}
            if kind == "text" and isinstance(node, Choice):
                wider[MERGE] = Choice({"concatenate": {}, "add": {}, "multiply": {}})
    return {**wider, APART: apart} if apart else space


def _without_merge(node: Any) -> Any:
    if not isinstance(node, Choice):
        return node
    options = {
        option: {name: its for name, its in inner.items() if name != MERGE} for option, inner in node.options.items()
    }
    return Choice(options, default=node.default)
