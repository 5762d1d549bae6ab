"""Plots of parameters know one family's trials."""

import pytest

from tuner import plots


def test_shares_are_one_together(study):
    (bars,) = plots.parameter_importances(study, "linear").data
    assert 0 < sum(bars.x) <= 1 + 1e-9


def test_the_last_axis_is_the_score(study):
    (lines,) = plots.parallel_coordinates(study, "linear").data
    its = [trial.value for trial in study.complete if trial.family == "linear"]
    assert lines.dimensions[-1].label == "log_loss"
    assert list(lines.dimensions[-1]["values"]) == its


def test_an_unknown_family_is_an_error_with_the_nearest_name(study):
    with pytest.raises(ValueError, match="linear"):
        plots.parallel_coordinates(study, "linaer")
