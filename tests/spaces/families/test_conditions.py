"""What is searched means something: no parameter of a network can be changed without changing the network.

How training goes is left out: its parameters stand in every configuration, and each is read by the training loop.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from spaces import FAMILIES, Choice, Input, Signature, Target, defaults, flatten, narrow, sample
from spaces.inputs.text.vectors import Vectors
from spaces.inputs.text.words import Words
from spaces.language.leaves import Leaf, label_of
from spaces.language.space import Config, configure, leaves
from spaces.rows.signature import TableColumns

TRAINING = (
    "learning_rate",
    "optimizer",
    "schedule",
    "stopping",
    "epochs",
    "weight_averaging",
    "batch_size",
    "class_weight",
    "loss_weights",
    "wide",
    "deep",
)
VECTORS = Vectors(("a", "b"), np.ones((2, 12), np.float32))
TABLE = Input("table", "table", (6,), details=TableColumns(cardinalities=(3,)))
INPUTS: dict[str, tuple[Input, ...]] = {
    "table": (TABLE,),
    "categories": (Input("table", "table", (6,), details=TableColumns(cardinalities=(3, 12))),),
    "tables": (
        Input("a", "table", (4,), details=TableColumns(places=(0, 1, 2, 3))),
        Input("b", "table", (4,), details=TableColumns(places=(4, 5, 6, 7))),
    ),
    "text": (Input("t", "text", (30,), details=Words(200)),),
    "vectors": (Input("t", "text", (30,), details=Words(200, VECTORS)),),
    "texts": (TABLE, Input("t", "text", (30,), details=Words(200)), Input("u", "text", (30,), details=Words(200))),
    "series": (TABLE, Input("s", "series", (40, 3))),
    "image": (Input("i", "image", (32, 32, 3), dtype="uint8"),),
}
FITS = {
    "dense": ("table",),
    "wide_and_deep": ("table",),
    "real_mlp": ("table", "categories"),
    "text_ngrams": ("text",),
    "text_embedding": ("text", "vectors"),
    "text_conv": ("text", "vectors"),
    "text_recurrent": ("text",),
    "text_conv_recurrent": ("text",),
    "series_dense": ("series",),
    "series_conv": ("series",),
    "series_recurrent": ("series",),
    "series_conv_recurrent": ("series",),
    "image_conv": ("image",),
    "image_separable": ("image",),
    "image_residual": ("image",),
    "image_inception": ("image",),
    "functional": ("texts", "series", "tables"),
    "siamese": ("texts", "tables"),
    "autoencoder": ("table", "series", "image"),
    "variational_autoencoder": ("series",),
}
QUICK = ("dense",)
CASES = [
    pytest.param(name, of, seed, marks=[] if name in QUICK and not seed else [pytest.mark.slow])
    for name, inputs in FITS.items()
    for of in inputs
    for seed in (0, 1)
]


def signature(name: str, of: str) -> Signature:
    if name in ("autoencoder", "variational_autoencoder"):
        loss = "elbo" if name.startswith("v") else "reconstruction"
        return Signature(INPUTS[of][-1:], (Target("itself", "itself", (), loss),), rows=300)
    return Signature(INPUTS[of], (Target("y", "binary", ("n", "y")),), rows=300)


def told(name: str, config: Config, given: Signature) -> tuple[str, ...]:
    """Return all that a configuration says of a network, and of what it reads."""
    keras.backend.clear_session()
    model: Any = FAMILIES[name].build(config, given)
    network = model.builder(config, model.signature)
    rest = {key: config.get(key) for key in ("scaling", "penalty")}
    return repr(network.get_config()), repr(model.reading()), repr(rest)


def other(leaf: Leaf, label: Any) -> Any:
    """Return the label of another value."""
    if isinstance(leaf, Choice):
        return next((label_of(option) for option in leaf.options if label_of(option) != label), label)
    return leaf.low if label != leaf.low else leaf.high


@pytest.mark.parametrize(("name", "of", "seed"), CASES)
def test_every_parameter_that_is_searched_means_something(name, of, seed):
    given = signature(name, of)
    space = FAMILIES[name].space(given)
    if name == "dense":  # a funnel of one layer is a rectangle
        space = narrow(space, {"depth": {"low": 2}})
    config = sample(space, np.random.default_rng(seed)) if seed else defaults(space)
    params, known = flatten(space, config), leaves(space)
    before = told(name, config, given)
    assert told(name, config, given) == before
    for parameter, label in params.items():
        leaf = known[parameter]
        if parameter.split(".")[0] in TRAINING or (isinstance(leaf, Choice) and leaf.conditional):
            continue
        changed = other(leaf, label)
        if changed != label:
            assert told(name, configure(space, {**params, parameter: changed}), given) != before, parameter
