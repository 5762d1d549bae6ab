"""A column that the target is made of matters more than the rest."""

from tuner.ensembling.importance import column_importances


def test_columns_that_make_the_target_lead(automatic):
    found = column_importances(automatic.study, automatic.ensemble, 60)
    order = [one["column"] for one in found["columns"]]
    assert set(order) == {"x", "y", "colour"}
    assert order[0] == "x"
    assert all(len(one["folds"]) == 3 for one in found["columns"])
    assert found["columns"][0]["worse"] > 0.05


def test_without_time_nothing_is_measured_and_it_is_said_how_many_there_are(automatic):
    assert column_importances(automatic.study, automatic.ensemble, -1) == {"columns": [], "are": 3}
