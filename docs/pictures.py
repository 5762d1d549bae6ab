"""`make pictures`: the pages of a small study, photographed for the documents in Chromium without a window.

The study is that of `make demo`, run in a temporary folder.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

import tuner
from tuner.demo import ALIAS, MODEL
from tuner.demo import main as run_demo
from tuner.tracking.addresses import NOTE, leaderboard_page, model_page, run_page
from tuner.tracking.client import default_uri, open_client

PICTURES = Path(__file__).resolve().parent / "images"
COLOURS = 128  # a page of text and lines needs no more, and is a third as large
CLOSE_THE_ASSISTANT = """try {
    localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
    localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
} catch {}"""
DRAWN_SECONDS = 8  # after which MLflow has drawn its charts


def main(folder: Path) -> None:
    """Run the study unless the folder holds it, and make all pictures."""
    driver = shutil.which("chromedriver")
    if driver is None:
        sys.exit("make pictures needs Chromium and its driver: apt-get install chromium chromium-driver")
    os.chdir(folder)
    study = Path("runs/demo")  # as `make demo` calls it
    if not (study / "findings.json").exists():
        run_demo(study)
    report = tuner.load_study(study).report()
    client, browser = open_client(default_uri(study)), Browser(driver)
    try:
        with server(study) as address:
            for name, page, size in pages(client, address, study):
                browser.photograph(page, PICTURES / f"mlflow-{name}.png", size)
        browser.photograph(report.resolve().as_uri(), PICTURES / "report.png", (1200, 1200))
    finally:
        browser.close()


def pages(client: Any, address: str, study: Path) -> Iterator[tuple[str, str, tuple[int, int]]]:
    """Yield the name, the address and the size of each picture of MLflow."""
    experiment = client.get_experiment_by_name(study.name).experiment_id
    runs = client.search_runs([experiment], order_by=["metrics.log_loss ASC"])
    parent = next(run.info.run_id for run in runs if "tuner.study" in run.data.tags)
    above = client.get_run(parent).data.tags[NOTE].replace(str(Path.cwd()), "/home/ann")
    client.set_tag(parent, NOTE, above)  # it names a folder of this machine
    networks = [run.info.run_id for run in runs if run.data.params.get("family") == "dense"]
    curves = run_page(experiment, networks[0]).replace("?", "/model-metrics?")
    several = f'runs={json.dumps(networks)}&experiments=["{experiment}"]'
    yield "leaderboard", leaderboard_page(address, experiment), (1600, 800)
    yield "charts", f"{leaderboard_page(address, experiment)}&compareRunsMode=CHART", (1600, 900)
    yield "study", f"{address}/{run_page(experiment, parent)}", (1400, 1400)
    yield "trial", f"{address}/{curves}", (1400, 900)
    made = client.get_model_version_by_alias(MODEL, ALIAS)
    said = made.description.replace(str(Path.cwd()), "/home/ann")
    client.update_model_version(MODEL, made.version, said)
    yield "model", f"{address}/{model_page(MODEL, made.version)}", (1400, 1000)
    yield "compare", f"{address}/#/compare-runs?{quote(several, safe='=&')}&workflowType=machine_learning", (1400, 900)


class Browser:
    """Chromium without a window, driven by chromedriver (W3C WebDriver)."""

    def __init__(self, driver: str) -> None:
        port = free_port()
        self._driver = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL)
        self._address = f"http://127.0.0.1:{port}/session"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        asked = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}}
        until = time.monotonic() + 30
        while True:
            try:
                self._address += f"/{self._ask('', asked)['sessionId']}"
                return
            except urllib.error.URLError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def photograph(self, page: str, picture: Path, size: tuple[int, int]) -> None:
        """Write what a page looks like once it is drawn, as a small PNG."""
        self._ask("/window/rect", {"width": size[0], "height": size[1]})
        self._ask("/url", {"url": "about:blank"})  # else a link that differs behind # opens nothing
        self._ask("/url", {"url": page})
        self.run(CLOSE_THE_ASSISTANT)
        self._ask("/refresh", {})
        time.sleep(DRAWN_SECONDS)
        shown = base64.b64decode(self._ask("/screenshot", None))
        with Image.open(io.BytesIO(shown)) as image:
            image.convert("RGB").quantize(COLOURS).save(picture, optimize=True)

    def run(self, script: str) -> Any:
        """Run JavaScript in the page."""
        return self._ask("/execute/sync", {"script": script, "args": []})

    def close(self) -> None:
        """End Chromium and the driver, which would leave Chromium running."""
        with suppress(OSError):
            urllib.request.urlopen(urllib.request.Request(self._address, method="DELETE"), timeout=30).close()
        self._driver.terminate()
        self._driver.wait(30)

    def _ask(self, what: str, asked: dict[str, Any] | None) -> Any:
        data = None if asked is None else json.dumps(asked).encode()
        request = urllib.request.Request(f"{self._address}{what}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def server(study: Path) -> Iterator[str]:
    """Run `tuner ui`, and yield the address of MLflow."""
    port = free_port()
    command = [sys.executable, "-m", "tuner", "ui", str(study), "--port", str(port)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    try:
        yield running.stderr.readline().split()[-1].partition("/#")[0]
    finally:
        running.terminate()
        running.communicate(timeout=30)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
