"""Plots of an ensemble, from the ensemble and from what its study kept of it."""

import pytest

from tuner import plots

KINDS = [plots.weights, plots.error_correlations, plots.reliability, plots.predictions, plots.importances]


@pytest.fixture(scope="module")
def automatic(study):
    """The study's last ensemble; tests of other files may have made another since the shared one."""
    return study.ensemble(column_time="10s")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_study_and_ensemble_show_the_same(kind, study, automatic):
    assert kind(study).to_json() == kind(automatic).to_json()


def test_each_held_out_row_is_in_the_confusion_once(study, automatic):
    (heat,) = plots.predictions(automatic).data
    assert sum(map(sum, heat.customdata)) == len(automatic.choice.fitted.rows)
    assert (heat.texttemplate, [list(row) for row in heat.text]) == ("%{text}", [list(row) for row in heat.customdata])
