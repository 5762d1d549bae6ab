"""The space of RealMLP. No library is imported here: a space is data."""

from __future__ import annotations

from spaces.families.shared_spaces import class_weights
from spaces.inputs.table.spaces import numbers_of
from spaces.language.leaves import Choice, Float, Int
from spaces.language.optional import none_or
from spaces.language.space import Space
from spaces.rows.signature import Signature

_ONE_HOT, _BATCH, _EPOCHS = 9, 256, 256


def real_mlp_space(signature: Signature) -> Space:
    """Return the space: the ranges of TabArena (2025), around the defaults of the paper.

    Every trick is a parameter that can be switched off. What is never worth it is not searched: `scaling` may also be
    `"standard"` or `"quantile"`, `parametrisation` `"plain"`, `schedule` `"cosine"` or `"constant"`, `fading`
    `"none"`, and `clipping` False.
    """
    classes = any(target.of_classes for target in signature.targets)
    activations = ["selu", "mish", "silu"] if classes else ["mish", "selu", "silu"]
    momentum = {"beta_2": Float(0.95, 0.995, default=0.95)}
    return {
        "scaling": "robust",
        **_categories(signature),
        **_numbers(signature),
        "front_scale": none_or(Float(2.0, 10.0, log=True, default=6.0)),
        "parametrisation": "ntk",
        "start": Choice(["rows", "normal"]),
        "depth": Int(1, 4, default=3),
        "units": Int(64, 512, log=True, default=256),
        "activation": Choice(activations),
        "blended": Choice([True, False]),
        "first_rate": Float(0.3, 1.5, log=True, default=1.0),
        "dropout": none_or(Float(0.01, 0.5, default=0.15)),
        "learning_rate": Float(0.01, 0.5, log=True, default=0.04 if classes else 0.2),
        "optimizer": Choice(
            {"adamw": {"weight_decay": Float(1e-3, 0.05, log=True, default=0.02), **momentum}, "adam": momentum}
        ),
        "schedule": "coslog4",
        "fading": "flat_cosine",
        **({} if all(target.of_classes for target in signature.targets) else {"clipping": True}),
        **class_weights(signature),
        "batch_size": max(32, min(_BATCH, signature.rows // 2)),
        "epochs": _EPOCHS,
        "patience": _EPOCHS,
    }


def _numbers(signature: Signature) -> Space:
    """Return how numbers are read, where there are any."""
    pbld: Space = {
        "frequencies": Choice([16, 8, 32, 64]),
        "units": Choice([3, 7, 15]),
        "sigma": Float(0.01, 50.0, log=True, default=0.1),
        "rate": Float(0.05, 0.3, log=True, default=0.1),
    }
    return {"periodic": Choice({"pbld": pbld, "none": {}})} if numbers_of(signature) else {}


def _categories(signature: Signature) -> Space:
    """Return how categories are read, where some have so many values that vectors take fewer columns."""
    if max(signature.cardinalities, default=0) <= _ONE_HOT:
        return {}
    return {"categories": Choice({"embedded": {"above": _ONE_HOT, "units": Choice([8, 4, 16])}, "onehot": {}})}
