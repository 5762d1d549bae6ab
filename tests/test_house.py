"""What the house promises of its code, over all files: who catches everything, who asks what, what rooms hold."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

T = TypeVar("T", bound=ast.AST)
ROOT = Path(__file__).parents[1]
PACKAGES = ("spaces", "ensembles", "tuner")
CATCHES_ALL = {  # where a stranger's code runs, and what it raises must not end the study
    "tuner/trials/metric_curves.py",
    "spaces/inputs/image/files.py",  # decoders of images; all complaints are raised together
    "tuner/launch/on_trial.py",  # the user's functions after a trial
    "tuner/launch/optimize.py",  # the user's objective: what it raises is the trial's outcome
    "tuner/tracking/tracker.py",  # a client of any MLflow server
    "tuner/trials/fork_server.py",  # a worker's whole life: its log tells how it ended
    "tuner/trials/ray_worker.py",  # a worker's thread: its driver is told that it broke
    "tuner/trials/all_rows.py",  # a trial's configuration once more, which the study can do without
    "tuner/trials/trial.py",  # a trial
}
CHANGES_THE_PATH = {
    "tuner/studyfile.py",  # for as long as a study file's own modules are imported
    "tuner/trials/worker.py",  # in a process of ours
    "tuner/trials/shipping.py",  # likewise
}
PUBLIC = {"spaces/__init__.py", "ensembles/__init__.py", "tuner/__init__.py", "tuner/plots/__init__.py"}


@functools.cache
def trees() -> dict[str, ast.Module]:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in paths}


def nodes(kind: type[T]) -> Iterator[tuple[str, T]]:
    for name, tree in trees().items():
        yield from ((name, node) for node in ast.walk(tree) if isinstance(node, kind))


def raises(node: ast.AST) -> bool:
    return any(isinstance(one, ast.Raise) for one in ast.walk(node))


def names_in(node: ast.AST | None) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} if node is not None else {"Exception"}


def test_what_catches_everything_raises_again_but_where_a_strangers_code_runs():
    broad = [
        (name, one) for name, one in nodes(ast.ExceptHandler) if names_in(one.type) & {"Exception", "BaseException"}
    ]
    assert {name for name, one in broad if not raises(one)} == CATCHES_ALL


def test_nobody_asks_which_combiner_it_is():
    """What differs is a method of all: `decide`, `only`, `pruned`, `plain`."""
    combiners = {one.name for name, one in nodes(ast.ClassDef) if name.startswith("ensembles/combiners/")}
    asked = [(name, one) for name, one in nodes(ast.Call) if ast.unparse(one.func) == "isinstance"]
    assert {name for name, one in asked if names_in(one.args[1]) & combiners} == set()


def test_a_room_says_what_lives_there_and_holds_nothing_itself():
    rooms = {name: tree for name, tree in trees().items() if name.endswith("/__init__.py")}
    assert {name for name, tree in rooms.items() if len(tree.body) != 1 or not ast.get_docstring(tree)} == PUBLIC
    assert {f"{Path(name).parent}/__init__.py" for name in trees()} == set(rooms)


def test_the_path_of_imports_is_left_as_it_is():
    changed = {name for name, one in nodes(ast.Assign) if ast.unparse(one.targets[0]).startswith("sys.path")}
    called = {name for name, one in nodes(ast.Call) if ast.unparse(one.func).startswith("sys.path.")}
    assert changed | called == CHANGES_THE_PATH
