"""Columns of any values, and how they are read: what tests of the border share."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from spaces.inputs.border import encode, learn_schema
from spaces.rows.table import Table

DAY = 86_400
BERLIN, NEW_YORK = dt.timezone(dt.timedelta(hours=2)), dt.timezone(dt.timedelta(hours=-5))


def column(values: Any) -> pd.DataFrame:
    return pd.DataFrame({"a": values})


def of_objects(*values: Any) -> pd.DataFrame:
    return column(pd.Series(values, dtype=object))


def read(frame: pd.DataFrame, **options: Any) -> Table:
    return encode(learn_schema(frame, **options), frame)
