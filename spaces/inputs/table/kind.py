"""Tables: the columns of a frame that are numbers, truth values, dates and categories, together one input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spaces.inputs.kind import InputKind


@dataclass(frozen=True)
class Category:
    """A column that is read as categories, whatever its values look like."""

    kind: ClassVar[str] = "table"


TABLE = InputKind(
    "table",
    noun="a table",
    plural="tables",
    options=Category,
    ask="hand over a frame, Task(frame, target)",
    build="spaces.inputs.table.networks:table_encoder",
    branches={},  # what reads it is part of the network that it stands in
    first="",
    families=False,
)
