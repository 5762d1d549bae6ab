"""A cluster whose nodes cannot reach each other for a minute: two network namespaces, and the link between them cut."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from killing import check_whole, wait_for

import tuner

ROOT = Path(__file__).parents[3]
HEAD, OTHER = "10.231.0.1", "10.231.0.2"
PORT, TRIALS = 6379, 16
CUT_SECONDS = 60


class Apart:
    """Two namespaces that nothing else can reach, joined by one link."""

    def __init__(self, name):
        self.here, self.there = f"{name}-here", f"{name}-there"

    def lay(self):
        for space in (self.here, self.there):
            ip("netns", "add", space)
            ip("-n", space, "link", "set", "lo", "up")
        ip("link", "add", "near", "netns", self.here, "type", "veth", "peer", "name", "far", "netns", self.there)
        for space, device, address in ((self.here, "near", HEAD), (self.there, "far", OTHER)):
            ip("-n", space, "addr", "add", f"{address}/24", "dev", device)
            ip("-n", space, "link", "set", device, "up")

    def cut(self):
        ip("-n", self.here, "link", "set", "near", "down")

    def mend(self):
        ip("-n", self.here, "link", "set", "near", "up")

    def run(self, space, command, output):
        """Start a command in a namespace, in a session of its own."""
        return subprocess.Popen(
            ["ip", "netns", "exec", space, *map(str, command)], stdout=output, stderr=output, start_new_session=True,
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"},
        )  # fmt: skip


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def cluster(apart, output):
    """A head of one CPU in one namespace, and a node of one CPU in the other."""
    common = ["--num-cpus", 1, "--disable-usage-stats", "--object-store-memory", 80 * 1024**2, "--block"]
    start = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start"]
    head = [*start, "--head", "--port", PORT, "--node-ip-address", HEAD, "--include-dashboard=false", *common]
    node = [*start, "--address", f"{HEAD}:{PORT}", "--node-ip-address", OTHER, *common]
    started = []
    try:
        for count, (space, command) in enumerate([(apart.here, head), (apart.there, node)], 1):
            started.append(apart.run(space, command, output))
            assert wait_for(
                lambda count=count: Path(output.name).read_text().count("Ray runtime started") == count, 120
            )
        yield
    finally:
        for process in started:
            end(process)


def end(process):
    """Kill a process and all that it started."""
    with suppress(psutil.NoSuchProcess):
        for one in (*psutil.Process(process.pid).children(recursive=True), process):
            with suppress(psutil.NoSuchProcess):
                one.kill()
    process.wait()


@pytest.fixture
def apart():
    if os.getuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and the command ip")
    apart = Apart(f"tuner-{os.getpid()}")
    try:
        try:
            apart.lay()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"network namespaces cannot be made here: {error.stderr.decode().strip()}")
        yield apart
    finally:
        for space in (apart.here, apart.there):
            subprocess.run(["ip", "netns", "del", space], capture_output=True)


@pytest.mark.slow
@pytest.mark.cluster
def test_a_link_that_is_cut_for_a_minute_loses_and_repeats_nothing(apart, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'tuned-ensembles[ray]'")
    folder = tmp_path / "s"
    command = [sys.executable, ROOT / "tests/soak/driver.py", folder, TRIALS, "ray", "none", "none", f"{HEAD}:{PORT}"]

    def n_sealed():
        return len(list((folder / "trials").glob("*/*/result.json")))

    with (tmp_path / "said").open("wb") as output, cluster(apart, output):
        driver = apart.run(apart.here, command, output)
        try:
            assert wait_for(lambda: n_sealed() >= 3, 120), (tmp_path / "said").read_text()[-3000:]
            apart.cut()
            time.sleep(CUT_SECONDS)
            apart.mend()
            code = driver.wait(timeout=300)
        finally:
            end(driver)
        said = (tmp_path / "said").read_text()
        assert code == 0, said[-3000:]
    check_whole(folder, "none", TRIALS)
    assert "Traceback" not in said
    assert {trial.outcome.reason for trial in tuner.load_study(folder).trials} <= {None, "error"}
