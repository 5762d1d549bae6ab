"""The space of what stands on a pretrained base."""

from __future__ import annotations

from spaces.families.estimators.spaces import trees_space
from spaces.families.shared_spaces import training
from spaces.inputs.image.spaces import augmentation
from spaces.language.leaves import Choice, Float, Int
from spaces.language.parts import DEPTH, counted
from spaces.language.space import Space
from spaces.rows.signature import Signature


def pretrained_space(signature: Signature) -> Space:
    """Return the space of heads on a pretrained base. The user names the base, and the preprocessing it expects.

    A network may then be trained further together with the last stages of the base, at a lower rate.
    """
    tuned: Space = {
        "stages": Int(1, 2),
        "learning_rate": Float(1e-5, 1e-3, log=True, default=1e-4),
        "epochs": 8,
        "augmentation": augmentation(3),
    }
    layers: Space = {
        "units": Int(16, 256, log=True),
        "shape": "rectangle",
        "activation": "relu",
        "batch_normalization": False,
    }
    network: Space = {
        "depth": counted(DEPTH, Int(0, 1, default=0), layers),
        "dropout": Float(0.0, 0.7, default=0.4),
        **training(signature, learning_rate=(5e-4, 3e-2, 5e-3)),  # an epoch over features costs next to nothing
        "batch_size": Int(16, 64, log=True),
        "epochs": 100,
        "patience": 10,
        "fine_tuning": Choice({"none": {}, "top": tuned}),
    }
    return {
        "base": "",
        "preprocessing": "none",
        "cut": Int(0, 3, default=0),
        "pooling": Choice(["average", "max", "both"]),
        "head": Choice({"network": network, "trees": trees_space()}),
    }
