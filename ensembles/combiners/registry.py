"""Every combiner by the name that it is stored under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ensembles.combiners.combiner import Combiner, Read
from ensembles.combiners.each_target import EachCombined
from ensembles.combiners.pooled import Pooled
from ensembles.combiners.second_layer import LayerStack
from ensembles.combiners.stacks import LinearStack, TreeStack
from ensembles.combiners.tempered import Tempered
from ensembles.combiners.threshold import Decided


class _Readable(Protocol):
    def from_json(self, data: Mapping[str, Any], read: Read) -> Combiner: ...


COMBINERS: dict[str, _Readable] = {
    "pooled": Pooled,
    "tempered": Tempered,
    "decided": Decided,
    "each": EachCombined,
    "linear_stack": LinearStack,
    "tree_stack": TreeStack,
    "layer_stack": LayerStack,
}


def combiner_from_json(data: Mapping[str, Any]) -> Combiner:
    """Rebuild what a combiner's `to_json` returned.

    Raises:
        ValueError: It is of a kind or a pool that this version does not know.
    """
    if data["kind"] not in COMBINERS:
        raise ValueError(f"this version does not know the combiner {data['kind']!r}: update it")
    return COMBINERS[data["kind"]].from_json(data, combiner_from_json)
