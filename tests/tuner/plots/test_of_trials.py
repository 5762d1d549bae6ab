"""Plots of trials show those that succeeded, and mark the others."""

import numpy as np

from tuner import plots
from tuner.plots.of_trials import _thinned, _where_most_are


def test_history_shows_each_score_once_and_the_best_so_far(study):
    made = plots.history(study)
    dots = [y for trace in made.data if trace.mode == "markers" and trace.name in study.families for y in trace.y]
    assert len(dots) == len(study.complete)
    (best,) = [trace for trace in made.data if trace.name == "best so far"]
    assert list(best.y) == sorted(best.y, reverse=True)
    assert best.y[-1] == study.best.value


def test_curves_are_of_trials_that_have_some(study):
    made = plots.learning_curves(study)
    assert {trace.name.split("-")[0] for trace in made.data} == {"xgboost"}
    assert all(len(trace.y) for trace in made.data)


def test_a_curve_that_begins_far_away_does_not_flatten_the_others():
    others = [np.linspace(60, 55, 20), np.linspace(80, 50, 20)]
    least, most = _where_most_are([np.array([1000.0, 400.0, 90.0, 58.0]), *others])
    assert 40 < least < 50
    assert 80 < most < 120
    least, most = _where_most_are([np.array([60.0, 400.0]), *others])
    assert most > 400, "an end is always shown"
    assert _where_most_are([np.ones(3)]) == (0.0, 2.0)


def test_seconds_of_each_family(study):
    (bars,) = plots.families(study).data
    assert set(bars.y) == set(study.families)


def test_a_curve_of_thousands_of_steps_is_drawn_by_some_hundred_its_ends_among_them():
    found = _thinned(range(10_000))
    assert (found[0], found[-1]) == (0, 9999)
    assert 200 < len(found) == len(set(found)) <= 300
    assert found[:5] == [0, 1, 2, 3, 4], "the first steps are far apart on a logarithmic axis"
    assert _thinned(range(7)) == list(range(7))
