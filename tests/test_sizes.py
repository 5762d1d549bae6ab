"""Files and functions stay small, calls say what they hand over, and tests stand where their subject does."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("spaces", "ensembles", "tuner")
ACROSS = {  # from a user's side of a package through all of its rooms
    "tests/tuner/test_own_engines.py",
    "tests/tuner/test_own_kinds.py",
    "tests/tuner/test_text_study.py",
}
OF_OPTUNA = ("sample_independent", "sample_relative", "infer_relative_search_space", "after_trial")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def files() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py"]


def functions() -> Iterator[tuple[str, Function]]:
    for path in files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, Function):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def body_lines(function: Function) -> int:
    """Lines without signature and docstring."""
    first, *rest = function.body
    said = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    body = rest if said else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_files_are_short():
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files()}
    assert {name: count for name, count in lines.items() if count > 400} == {}
    assert statistics.median(lines.values()) < 130


def test_functions_are_short():
    lines = {name: body_lines(function) for name, function in functions()}
    assert {name: count for name, count in lines.items() if count > 50} == {}
    assert statistics.median(lines.values()) < 8


def test_no_more_than_three_arguments_are_told_apart_by_their_place():
    """Callbacks are: they are called by place, and say so with a slash. What overrides Optuna's has Optuna's."""
    found = {}
    for name, function in functions():
        arguments = [one.arg for one in function.args.args if one.arg not in ("self", "cls")]
        if len(arguments) > 3 and function.name not in OF_OPTUNA:
            found[name] = arguments
    assert found == {}


def test_tests_stand_where_their_subject_does():
    """A room's tests are in a folder of its name; beside the rooms, a file's tests are called like the file."""
    homeless = set()
    for path in (one for package in PACKAGES for one in (ROOT / "tests" / package).rglob("test_*.py")):
        told = path.relative_to(ROOT / "tests")
        room = ROOT / told.parent
        subject = room / path.name.removeprefix("test_")
        if not (room / "__init__.py").exists() or (len(told.parts) == 2 and not subject.exists()):
            homeless.add(f"tests/{told}")
    assert homeless == ACROSS
