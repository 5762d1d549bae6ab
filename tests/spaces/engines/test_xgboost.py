"""Boosted trees: how many threads they use."""

from __future__ import annotations

import json

import pytest

from spaces import FAMILIES, defaults, narrow
from spaces.store import load_fitted


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


def _threads(fitted) -> str:
    return json.loads(fitted.booster.save_config())["learner"]["generic_param"]["nthread"]
