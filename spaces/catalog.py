"""The families that come with us, written out by hand. One file and one line here make a new one."""

from __future__ import annotations

from typing import Any

from spaces.estimators import build_baseline, build_linear, build_random_forest, build_xgboost
from spaces.family import Family
from spaces.signature import Signature
from spaces.space import Config, unknown_name
from spaces.tables import dense_space, linear_space, random_forest_space, wide_and_deep_space, xgboost_space

BASELINE = "baseline"


def _build_dense(config: Config, signature: Signature) -> Any:
    from spaces.keras_model import KerasModel
    from spaces.networks import build_dense

    return KerasModel(build_dense, config, signature)


def _build_wide_and_deep(config: Config, signature: Signature) -> Any:
    from spaces.keras_model import KerasModel
    from spaces.networks import build_wide_and_deep

    return KerasModel(build_wide_and_deep, config, signature)


FAMILIES: dict[str, Family] = {
    "dense": Family("dense", dense_space, _build_dense, library="keras"),
    "wide_and_deep": Family("wide_and_deep", wide_and_deep_space, _build_wide_and_deep, library="keras"),
    "xgboost": Family("xgboost", xgboost_space, build_xgboost, library="xgboost"),
    "random_forest": Family("random_forest", random_forest_space, build_random_forest, library="sklearn"),
    "linear": Family("linear", linear_space, build_linear, library="sklearn"),
    BASELINE: Family(BASELINE, lambda signature: {}, build_baseline, library="sklearn"),
}


def family_named(name: str) -> Family:
    """Return the family of that name.

    Raises:
        ValueError: There is none; the message lists the right names.
    """
    if name not in FAMILIES:
        raise ValueError(f"family: {unknown_name(name, list(FAMILIES))}")
    return FAMILIES[name]
