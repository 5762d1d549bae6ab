"""The spaces of the networks with a branch for each input. No library is imported here: a space is data.

What reads the inputs of a kind stands under `text`, `series`, `image` or `table`, by the name of the branch.
"""

from __future__ import annotations

from dataclasses import replace

from spaces.families.shared_spaces import training
from spaces.inputs.image.spaces import IMAGE_BRANCHES, image_branch, image_epochs
from spaces.inputs.series.spaces import SERIES_BRANCHES, conv_epochs, recurrent_training, series_branch
from spaces.inputs.table.spaces import scalings
from spaces.inputs.text.spaces import BRANCHES, branch
from spaces.language.leaves import Choice, Float, Int
from spaces.language.space import Space
from spaces.rows.signature import Signature

_FEW_ROWS = 500


def text_space(name: str, signature: Signature) -> Space:
    """Return the space of a family whose texts are all read by one kind of branch, outputs concatenated."""
    return {"text": {name: branch(name, signature)}, **_arrays(signature), **_network(signature)}


def series_space(name: str, signature: Signature) -> Space:
    """Return the space of a family whose series are all read by one kind of branch."""
    space = {"series": {name: series_branch(name, signature)}, **_network(signature)}
    if name == "conv" and signature.target.of_classes:
        return {**space, **convolved_training(signature)}
    if name in ("recurrent", "conv_recurrent"):
        return {**space, **recurrent_training(signature, space["batch_size"])}
    return space


def convolved_training(signature: Signature) -> Space:
    """Return how blocks of convolutions are trained: to the end where rows are few, as these spare none to watch."""
    few = signature.rows <= _FEW_ROWS
    stopping = {"stopping": "training_loss", "batch_size": 16} if few else {}
    return {**training(signature, learning_rate=(2e-4, 1e-2, 1e-3)), **stopping, **conv_epochs(signature)}


def image_space(name: str, signature: Signature) -> Space:
    """Return the space of a family whose images are all read by one kind of branch."""
    image, network = signature.arrays[0], _network(signature)
    batch_size = network["batch_size"]
    return {
        "image": {name: image_branch(name, image, signature.rows)},
        **network,
        "batch_size": replace(batch_size, default=batch_size.high),
        "epochs": image_epochs(image, signature.rows),
    }


def functional_space(signature: Signature) -> Space:
    """Return the space: which branch reads each kind of input, and how the branches' outputs become one."""
    several = len(signature.inputs) > 1
    merges: dict[str, Space] = {"concatenate": {}, "add": {}, "multiply": {}}
    if not signature.texts:
        merge = {"merge": Choice(merges)} if several else {}
        return {**_arrays(signature), **merge, **_network(signature)}
    branches: dict[str, Space] = {}
    for name in BRANCHES:
        asked = len(signature.texts) > 1 and name != "ngrams"
        attention: dict[str, Space] = {"attention": {"hops": Int(1, 3, default=2)}} if asked else {}
        merge = {"merge": Choice({**attention, **merges})} if several else {}
        branches[name] = {**branch(name, signature, positions=asked), **merge}
    texts = {"text": Choice({name: branches[name] for name in ("embedding", *branches)})}
    return {**texts, **_arrays(signature), **_network(signature)}


def siamese_space(signature: Signature) -> Space:
    """Return the space: which branch, one for both inputs, and how its two outputs are compared."""
    comparison = Choice(["all", "difference_and_product", "distance"])
    texts: Space = {}
    if signature.texts:
        texts = {"text": Choice({name: branch(name, signature) for name in ("embedding", *BRANCHES)})}
    # Whether two vectors are alike is no linear function of them.
    network = {**_network(signature), "depth": Int(1, 3, default=1)}
    if signature.pair is not None and signature.pair[0].kind == "table":
        network |= {"table": {"units": Int(8, 256, log=True), "depth": Int(1, 3, default=1)}}
    return {**texts, **_arrays(signature), "comparison": comparison, **network}


def _arrays(signature: Signature) -> Space:
    """Return the space of the branches of series and images."""
    found: dict[str, Choice] = {}
    for one in signature.arrays:
        if one.kind == "series":
            found["series"] = Choice({name: series_branch(name, signature) for name in ("conv", *SERIES_BRANCHES)})
        else:
            found["image"] = Choice({name: image_branch(name, one, signature.rows) for name in IMAGE_BRANCHES})
    return found


def _network(signature: Signature) -> Space:
    """Return what all families have in common: the branch of a table, layers after the branches, and training."""
    kinds = {one.kind for one in signature.inputs}
    largest = max(32, min(128 if "image" in kinds else 512, signature.rows // 20))
    # An epoch over a few dozen rows is one or two steps.
    scarce = 1 if "text" in kinds else max(1, min(10, _FEW_ROWS // max(1, signature.rows)))
    patience = 3 if "text" in kinds else 5 * scarce
    table: Space = {}
    if signature.tables:
        table = {
            "scaling": Choice(scalings(signature)),
            "table": {"units": Int(8, 256, log=True), "depth": Int(0, 3, default=1)},
            "dropped_features": 0.0,
        }
    return {
        **table,
        "depth": Int(0, 2, default=0),
        "units": Int(16, 256, log=True),
        "shape": "rectangle",
        "activation": Choice(["relu", "selu", "swish"]),
        "batch_normalization": Choice([False, True]),
        "dropout": Float(0.0, 0.6, default=0.3),
        **training(signature, learning_rate=(2e-4, 1e-2, 2e-3)),
        "batch_size": Int(max(16, largest // 16), largest, log=True),
        "epochs": 20 if "text" in kinds else 40 * scarce,
        "patience": patience,
    }
