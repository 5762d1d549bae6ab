"""Load a model that was trained on one fold, whatever library it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from spaces.family import Fitted


def load_fitted(folder: Path) -> Fitted:
    """Read what a fitted model's `save` wrote.

    Raises:
        ValueError: The folder is of a library that this version does not know.
    """
    settings = json.loads((folder / "model.json").read_text())
    match settings["library"]:
        case "keras":
            from spaces.keras_model import KerasFitted

            return cast(Fitted, KerasFitted.load(folder, settings))
        case "xgboost":
            from spaces.xgboost_model import XGBoostFitted

            return XGBoostFitted.load(folder, settings)
        case "each":
            from spaces.each_target import EachFitted

            return EachFitted.load(folder, settings)
        case "joint":
            from spaces.joint import JointFitted

            return JointFitted.load(folder, settings)
        case "change":
            from spaces.changes import ChangeFitted

            return ChangeFitted.load(folder, settings)
        case "naive":
            from spaces.naive import NaiveFitted

            return NaiveFitted.load(folder, settings)
        case "usual" | "gan" | "anomaly" as library:
            from spaces.unlabelled import AnomalyFitted, GanFitted, UsualFitted

            kinds: dict[str, Any] = {"usual": UsualFitted, "gan": GanFitted, "anomaly": AnomalyFitted}
            return cast(Fitted, kinds[library].load(folder, settings))
        case "steps":
            from spaces.step_model import StepFitted

            return cast(Fitted, StepFitted.load(folder, settings))
        case "sklearn":
            from spaces.estimator_model import EstimatorFitted

            return EstimatorFitted.load(folder, settings)
    raise ValueError(f"{folder} holds a model of library {settings['library']!r}, which this version cannot load")
