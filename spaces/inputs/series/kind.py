"""Series: arrays `(rows, steps, channels)`, missing steps NaN."""

from __future__ import annotations

from functools import partial

from spaces.inputs.kind import Arrays, InputKind, as_stored
from spaces.inputs.series import border, reading
from spaces.inputs.series.spaces import SERIES_BRANCHES, series_branch, series_training

SERIES = InputKind(
    "series",
    noun="a series",
    plural="series",
    options=border.Series,
    ask="hand over an array, Task(array, target)",
    build="spaces.inputs.series.networks:series_encoder",
    branches={name: partial(series_branch, name) for name in SERIES_BRANCHES},
    first="conv",
    costs={"conv_recurrent": 10.0, "recurrent": 20.0},
    bodies=("dense", "conv"),
    trained=series_training,
    arrays=Arrays(
        accepts=border.accepts,
        describe=border.describe,
        encode=border.encode,
        stored=border.stored,
        load=border.load,
        received=as_stored,
        width=reading.width,
        fed=reading.fed,
        how=reading.how,
        prepare=reading.prepare,
        learned=reading.load,
    ),
)
