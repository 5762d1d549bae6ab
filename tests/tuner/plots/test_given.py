"""Plots say what they show when they are given something else."""

import pytest

import tuner
from tuner import plots


@pytest.mark.parametrize("name", plots.__all__)
def test_a_path_is_told_how_to_open_it(name):
    with pytest.raises(ValueError, match=rf"^{name} shows a study.*, got str: tuner.load_study\('runs/first'\)"):
        getattr(plots, name)("runs/first")


def test_what_is_no_study_is_told_where_one_is(study):
    with pytest.raises(ValueError, match=r"got TunedClassifier: .* an estimator keeps as study_"):
        plots.history(study=tuner.TunedClassifier())
    with pytest.raises(ValueError, match=r"its study is one, plots.history\(it.study\)"):
        plots.history(study.model(study.best.name))
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'study'"):
        plots.history()
    with pytest.raises(TypeError, match=r"^history\(\) has no argument 'n' \(right names: study\)$"):
        plots.history(study, n=3)


def test_a_metric_without_curves_is_refused(study):
    with pytest.raises(ValueError, match=r"metric: unknown name 'val_loss'.*right names: .*log_loss"):
        plots.learning_curves(study, metric="val_loss")
    with pytest.raises(ValueError, match="best must be at least 1, got 0"):
        plots.learning_curves(study, best=0)
