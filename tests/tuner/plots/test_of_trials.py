"""Plots of trials show those that succeeded, and mark the others."""

from tuner import plots


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


def test_seconds_of_each_family(study):
    (bars,) = plots.families(study).data
    assert set(bars.y) == set(study.families)
