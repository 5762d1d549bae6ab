"""Boosted trees: how many threads they use, and how many columns."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import tuner
from spaces import FAMILIES, defaults, narrow
from spaces.store import load_fitted
from tuner.task.folds import make_folds


def test_few_rows_are_trained_and_predicted_by_one_thread(data, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNER_THREADS", "2")
    d = data("regression")
    config = defaults(narrow(FAMILIES["xgboost"].space(d.signature), {"n_estimators": 10}))
    (trained,) = FAMILIES["xgboost"].build(config, d.signature).fit(d.folds[:1], lambda *_: None)
    assert _threads(trained) == "1"
    trained.save(tmp_path)
    loaded = load_fitted(tmp_path)
    loaded.predict(d.new)
    assert _threads(loaded) == "1"


@pytest.mark.parametrize(
    ("name", "share"), [("colsample_bytree", 0.3), ("colsample_bylevel", 0.9), ("colsample_bynode", 0.9)]
)
def test_a_share_of_two_columns_is_both_so_that_what_they_say_together_is_learned(name, share) -> None:
    rows = np.random.default_rng(0).normal(size=(600, 2)).astype(np.float32)
    task = tuner.Task(pd.DataFrame(rows, columns=["a", "b"]).assign(y=rows[:, 0] * rows[:, 1] > 0), "y")
    space = narrow(FAMILIES["xgboost"].space(task.signature), {"n_estimators": 60, name: share})
    fold, held_out = next(iter(make_folds(task)))
    (trained,) = FAMILIES["xgboost"].build(defaults(space), task.signature).fit([fold], lambda *_: None)
    said = trained.predict(held_out.table)[:, 1] > 0.5
    assert (said == held_out.target.astype(bool)).mean() > 0.9


def _threads(fitted) -> str:
    return json.loads(fitted.booster.save_config())["learner"]["generic_param"]["nthread"]
