"""A single row is encoded without pandas, exactly as a frame of it is."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces.inputs.border import encode, learn_schema, table_of
from spaces.inputs.table.given_row import table_of_row
from spaces.rows.columns import TableError

FRAME = pd.DataFrame(
    {
        "size": [1.5, np.nan, 3.0],
        "new": [True, False, True],
        "city": ["Bern", None, "Oslo"],
        "floor": pd.Categorical([1, 2, 10]),
        "code": ["3", "3.0", "x"],
    }
)
SCHEMA = learn_schema(FRAME, categories=["floor", "code"])
NUMBERS = st.one_of(st.floats(), st.integers(-5, 12), st.booleans(), st.none(), st.just(np.float32(2.5)))
NAMES = st.one_of(st.sampled_from(["Bern", "Oslo", "3", "3.0", "x", "nan", "", "10.0"]), NUMBERS)
ODD = st.one_of(NAMES, st.sampled_from([Decimal("3"), pd.NA, pd.Timestamp("2026-01-01"), 10**400, np.int8(3), "1.5"]))


def outcome(make):
    """What is made, or the error."""
    try:
        table = make()
    except TableError as error:
        return str(error)
    return table.numbers.tolist(), table.codes.tolist(), table.numbers.dtype, table.codes.dtype


@settings(max_examples=60)
@given(st.fixed_dictionaries(dict.fromkeys(FRAME.columns, ODD)))
def test_a_row_is_encoded_as_a_frame_of_it_is_or_refused_in_the_same_words(row):
    found = outcome(lambda: table_of(SCHEMA, row))
    frame = pd.DataFrame({name: [value] for name, value in row.items()}, index=pd.RangeIndex(1))
    np.testing.assert_equal(found, outcome(lambda: encode(SCHEMA, frame)))
    np.testing.assert_equal(found, outcome(lambda: table_of(SCHEMA, frame)))


@pytest.mark.parametrize("row", range(3))
def test_rows_of_plain_values_take_the_short_way(row):
    for given_row in (FRAME.iloc[row].to_dict(), FRAME.iloc[[row]], FRAME.iloc[[row], ::-1]):
        short = table_of_row(SCHEMA, given_row)
        assert short is not None
        whole = encode(SCHEMA, FRAME)
        np.testing.assert_array_equal(short.numbers[0], whole.numbers[row])
        np.testing.assert_array_equal(short.codes[0], whole.codes[row])


@pytest.mark.parametrize(
    "given_rows",
    [FRAME, FRAME.iloc[:0], FRAME.iloc[[0, 0]], FRAME.iloc[0], FRAME.iloc[[0], [0, 1, 2, 3, 4, 0]], {"size": 1.0}, [1]],
)
def test_what_is_not_one_whole_row_takes_the_long_way(given_rows):
    assert table_of_row(SCHEMA, given_rows) is None


def test_columns_of_dates_and_texts_take_the_long_way():
    frame = FRAME.assign(sold=pd.Timestamp("2026-01-01"), words="so it goes")
    for columns, text in ((["size", "sold"], []), (["size", "words"], ["words"])):
        schema = learn_schema(frame[columns], text=text)
        row = frame[columns].iloc[0].to_dict()
        assert table_of_row(schema, row) is None
        assert len(table_of(schema, row)) == 1
