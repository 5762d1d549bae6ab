"""The families that come with us, written out by hand. One file and one line here make a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from spaces.engines.engine import KERAS, LIGHTGBM, SKLEARN, XGBOOST, at
from spaces.families import fits, starts
from spaces.families.branches.space import functional_space, kind_space, siamese_space
from spaces.families.dense.space import dense_space, wide_and_deep_space
from spaces.families.each_target import each_target
from spaces.families.estimators.builders import (
    build_baseline,
    build_extra_trees,
    build_hist_gradient_boosting,
    build_lightgbm,
    build_linear,
    build_random_forest,
    build_xgboost,
)
from spaces.families.estimators.spaces import (
    extra_trees_space,
    hist_gradient_boosting_space,
    lightgbm_space,
    linear_space,
    random_forest_space,
    trees_space,
    xgboost_space,
)
from spaces.families.family import Family
from spaces.families.forecasts.change import forecasting
from spaces.families.forecasts.naive import NaiveModel, naive_space
from spaces.families.pretrained.space import pretrained_space
from spaces.families.real_mlp.space import real_mlp_space
from spaces.families.sequences.space import language_model_space, seq2seq_space, sequence_labels_space
from spaces.families.unsupervised.space import anomaly_space, autoencoder_space, gan_space, variational_space
from spaces.inputs.kind import InputKind
from spaces.inputs.kinds import KINDS, kinds_of
from spaces.inputs.table.spaces import numbers_of
from spaces.language.complaints import unknown_name
from spaces.language.space import Config, Space
from spaces.rows.signature import Signature
from spaces.rows.target import ITSELF, followed

BASELINE = "baseline"
# Rules of thumb where a family costs more than others of its library (`Family.cost`); kinds say their branches'.
_COSTS = {
    "extra_trees": 2.0,
    "hist_gradient_boosting": 2.0,
    "random_forest": 3.0,
    "real_mlp": 8.0,
    "wide_and_deep": 6.0,
    "functional": 8.0,
    "deep_trees": 10.0,
    "image_pretrained": 20.0,
    "seq2seq": 20.0,
}
# Points with which families begin, published ones by the names of their sources.
STARTS = {
    "dense": starts.DENSE,
    "extra_trees": starts.EXTRA_TREES,
    "hist_gradient_boosting": starts.HIST_GRADIENT_BOOSTING,
    "image_conv": starts.IMAGE_CONV,
    "lightgbm": starts.LIGHTGBM,
    "linear": starts.LINEAR,
    "random_forest": starts.RANDOM_FOREST,
    "real_mlp": starts.REAL_MLP,
    "xgboost": starts.XGBOOST,
}
_GROWING = ("image_conv",)
_WATCHED = {"stopping": "inner_loss", "epochs": 100}
_KIN = {"random_forest": "forests", "extra_trees": "forests"}
_ASKED_FOR = ("lightgbm", "real_mlp")  # what happens to be installed must not change a study; dearer than its like


def _families_of(kind: InputKind) -> Iterator[Family]:
    """Yield a family for each branch that reads a kind: texts beside anything, arrays beside tables."""
    unfit = partial(fits.only, kind) if kind.arrays is not None else partial(fits.some, kind)
    for branch in kind.branches if kind.families else ():
        name, space, cost = f"{kind.name}_{branch}", partial(kind_space, kind, branch), kind.costs.get(branch)
        yield forecasting(Family(name, space, _build_functional, (KERAS,), unfit=unfit, cost=cost, apart=True))


def _baseline(config: Config, signature: Signature) -> Any:
    """Build what anybody would say: the last value of a series that is to be continued, what is usual elsewhere."""
    if signature.target.kind == ITSELF:
        from spaces.families.unsupervised.usual import UsualModel

        return UsualModel(signature)
    if followed(signature.target):
        return NaiveModel({"forecast": {"last": {}}}, signature)
    return each_target(build_baseline)(config, signature)


def _deep_trees_space(signature: Signature) -> Space:
    if signature.texts or signature.arrays:
        network = functional_space(signature)
    else:
        network = {**dense_space(signature), "members": 1, **_WATCHED}
    return {"network": network, "trees": trees_space()}


def _build_dense(config: Config, signature: Signature) -> Any:
    from spaces.engines.keras.model import KerasModel
    from spaces.families.dense.network import build_dense, start_from_rows

    table = signature.joined
    return KerasModel(partial(build_dense, numbers=numbers_of(table)), config, table, start=start_from_rows)


def _build_wide_and_deep(config: Config, signature: Signature) -> Any:
    from spaces.engines.keras.model import KerasModel
    from spaces.families.dense.network import build_wide_and_deep

    return KerasModel(build_wide_and_deep, config, signature.joined)


def _build_functional(config: Config, signature: Signature) -> Any:
    from spaces.engines.keras.model import KerasModel
    from spaces.families.branches.network import build_functional

    return KerasModel(build_functional, config, signature)


def _build_siamese(config: Config, signature: Signature) -> Any:
    from spaces.engines.keras.model import KerasModel
    from spaces.families.branches.network import build_siamese

    twins = signature.pair is not None and signature.pair[0].kind == "table"
    return KerasModel(build_siamese, config, signature, twins)


def _build_deep_trees(config: Config, signature: Signature) -> Any:
    from spaces.families.deep_trees import DeepTreesModel

    build = _build_functional if signature.texts or signature.arrays else _build_dense
    return DeepTreesModel(build(config["network"], signature), config["trees"], signature)


def _build_real_mlp(config: Config, signature: Signature) -> Any:
    from spaces.engines.keras.model import KerasModel
    from spaces.families.real_mlp.network import build_real_mlp, start_from_rows

    table = signature.joined
    return KerasModel(partial(build_real_mlp, numbers=numbers_of(table)), config, table, start=start_from_rows)


def _build_pretrained(config: Config, signature: Signature) -> Any:
    from spaces.families.pretrained.model import PretrainedModel

    return PretrainedModel(config, signature)


def _no_base(space: Space, signature: Signature) -> str:
    """Say that a base is to be named; one that is named is opened."""
    if not space["base"]:
        return "needs a base: {'image_pretrained': {'base': 'base.keras', 'preprocessing': 'caffe'}}"
    from spaces.families.pretrained.features import open_base

    open_base(str(space["base"]), str(space["preprocessing"]), signature.input)
    return ""


def _base(space: Space) -> dict[str, Path]:
    from spaces.families.pretrained.bases import base_file

    return {str(space["base"]): base_file(str(space["base"]))}


def _itself(name: str, space: Callable[[Signature], Space], builder: str, *, loss: str) -> Family:
    """Return a family of networks that learn rows without a target."""

    def build(config: Config, signature: Signature) -> Any:
        from spaces.engines.keras.model import KerasModel

        return KerasModel(at(f"spaces.families.unsupervised.networks:{builder}"), config, signature)

    return Family(name, space, build, engines=(KERAS,), unfit=partial(fits.no_target, loss))


def _build_gan(config: Config, signature: Signature) -> Any:
    from spaces.families.unsupervised.gan import GanModel

    return GanModel(config, signature)


def _build_anomaly(config: Config, signature: Signature) -> Any:
    from spaces.families.unsupervised.anomaly import AnomalyModel

    return AnomalyModel(config, signature)


def _step_family(
    name: str, space: Callable[[Signature], Space], builder: str, *, unfit: Callable[[Signature], str]
) -> Family:
    def build(config: Config, signature: Signature) -> Any:
        from spaces.families.sequences.model import StepModel

        return StepModel(at(f"spaces.families.sequences.network:{builder}"), config, signature)

    return Family(name, space, build, engines=(KERAS,), unfit=unfit)


def _supervised(*families: Family) -> dict[str, Family]:
    return {
        one.name: replace(
            one,
            unfit=partial(fits.a_target, one.unfit),
            cost=_COSTS.get(one.name, one.cost),
            starts=tuple(STARTS.get(one.name, {}).values())[: starts.MOST],
            grows=one.name in _GROWING,
            kin=_KIN.get(one.name, ""),
            asked_for=one.name in _ASKED_FOR,
        )
        for one in families
    }


_SUPERVISED: dict[str, Family] = _supervised(
    *(
        forecasting(Family("dense", dense_space, _build_dense, (KERAS,), unfit=fits.tables_only)),
        forecasting(
            Family(
                "wide_and_deep",
                wide_and_deep_space,
                each_target(_build_wide_and_deep),
                (KERAS,),
                unfit=fits.tables_with_texts,
            )
        ),
        *(family for kind in KINDS.values() for family in _families_of(kind)),
        Family(
            "image_pretrained",
            pretrained_space,
            _build_pretrained,
            (KERAS, XGBOOST),
            unfit=fits.photographs,
            lacking=_no_base,
            reads=_base,
        ),
        forecasting(
            Family("functional", functional_space, _build_functional, (KERAS,), unfit=fits.several_inputs, apart=True)
        ),
        forecasting(Family("siamese", siamese_space, _build_siamese, (KERAS,), unfit=fits.pairs)),
        _step_family("sequence_labels", sequence_labels_space, "build_steps", unfit=fits.step_labels),
        _step_family("language_model", language_model_space, "build_steps", unfit=fits.step_labels),
        _step_family("seq2seq", seq2seq_space, "build_seq2seq", unfit=fits.pairs_of_sequences),
        *(
            forecasting(Family(name, space, each_target(build), engines, unfit=unfit))
            for name, space, build, engines, unfit in (
                ("real_mlp", real_mlp_space, _build_real_mlp, (KERAS,), fits.tables_only),
                ("deep_trees", _deep_trees_space, _build_deep_trees, (KERAS, XGBOOST), lambda signature: ""),
                ("xgboost", xgboost_space, build_xgboost, (XGBOOST,), partial(fits.lines_of_numbers, "trees")),
                ("lightgbm", lightgbm_space, build_lightgbm, (LIGHTGBM,), partial(fits.lines_of_numbers, "trees")),
                (
                    "random_forest",
                    random_forest_space,
                    build_random_forest,
                    (SKLEARN,),
                    partial(fits.lines_of_numbers, "trees"),
                ),
                ("extra_trees", extra_trees_space, build_extra_trees, (SKLEARN,), fits.tables_only),
                (
                    "hist_gradient_boosting",
                    hist_gradient_boosting_space,
                    build_hist_gradient_boosting,
                    (SKLEARN,),
                    fits.tables_only,
                ),
                ("linear", linear_space, build_linear, (SKLEARN,), partial(fits.lines_of_numbers, "linear")),
            )
        ),
        Family("series_anomaly", anomaly_space, _build_anomaly, (KERAS,), unfit=fits.windows_of_two_classes),
        Family("series_baseline", naive_space, NaiveModel, engines=(), unfit=fits.forecasts),
    )
)

_UNSUPERVISED = (
    _itself("autoencoder", autoencoder_space, "build_autoencoder", loss="reconstruction"),
    _itself("variational_autoencoder", variational_space, "build_variational", loss="elbo"),
    Family(
        "gan",
        gan_space,
        _build_gan,
        (KERAS,),
        unfit=partial(fits.no_target, "two_sample", only="image"),
        ignores_weights=True,
    ),
)

UNSUPERVISED = [family.name for family in _UNSUPERVISED]
FAMILIES: dict[str, Family] = {
    **_SUPERVISED,
    **{family.name: family for family in _UNSUPERVISED},
    BASELINE: Family(BASELINE, lambda signature: {}, _baseline, engines=(SKLEARN,)),
}


def families_for(signature: Signature) -> dict[str, Family]:
    """Return the families that come with us, and those of a task's own kinds of input."""
    own = kinds_of(one.kind for one in signature.inputs if one.kind not in KINDS)
    return {**FAMILIES, **_supervised(*(family for kind in own.values() for family in _families_of(kind)))}


def family_named(name: str, signature: Signature) -> Family:
    """Return the family of that name.

    Raises:
        ValueError: There is none; the message lists the right names.
    """
    known = families_for(signature)
    if name not in known:
        raise ValueError(f"family: {unknown_name(name, list(known))}")
    return known[name]


def fitting(signature: Signature) -> list[str]:
    """Return the names of the default families: all that can be used for a task as they are, the baseline included."""
    defaults = {name: one for name, one in families_for(signature).items() if not one.asked_for}
    known = {name: one for name, one in defaults.items() if one.weighs_rows or not signature.weighted}
    fit = {name: family for name, family in known.items() if not family.unfit(signature)}
    return [name for name, family in fit.items() if not family.lacking(family.space(signature), signature)]
