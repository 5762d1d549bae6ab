"""A cluster of Ray for tests: nodes of one CPU each, on this machine."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
# Ray's workers import what the driver's interpreter imports.
ROOT = str(Path(__file__).parents[2])
_MEMORY = 80 * 1024**2


class Nodes:
    """A head without CPUs, and nodes of one CPU each, or of more."""

    def __init__(self, count: int, *, cpus: int = 1) -> None:
        from ray._raylet import Config
        from ray.cluster_utils import Cluster

        Config.initialize("")  # Ray may have been imported before it was told of tokens
        paths = [ROOT, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
        self._cpus = cpus
        head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": _MEMORY}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._nodes: list[Any] = []
        self.address: str = self._cluster.address
        for _ in range(count):
            self.add()

    def add(self, *, gpus: int = 0) -> None:
        """Start another node."""
        given = {"num_cpus": self._cpus, "num_gpus": gpus, "object_store_memory": _MEMORY}
        self._nodes.append(self._cluster.add_node(**given))

    def lose(self, number: int) -> None:
        """Kill a node, as if its cable was pulled."""
        self._cluster.remove_node(self._nodes.pop(number), allow_graceful=False)

    def lose_the_node_that_is_busy(self) -> None:
        """Kill the node on which an actor lives."""
        import ray

        (actor,) = [one for one in ray._private.state.actors().values() if one["State"] == "ALIVE"]
        where = actor["Address"]["NodeID"]
        self.lose(next(k for k, node in enumerate(self._nodes) if node.node_id == where))

    def end(self) -> None:
        """End all processes."""
        import ray

        ray.shutdown()
        self._cluster.shutdown()


@contextmanager
def cluster_of(count: int, *, cpus: int = 1) -> Iterator[Nodes]:
    """Run so many nodes."""
    assert "ray" not in sys.modules or not sys.modules["ray"].is_initialized()
    nodes = Nodes(count, cpus=cpus)
    try:
        yield nodes
    finally:
        nodes.end()
