"""Plots of a study and of its ensemble, each a Plotly figure.

    from tuner import plots

    plots.history(study).show()

Of a study, those of an ensemble show the last one that was made of it.
"""

from __future__ import annotations

from typing import NoReturn

from spaces.machine.habits import PLOTS, no_attribute
from spaces.machine.mistakes import briefly
from tuner.plots.of_ensembles import error_correlations as error_correlations
from tuner.plots.of_ensembles import importances as importances
from tuner.plots.of_ensembles import predictions as predictions
from tuner.plots.of_ensembles import reliability as reliability
from tuner.plots.of_ensembles import weights as weights
from tuner.plots.of_parameters import parallel_coordinates as parallel_coordinates
from tuner.plots.of_parameters import parameter_importances as parameter_importances
from tuner.plots.of_trials import families as families
from tuner.plots.of_trials import history as history
from tuner.plots.of_trials import learning_curves as learning_curves

__all__ = [
    "error_correlations",
    "families",
    "history",
    "importances",
    "learning_curves",
    "parallel_coordinates",
    "parameter_importances",
    "predictions",
    "reliability",
    "weights",
]


def __dir__() -> list[str]:
    return __all__


@briefly
def __getattr__(name: str) -> NoReturn:
    raise AttributeError(no_attribute("module 'tuner.plots'", name, __all__, habits=PLOTS))
