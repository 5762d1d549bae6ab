"""The families that come with us, written out by hand. One file and one line here make a new one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

from spaces import reasons
from spaces.changes import forecasting
from spaces.each_target import each_target
from spaces.estimators import build_baseline, build_linear, build_random_forest, build_xgboost
from spaces.family import Family
from spaces.functional_spaces import functional_space, image_space, series_space, siamese_space, text_space
from spaces.image_spaces import IMAGE_BRANCHES, pretrained_space
from spaces.naive import NaiveModel, followed
from spaces.series_spaces import SERIES_BRANCHES, naive_space
from spaces.signature import ITSELF, Signature
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
from spaces.unlabelled_spaces import anomaly_space, autoencoder_space, gan_space, variational_space

BASELINE = "baseline"
_FUNCTIONAL = "spaces.functional:build_functional"


def _network(
    name: str,
    space: Callable[[Signature], Space],
    builder: str,
    unfit: Callable[[Signature], str],
    *,
    heads: bool = True,
    joined: bool = False,
    pairs: bool = False,
) -> Family:
    """Return a family of networks.

    Args:
        name: Its name.
        space: Its space.
        builder: `module:function`, imported when a model is built.
        unfit: See `Family`.
        heads: Whether one network has a head for each target; otherwise every target has a network of its own.
        joined: Whether it reads all tables as one matrix.
        pairs: Whether it reads the two inputs of a pair with one branch.
    """

    def build(config: Config, signature: Signature) -> Any:
        from spaces.keras_model import KerasModel

        module, function = builder.split(":")
        twins = pairs and signature.pair is not None and signature.pair[0].kind == "table"
        made = getattr(import_module(module), function)
        return KerasModel(made, config, signature.joined if joined else signature, twins)

    return forecasting(Family(name, space, build if heads else each_target(build), library="keras", unfit=unfit))


def _text_family(branch: str) -> Family:
    return _network(f"text_{branch}", partial(text_space, branch), _FUNCTIONAL, reasons.texts)


def _array_family(kind: str, space: Callable[[str, Signature], Space], branch: str) -> Family:
    return _network(f"{kind}_{branch}", partial(space, branch), _FUNCTIONAL, partial(reasons.only, kind))


def _baseline(config: Config, signature: Signature) -> Any:
    """Build what anybody would say: the last value of a series that is to be continued, what is usual elsewhere."""
    if signature.target.kind == ITSELF:
        from spaces.unlabelled import UsualModel

        return UsualModel(signature)
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


def _build_pretrained(config: Config, signature: Signature) -> Any:
    from spaces.pretrained import PretrainedModel

    return PretrainedModel(config, signature)


def _no_base(space: Space, signature: Signature) -> str:
    """Say that a base is to be named; one that is named is opened."""
    if not space["base"]:
        return "needs a base: {'image_pretrained': {'base': 'base.keras', 'preprocessing': 'caffe'}}"
    from spaces.pretrained import open_base

    open_base(str(space["base"]), str(space["preprocessing"]), signature.input)
    return ""


def _itself(name: str, space: Callable[[Signature], Space], builder: str, loss: str) -> Family:
    """Return a family of networks that learn rows without a target."""

    def build(config: Config, signature: Signature) -> Any:
        from spaces import unlabelled_networks
        from spaces.keras_model import KerasModel

        return KerasModel(getattr(unlabelled_networks, builder), config, signature)

    kinds = ("image", "series", "table")
    return Family(name, space, build, library="keras", unfit=partial(reasons.no_target, loss, kinds))


def _build_gan(config: Config, signature: Signature) -> Any:
    from spaces.unlabelled import GanModel

    return GanModel(config, signature)


def _build_anomaly(config: Config, signature: Signature) -> Any:
    from spaces.unlabelled import AnomalyModel

    return AnomalyModel(config, signature)


def _step_family(
    name: str, space: Callable[[Signature], Space], builder: str, unfit: Callable[[Signature], str]
) -> Family:
    def build(config: Config, signature: Signature) -> Any:
        from spaces import step_networks
        from spaces.step_model import StepModel

        return StepModel(getattr(step_networks, builder), config, signature)

    return Family(name, space, build, library="keras", unfit=unfit)


_SUPERVISED: dict[str, Family] = {
    family.name: replace(family, unfit=partial(reasons.a_target, family.unfit))
    for family in (
        _network("dense", dense_space, "spaces.networks:build_dense", reasons.tables_only, joined=True),
        _network(
            "wide_and_deep",
            wide_and_deep_space,
            "spaces.networks:build_wide_and_deep",
            reasons.tables_only,
            heads=False,
            joined=True,
        ),
        *map(_text_family, BRANCHES),
        *(_array_family("series", series_space, branch) for branch in SERIES_BRANCHES),
        *(_array_family("image", image_space, branch) for branch in IMAGE_BRANCHES),
        Family("image_pretrained", pretrained_space, _build_pretrained, "keras", None, reasons.photographs, _no_base),
        _network("functional", functional_space, _FUNCTIONAL, reasons.several_inputs),
        _network("siamese", siamese_space, "spaces.functional:build_siamese", reasons.pairs, pairs=True),
        _step_family("sequence_labels", sequence_labels_space, "build_steps", reasons.step_labels),
        _step_family("language_model", language_model_space, "build_steps", reasons.step_labels),
        _step_family("seq2seq", seq2seq_space, "build_seq2seq", reasons.pairs_of_sequences),
        *(
            forecasting(Family(name, space, each_target(build), library, unfit=unfit))
            for name, space, build, library, unfit in (
                ("deep_trees", _deep_trees_space, _build_deep_trees, "keras", lambda signature: ""),
                ("xgboost", xgboost_space, build_xgboost, "xgboost", reasons.lines_of_numbers),
                ("random_forest", random_forest_space, build_random_forest, "sklearn", reasons.lines_of_numbers),
                ("linear", linear_space, build_linear, "sklearn", reasons.few_pixels),
            )
        ),
        Family("series_anomaly", anomaly_space, _build_anomaly, "keras", unfit=reasons.windows_of_two_classes),
        Family("series_baseline", naive_space, NaiveModel, library="sklearn", unfit=reasons.forecasts),
    )
}
_UNSUPERVISED = (
    _itself("autoencoder", autoencoder_space, "build_autoencoder", "reconstruction"),
    _itself("variational_autoencoder", variational_space, "build_variational", "elbo"),
    Family("gan", gan_space, _build_gan, "keras", unfit=partial(reasons.no_target, "two_sample", ("image",))),
)
UNSUPERVISED = [family.name for family in _UNSUPERVISED]
FAMILIES: dict[str, Family] = {
    **_SUPERVISED,
    **{family.name: family for family in _UNSUPERVISED},
    BASELINE: Family(BASELINE, lambda signature: {}, _baseline, library="sklearn"),
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
    """Return the names of the families that can be used for a task as they are, the baseline included."""
    fit = {name: family for name, family in FAMILIES.items() if not family.unfit(signature)}
    return [name for name, family in fit.items() if not family.lacking(family.space(signature), signature)]
