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
from pathlib import Path

USER, PASSWORD = "tuner", "not-to-be-seen"


class Server:
    """A server in a folder, which may be ended and started again with what it holds."""

    def __init__(self, binaries: Path, folder: Path, port: int) -> None:
        self.port, self._binaries, self._folder = port, binaries, folder
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, *, user: str = USER, password: str | None = None, database: str = "postgres") -> str:
        """Return its address."""
        return f"postgresql://{user}{'' if password is None else ':' + password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "fsync": "off"}
        command = [self._binaries / "postgres", "-D", self._folder / "data"]
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log, **_user())
        _wait(self, self._process, self._folder / "log")

    def stop(self) -> None:
        """End it at once, and all connections with it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None


def programs() -> Path | None:
    """Return the folder of the server's programs, or None where there is none."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@contextmanager
def running(binaries: Path) -> Iterator[Server]:
    """Run a server, not as root."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        if user := _user():
            shutil.chown(folder, user["user"])
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        made = [binaries / "initdb", "-D", folder / "data", "-U", USER, "-A", "scram-sha-256", "-N", "-E", "UTF8"]
        command = [*made, "--pwfile", folder / "password"]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **_user())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = Server(binaries, folder, port)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _user() -> dict[str, str]:
    """Return as whom the server runs: it refuses to run as root."""
    return {"user": "nobody"} if os.getuid() == 0 else {}


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
