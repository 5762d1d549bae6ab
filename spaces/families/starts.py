"""Published configurations with which families begin, in the order in which they help most.

The order is that of a greedy cover over twenty small tables (`python -m benchmarks.starts`). `real_mlp` and `lightgbm`
stand in the order of their publication, and of the six of `dense` the two of one member come first: they take a sixth
of the time of the others, for which short studies of many rows have no time. Studies take six. A start says some
parameters, and the others have their defaults. Where a space is smaller, the nearest point is tried.

Sources: `ag23` are XGBoost, random forest and extra trees configurations of AutoGluon's portfolio of 2023, `ag25` its
networks and LightGBM configurations of December 2025, `fastai` its FastAI networks; `tabm` is TabM's, narrower and with
fewer members; `flaml` are those of FLAML 2.7 (`default/xgb_limitdepth`, `default/xgboost`, `default/extra_tree`);
`pytabkit` the tuned defaults of Holzmüller, Grinsztajn, Steinwart: "Better by Default", 2024; `ag26` is the RealMLP of
AutoGluon's portfolio of August 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spaces.language.points import nearest_point
from spaces.language.space import Params, Space, defaults, flatten, leaves

Start = Mapping[str, Any]
MOST = 6


def _boosted(columns: float, *, rate: float, depth: int, weight: float) -> Start:
    return {"colsample_bytree": columns, "learning_rate": rate, "max_depth": depth, "min_child_weight": weight}


def _network(depth: int, units: int, dropout: float, *, rate: float, decay: float = 0.0, **more: Any) -> Start:
    decays = {"optimizer": "adamw", "optimizer.adamw.weight_decay": decay} if decay else {}
    return {"depth": depth, "units": units, "dropout.some": dropout, "learning_rate": rate, **decays, **more}


def _whole(epochs: int) -> Start:
    """Return a training of all rows, whose rate falls to nothing: nothing is held out to stop it."""
    return {"schedule": "cosine", "stopping": "training_loss", "epochs": epochs}


def _leaves(leaves: int, rows: int, drawn: bool, *, rate: float, columns: float, bagging: float) -> Start:
    of_rows = {"min_data_in_leaf": rows, "bagging_fraction": bagging}
    return {"num_leaves": leaves, "extra_trees": drawn, "learning_rate": rate, "feature_fraction": columns, **of_rows}


def _histogram(leaves: int, rows: int, *, rounds: int, rate: float, columns: float = 0.5) -> Start:
    of_trees = {"max_leaf_nodes": leaves, "min_samples_leaf": rows, "max_features": columns}
    return {"max_iter": rounds, "learning_rate": rate, **of_trees}


_NORMAL: dict[str, Any] = {"batch_normalization": True}
_SMALL: dict[str, Any] = {
    "periodic": "none", "start": "normal", "blended": False, "dropout": "none", "optimizer": "adam",
}  # fmt: skip
_CYCLE: dict[str, Any] = {"shape": "funnel", **_NORMAL}

XGBOOST: dict[str, Start] = {
    "pytabkit-classes": {
        "learning_rate": 0.08, "max_depth": 6, "min_child_weight": 1e-5, "reg_lambda": "none",
        "colsample_bytree": 1.0, "colsample_bylevel": 0.9, "subsample": 0.65,
    },
    "flaml-leaves-3": {
        "grow_policy": "lossguide", "grow_policy.lossguide.max_leaves": 5, "max_depth": 13, "learning_rate": 0.145,
        "subsample": 0.86, "colsample_bytree": 0.94,
    },
    "flaml-binary-2": {
        "max_depth": 6, "min_child_weight": 0.20, "learning_rate": 0.0039, "subsample": 0.82,
        "colsample_bylevel": 0.84, "colsample_bytree": 0.42, "reg_lambda.some": 0.04,
    },
    "flaml-leaves-2": {
        "grow_policy": "lossguide", "grow_policy.lossguide.max_leaves": 46, "max_depth": 13, "learning_rate": 0.08,
        "subsample": 0.65, "colsample_bylevel": 0.54, "colsample_bytree": 0.42, "reg_lambda.some": 4.6,
    },
    "flaml-multiclass-2": {
        "max_depth": 7, "min_child_weight": 30.0, "learning_rate": 0.085, "subsample": 0.99,
        "colsample_bytree": 1.0, "colsample_bylevel": 0.68, "reg_lambda.some": 34.0,
    },
    "ag23-8": _boosted(0.98, rate=0.066, depth=5, weight=1.41),
    "flaml-numbers-1": {
        "max_depth": 12, "min_child_weight": 0.76, "learning_rate": 0.0092, "subsample": 0.82,
        "colsample_bylevel": 0.78, "colsample_bytree": 0.79, "reg_lambda.some": 131.0,
    },
    "flaml-multiclass-4": {
        "max_depth": 3, "learning_rate": 0.035, "subsample": 0.31, "colsample_bytree": 0.22,
        "reg_lambda.some": 1.1,
    },
    "ag23-1": _boosted(0.69, rate=0.018, depth=10, weight=0.60),
    "ag23-2": _boosted(0.66, rate=0.088, depth=5, weight=0.63),
    "ag23-4": _boosted(0.52, rate=0.0072, depth=9, weight=0.86),
    "pytabkit-numbers": {
        "learning_rate": 0.05, "max_depth": 9, "min_child_weight": 2.0, "reg_lambda": "none",
        "colsample_bytree": 1.0, "subsample": 0.7,
    },
}  # fmt: skip

RANDOM_FOREST: dict[str, Start] = {
    "ag23-1": {"max_features.share": 0.75, "max_leaf_nodes.some": 37_308, "min_samples_leaf": 1},
    "ag23-3": {"max_features.share": 1.0, "max_leaf_nodes.some": 38_572, "min_samples_leaf": 5},
    "ag23-5": {"max_features": "log2", "max_leaf_nodes.some": 42_644, "min_samples_leaf": 1},
    "ag23-2": {"max_features.share": 0.75, "max_leaf_nodes.some": 28_310, "min_samples_leaf": 2},
    "ag23-4": {"max_features.share": 0.75, "max_leaf_nodes.some": 18_242, "min_samples_leaf": 40},
}  # fmt: skip

REAL_MLP: dict[str, Start] = {
    "ag26": {
        "depth": 4, "activation": "mish", "dropout.some": 0.465, "first_rate": 0.553, "front_scale.some": 4.97,
        "learning_rate": 0.0283, "optimizer.adamw.weight_decay": 0.0413, "optimizer.adamw.beta_2": 0.9556,
        "periodic.pbld.frequencies": 64, "periodic.pbld.units": 7, "periodic.pbld.rate": 0.0718,
        "periodic.pbld.sigma": 0.108,
    },
    "pytabkit-small-numbers": {**_SMALL, "learning_rate": 0.07, "activation": "mish"},
    "pytabkit-small-classes": {**_SMALL, "learning_rate": 0.04, "activation": "selu"},
}  # fmt: skip

EXTRA_TREES: dict[str, Start] = {
    "ag23-1": {"max_features.share": 0.75, "max_leaf_nodes.some": 18_392, "min_samples_leaf": 1},
    "flaml-numbers-1": {"max_features.share": 1.0, "max_leaf_nodes.some": 6_452, "min_samples_leaf": 1},
    "ag23-3": {"max_features": "sqrt", "max_leaf_nodes.some": 28_532, "min_samples_leaf": 1},
    "ag23-2": {"max_features.share": 1.0, "max_leaf_nodes.some": 12_845, "min_samples_leaf": 4},
}  # fmt: skip

# Of nobody: more and smaller steps, larger and smaller trees than the default's.
HIST_GRADIENT_BOOSTING: dict[str, Start] = {
    "small": _histogram(8, 10, rounds=600, rate=0.1),
    "few": _histogram(8, 20, rounds=80, rate=0.05),
    "slow": _histogram(16, 10, rounds=600, rate=0.02),
    "long": _histogram(31, 5, rounds=1_500, rate=0.03),
    "long-large": _histogram(64, 5, rounds=1_000, rate=0.03, columns=0.8),
}

LIGHTGBM: dict[str, Start] = {
    "ag25-177": _leaves(39, 3, True, rate=0.018, columns=0.46, bagging=0.88),
    "ag25-163": _leaves(84, 3, False, rate=0.011, columns=0.53, bagging=0.98),
    "ag25-72": _leaves(180, 12, True, rate=0.018, columns=0.40, bagging=0.95),
    "ag25-120": _leaves(5, 12, True, rate=0.013, columns=0.73, bagging=0.85),
    "ag25-6": _leaves(8, 24, False, rate=0.0079, columns=0.94, bagging=0.81),
    "ag25-184": _leaves(2, 17, False, rate=0.0091, columns=0.59, bagging=0.84),
}

DENSE: dict[str, Start] = {
    "ag25-2-cycle": _network(4, 81, 0.01, rate=0.0053, decay=9e-5, activation="elu", **_whole(40)),
    "fastai-1": _network(2, 200, 0.1, rate=0.01, batch_size=256, **_CYCLE, **_whole(30)),
    "ag25-2-members": _network(4, 81, 0.01, rate=0.0053, decay=9e-5, activation="elu", members=8),
    "fastai-1-members": _network(2, 200, 0.1, rate=0.01, batch_size=256, members=8, **_CYCLE, **_whole(30)),
    "tabm": _network(3, 256, 0.1, rate=0.002, decay=3e-4, activation="relu", members=4),
    "ag25-2-members-cycle": _network(4, 81, 0.01, rate=0.0053, decay=9e-5, activation="elu", members=8, **_whole(40)),
    "ag25-7": _network(4, 200, 0.24, rate=0.0031, activation="relu", **_NORMAL),
    "ag25-1": _network(3, 109, 0.09, rate=0.022, activation="elu", **_NORMAL),
    "ag25-2": _network(4, 81, 0.01, rate=0.0053, decay=9e-5, activation="elu"),
    "fastai-1-standard": _network(2, 200, 0.1, rate=0.01, batch_size=256, scaling="standard", **_CYCLE, **_whole(30)),
    "fastai-2": _network(2, 400, 0.075, rate=0.0047, batch_size=1024, schedule="cosine", **_CYCLE),
    "tabm-cycle": _network(3, 256, 0.1, rate=0.002, decay=3e-4, activation="relu", members=4, **_whole(40)),
}  # fmt: skip

# Of nobody: a table's number that is read as many columns needs a stronger penalty where rows are few.
LINEAR: dict[str, Start] = {
    "strength-10": {"scaling": "piecewise", "alpha": 10.0},
    "strength-30": {"scaling": "piecewise", "alpha": 30.0},
    "standard-3": {"scaling": "standard", "alpha": 3.0},
}

_POOLED: dict[str, Any] = {
    "image.conv.convolutions": 1, "image.conv.downsampling": "pooling", "image.conv.pooling": "flatten",
    "image.conv.dropout": 0.2, "image.conv.augmentation": "random", "image.conv.augmentation.random.shift": 0.0,
    "image.conv.augmentation.random.rotation": 0.0, "image.conv.augmentation.random.zoom": 0.0,
    "schedule": "cosine", "epochs": 40,
}  # fmt: skip

# Each larger than the one before, as the first networks of large images are small (Chollet: capacity first). Colour
# images are mirrored at random.
IMAGE_CONV: dict[str, Start] = {
    "pooled-32": {**_POOLED, "image.conv.filters": 32},
    "doubled-32": {**_POOLED, "image.conv.filters": 32, "image.conv.convolutions": 2, "image.conv.dropout": 0.3},
    "doubled-64": {**_POOLED, "image.conv.filters": 64, "image.conv.convolutions": 2, "image.conv.dropout": 0.4},
}


def starting_points(space: Space, starts: Sequence[Start]) -> list[Params]:
    """Return the points with which a family begins: its defaults, then the points nearest to its starts.

    Args:
        space: The family's space.
        starts: What is known to be good; what comes to the same point is tried once. Those that say how numbers of a
            table are scaled are left out where there are none.
    """
    fit = [start for start in starts if "scaling" not in start or "scaling" in leaves(space)]
    points = [flatten(space, defaults(space)), *(nearest_point(space, start) for start in fit)]
    return [one for i, one in enumerate(points) if one not in points[:i]]
