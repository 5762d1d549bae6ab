"""Options are written once: in a signature."""

from __future__ import annotations

import functools
import inspect
import runpy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import click
import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from tuner import studyfile
from tuner.amounts import Count, Duration, Natural, Positive
from tuner.commands import ensembles, running
from tuner.derived_command import DerivedCommand
from tuner.launch.tune import tune
from tuner.options import options_of, section
from tuner.study import Study
from tuner.studyfile import (
    BudgetSection,
    EnsembleSection,
    RaySection,
    StudyFileError,
    StudySection,
    checked,
    read_study_toml,
)
from tuner.trials.ray_cluster import RayCluster


def search(
    data: Any,
    *,
    trials: Count | None = None,
    time: Duration | None = None,
    seed: Natural = 0,
    rate: Positive = 0.1,
    sampler: str | Callable[[int], Any] = "tpe",
    turns: Literal["trials", "seconds"] = "trials",
    drop: Sequence[str] = (),
    start: Sequence[Mapping[str, Any]] = (),
    image: Path | str | None = None,
    quiet: bool = False,
    progress: bool = True,
    on_trial: Callable[[], bool] | None = None,
) -> None:
    """Search.

    Args:
        data: Rows.
        trials: Stop after so many trials; never
            when left out.
        turns: Whose `"turn"` it is. More of this elsewhere.
    """


FOUND = options_of(search, without=["data"])


def test_what_toml_can_say_is_an_option():
    names = "trials time seed rate sampler turns drop start image quiet progress"
    assert list(FOUND) == names.split()
    assert FOUND["sampler"].type is str
    assert FOUND["drop"].type == list[str]
    assert FOUND["start"].type == list[dict[str, Any]]
    assert FOUND["image"].type == str | None
    assert (FOUND["seed"].default, FOUND["trials"].words) == (0, "Stop after so many trials; never when left out.")


@pytest.mark.parametrize(
    "wrong",
    [
        {"trials": 0},
        {"trials": 2.5},
        {"trials": True},
        {"seed": -1},
        {"rate": 0},
        {"turns": "epochs"},
        {"drop": "x"},
        {"quiet": 1},
        {"trails": 3},
        {"on_trial": "f"},
    ],
    ids=str,
)
def test_a_section_refuses_what_the_signature_does_not_say(wrong):
    made = section("Search", FOUND)
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        made.model_validate(wrong)
    right = {"trials": 3, "time": "20m", "rate": 1, "drop": ["x"], "start": [{"family": "linear"}]}
    assert made.model_validate(right).model_dump(exclude_unset=True) == right


def test_a_command_takes_the_same():
    taken = {}
    command = DerivedCommand(
        name="search", function=f"{__name__}:search", without=("data",), callback=lambda **given: taken.update(given)
    )
    arguments = "--trials 3 --time 20m --rate 0.5 --turns seconds --quiet --no-progress"
    assert CliRunner().invoke(command, arguments.split()).exit_code == 0
    told = {name: value for name, value in taken.items() if value is not None}
    assert told == {
        "trials": 3, "time": "20m", "rate": 0.5, "turns": "seconds", "quiet": True, "progress": False,
    }  # fmt: skip
    assert CliRunner().invoke(command, ["--time", "90"]).exit_code == 0
    assert taken["time"] == 90.0
    for wrong in ("--trials 0", "--rate 0", "--turns epochs", "--drop x"):
        assert CliRunner().invoke(command, wrong.split()).exit_code == 2, wrong
    words = CliRunner().invoke(command, ["--help"]).output
    assert "Whose turn it is." in words
    assert "More of this" not in words


def test_the_study_file_takes_every_argument_of_tune_and_of_the_ensemble():
    launch = {*StudySection.model_fields, *BudgetSection.model_fields} - {"name"}
    assert launch == set(options_of(tune, without=["task", "families", "folder", "ray"]))
    assert set(RaySection.model_fields) == set(options_of(RayCluster))
    assert set(EnsembleSection.model_fields) == set(options_of(Study.ensemble, without=["self"]))
    assert {"disk", "seeds", "max_mb"} <= {*launch, *EnsembleSection.model_fields}


def test_the_help_of_run_speaks_of_what_a_terminal_can_say():
    words = " ".join(CliRunner().invoke(running.run, ["--help"]).output.split())
    assert "The name of a sampler, such as hyperopt.tpe. [default: optuna.tpe]" in words
    assert "[default: 8,000,000,000]" in words
    for python in ("->", "Optuna sampler", "study.ensemble()", "or None."):
        assert python not in words


def with_one_more(function):
    """Return a copy of a function that takes `patience` too, as if it had been written there."""
    signature = inspect.signature(function)
    more = inspect.Parameter("patience", inspect.Parameter.KEYWORD_ONLY, default=None)

    @functools.wraps(function)
    def copied(*args, **given):
        return function(*args, **given)

    copied.__signature__ = signature.replace(parameters=[*signature.parameters.values(), more])
    copied.__annotations__ = {**function.__annotations__, "patience": "Count | None"}
    copied.__doc__ = inspect.getdoc(function).replace("Args:\n", "Args:\n    patience: Wait so long. Not longer.\n", 1)
    return copied


@pytest.mark.parametrize(
    ("where", "command", "given", "found"),
    [
        ("tuner.launch.tune.tune", (running, "run"), {"study": {"name": "x", "patience": 3}}, "launch"),
        ("tuner.study.Study.ensemble", (ensembles, "ensemble"), {"ensemble": {"patience": 3}}, "ensemble"),
    ],
    ids=["tune", "ensemble"],
)
def test_one_more_argument_is_an_option_of_file_and_command(monkeypatch, where, command, given, found):
    module, name = command
    assert "--patience" not in CliRunner().invoke(getattr(module, name), ["--help"]).output
    monkeypatch.setattr(where, with_one_more(tune if found == "launch" else Study.ensemble))
    fresh = runpy.run_path(studyfile.__file__)
    file = fresh["checked"]({"study": {"name": "x"}, "data": {"train": "a.csv"}, **given})
    assert getattr(file, found)["patience"] == 3
    with pytest.raises(ValueError, match=r"patience: .* greater than or equal to 1, got 0"):
        fresh["checked"](
            {"study": {"name": "x"}, "data": {"train": "a.csv"}}
            | {of: {**one, "patience": 0} for of, one in given.items()}
        )
    words = CliRunner().invoke(runpy.run_path(module.__file__)[name], ["--help"]).output
    assert "--patience" in words
    assert "Wait so long." in words


def test_what_the_file_gives_is_handed_over_as_it_is(tmp_path):
    text = """
    [study]
    name = "oil"
    tracking = "none"
    disk = 1e9
    [budget]
    time = "20m"
    [data]
    train = "oil.csv"
    target = "price"
    split = {folds = 3}
    [ensemble]
    method = "greedy"
    seeds = 2
    """
    (tmp_path / "oil.toml").write_text(text)
    file = read_study_toml(tmp_path / "oil.toml")
    assert (file.name, file.seed) == ("oil", 0)
    assert file.launch == {"tracking": "none", "disk": 1e9, "time": "20m"}
    assert file.data == {"train": "oil.csv", "target": "price", "split": {"folds": 3}}
    assert file.ensemble == {"method": "greedy", "seeds": 2}
    other = read_study_toml(tmp_path / "oil.toml", time=90.0, trials=2, seed=7)
    assert other.launch == {"tracking": "none", "disk": 1e9, "time": 90.0, "trials": 2, "seed": 7}
    with pytest.raises(StudyFileError, match=r"oil.toml: \[budget\] trials: .* greater than or equal to 1, got 0"):
        read_study_toml(tmp_path / "oil.toml", trials=0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"train": "a.csv", "tagret": "y"}, r"\[data\] unknown name 'tagret', did you mean 'target'"),
        ({}, r"\[data\] train is missing"),
        ({"train": "a.csv", "split": {"fold": 3}}, r"\[data.split\] unknown name 'fold', did you mean 'folds'"),
        ({"train": "a.csv", "series": {"window": 0}}, r"\[data.series\] window: .* got 0"),
        ({"train": "a.csv", "series": {}}, r"\[data.series\] window is missing"),
        ({"train": "a.csv", "language": {"held_out": 1.0}}, r"\[data.language\] held_out: .* less than 1, got 1.0"),
        ({"train": "a.csv", "continues": {}}, r"\[data\] unknown name 'continues'"),
    ],
    ids=str,
)
def test_wrong_keys_are_named_with_their_section(data, message):
    with pytest.raises(StudyFileError, match=message):
        checked({"study": {"name": "x"}, "data": data})


def test_a_command_without_use_imports_nothing():
    command = DerivedCommand(name="search", function="no.such.module:f", callback=lambda: None)
    assert isinstance(command, click.Command)
