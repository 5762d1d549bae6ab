"""Images: arrays `(rows, height, width, channels)`, or columns of paths."""

from __future__ import annotations

from functools import partial

from spaces.inputs.image import border, reading
from spaces.inputs.image.spaces import IMAGE_BRANCHES, image_branch, image_training
from spaces.inputs.kind import Arrays, Files, InputKind, TrainingPace, as_received, as_stored, of_one_array, one_array

IMAGE = InputKind(
    "image",
    noun="an image",
    plural="images",
    options=border.Image,
    ask="hand over an array, Task(array, target)",
    build="spaces.inputs.image.networks:image_encoder",
    branches={name: partial(image_branch, name) for name in IMAGE_BRANCHES},
    first="conv",
    costs={
        "conv": 1.5,
        "inception": 20.0,
    },  # before all other networks, behind a linear model, of which something comes
    bodies=("conv", "dense"),
    pace=TrainingPace(batch=128),
    trained=image_training,
    arrays=Arrays(
        accepts=border.accepts,
        describe=border.describe,
        encode=border.encode,
        stored=one_array,
        load=of_one_array,
        received=as_stored,
        width=reading.width,
        fed=as_received,
        how=reading.how,
        prepare=reading.prepare,
        learned=reading.load,
        files=Files(border.column_of_files, border.read, border.kept),
    ),
)
