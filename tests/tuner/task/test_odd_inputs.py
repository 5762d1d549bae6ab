"""Odd inputs that a fresh pair of eyes tried: each is read right, or refused in our own words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import tuner
from tuner.task.reading import DataError

LINES = [f"{i},{i % 7},{'yes' if i % 3 else 'no'}" for i in range(40)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n".join(["a,b,y", *(f"{line}," for line in LINES)]), "rows have more cells than the header has names"),
        ("\n".join(["y,a,b", *(f"{line}," for line in LINES)]), "rows have more cells than the header has names"),
        ("\n".join(["a,b,y", *LINES]).replace(",", ";"), r"separated by ';' and not by ','.*sep=';'"),
        ("\n".join(["a,b,y", *LINES]).replace(",", "\t"), r"separated by '\\t' and not by ','"),
        ("\n".join(["a,b,y", *LINES]).replace("yes", "sí").encode("latin-1"), "is not encoded in UTF-8"),
        ("\n".join(["a,b,y", *LINES]).encode("utf-16"), "is not encoded in UTF-8"),
    ],
)
def test_files_that_are_not_what_they_seem_are_refused(text, message, tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=message):
        tuner.Task(path, "y")


def test_no_test_rows_are_refused():
    frame = pd.DataFrame({"a": np.arange(40.0), "y": np.arange(40) % 2})
    with pytest.raises(DataError, match="test: there are no rows"):
        tuner.Task(frame, "y", test=frame.iloc[:0])


def test_a_dictionary_of_arrow_is_a_column_of_categories():
    texts = pd.DataFrame({"a": ["u", "v"] * 20, "y": np.arange(40) % 2})
    arrow = texts.assign(a=texts["a"].astype(pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))))
    assert tuner.Task(arrow, "y").schema == tuner.Task(texts, "y").schema
