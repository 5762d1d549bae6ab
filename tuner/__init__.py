"""Run studies over families of models, keep everything, and end in an ensemble.

    import tuner

    task = tuner.Task(frame, target="income")
    study = tuner.tune(task)
    ensemble = study.ensemble()

Names are imported when they are first used, so that `import tuner` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ensembles.ensemble import load as load
    from spaces.family import family as family
    from spaces.pretrained_bases import pretrained_base as pretrained_base
    from tuner.hyperopt_sampler import HyperoptSampler as HyperoptSampler
    from tuner.language import generate as generate
    from tuner.language import language_task as language_task
    from tuner.launch import tune as tune
    from tuner.metrics import METRICS as METRICS
    from tuner.metrics import Metric as Metric
    from tuner.reading import image_folder as image_folder
    from tuner.samplers import PRUNERS as PRUNERS
    from tuner.samplers import SAMPLERS as SAMPLERS
    from tuner.sequences import decode as decode
    from tuner.sequences import sequence_task as sequence_task
    from tuner.series import anomalies as anomalies
    from tuner.series import forecast as forecast
    from tuner.series import series_task as series_task
    from tuner.splits import Split as Split
    from tuner.study import Study as Study
    from tuner.study import load_study as load_study
    from tuner.task import Task as Task
    from tuner.unlabelled import best_model as best_model

__version__ = "0.1.0"

_WHERE = {
    "HyperoptSampler": "tuner.hyperopt_sampler",
    "METRICS": "tuner.metrics",
    "Metric": "tuner.metrics",
    "PRUNERS": "tuner.samplers",
    "SAMPLERS": "tuner.samplers",
    "Split": "tuner.splits",
    "Study": "tuner.study",
    "Task": "tuner.task",
    "anomalies": "tuner.series",
    "best_model": "tuner.unlabelled",
    "decode": "tuner.sequences",
    "family": "spaces.family",
    "forecast": "tuner.series",
    "generate": "tuner.language",
    "image_folder": "tuner.reading",
    "language_task": "tuner.language",
    "load": "ensembles.ensemble",
    "load_study": "tuner.study",
    "pretrained_base": "spaces.pretrained_bases",
    "sequence_task": "tuner.sequences",
    "series_task": "tuner.series",
    "tune": "tuner.launch",
}
__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'tuner' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted([*_WHERE, "__version__"])
