"""Boosted trees with XGBoost's defaults, categories as such: the floor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import LabelEncoder
from xgboost import XGBClassifier, XGBRegressor

from benchmarks.sides.exchange import TARGET, main, of_classes


def predicts(
    train: pd.DataFrame, test: pd.DataFrame, seconds: float, scratch: Path
) -> tuple[NDArray[Any], Sequence[str]]:
    """Return predictions of the test rows."""
    columns, test = train.drop(columns=TARGET), test.copy()
    for name in columns.select_dtypes(exclude="number"):
        columns[name] = columns[name].astype("category")
        test[name] = pd.Categorical(test[name], columns[name].cat.categories)
    if not of_classes(train):
        return XGBRegressor(enable_categorical=True).fit(columns, train[TARGET]).predict(test), ()
    labels = LabelEncoder().fit(train[TARGET])
    model = XGBClassifier(enable_categorical=True).fit(columns, labels.transform(train[TARGET]))
    return model.predict_proba(test), list(labels.classes_)


if __name__ == "__main__":
    main(predicts)
