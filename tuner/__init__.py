"""Run studies over families of models, keep everything, and end in an ensemble.

    import tuner

    task = tuner.Task(frame, target="income")
    study = tuner.tune(task)
    ensemble = study.ensemble()

Names are imported when they are first used, so that `import tuner` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NoReturn

from tuner.in_the_way import check

if TYPE_CHECKING:
    from ensembles.loading import load as load
    from ensembles.losses import Undefined as Undefined
    from spaces.families.keras_tuner import keras_tuner_family as keras_tuner_family
    from spaces.families.own import family as family
    from spaces.families.pretrained.bases import pretrained_base as pretrained_base
    from spaces.inputs.files import image_folder as image_folder
    from spaces.inputs.image.border import Image as Image
    from spaces.inputs.series.border import Series as Series
    from spaces.inputs.table.kind import Category as Category
    from spaces.inputs.text.kind import Text as Text
    from tuner.ensembling.build import compare as compare
    from tuner.ensembling.evaluation import evaluate as evaluate
    from tuner.ensembling.looks import single_ensemble as single_ensemble
    from tuner.estimators.tuned import TunedClassifier as TunedClassifier
    from tuner.estimators.tuned import TunedRegressor as TunedRegressor
    from tuner.launch.optimize import optimize as optimize
    from tuner.launch.repair import repair as repair
    from tuner.launch.tune import tune as tune
    from tuner.recipes.best_model import best_model as best_model
    from tuner.recipes.language import generate as generate
    from tuner.recipes.language import language_task as language_task
    from tuner.recipes.sequences import decode as decode
    from tuner.recipes.sequences import sequence_task as sequence_task
    from tuner.recipes.series import anomalies as anomalies
    from tuner.recipes.series import forecast as forecast
    from tuner.recipes.series import series_task as series_task
    from tuner.scoring.metrics import METRICS as METRICS
    from tuner.scoring.score import Metric as Metric
    from tuner.search.hyperopt_sampler import HyperoptSampler as HyperoptSampler
    from tuner.search.samplers import PRUNERS as PRUNERS
    from tuner.search.samplers import SAMPLERS as SAMPLERS
    from tuner.study import Study as Study
    from tuner.study import load_study as load_study
    from tuner.task.splits import Split as Split
    from tuner.task.task import Task as Task

check()

__version__ = "0.1.0"

_WHERE = {
    "Category": "spaces.inputs.table.kind",
    "HyperoptSampler": "tuner.search.hyperopt_sampler",
    "Image": "spaces.inputs.image.border",
    "METRICS": "tuner.scoring.metrics",
    "Metric": "tuner.scoring.score",
    "PRUNERS": "tuner.search.samplers",
    "SAMPLERS": "tuner.search.samplers",
    "Series": "spaces.inputs.series.border",
    "Split": "tuner.task.splits",
    "Study": "tuner.study",
    "Task": "tuner.task.task",
    "TunedClassifier": "tuner.estimators.tuned",
    "TunedRegressor": "tuner.estimators.tuned",
    "Text": "spaces.inputs.text.kind",
    "Undefined": "ensembles.losses",
    "anomalies": "tuner.recipes.series",
    "best_model": "tuner.recipes.best_model",
    "compare": "tuner.ensembling.build",
    "single_ensemble": "tuner.ensembling.looks",
    "decode": "tuner.recipes.sequences",
    "evaluate": "tuner.ensembling.evaluation",
    "family": "spaces.families.own",
    "forecast": "tuner.recipes.series",
    "generate": "tuner.recipes.language",
    "image_folder": "spaces.inputs.files",
    "keras_tuner_family": "spaces.families.keras_tuner",
    "language_task": "tuner.recipes.language",
    "load": "ensembles.loading",
    "load_study": "tuner.study",
    "optimize": "tuner.launch.optimize",
    "pretrained_base": "spaces.families.pretrained.bases",
    "repair": "tuner.launch.repair",
    "sequence_task": "tuner.recipes.sequences",
    "series_task": "tuner.recipes.series",
    "tune": "tuner.launch.tune",
}
__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name == "plots":
        return importlib.import_module("tuner.plots")
    if name.startswith("__"):
        raise AttributeError(f"module 'tuner' has no attribute {name!r}")
    if name not in _WHERE:
        from spaces.machine.mistakes import briefly

        return briefly(_absent)(name)
    return getattr(importlib.import_module(_WHERE[name]), name)


def _absent(name: str) -> NoReturn:
    from spaces.machine.habits import NAMES, no_attribute

    raise AttributeError(no_attribute("module 'tuner'", name, _WHERE, habits=NAMES))


def __dir__() -> list[str]:
    return sorted([*_WHERE, "__version__"])
