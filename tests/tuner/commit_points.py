"""Commit points, where a process makes a change last in the study's folder or in its ledger, and kills at each of them.

A process that has `install` called kills itself, with SIGKILL, before the operation that it is told in a file.
Nothing of the product knows of this: the operations of the system are wrapped, and the name of a point says which
function of ours called it, such as `worker: outcome.seal: replace result.json`.
"""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OURS = tuple(f"{ROOT / package}{os.sep}" for package in ("tuner", "spaces", "ensembles"))
PLAN = "COMMIT_POINTS"  # names a file in the environment: what is to be logged, and where to kill
_OF_TWO = ("replace", "rename", "link")
_OPERATIONS = (*_OF_TWO, "mkdir", "unlink", "remove", "rmdir")
_THROUGH = ("disk", "transaction")  # modules whose callers say what it is about


def install(role: str) -> None:
    """Wrap what makes changes last in this process."""
    if not (plan := os.environ.get(PLAN)):
        return
    points = _Points(role, Path(plan))
    for name in _OPERATIONS:
        setattr(os, name, _wrapped(getattr(os, name), name, points))
    if role == "driver":
        _watch_databases(points)


class _Points:
    """The operations of a process, each with a name and how often it came: `driver: study.begun: replace a.json#1`."""

    def __init__(self, role: str, path: Path) -> None:
        self._role, self._path = role, path
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    @functools.cached_property
    def _plan(self) -> dict[str, Any]:
        """What is to be done; read late, as Ray starts its workers before there is a study."""
        return dict(json.loads(self._path.read_text()))

    def before(self, what: str) -> str | None:
        """Return the name of an operation of ours, or kill the process if it is the one."""
        if (caller := _caller()) is None:
            return None
        name = f"{self._role}: {caller}: {what}"
        with self._lock:
            self._seen[name] += 1
            name = f"{name}#{self._seen[name]}"
        if self._plan.get("kill") == name:
            try:  # the next process comes here, too
                os.close(os.open(self._plan["once"], os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return name
            os.kill(os.getpid(), signal.SIGKILL)
        return name

    def log(self, name: str | None) -> None:
        """Log an operation that changed something."""
        if name is not None and (log := self._plan.get("log")):
            descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(descriptor, f"{name}\n".encode())
            os.close(descriptor)


def _caller() -> str | None:
    frame: Any = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(OURS) and (name := Path(file).stem) not in _THROUGH:
            return f"{name}.{frame.f_code.co_name}"
        frame = frame.f_back
    return None


def _wrapped(operation: Any, name: str, points: _Points) -> Any:
    @functools.wraps(operation)
    def called(*paths: Any, **given: Any) -> Any:
        point = points.before(f"{name} {_shown(paths[-1 if name in _OF_TWO else 0])}")
        result = operation(*paths, **given)
        points.log(point)
        return result

    return called


def _shown(path: Any) -> str:
    name = re.sub(r"[0-9a-f]{32}|^tmp\w{8}$", "X", Path(os.fsdecode(path)).name)
    return re.sub(r"\d+", "N", name)


def _watch_databases(points: _Points) -> None:
    """See commits of transactions that wrote something."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def executes(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip()[:6].upper() in ("INSERT", "UPDATE", "DELETE"):
            table = statement.replace("INTO", "").replace("FROM", "").split()[1]
            connection.info.setdefault("wrote", []).append(table)

    def commits(connection: Any) -> None:
        if wrote := connection.info.pop("wrote", None):
            points.log(points.before(f"commit {'+'.join(dict.fromkeys(wrote))}"))

    def rolled_back(connection: Any) -> None:
        connection.info.pop("wrote", None)

    event.listen(Engine, "before_cursor_execute", executes)
    event.listen(Engine, "commit", commits)
    event.listen(Engine, "rollback", rolled_back)
