"""A user's own line is found among ours and those of libraries (in notebooks: tests/tuner/launch/test_box.py)."""

import inspect
import json

import pytest

from spaces import Int, sample
from spaces.families.hyper_parameters import found_space
from spaces.machine.mistakes import all_briefly, users_line


def caught(function):
    with pytest.raises(Exception) as found:
        function()
    return found.value


def test_the_last_line_of_a_users_own_is_told():
    def build(hp):
        return json.loads("{")

    line = inspect.getsourcelines(build)[1] + 1
    assert users_line(caught(lambda: found_space(build))) == (
        f' (test_mistakes.py, line {line}: return json.loads("{{"))'
    )


def test_what_is_not_a_users_line_is_not_told():
    error = caught(lambda: sample({"units": Int(1, 3)}, None))
    error.__traceback__ = error.__traceback__.tb_next.tb_next.tb_next  # without the lines of this file
    assert users_line(error) == ""


def test_a_line_without_a_file_is_told_by_its_function():
    named = {"__name__": "__main__"}
    exec(compile("def build(hp):\n    return 1 / 0", "<cell 3>", "exec"), named)
    assert users_line(caught(lambda: named["build"](None))) == " (line 2 of build)"


def test_public_methods_and_no_others_complain_briefly():
    @all_briefly
    class Owner:
        """Has some."""

        def __init__(self, kept=1):
            self.kept = kept

        def told(self, metric="mae"):
            return metric, self._hidden()

        def _hidden(self):
            return self.kept

        @property
        def half(self):
            return self.kept / 2

    assert Owner(4).told("mse") == ("mse", 4)
    assert Owner(4).half == 2
    assert [name for name, value in vars(Owner).items() if hasattr(value, "__wrapped__")] == ["told"]
    with pytest.raises(TypeError, match=r"^told\(\) has no argument 'metrik', did you mean 'metric'\?$"):
        Owner().told(metrik="mse")
