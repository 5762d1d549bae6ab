"""The schema of study files, which editors complete and check by, says what the study file says."""

import copy
import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from tuner.cli import main
from tuner.studyfile import SECTIONS

EXAMPLES = sorted(Path(__file__).parents[2].joinpath("examples").glob("*.toml"))
ADULT = tomllib.loads((EXAMPLES[0].parent / "adult.toml").read_text())


@pytest.fixture(scope="module")
def validator():
    printed = CliRunner().invoke(main, ["schema"])
    assert printed.exit_code == 0
    return Draft202012Validator(json.loads(printed.stdout))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_accepted(validator, path):
    assert [error.message for error in validator.iter_errors(tomllib.loads(path.read_text()))] == []


@pytest.mark.parametrize("table", ["", "study", "budget", "data", "ensemble"])
def test_a_misspelt_key_is_refused_where_it_stands(validator, table):
    wrong = copy.deepcopy(ADULT)
    (wrong[table] if table else wrong)["trails"] = 3
    (error,) = validator.iter_errors(wrong)
    assert list(error.absolute_path) == ([table] if table else [])
    assert "'trails' was unexpected" in error.message


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [("budget", "trials", "many"), ("data", "split", {"kind": "kfold", "fold": 3}), ("study", "seed", -1)],
)
def test_a_wrong_value_is_refused(validator, table, key, value):
    wrong = copy.deepcopy(ADULT)
    wrong[table][key] = value
    assert not validator.is_valid(wrong)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_explained(section):
    assert [key for key, field in SECTIONS[section].model_fields.items() if not field.description] == []
    for key, field in SECTIONS[section].model_fields.items():
        if key.endswith("time") and section != "data":  # the column of times is no duration
            assert "seconds" in field.description, key
