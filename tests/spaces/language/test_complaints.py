"""A name that does not exist is answered with the nearest that does, and with as many names as can be read."""

from spaces.language.complaints import unknown_name


def test_the_nearest_name_may_be_the_end_of_a_longer_one():
    assert unknown_name("tpe", ["optuna.random", "hyperopt.tpe"]).startswith(
        "unknown name 'tpe', did you mean 'hyperopt.tpe'?"
    )
    assert (
        unknown_name("UNITS", ["depth", "units"])
        == "unknown name 'UNITS', did you mean 'units'? (right names: depth, units)"
    )
    assert "did you mean" not in unknown_name("", ["a.", "b."])


def test_of_many_names_some_are_listed_and_the_rest_counted():
    names = [f"linear-{i:06}" for i in range(1000)]
    said = unknown_name("linear-999", names)
    assert "did you mean 'linear-" in said
    assert said.endswith("linear-000039 and 960 more)")
