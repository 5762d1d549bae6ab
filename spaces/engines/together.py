"""Fitted models that predict together: each preprocessing is done once, and networks of a kind run in one trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from spaces.engines.contract import Fitted, Network, Output
from spaces.inputs.prepared import Columns, Reader
from spaces.rows.table import Table


class Together:
    """Models that predict the same rows.

    Args:
        fitted: The models. Preprocessing that was learned from the same rows in the same way is shared, and so are
            networks: those of a kind whose feeds have the same number of rows run in one traced function.
    """

    def __init__(self, fitted: Sequence[Fitted]) -> None:
        self._fitted = list(fitted)
        distinct: dict[Any, tuple[int, Reader]] = {}
        self._reads: list[list[int]] = []
        for one in self._fitted:
            keys = [reader.key or id(reader) for reader in one.readers]
            for key, reader in zip(keys, one.readers, strict=True):
                distinct.setdefault(key, (len(distinct), reader))
            self._reads.append([distinct[key][0] for key in keys])
        self._readers = [reader for _, reader in distinct.values()]
        self._networks = [network for one in self._fitted for network in one.networks]
        self._fused: dict[tuple[int, ...], Callable[[list[Columns]], list[Output]]] = {}

    def __call__(self, table: Table) -> list[NDArray[Any]]:
        """Return each model's values `(rows, 1)` or probabilities `(rows, classes)`."""
        made = [reader.matrix(table) for reader in self._readers]
        reads = [tuple(made[i] for i in chosen) for chosen in self._reads]
        each = [one.feeds(read) for one, read in zip(self._fitted, reads, strict=True)]
        outputs = iter(self._run([feed for feeds in each for feed in feeds]))
        return [
            one.finish(read, tuple(next(outputs) for _ in feeds))
            for one, read, feeds in zip(self._fitted, reads, each, strict=True)
        ]

    def _run(self, feeds: list[Columns]) -> list[Output]:
        """Return the outputs of all networks."""
        groups: dict[tuple[type[Network], int], list[int]] = {}
        for i, (network, feed) in enumerate(zip(self._networks, feeds, strict=True)):
            groups.setdefault((type(network), _rows(feed)), []).append(i)
        outputs: dict[int, Output] = {}
        for (kind, _), places in groups.items():
            chosen = tuple(places)
            if chosen not in self._fused:
                self._fused[chosen] = kind.fuse([self._networks[i] for i in places])
            outputs |= zip(places, self._fused[chosen]([feeds[i] for i in places]), strict=True)
        return [outputs[i] for i in range(len(feeds))]


def _rows(feed: Columns) -> int:
    first = feed[0] if isinstance(feed, tuple) else feed
    return int(first.shape[0])
