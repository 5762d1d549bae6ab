"""What MLflow loads of a published ensemble: `mlflow.pyfunc.load_model` finds `_load_pyfunc` here by name."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ensembles.ensemble import Ensemble
from ensembles.loading import load
from ensembles.predictions import predictions_table
from spaces.inputs.files import DataError
from spaces.rows.columns import TableError


class Published:
    """An ensemble as MLflow calls it."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble = ensemble

    def predict(self, rows: Any, params: Any = None) -> pd.DataFrame:
        """Return predictions and probabilities of raw rows, a row each.

        Args:
            rows: What `Ensemble.predict` takes.
            params: There are none.

        Raises:
            MlflowException: The ensemble does not read such rows; MLflow's server tells the caller of no other error.
        """
        try:
            return predictions_table(self.ensemble, self.ensemble.raw(rows))
        except (TableError, DataError) as error:
            from mlflow.exceptions import MlflowException

            raise MlflowException.invalid_parameter_value(str(error)) from error


def _load_pyfunc(path: str) -> Published:
    """Load an ensemble with its models: MLflow's server says that it is there only after this, as with other models."""
    return Published(load(path).warm_up())
