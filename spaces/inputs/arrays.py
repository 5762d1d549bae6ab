"""Arrays as models read them, each as its kind says."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spaces.inputs.apart import settings_of
from spaces.inputs.kind import Learned, ReadBy
from spaces.inputs.kinds import arrays_of
from spaces.language.space import Config
from spaces.machine.memory import cached
from spaces.rows.arrays import Array
from spaces.rows.signature import Signature
from spaces.rows.table import Table


@dataclass(frozen=True)
class ArrayRecipe:
    """What is done to an array input.

    Attributes:
        place: Which of a table's arrays it is.
        kind: Its kind.
        how: What the kind needs to know to learn it.
    """

    place: int
    kind: str
    how: Hashable


@dataclass(frozen=True, eq=False)
class PreparedArray:
    """A recipe with what its kind learned of training rows."""

    recipe: ArrayRecipe
    learned: Learned

    def array(self, table: Table) -> Array:
        """Return the rows as a model reads them."""
        return self.learned.read(table.arrays[self.recipe.place], table.key)

    def save(self, folder: Path) -> dict[str, Any]:
        """Return it as JSON values; a kind may write files that begin with `array-PLACE`."""
        place = self.recipe.place
        return {"place": place, "kind": self.recipe.kind, "learned": self.learned.save(folder, f"array-{place}")}

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any]) -> PreparedArray:
        """Read what `save` wrote and returned."""
        learned = arrays_of(settings["kind"]).learned(folder, settings["learned"])
        return PreparedArray(ArrayRecipe(settings["place"], settings["kind"], None), learned)


def array_recipes(signature: Signature, config: Config, by: ReadBy) -> tuple[ArrayRecipe, ...]:
    """Return how a model reads a task's arrays; a joined matrix needs all of them as lines of numbers."""
    return tuple(
        ArrayRecipe(i, one.kind, arrays_of(one.kind).how(one, settings_of(config, one), by))
        for i, one in enumerate(signature.arrays)
    )


def prepare_array(recipe: ArrayRecipe, train: Table) -> PreparedArray:
    """Learn what a kind learns of training rows, once for rows that have a key."""

    def learn() -> PreparedArray:
        train_rows = train.arrays[recipe.place]
        return PreparedArray(recipe, arrays_of(recipe.kind).prepare(recipe.how, train_rows, train.key))

    if train.key is None:
        return learn()
    kept: PreparedArray = cached(f"{train.key}|{recipe}", learn)
    return kept
