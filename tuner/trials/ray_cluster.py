"""A cluster of Ray: what a user says of it, how it is reached, and what its nodes find."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from spaces.engines.engine import ENGINES

_PACKAGES = ("tuned-ensembles", "ray", "numpy")
_PROBE = ".probe-"
_NOTICES_SECONDS = 10.0  # until a cluster notices that a node is gone
_QUIET = {"configure_logging": False, "log_to_driver": False}


class ClusterError(ValueError):
    """A cluster that cannot be used."""


@dataclass(frozen=True)
class RayCluster:
    """Where trials run with `workers="ray"`.

    Args:
        address: The cluster's, such as `"10.0.0.1:6379"`; `$RAY_ADDRESS` when left out, or else a cluster of this
            machine alone, which ends with the study.
        slots: At most so many trials at once; as many as there is room for when left out.
        resources: What a trial occupies, in Ray's words: `{"CPU": 2, "GPU": 1}`; one CPU when left out.
    """

    address: str | None = None
    slots: int | None = None
    resources: Mapping[str, float] | None = None

    @property
    def of_a_trial(self) -> dict[str, float]:
        """What a trial occupies, no GPU included."""
        return {"CPU": 1.0, "GPU": 0.0} | {name: float(amount) for name, amount in (self.resources or {}).items()}

    @property
    def is_open(self) -> bool:
        """Whether everyone who reaches its ports may use it: a cluster of this machine alone has a token of its own."""
        return bool(self.address or os.environ.get("RAY_ADDRESS")) and not has_token()


def checked_cluster(workers: Any, given: Mapping[str, Any] | None) -> RayCluster | None:
    """Return the cluster that arguments of `tuner.tune` mean, or None; nothing is connected.

    Raises:
        ClusterError: They cannot be used, or Ray is not installed.
    """
    if workers != "ray":
        if given:
            raise ClusterError(f'ray says where trials run with workers="ray", got workers={workers!r}')
        return None
    known = RayCluster.__dataclass_fields__
    if unknown := [name for name in given or {} if name not in known]:
        raise ClusterError(f"ray has no {unknown[0]!r}: it takes {', '.join(known)}")
    cluster = RayCluster(**(given or {}))
    if cluster.slots is not None and (not isinstance(cluster.slots, int) or cluster.slots < 1):
        raise ClusterError(f"ray: slots must be a whole number of at least 1, got {cluster.slots!r}")
    amounts = cluster.of_a_trial
    if bad := [name for name, amount in amounts.items() if not amount >= 0] or [n for n in ["CPU"] if not amounts[n]]:
        raise ClusterError(f"ray: resources: {bad[0]} must be more than 0, got {amounts[bad[0]]:g}")
    _ray()
    return cluster


def has_token() -> bool:
    """Return whether this process shows a token to the cluster; one that asks for tokens refuses all others."""
    return os.environ.get("RAY_AUTH_MODE", "disabled").lower() != "disabled"


def _ray() -> Any:
    """Import Ray, which tells nobody of its use."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise ClusterError("workers=\"ray\" needs Ray: pip install 'tuned-ensembles[ray]'") from None
    return ray


def connect(address: str | None) -> bool:
    """Connect to a cluster, unless this process is connected; return whether it was done here.

    Raises:
        ClusterError: It does not answer.
    """
    ray = _ray()
    if ray.is_initialized():
        return False
    address = address or os.environ.get("RAY_ADDRESS")
    alone = {} if address else {"include_dashboard": False}
    try:
        _knock(address)  # Ray itself would try for minutes
        ray.init(address=address or "local", **_QUIET, **alone)
    except (OSError, RuntimeError, ValueError) as error:
        said = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise ClusterError(f"no cluster of Ray answers at {address or 'this machine'}: {said}") from None
    return True


def _knock(address: str | None) -> None:
    host, _, port = (address or "").rpartition(":")
    if host and "/" not in host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Be connected to a cluster for a while.

    Raises:
        ClusterError: It does not answer.
    """
    here = connect(address)
    try:
        yield
    finally:
        if here:
            _ray().shutdown()


def nodes() -> list[dict[str, Any]]:
    """Return the nodes that live, as Ray describes them."""
    return [node for node in _ray().nodes() if node["Alive"]]


def room(cluster: RayCluster) -> int:
    """Return how many trials fit on the nodes at once."""
    wanted = {name: amount for name, amount in cluster.of_a_trial.items() if amount}
    fits = [min(node["Resources"].get(name, 0.0) // amount for name, amount in wanted.items()) for node in nodes()]
    return int(sum(fits))


@dataclass(frozen=True)
class NodeFound:
    """A node of the cluster, as it answers when it is asked.

    Attributes:
        host: Its name.
        versions: Of Python and packages; those that are not installed are left out.
        complaint: Why the study's folder cannot be used there, or None.
    """

    host: str
    versions: dict[str, str]
    complaint: str | None


def ask_nodes(folder: Path) -> list[NodeFound]:
    """Write and read a probe in a folder from every node.

    Args:
        folder: A folder that all nodes share.
    """
    ray = _ray()
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

    there = nodes()
    with _probe(folder) as (probe, token):
        asked = [
            ray.remote(num_cpus=0, max_retries=0)(look)
            .options(scheduling_strategy=On(node["NodeID"], soft=False))
            .remote(str(probe), token, answer=node["NodeID"])
            for node in there
        ]
        found = [(node, _found(node, one, probe)) for node, one in zip(there, asked, strict=True)]
        return [one for node, one in found if one.complaint is None or not _is_gone(node)]


def _found(node: Mapping[str, Any], asked: Any, probe: Path) -> NodeFound:
    """Wait for what a node answers."""
    ray = _ray()
    try:
        host, versions, complaint = ray.get(asked, timeout=60)
    except ray.exceptions.RayError as error:
        first = next((line for line in reversed(str(error).strip().splitlines()) if line.strip()), "")
        return NodeFound(node["NodeManagerHostname"], {}, f"it cannot run our code: {first[:200]}")
    if complaint is None and not (probe / node["NodeID"]).exists():
        complaint = f"what it writes to {probe.parent} does not arrive here"
    return NodeFound(host, versions, complaint)


def _is_gone(node: Mapping[str, Any]) -> bool:
    """Return whether a node was lost in the meantime; the cluster may notice some seconds after we do."""
    until = time.monotonic() + _NOTICES_SECONDS
    while node["NodeID"] in {one["NodeID"] for one in nodes()}:
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
    return True


def check_nodes(folder: Path) -> None:
    """Refuse a cluster from whose nodes a study's folder cannot be reached, or that have other versions of this code.

    Raises:
        ClusterError: In a sentence, which node it is and why.
    """
    for left in folder.glob(f"{_PROBE}*"):  # of a driver that was killed; now no other one is here
        shutil.rmtree(left, ignore_errors=True)
    ours = versions_here()
    for one in ask_nodes(folder):
        if one.complaint:
            raise ClusterError(f"node {one.host}: {one.complaint}; a study on a cluster needs a folder that all share")
        if different := differences(ours, one.versions):
            raise ClusterError(f"node {one.host} has {different[0]}: install the same packages on every node")


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """Say in which versions a node differs.

    >>> differences({"numpy": "2.4.0"}, {"numpy": "2.3.1"})
    ['numpy 2.3.1, not 2.4.0']
    """
    names = sorted({*ours, *theirs})
    return [
        f"{name} {theirs.get(name, 'missing')}, not {ours.get(name, 'missing')}"
        for name in names
        if ours.get(name) != theirs.get(name)
    ]


def versions_here() -> dict[str, str]:
    """Return the versions that must be the same on all nodes."""
    found = {"Python": platform.python_version()}
    for package in (*_PACKAGES, *(one for engine in ENGINES.values() for one in engine.packages)):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def look(probe: str, token: str, *, answer: str) -> tuple[str, dict[str, str], str | None]:
    """Look at a probe from a node, and answer it."""
    folder, complaint = Path(probe), None
    try:
        if (folder / "token").read_text() != token:
            complaint = f"in {folder.parent} there are other files"
        (folder / answer).touch()
    except OSError as error:
        complaint = (
            f"{folder.parent} cannot be {'written' if isinstance(error, PermissionError) else 'reached'} from it"
        )
    return socket.gethostname(), versions_here(), complaint


@contextmanager
def _probe(folder: Path) -> Iterator[tuple[Path, str]]:
    token = uuid.uuid4().hex
    probe = folder / f"{_PROBE}{token[:8]}"
    probe.mkdir(parents=True)
    try:
        (probe / "token").write_text(token)
        yield probe, token
    finally:
        _remove(probe, [*probe.iterdir()])


def _remove(probe: Path, files: Sequence[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
    with suppress(OSError):  # a late answer
        probe.rmdir()
