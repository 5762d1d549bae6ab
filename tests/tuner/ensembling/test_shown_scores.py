import json

from tuner.ensembling.shown_scores import Scores

SCORES = {
    "ensemble": {
        "in_sample": 0.91,
        "cross_fitted": 0.9,
        "metrics": {"map": {"in_sample": 0.81, "cross_fitted": 0.8}},
        "groups": "9 of 10 groups scored",
    },
    "best_single": {"trial": "linear-000001", "cross_validated": 0.88},
    "comparator": {"cross_fitted": 0.87, "trials": ["linear-000001", "x<y"], "why": "a long sentence"},
    "difference": {"cross_fitted": 0.03, "standard_error": 0.01},
}

PRINTED = """\
               in_sample  cross_fitted  cross_validated  standard_error
ensemble            0.91           0.9                                   9 of 10 groups scored
best_single                                        0.88                  linear-000001
comparator                        0.87                                   linear-000001, x<y
difference                        0.03                             0.01
ensemble, map       0.81           0.8"""


def test_scores_are_a_dictionary_that_a_notebook_shows_as_a_table():
    scores = Scores(SCORES)
    assert scores == SCORES
    assert json.loads(json.dumps(scores)) == SCORES
    shown = scores._repr_html_()
    for said in ("best single", "0.88", "ensemble, map", "9 of 10 groups scored", "x&lt;y", "standard error"):
        assert said in shown
    assert "a long sentence" not in shown
    assert shown.count("<tr>") == 1 + 5
    assert str(scores) == PRINTED
    assert "standard error" not in Scores({"ensemble": {"in_sample": 1.0}})._repr_html_()
