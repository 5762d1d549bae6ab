"""Texts: columns of strings, or of lists of tokens, each an input of its own; all share one vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from spaces.inputs.kind import InputKind, TrainingPace
from spaces.inputs.text.spaces import BRANCHES, branch
from spaces.language.space import Space
from spaces.rows.signature import Input, Signature


@dataclass(frozen=True)
class Text:
    """A column that is read as text."""

    kind: ClassVar[str] = "text"


def _branch(name: str, text: Input, signature: Signature) -> Space:
    return branch(name, signature)


TEXT = InputKind(
    "text",
    noun="a text",
    plural="texts",
    options=Text,
    ask="name columns, Task(..., text=['review'])",
    build="spaces.inputs.text.networks:text_encoder",
    branches={name: partial(_branch, name) for name in BRANCHES},
    first="embedding",
    costs={"conv_recurrent": 10.0, "recurrent": 20.0},
    bodies=(),
    pace=TrainingPace(epochs=20, patience=3, few_rows=False),
)
