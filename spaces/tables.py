"""The spaces of the families for tables. No library is imported here: a space is data."""

from __future__ import annotations

from spaces.leaves import Choice, Float, Int
from spaces.ngrams import joined_texts
from spaces.signature import Signature
from spaces.space import Space

# Piecewise encoding makes up to 96 pieces and 97 columns of values of a number; two float32 copies must fit a worker.
# Of more targets than these, weights of their losses would be most of the space.
_FEW_TARGETS = 4
_PIECEWISE_WIDTH, _PIECEWISE_BYTES = 194, 256 * 1024**2


def dense_space(signature: Signature) -> Space:
    """Return the space: size and shape, regularisation, optimizer, schedule and batches.

    The batch size is capped so that an epoch has at least ten steps where rows allow.
    """
    largest = max(32, min(1024, signature.rows // 10))
    smallest = max(16, min(largest // 4, signature.rows // 500))
    return {
        "scaling": Choice(scalings(signature)),
        "depth": Int(1, 5, default=2),
        "units": Int(16, 512, log=True, default=128),
        "shape": Choice(["rectangle", "funnel"]),
        "residual": Choice([False, True]),
        "activation": Choice(["relu", "selu", "swish"]),
        "batch_normalization": Choice([False, True]),
        "dropout": Float(0.0, 0.6, default=0.1),
        "penalty": Choice(
            {
                "none": {},
                "l2": {"strength": Float(1e-7, 1e-2, log=True)},
                "l1": {"strength": Float(1e-7, 1e-3, log=True)},
                "l1_l2": {"l1": Float(1e-7, 1e-3, log=True), "l2": Float(1e-7, 1e-2, log=True)},
            }
        ),
        "optimizer": Choice(
            {
                "adam": {"learning_rate": Float(1e-4, 1e-2, log=True)},
                "adamw": {
                    "learning_rate": Float(1e-4, 1e-2, log=True),
                    "weight_decay": Float(1e-5, 1e-1, log=True),
                },
                "rmsprop": {"learning_rate": Float(1e-4, 1e-2, log=True)},
                "sgd": {
                    "learning_rate": Float(1e-3, 0.3, log=True),
                    "momentum": Float(0.0, 0.95, default=0.9),
                    "nesterov": Choice([True, False]),
                },
            }
        ),
        "weight_averaging": Choice({"none": {}, "ema": {"steps": Int(20, 1000, log=True)}}),
        "schedule": Choice(["reduce_on_plateau", "cosine", "constant"]),
        **class_weights(signature),
        **loss_weights(signature),
        "batch_size": Int(smallest, largest, log=True),
        "dropped_features": 0.0,
        "epochs": 100,
        "patience": 10,
    }


def wide_and_deep_space(signature: Signature) -> Space:
    """Return the space: how many crosses the wide part sees and how sparse it is, and a smaller deep part.

    Crosses are counted in powers of two; with a single column there is nothing to cross.
    """
    deep = dense_space(signature)
    names = ("scaling", "depth", "units", "shape", "activation", "batch_normalization", "dropout", "batch_size")
    return {
        **{name: deep[name] for name in names},
        **class_weights(signature),
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


def class_weights(signature: Signature) -> Space:
    """Return the space of class weights, where the metric cares for rare classes; empty elsewhere."""
    return {"class_weight": Choice(["none", "balanced"])} if signature.target.weigh_classes else {}


def loss_weights(signature: Signature) -> Space:
    """Return how much the loss of each of a few targets counts; numbers are standardised, so alike is the default."""
    targets = signature.targets
    if not 2 <= len(targets) <= _FEW_TARGETS:
        return {}
    return {"loss_weights": {target.key: Float(0.2, 5.0, log=True, default=1.0) for target in targets}}


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
        "schedule": Choice(["reduce_on_plateau", "cosine", "constant"]),
        **class_weights(signature),
        **loss_weights(signature),
    }


def scalings(signature: Signature) -> list[str]:
    """Return the ways to scale numbers, the default first: piecewise encoding where its matrix stays small enough."""
    n_numbers = 0 if signature.table is None else signature.table.shape[0] - len(signature.cardinalities)
    wide = n_numbers * _PIECEWISE_WIDTH * signature.rows * 4
    return [*(["piecewise"] if 0 < wide <= _PIECEWISE_BYTES else []), "standard", "quantile"]


def xgboost_space(signature: Signature) -> Space:
    """Return the space of gradient-boosted trees; rounds are chosen by early stopping, not searched.

    Beside texts there are thousands of columns, and a round takes long: fewer rounds of larger steps.
    """
    texts = bool(signature.texts)
    return {
        **joined_texts(signature, 3_000),
        **class_weights(signature),
        "learning_rate": Float(0.1, 0.5, log=True) if texts else Float(0.02, 0.3, log=True, default=0.05),
        "max_depth": Int(2, 10, default=6),
        "min_child_weight": Float(1.0, 50.0, log=True, default=1.0),
        "subsample": Float(0.5, 1.0, default=0.9),
        "colsample_bytree": Float(0.3, 1.0, default=0.8),
        "reg_lambda": Float(1e-3, 30.0, log=True, default=1.0),
        "reg_alpha": Float(1e-4, 10.0, log=True, default=1e-3),
        "gamma": Float(1e-4, 5.0, log=True, default=1e-3),
        "n_estimators": 300 if texts else 1500,
        "patience": 20 if texts else 50,
    }


def trees_space() -> Space:
    """Return the space of a few hundred trees on the columns that a network makes."""
    return {
        "learning_rate": Float(0.02, 0.3, log=True, default=0.05),
        "max_depth": Int(2, 8, default=4),
        "min_child_weight": Float(1.0, 50.0, log=True, default=5.0),
        "subsample": Float(0.5, 1.0, default=0.8),
        "colsample_bytree": Float(0.2, 1.0, default=0.5),
        "reg_lambda": Float(1e-3, 30.0, log=True, default=1.0),
        "n_estimators": 500,
        "patience": 30,
    }


def random_forest_space(signature: Signature) -> Space:
    """Return the space of random forests; leaves are kept large enough for a forest of some megabytes."""
    smallest = max(1, signature.rows // 5000)
    return {
        **joined_texts(signature, 3_000),
        **class_weights(signature),
        "n_estimators": 200,
        "max_features": Float(0.005, 0.2, log=True) if signature.texts else Float(0.1, 1.0, default=0.4),
        "min_samples_leaf": Int(smallest, smallest + 30, default=smallest + 1),
        "max_samples": Float(0.4, 1.0, default=0.9),
    }


def linear_space(signature: Signature) -> Space:
    """Return the space of ridge or logistic regression."""
    return {
        **joined_texts(signature, 50_000),
        **class_weights(signature),
        **({"scaling": Choice(scalings(signature))} if signature.table else {}),
        "alpha": _penalty(signature),
    }


def _penalty(signature: Signature) -> Float:
    """Return how strongly a linear model is penalised: the steps of a series say nearly the same, and need more."""
    if signature.arrays:
        return Float(1e-1, 1e6, log=True, default=max(1.0, min(1e5, signature.rows / 10)))
    logistic = signature.texts and signature.target.kind != "regression"
    return Float(1e-3, 1e4, log=True, default=0.1 if logistic else 1.0)
