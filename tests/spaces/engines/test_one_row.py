"""A row alone is predicted as it is among others, though a short way leads there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from extras import where_installed

from spaces import FAMILIES, defaults, narrow

QUICK: dict[str, dict[str, Any]] = {
    "xgboost": {"n_estimators": 10},
    "lightgbm": {"n_estimators": 10},
    "random_forest": {"n_estimators": 30},
    "extra_trees": {"n_estimators": 30},
}


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
@pytest.mark.parametrize("name", where_installed(QUICK))
def test_a_row_alone_is_predicted_as_among_others(data, name, kind):
    given = data(kind)
    config = defaults(narrow(FAMILIES[name].space(given.signature), QUICK[name]))
    fitted = next(iter(FAMILIES[name].build(config, given.signature).fit(given.folds[:1], lambda *_: None)))
    together = fitted.predict(given.new)
    alone = np.concatenate([fitted.predict(given.new.take(slice(i, i + 1))) for i in range(len(given.new))])
    np.testing.assert_allclose(alone, together, rtol=1e-6)
    assert alone.dtype == together.dtype


def test_trees_are_told_how_many_threads_they_may_use_when_that_changes(data, monkeypatch):
    given = data("regression")
    config = defaults(narrow(FAMILIES["xgboost"].space(given.signature), QUICK["xgboost"]))
    fitted: Any = next(iter(FAMILIES["xgboost"].build(config, given.signature).fit(given.folds[:1], lambda *_: None)))
    for threads in (1, 2, 1):
        monkeypatch.setattr("spaces.engines.xgboost.threads_for", lambda *_, threads=threads: threads)
        fitted.predict(given.new)
        assert f'"nthread":"{threads}"' in fitted.booster.save_config()
