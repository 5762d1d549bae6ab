"""The spaces of networks for tables. No library is imported here: a space is data."""

from __future__ import annotations

from spaces.families.shared_spaces import class_weights, loss_weights, schedules
from spaces.inputs.table.spaces import numbers_of, scalings
from spaces.inputs.text.spaces import branch, ngrams_space
from spaces.language.leaves import Choice, Float, Int
from spaces.language.optional import none_or
from spaces.language.space import Space
from spaces.rows.signature import Signature

_WIDE_TERMS = 20_000
_MOST_EMBEDDED = 500  # numbers


def dense_space(signature: Signature) -> Space:
    """Return the space: size and shape, regularisation, optimizer, schedule and batches.

    The batch size is capped so that an epoch has at least ten steps where rows allow. All optimizers share one learning
    rate, so that a sampler can relate it to the width; gradient descent takes ten times as much.

    A training that stops on its own loss spares no rows: one of few epochs, whose rate falls to nothing, need not be
    stopped.
    """
    largest = max(32, min(1024, signature.rows // 10))
    smallest = max(16, min(largest // 4, signature.rows // 500))
    return {
        "scaling": _scaling(signature),
        "members": 1 if signature.target.parts else Choice([1, 4, 8]),
        "depth": Int(1, 5, default=2),
        "units": Int(16, 1024, log=True, default=128),
        "shape": Choice(["rectangle", "funnel"]),
        "residual": Choice([False, True]),
        "activation": Choice(["relu", "selu", "swish", "elu"]),
        "batch_normalization": Choice([False, True]),
        "dropout": none_or(Float(0.01, 0.7, default=0.1)),
        "penalty": Choice(
            {
                "none": {},
                "l2": {"strength": Float(1e-7, 1e-2, log=True)},
                "l1": {"strength": Float(1e-7, 1e-3, log=True)},
                "l1_l2": {"l1": Float(1e-7, 1e-3, log=True), "l2": Float(1e-7, 1e-2, log=True)},
            }
        ),
        "learning_rate": Float(3e-5, 0.06, log=True, default=1e-3),
        "optimizer": Choice(
            {
                "adam": {},
                "adamw": {"weight_decay": Float(1e-5, 1e-1, log=True)},
                "rmsprop": {},
                "sgd": {"momentum": Float(0.0, 0.95, default=0.9), "nesterov": Choice([True, False])},
            }
        ),
        "weight_averaging": Choice({"none": {}, "ema": {"steps": Int(20, 1000, log=True)}}),
        "schedule": schedules(),
        **class_weights(signature),
        **loss_weights(signature),
        "batch_size": Int(smallest, largest, log=True),
        "dropped_features": 0.0,
        "stopping": Choice(["inner_loss", "training_loss"]),
        "epochs": Int(10, 100, log=True, default=100),
        "patience": 10,
    }


def _scaling(signature: Signature) -> Choice:
    """Return how numbers are read: each as a vector of its own, or scaled, or as the columns of its pieces."""
    if not 0 < numbers_of(signature) <= _MOST_EMBEDDED:
        return Choice(scalings(signature))
    vectors = {"pieces": Choice([16, 8, 32, 64]), "units": Choice([8, 4, 16])}
    return Choice({"embedded": vectors, **{name: {} for name in scalings(signature)}})


def wide_and_deep_space(signature: Signature) -> Space:
    """Return the space: how many crosses the wide part sees and how sparse it is, and a smaller deep part.

    Crosses are counted in powers of two; with a single column there is nothing to cross.
    """
    deep = dense_space(signature)
    texts: Space = {}
    if signature.texts:
        texts = {
            "text": {"embedding": branch("embedding", signature)},
            "wide_text": {"ngrams": ngrams_space(signature, _WIDE_TERMS)},
        }
    names = ("depth", "units", "shape", "activation", "batch_normalization", "dropout", "batch_size")
    return {
        "scaling": Choice(scalings(signature)),
        **{name: deep[name] for name in names},
        **class_weights(signature),
        **texts,
        "crosses": Choice([256, 1024, 64] if signature.table and signature.table.shape[0] > 1 else [0]),
        "wide": {
            "learning_rate": Float(1e-3, 0.5, log=True, default=0.05),
            "l1": Float(1e-6, 1e-1, log=True, default=1e-3),
        },
        "deep": {
            "learning_rate": Float(1e-4, 1e-2, log=True),
            "weight_decay": Float(1e-5, 1e-1, log=True),
        },
        "epochs": 100,
        "patience": 10,
    }
