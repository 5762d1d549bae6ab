"""MLflow's server on this computer, for a person who wants to look."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tuner.sqlite_url import sqlite_path, sqlite_url
from tuner.tracking.client import remembered_uri
from tuner.tracking.moved import opened

_START_SECONDS = 120.0


class PortTaken(OSError):
    """Something else listens on the port; the message names a free one."""


def tracked_at(folder: Path) -> str:
    """Return the local database in which a study is tracked.

    Raises:
        ValueError: It is tracked elsewhere, or nowhere.
    """
    uri = remembered_uri(folder)
    if uri is None:
        raise ValueError(f"{folder} is not tracked in MLflow: run it again without tracking=None")
    path = sqlite_path(uri)
    if path is None:
        where = "open its pages there"
        if not uri.startswith("http"):
            where = f"mlflow server --backend-store-uri {uri} shows it"
        raise ValueError(f"{folder} is tracked at {uri}: {where}")
    if not path.is_file():
        raise ValueError(f"there is no {path} any more: run the study again, which sends all of its trials")
    return sqlite_url(path)


def check_port(port: int) -> None:
    """Refuse a port on which something listens.

    Raises:
        PortTaken: It is in use.
    """
    if not _is_free(port):
        after = range(port + 1, min(port + 1000, 65536))
        free = next(other for other in (*after, *range(1024, port)) if _is_free(other))
        raise PortTaken(f"port {port} is in use by another program: --port {free} is free")


def serve(uri: str, port: int, ready: Callable[[str], None]) -> int:
    """Run MLflow's server until it is stopped, and return its exit code.

    Args:
        uri: The tracking URI that it shows.
        port: Where it listens, on this computer only.
        ready: Called with the server's address as soon as it answers.
    """
    command = [sys.executable, "-m", "tuner.tracking.mlflow_app", uri, str(port)]
    return _run(command, f"http://127.0.0.1:{port}", ready, health="/health")


def serve_optuna(uri: str, port: int, ready: Callable[[str], None]) -> int:
    """Run Optuna's dashboard as `serve` runs MLflow's server.

    Raises:
        ValueError: It is not installed.
    """
    if importlib.util.find_spec("optuna_dashboard") is None:
        raise ValueError("--optuna needs the package optuna-dashboard: pip install optuna-dashboard")
    program = [sys.executable, "-c", "from optuna_dashboard._cli import main; main()", uri]
    command = [*program, "--host", "127.0.0.1", "--port", str(port)]
    return _run(command, f"http://127.0.0.1:{port}", ready, health="/dashboard/")


def _run(command: list[str], address: str, ready: Callable[[str], None], *, health: str) -> int:
    """Run a server until it is stopped; `health` is a path that answers once it is there."""
    server = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
        start_new_session=True,  # it starts processes of its own, which must end with it
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if not _answers(f"{address}{health}", server):
            complaint = server.stderr.read().strip().splitlines()[-1:] if server.stderr else []
            raise OSError(f"the server did not start: {''.join(complaint) or 'it says nothing'}")
        ready(address)
        server.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
    return server.wait()


def experiment_id(uri: str, name: str) -> str | None:
    """Return the id of an experiment in a local database, or None; read without MLflow, which takes seconds to import.

    Args:
        uri: The tracking URI.
        name: The experiment's name.
    """
    path = sqlite_path(uri)
    if path is None:
        return None
    with opened(path) as connection:
        found = connection.execute("select experiment_id from experiments where name = ?", [name]).fetchone()
    return None if found is None else str(found[0])


def _environment() -> dict[str, str]:
    return {**os.environ, "UVICORN_LOG_LEVEL": "error", "MLFLOW_LOGGING_LEVEL": "ERROR"}


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _answers(page: str, server: subprocess.Popen[str]) -> bool:
    """Wait until the server answers; false where it ended."""
    last = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < last:
        try:
            with urllib.request.urlopen(page, timeout=5):
                return True
        except urllib.error.HTTPError as error:  # it holds the connection
            error.close()
            time.sleep(0.1)
        except OSError:
            time.sleep(0.1)
    return False
