"""A PostgreSQL server for tests: on loopback, in a temporary folder, ended with them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USER, PASSWORD = "tuner", "not-to-be-seen"


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int

    def url(self, *, user: str = USER, password: str | None = None) -> str:
        """Return its address."""
        return f"postgresql://{user}{'' if password is None else ':' + password}@127.0.0.1:{self.port}/postgres"


def programs() -> Path | None:
    """Return the folder of the server's programs, or None where there is none."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@contextmanager
def running(binaries: Path) -> Iterator[Server]:
    """Run a server, not as root."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    as_user: dict[str, str] = {}
    if os.getuid() == 0:
        shutil.chown(folder, "nobody")
        as_user = {"user": "nobody"}
    try:
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        made = [binaries / "initdb", "-D", folder / "data", "-U", USER, "-A", "scram-sha-256", "-N", "-E", "UTF8"]
        subprocess.run([*made, "--pwfile", folder / "password"], check=True, capture_output=True, cwd=folder, **as_user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
        command = [binaries / "postgres", "-D", folder / "data"]
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **as_user)
        try:
            _wait(Server(port), process, folder / "log")
            yield Server(port)
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait()
    finally:
        shutil.rmtree(folder)


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    until = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(server.url(password=PASSWORD)).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL does not start: {log.read_text()}") from None
            time.sleep(0.05)
        else:
            return
