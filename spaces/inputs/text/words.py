"""What a family may know of a text's words."""

from __future__ import annotations

from dataclasses import dataclass, field

from spaces.inputs.text.vectors import Vectors


@dataclass(frozen=True)
class Words:
    """The words of a text: the details of such an input.

    Attributes:
        distinct: How many distinct words there are.
        vectors: Pretrained vectors of the words, or None.
    """

    distinct: int
    vectors: Vectors | None = field(default=None, compare=False, repr=False)
