"""What the spaces of many families have in common: training, class weights, loss weights."""

from __future__ import annotations

from spaces.language.leaves import Choice, Float, Int
from spaces.language.space import Space
from spaces.rows.signature import Signature

# Of more targets than these, weights of their losses would be most of the space.
_FEW_TARGETS = 4


def class_weights(signature: Signature) -> Space:
    """Return the space of class weights, where the metric cares for rare classes; empty elsewhere."""
    return {"class_weight": Choice(["none", "balanced"])} if signature.target.weigh_classes else {}


def loss_weights(signature: Signature) -> Space:
    """Return how much the loss of each of a few targets counts; numbers are standardised, so alike is the default."""
    targets = signature.targets
    if not 2 <= len(targets) <= _FEW_TARGETS:
        return {}
    return {"loss_weights": {target.key: Float(0.2, 5.0, log=True, default=1.0) for target in targets}}


def schedules() -> Choice:
    """Return how the learning rate goes on; a patience of 0 is a third of that of early stopping."""
    return Choice({"reduce_on_plateau": {"factor": 0.3, "patience": 0}, "cosine": {}, "constant": {}})


def training(signature: Signature, learning_rate: tuple[float, float, float]) -> Space:
    """Return how networks of texts and sequences are trained: optimizer, averaging, schedule, class weights.

    Args:
        signature: The task's.
        learning_rate: The lowest, the highest, and the default.
    """
    low, high, default = learning_rate
    rate = Float(low, high, log=True, default=default)
    return {
        "optimizer": Choice(
            {
                "adam": {"learning_rate": rate},
                "adamw": {"learning_rate": rate, "weight_decay": Float(1e-5, 1e-1, log=True)},
                "rmsprop": {"learning_rate": rate},
            }
        ),
        "weight_averaging": Choice({"none": {}, "ema": {"steps": Int(20, 1000, log=True)}}),
        "schedule": schedules(),
        **class_weights(signature),
        **loss_weights(signature),
    }
