"""How rows become what a network reads: an array for each input."""

from __future__ import annotations

from typing import Any

from spaces.inputs.apart import APART, settings_of
from spaces.inputs.arrays import array_recipes
from spaces.inputs.prepared import Reading
from spaces.inputs.table.matrix import Recipe, Scaling
from spaces.inputs.text.vocabulary import TextRecipe, Tokens, text_recipe
from spaces.language.space import Config
from spaces.rows.signature import Signature, columns_of

_VOCABULARY = 20_000


def network_reading(signature: Signature, config: Config, *, twins: bool = False) -> Reading:
    """Return how a network reads a task's inputs.

    Args:
        signature: The task's; its tables are made one where the builder reads a single matrix.
        config: Says how numbers are scaled, and how arrays and texts are read.
        twins: Whether one branch reads the last two tables, so that their columns mean the same.
    """
    scaling, crosses = scaling_of(config), config.get("crosses", 0)
    above = embedding_of(config).get("above", 0)
    tables = tuple(
        Recipe(scaling, "onehot", one.cardinalities, crosses, one.places, embedded_above=above)
        for one in map(columns_of, signature.tables)
    )
    arrays = array_recipes(signature, config, "network")
    return Reading(tables, _of_texts(signature, config), joined=False, arrays=arrays, twins=twins)


def scaling_of(config: Config) -> Scaling:
    """Return how numbers are scaled; those that a network embeds by a layer of its own are standardised."""
    given = config.get("scaling", "standard")
    name: Any = given if isinstance(given, str) else next(iter(given))
    return "standard" if name == "embedded" else name


def embedding_of(config: Config) -> Config:
    """Return how a network embeds categories of a table: `above` how many values, and its `units`; empty where not."""
    match config.get("categories"):
        case {"embedded": settings}:
            return dict(settings)
    return {}


def _of_texts(signature: Signature, config: Config) -> tuple[tuple[TextRecipe, int | None], ...]:
    """Return how texts are read, all alike or each on its own; and as a bag besides, where a wide part reads it."""
    texts = signature.texts
    if not texts:
        return ()
    if "text" not in config:
        longest = max(one.shape[0] for one in texts)
        own = Tokens("word", config.get("vocabulary", _VOCABULARY), config.get("length", longest))
        return ((own, None),)
    if "text" in config.get(APART, ()):
        return tuple((text_recipe(settings_of(config, one)), place) for place, one in enumerate(texts))
    wide = ((text_recipe({"text": config["wide_text"]}), None),) if "wide_text" in config else ()
    return (*wide, (text_recipe(config), None))
