"""The families that come with us, written out by hand. One file and one line here make a new one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from spaces.arrays import flat_width
from spaces.changes import forecasting
from spaces.each_target import each_target
from spaces.estimators import build_baseline, build_linear, build_random_forest, build_xgboost
from spaces.family import Family
from spaces.functional_spaces import functional_space, image_space, series_space, siamese_space, text_space
from spaces.image_spaces import IMAGE_BRANCHES
from spaces.naive import NaiveModel, followed
from spaces.series_spaces import SERIES_BRANCHES, naive_space
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
from spaces.text_spaces import BRANCHES

BASELINE = "baseline"
_FUNCTIONAL = "spaces.functional:build_functional"
_A = {"text": "a text", "series": "a series", "image": "an image"}
_MOST_PIXELS = 4096


def _network(
    name: str,
    space: Callable[[Signature], Space],
    builder: str,
    unfit: Callable[[Signature], str],
    *,
    heads: bool = True,
    joined: bool = False,
) -> Family:
    """Return a family of networks.

    Args:
        name: Its name.
        space: Its space.
        builder: `module:function`, imported when a model is built.
        unfit: See `Family`.
        heads: Whether one network has a head for each target; otherwise every target has a network of its own.
        joined: Whether it reads all tables as one matrix.
    """

    def build(config: Config, signature: Signature) -> Any:
        from spaces.keras_model import KerasModel

        module, function = builder.split(":")
        pair = signature.pair if function == "build_siamese" else None
        twins = pair is not None and pair[0].kind == "table"
        made = getattr(import_module(module), function)
        return KerasModel(made, config, signature.joined if joined else signature, twins)

    return forecasting(Family(name, space, build if heads else each_target(build), library="keras", unfit=unfit))


def _tables_only(signature: Signature) -> str:
    for one in (*signature.texts, *signature.arrays):
        return f"it reads tables only, and {one.name!r} is {_A[one.kind]}"
    return ""


def _texts(signature: Signature) -> str:
    return "" if signature.texts else "it reads texts, and there is none: name columns, Task(..., text=['review'])"


def _several(signature: Signature) -> str:
    if len(signature.inputs) > 1 or signature.texts or signature.arrays:
        return ""
    return "it has a branch for each input, and there is a single table: dense reads that"


def _pairs(signature: Signature) -> str:
    if signature.pair is None:
        return (
            f"it compares two inputs of one kind, and the task has {len(signature.inputs)} inputs without such a pair: "
            "name texts, Task(..., text=['a', 'b']), or hand over Task({'a': ..., 'b': ...}, ...)"
        )
    if signature.texts and signature.pair[0].kind != "text":
        return f"it compares {signature.pair[0].name!r} and {signature.pair[1].name!r}, and reads no text beside them"
    return ""


def _only(kind: str, signature: Signature) -> str:
    """Say that a family reads one kind of array, beside a table."""
    plural = "series" if kind == "series" else "images"
    if not signature.arrays:
        return f"it reads {plural}, and there are none: hand over an array, Task(array, target)"
    for one in (*signature.texts, *signature.arrays):
        if one.kind != kind:
            return f"it reads {plural}, and {one.name!r} is {_A[one.kind]}: functional reads both"
    return ""


def _columns(signature: Signature) -> str:
    """Say that trees and linear models want a line of numbers, as an image is none."""
    for one in signature.arrays:
        if one.kind == "image":
            return (
                f"it reads lines of numbers, and {one.name!r} is an image: deep_trees reads what a network makes of it"
            )
    return ""


def _one_line(signature: Signature) -> str:
    """Say that an image has too many pixels for a linear model."""
    for one in signature.arrays:
        if one.kind == "image" and flat_width("image", one.shape) > _MOST_PIXELS:
            return f"it reads pixels as columns, and {one.name!r} has more than {_MOST_PIXELS:,}"
    return ""


def _text_family(branch: str) -> Family:
    return _network(f"text_{branch}", partial(text_space, branch), _FUNCTIONAL, _texts)


def _array_family(kind: str, space: Callable[[str, Signature], Space], branch: str) -> Family:
    return _network(f"{kind}_{branch}", partial(space, branch), _FUNCTIONAL, partial(_only, kind))


def _forecasts(signature: Signature) -> str:
    if not followed(signature.target):
        return "it forecasts a series from its past: tuner.series_task(frame, target, window=..., horizon=...)"
    return ""


def _baseline(config: Config, signature: Signature) -> Any:
    """Build what anybody would say: the last value of a series that is to be continued, or what is usual elsewhere."""
    if followed(signature.target):
        return NaiveModel({"forecast": {"last": {}}}, signature)
    return each_target(build_baseline)(config, signature)


def _deep_trees_space(signature: Signature) -> Space:
    network = functional_space(signature) if signature.texts or signature.arrays else dense_space(signature)
    return {"network": network, "trees": trees_space()}


def _build_deep_trees(config: Config, signature: Signature) -> Any:
    from spaces.deep_trees import DeepTreesModel
    from spaces.functional import build_functional
    from spaces.keras_model import KerasModel
    from spaces.networks import build_dense

    if signature.texts or signature.arrays:
        network = KerasModel(build_functional, config["network"], signature)
    else:
        network = KerasModel(build_dense, config["network"], signature.joined)
    return DeepTreesModel(network, config["trees"], signature)


def _steps(signature: Signature) -> str:
    if not signature.steps:
        return "it reads rows that are steps of sequences: Task(..., sequence='sentence'), or tuner.language_task"
    return ""


def _step_labels(signature: Signature) -> str:
    return _one_target(signature) or _steps(signature) or _tables_only(signature)


def _pairs_of_sequences(signature: Signature) -> str:
    if not _steps(signature) and len(signature.texts) == 1 and not signature.arrays:
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
        _network("dense", dense_space, "spaces.networks:build_dense", _tables_only, joined=True),
        _network(
            "wide_and_deep",
            wide_and_deep_space,
            "spaces.networks:build_wide_and_deep",
            _tables_only,
            heads=False,
            joined=True,
        ),
        *map(_text_family, BRANCHES),
        *(_array_family("series", series_space, branch) for branch in SERIES_BRANCHES),
        *(_array_family("image", image_space, branch) for branch in IMAGE_BRANCHES),
        _network("functional", functional_space, _FUNCTIONAL, _several),
        _network("siamese", siamese_space, "spaces.functional:build_siamese", _pairs),
        _step_family("sequence_labels", sequence_labels_space, "build_steps", _step_labels),
        _step_family("language_model", language_model_space, "build_steps", _step_labels),
        _step_family("seq2seq", seq2seq_space, "build_seq2seq", _pairs_of_sequences),
        *(
            forecasting(Family(name, space, each_target(build), library, unfit=unfit))
            for name, space, build, library, unfit in (
                ("deep_trees", _deep_trees_space, _build_deep_trees, "keras", lambda signature: ""),
                ("xgboost", xgboost_space, build_xgboost, "xgboost", _columns),
                ("random_forest", random_forest_space, build_random_forest, "sklearn", _columns),
                ("linear", linear_space, build_linear, "sklearn", _one_line),
            )
        ),
        Family("series_baseline", naive_space, NaiveModel, library="sklearn", unfit=_forecasts),
        Family(BASELINE, lambda signature: {}, _baseline, library="sklearn"),
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
