"""The families that come with us, written out by hand. One file and one line here make a new one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from spaces.each_target import each_target
from spaces.estimators import build_baseline, build_linear, build_random_forest, build_xgboost
from spaces.family import Family
from spaces.signature import Signature
from spaces.space import Config, Space, unknown_name
from spaces.step_spaces import language_model_space, seq2seq_space, sequence_labels_space
from spaces.tables import (
    dense_space,
    linear_space,
    random_forest_space,
    trees_space,
    wide_and_deep_space,
    xgboost_space,
)
from spaces.text_spaces import BRANCHES, functional_space, siamese_space, text_space

BASELINE = "baseline"


def _network(
    name: str,
    space: Callable[[Signature], Space],
    builder: str,
    unfit: Callable[[Signature], str],
    *,
    heads: bool = True,
) -> Family:
    """Return a family of networks.

    Args:
        name: Its name.
        space: Its space.
        builder: `module:function`, imported when a model is built.
        unfit: See `Family`.
        heads: Whether one network has a head for each target; otherwise every target has a network of its own.
    """

    def build(config: Config, signature: Signature) -> Any:
        from spaces.keras_model import KerasModel

        module, function = builder.split(":")
        return KerasModel(getattr(import_module(module), function), config, signature)

    return Family(name, space, build if heads else each_target(build), library="keras", unfit=unfit)


def _tables_only(signature: Signature) -> str:
    if signature.texts:
        return f"it reads tables only, and {signature.texts[0].name!r} is a text"
    return ""


def _texts(signature: Signature) -> str:
    return "" if signature.texts else "it reads texts, and there is none: name columns, Task(..., text=['review'])"


def _pairs(signature: Signature) -> str:
    if len(signature.texts) != 2:
        return f"it compares two texts, and the task has {len(signature.texts)}: name them, Task(..., text=['a', 'b'])"
    return ""


def _text_family(branch: str) -> Family:
    builder = "spaces.text_networks:build_functional"
    return _network(f"text_{branch}", partial(text_space, branch), builder, _texts)


def _deep_trees_space(signature: Signature) -> Space:
    network = functional_space(signature) if signature.texts else dense_space(signature)
    return {"network": network, "trees": trees_space()}


def _build_deep_trees(config: Config, signature: Signature) -> Any:
    from spaces.deep_trees import DeepTreesModel
    from spaces.keras_model import KerasModel
    from spaces.networks import build_dense
    from spaces.text_networks import build_functional

    network = KerasModel(build_functional if signature.texts else build_dense, config["network"], signature)
    return DeepTreesModel(network, config["trees"], signature)


def _steps(signature: Signature) -> str:
    if not signature.steps:
        return "it reads rows that are steps of sequences: Task(..., sequence='sentence'), or tuner.language_task"
    return ""


def _step_labels(signature: Signature) -> str:
    return _one_target(signature) or _steps(signature) or _tables_only(signature)


def _pairs_of_sequences(signature: Signature) -> str:
    if not _steps(signature) and len(signature.texts) == 1:
        return _one_target(signature)
    return "it writes a sequence while it reads a text: tuner.sequence_task(sources, answers)"


def _one_target(signature: Signature) -> str:
    return "it labels steps with one target, and the task has several" if signature.target.parts else ""


def _step_family(
    name: str, space: Callable[[Signature], Space], builder: str, unfit: Callable[[Signature], str]
) -> Family:
    def build(config: Config, signature: Signature) -> Any:
        from spaces import step_networks
        from spaces.step_model import StepModel

        return StepModel(getattr(step_networks, builder), config, signature)

    return Family(name, space, build, library="keras", unfit=unfit)


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        _network("dense", dense_space, "spaces.networks:build_dense", _tables_only),
        _network(
            "wide_and_deep", wide_and_deep_space, "spaces.networks:build_wide_and_deep", _tables_only, heads=False
        ),
        *map(_text_family, BRANCHES),
        _network("functional", functional_space, "spaces.text_networks:build_functional", _texts),
        _network("siamese", siamese_space, "spaces.text_networks:build_siamese", _pairs),
        _step_family("sequence_labels", sequence_labels_space, "build_steps", _step_labels),
        _step_family("language_model", language_model_space, "build_steps", _step_labels),
        _step_family("seq2seq", seq2seq_space, "build_seq2seq", _pairs_of_sequences),
        Family("deep_trees", _deep_trees_space, each_target(_build_deep_trees), library="keras"),
        Family("xgboost", xgboost_space, each_target(build_xgboost), library="xgboost"),
        Family("random_forest", random_forest_space, each_target(build_random_forest), library="sklearn"),
        Family("linear", linear_space, each_target(build_linear), library="sklearn"),
        Family(BASELINE, lambda signature: {}, each_target(build_baseline), library="sklearn"),
    )
}


def family_named(name: str) -> Family:
    """Return the family of that name.

    Raises:
        ValueError: There is none; the message lists the right names.
    """
    if name not in FAMILIES:
        raise ValueError(f"family: {unknown_name(name, list(FAMILIES))}")
    return FAMILIES[name]


def fitting(signature: Signature) -> list[str]:
    """Return the names of the families that can be used for a task, the baseline included."""
    return [name for name, family in FAMILIES.items() if not family.unfit(signature)]
