"""Numbers as people write them and no program reads them: `1,234`, `12 %`, `0,5`, `$ 3.50`."""

from __future__ import annotations

import re
from collections.abc import Collection

_MONEY = "$€£¥₹"
_WRITTEN = re.compile(
    rf"\s*[{_MONEY}]?\s*[+-]?\s*[{_MONEY}]?\s*"
    r"(\d{1,3}([,.'\u2019 \u00a0\u202f]\d{3})+([.,]\d+)?|\d+([.,]\d+)?|[.,]\d+)"
    rf"\s*[%‰{_MONEY}]?\s*"
)
_MARKED = re.compile(rf"[,'\u2019%‰{_MONEY}\u00a0\u202f]|\d \d|\..*\.")
_DECIMAL_COMMA = re.compile(r"\d,(\d{1,2}|\d{4,})(?!\d)")
_MARKED_SHARE = 0.5


def are_written_numbers(texts: Collection[str]) -> bool:
    """Return whether texts are numbers with separators, percent signs or currencies, half of them at least."""
    marked = sum(_MARKED.search(text) is not None for text in texts)
    return bool(texts) and marked >= _MARKED_SHARE * len(texts) and all(map(_WRITTEN.fullmatch, texts))


def as_numbers(texts: Collection[str], column: str) -> str:
    """Return the code that makes numbers of such texts.

    Args:
        texts: The texts.
        column: The code of the column that holds them.
    """
    comma = any(map(_DECIMAL_COMMA.search, texts))
    point = ".str.replace(',', '.')" if comma else ""
    return f"{column}.str.replace(r'[^0-9{',' if comma else '.'}+-]', '', regex=True){point}.astype(float)"
