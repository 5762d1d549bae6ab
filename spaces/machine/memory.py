"""What was computed from rows that have a name is remembered in this process, within a budget of memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

CACHE_BYTES = 512 * 1024**2

_cache: OrderedDict[str, Any] = OrderedDict()


def cached(key: str, make: Callable[[], Any]) -> Any:
    """Remember a value by its key; the least recently used go when the arrays exceed the budget."""
    if key in _cache:
        _cache.move_to_end(key)
        return _cache[key]
    value = _cache[key] = make()
    while sum(map(_bytes, _cache.values())) > CACHE_BYTES and len(_cache) > 1:
        _cache.popitem(last=False)
    return value


def remembered(key: str) -> Any:
    """Return a value that is still remembered, or None."""
    return _cache.get(key)


def _bytes(value: Any) -> int:
    if isinstance(value, tuple):
        return sum(map(_bytes, value))
    if hasattr(value, "indptr"):  # a sparse matrix
        return int(value.data.nbytes + value.indices.nbytes + value.indptr.nbytes)
    if hasattr(value, "memory_usage"):  # a pandas series
        return int(value.memory_usage())
    return int(getattr(value, "nbytes", 0))
