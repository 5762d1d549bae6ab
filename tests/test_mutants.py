"""The lines that mutants change stand where they say: a stale one would stop `make mutants` long after it broke."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutants import MUTANTS

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_a_line_that_stands_and_names_tests_that_do(mutant):
    assert mutant.line in (ROOT / mutant.file).read_text()
    assert mutant.line != mutant.lie
    assert all((ROOT / name).is_file() for name in mutant.tests if name.endswith(".py"))
