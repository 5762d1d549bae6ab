"""A typical row is one that the task's models read, and none of the user's."""

import numpy as np
import pandas as pd

import tuner
from tuner.task.typical import typical_row


def test_a_frame_s_typical_row_has_medians_and_what_most_rows_have():
    frame = pd.DataFrame(
        {
            "age": [30, 40, 50, 60, 41] * 8,
            "rate": [0.5, 1.5, np.nan, 2.5, 3.5] * 8,
            "colour": ["red", "blue", "red", None, "green"] * 8,
            "member": [True, True, False, True, False] * 8,
            "day": ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"] * 8,
            "said": [f"words {i} of a sentence" for i in range(40)],
            "label": ["yes", "no"] * 20,
        }
    )
    task = tuner.Task(frame, "label", text=["said"])
    row = typical_row(task.schema, task.rows.table)
    assert row.to_dict("records") == [
        {"age": 41, "rate": 1.5, "colour": "red", "member": True, "day": "2026-01-03", "said": "a few words"}
    ]


def test_an_array_s_typical_row_is_its_median_and_of_several_inputs_there_is_none():
    images = np.random.default_rng(0).integers(0, 255, (40, 8, 8, 3), dtype=np.uint8)
    task = tuner.Task(images, np.arange(40) % 2)
    row = typical_row(task.schema, task.rows.table)
    assert (row.shape, row.dtype) == ((1, 8, 8, 3), np.uint8)
    np.testing.assert_array_equal(row[0], np.median(images, axis=0).astype(np.uint8))
    two = tuner.Task({"left": images, "right": images[::-1]}, np.arange(40) % 2)
    assert typical_row(two.schema, two.rows.table) is None
