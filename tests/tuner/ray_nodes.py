"""A cluster of Ray for tests: nodes of one CPU each, on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# Ray's workers import what the driver's interpreter imports.
ROOT = str(Path(__file__).parents[2])


class Nodes:
    """A head without CPUs, and nodes of one CPU each."""

    def __init__(self, count: int) -> None:
        from ray.cluster_utils import Cluster

        paths = [ROOT, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
        memory = {"object_store_memory": 80 * 1024**2, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **memory})
        self._nodes = [self._cluster.add_node(num_cpus=1, object_store_memory=80 * 1024**2) for _ in range(count)]
        self.address: str = self._cluster.address

    def lose_the_node_that_is_busy(self) -> None:
        """Kill the node on which an actor lives, as if its cable was pulled."""
        import ray

        (actor,) = [one for one in ray._private.state.actors().values() if one["State"] == "ALIVE"]
        lost = next(node for node in self._nodes if node.node_id == actor["Address"]["NodeID"])
        self._nodes.remove(lost)
        self._cluster.remove_node(lost, allow_graceful=False)

    def end(self) -> None:
        """End all processes."""
        import ray

        ray.shutdown()
        self._cluster.shutdown()


@contextmanager
def cluster_of(count: int) -> Iterator[Nodes]:
    """Run so many nodes."""
    assert "ray" not in sys.modules or not sys.modules["ray"].is_initialized()
    nodes = Nodes(count)
    try:
        yield nodes
    finally:
        nodes.end()
