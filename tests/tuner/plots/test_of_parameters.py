"""Plots of parameters know one family's trials."""

from pathlib import Path

import pytest

from tuner import plots
from tuner.archive.records import Records
from tuner.search.ledger import Trial, Turn
from tuner.trials.outcome import Outcome


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


class Told(Records):
    """Trials that stand in a list, in place of a ledger."""

    metric, sign = "loss", 1
    trials: tuple[Trial, ...] = ()

    def curves(self, trial):
        return []


def test_where_no_parameter_explains_anything_all_shares_are_zero():
    study = Told(Path("runs/told"), None, ("baseline", "dense"))
    trials = [
        Trial("dense", i, "complete", {"units": 8 + i}, Outcome("complete", 0.5, (0.5,)), Turn(i, "first"))
        for i in range(12)
    ]
    object.__setattr__(study, "trials", trials)
    (bars,) = plots.parameter_importances(study, "dense").data
    assert list(bars.x) == [0.0]


@pytest.mark.parametrize(("complete", "said"), [(0, "there is none"), (1, "dense has 1")])
@pytest.mark.parametrize(("plot", "least"), [("parameter_importances", 4), ("parallel_coordinates", 2)])
def test_too_few_trials_that_succeeded_are_said_to_be(plot, least, complete, said):
    study = Told(Path("runs/told"), None, ("baseline", "dense"))
    ended = [Outcome("complete", 0.5, (0.5,))] * complete + [Outcome("failed"), Outcome("pruned")]
    params = {"units": 8, "depth": 2}
    trials = [Trial("dense", i, one.state, params, one, Turn(i, "first")) for i, one in enumerate(ended)]
    object.__setattr__(study, "trials", trials)
    with pytest.raises(ValueError, match=f"{plot} needs {least} complete trials of a family .*, and {said}"):
        getattr(plots, plot)(study)
