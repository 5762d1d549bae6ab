"""Names of columns with only the signs that MLflow and folders accept."""

from __future__ import annotations

import re


def plain(name: str, signs: str = "-.") -> str:
    """Return a name with an underscore in place of all but letters, digits, underscores and some signs.

    >>> plain("price (€)")
    'price____'
    """
    return re.sub(rf"[^\w{re.escape(signs)}]", "_", name)
