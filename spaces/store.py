"""What is stored under which name: the only file that knows every model and every preprocessing.

A stored name stays when a class moves or is called otherwise; what lies on disk then loads as before. Each `load` is
handed the store, so that a model that holds others need not know of which library they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spaces.engines.contract import Fitted
from spaces.engines.engine import ENGINES, at, check_installed, engine_named
from spaces.inputs.prepared import Prepared
from spaces.machine.strange import StrangeFile, inside, read_json

FITTED = {
    **{engine.name: engine.fitted for engine in ENGINES.values()},
    "each": "spaces.families.each_target:EachFitted",
    "deep_trees": "spaces.families.deep_trees:DeepTreesFitted",
    "joint": "spaces.families.joint.fitted:JointFitted",
    "change": "spaces.families.forecasts.change:ChangeFitted",
    "naive": "spaces.families.forecasts.naive:NaiveFitted",
    "steps": "spaces.families.sequences.model:StepFitted",
    "usual": "spaces.families.unsupervised.usual:UsualFitted",
    "gan": "spaces.families.unsupervised.gan:GanFitted",
    "anomaly": "spaces.families.unsupervised.anomaly:AnomalyFitted",
}
PREPARED = {
    "table": "spaces.inputs.table.matrix:PreparedTable",
    "inputs": "spaces.inputs.prepared:PreparedInputs",
    "network": "spaces.families.deep_trees:DeepColumns",
    "base": "spaces.families.pretrained.features:BaseFeatures",
}


class _Store:
    """Opens what was stored; see `spaces.engines.contract.Store`."""

    def fitted(self, folder: Path) -> Fitted:
        settings = _settings(folder)
        name = settings["library"]
        if name in ENGINES:
            check_installed([ENGINES[name]])
        where = engine_named(name).fitted if ":" in name else _known(FITTED, name, folder)
        loaded: Fitted = at(where).load(folder, settings, self)
        return loaded

    def prepared(self, folder: Path, settings: Mapping[str, Any]) -> Prepared:
        loaded: Prepared = at(_known(PREPARED, settings["kind"], folder)).load(folder, settings, self)
        return loaded


STORE = _Store()


def load_fitted(folder: Path) -> Fitted:
    """Read what a fitted model's `save` wrote, whatever library it comes from.

    Raises:
        ValueError: The folder is of a library that this version does not know.
        EngineError: It is of a user's own engine, whose module is not imported, or of an extra that is not installed.
    """
    return STORE.fitted(folder)


def made_of(folder: Path) -> tuple[str, ...]:
    """Return the stored name of a fitted model and, behind it, those of what it wraps; nothing is loaded."""
    settings = _settings(folder)
    wrapped = settings.get("wraps")
    return (settings["library"], *(made_of(inside(folder, wrapped)) if wrapped else ()))


def _settings(folder: Path) -> dict[str, Any]:
    settings = read_json(folder / "model.json")
    if not isinstance(settings, dict) or not isinstance(settings.get("library"), str):
        raise StrangeFile(f"{folder / 'model.json'} does not say which library its model is of")
    return settings


def _known(known: Mapping[str, str], name: str, folder: Path) -> str:
    if name not in known:
        raise ValueError(f"{folder} holds a {name!r}, which this version cannot load; it loads {', '.join(known)}")
    return known[name]
