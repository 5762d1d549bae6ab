"""What the soak's study stands on, each of which can be taken away and given back: database, MLflow's server, nodes."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from postgres import PASSWORD, Server, programs, running
from ray_nodes import Nodes, cluster_of

SLOTS, NODES = 8, 2


class Database:
    """A PostgreSQL server that holds the ledger, and MLflow's tables."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.take_away, self.give_back = server.stop, server.start

    def url(self, database: str) -> str:
        """Return an address without a password, which stands in the environment."""
        return self._server.url(database=database)


class Tracking:
    """An MLflow server on loopback."""

    def __init__(self, store: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{port}"
        self._command = [
            sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--host", "127.0.0.1",
            "--port", str(port), "--workers", "1", "--artifacts-destination", str(folder / "mlartifacts"),
        ]  # fmt: skip
        self._log = (folder / "mlflow.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def give_back(self) -> None:
        """Start it; it answers some seconds later."""
        self._process = subprocess.Popen(
            self._command, stdout=self._log, stderr=self._log, start_new_session=True, env=_quiet()
        )

    def take_away(self) -> None:
        """Kill it."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def answers(self) -> bool:
        """Return whether it does."""
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False


class Node:
    """One of the nodes of Ray, the one that is there the longest."""

    def __init__(self, nodes: Nodes) -> None:
        self.give_back, self._nodes = nodes.add, nodes

    def take_away(self) -> None:
        """Kill it with all that runs there."""
        self._nodes.lose(0)


class Services:
    """All of them, and what the driver is told of them."""

    def __init__(self, folder: Path, stack: ExitStack, *, without: Collection[str]) -> None:
        self.address, self.ledger, store = "none", "none", f"sqlite:///{folder / 'mlflow.db'}"
        self.breakable: dict[str, Database | Tracking | Node] = {}
        if "ray" not in without and importlib.util.find_spec("ray"):
            nodes = stack.enter_context(cluster_of(NODES, cpus=SLOTS // NODES))
            self.breakable["node"], self.address = Node(nodes), nodes.address
        if "postgres" not in without and importlib.util.find_spec("psycopg") and (binaries := programs()):
            server = stack.enter_context(running(binaries))
            self.breakable["database"] = database = Database(server)
            self.ledger, store = database.url("postgres"), _for_mlflow(server)
        self.breakable["MLflow"] = self.tracking = Tracking(store, folder)
        stack.callback(self.tracking.take_away)
        self.tracking.give_back()

    @property
    def workers(self) -> str:
        """The word for the driver's command."""
        return str(SLOTS) if self.address == "none" else "ray"


@contextmanager
def services(folder: Path, *, without: Collection[str] = ()) -> Iterator[Services]:
    """Run all that is installed, in and beside a folder."""
    with ExitStack() as stack:
        yield Services(folder, stack, without=without)


def _for_mlflow(server: Server) -> str:
    """Make a database for MLflow, and return its address for SQLAlchemy."""
    import psycopg

    os.environ["PGPASSWORD"] = PASSWORD
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE mlflow")
    return server.url(database="mlflow").replace("postgresql:", "postgresql+psycopg:")


def _quiet() -> dict[str, str]:
    return {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
