"""When the loop ends."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tuner


@pytest.mark.slow
@pytest.mark.parametrize(("limits", "ended"), [({"time": "5m"}, True), ({"trials": 9}, False)])
def test_a_study_with_a_time_ends_where_nothing_is_gained_and_says_so(
    tmp_path, monkeypatch, capsys, limits, ended
) -> None:
    monkeypatch.setattr("tuner.search.early_end._PATIENCE", 3)
    monkeypatch.setattr("tuner.search.early_end._A_FAMILY", 3)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=80)})
    task = tuner.Task(
        frame.assign(y=2 * frame["a"] + 0.1 * rng.normal(size=80)), "y", split={"kind": "kfold", "folds": 2}
    )
    study = tuner.tune(task, ["linear"], **limits, workers=0, folder=tmp_path / "s", tracking=None)
    said = capsys.readouterr()
    assert ("trials gained nothing for the ensemble" in said.out + said.err) is ended
    assert (len(study.trials) - 1 < 9) is ended
