"""The examples run from end to end on small data; what they say of real data is in docs/results.md."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.docs]
RNG = np.random.default_rng(0)
HOURS = np.arange(24 * 150)
TIME = pd.Timestamp("2011-01-01") + pd.to_timedelta(HOURS, unit="h")
WAVE = 10 + 5 * np.sin(HOURS / 24 * 2 * np.pi) + RNG.normal(0, 1, len(HOURS))


def weather(place: Path) -> list[str]:
    frame = pd.DataFrame({"No": HOURS, "TEMP": WAVE, "PRES": RNG.normal(size=len(HOURS)), "cbwd": "SE"})
    for part in ("year", "month", "day", "hour"):
        frame[part] = getattr(TIME, part)
    frame.to_csv(place / "weather.csv", index=False)
    return ["weather.csv"]


def bikes(place: Path) -> list[str]:
    noise = {name: RNG.normal(size=len(HOURS)) for name in ("weathersit", "temp", "hum", "windspeed")}
    flags = {name: RNG.integers(2, size=len(HOURS)) for name in ("holiday", "workingday")}
    days = {"dteday": TIME.strftime("%m/%d/%Y"), "hr": TIME.hour}
    pd.DataFrame({**days, **noise, **flags, "cnt": WAVE.round()}).to_csv(place / "bikes.csv", index=False)
    return ["bikes.csv"]


def motions(place: Path) -> list[str]:
    for name in ("TRAIN", "TEST"):
        rows = [":".join([",".join(map(str, RNG.normal(k, 1, 20))) for _ in range(2)] + ["ab"[k]]) for k in [0, 1] * 15]
        (place / f"{name}.ts").write_text("\n".join(["# comment", "@problemName x", "@data", *rows]))
    return ["TRAIN.ts", "TEST.ts"]


def cifar(place: Path) -> list[str]:
    labels = np.arange(80) % 2
    images = (RNG.random((80, 8, 8, 3)) * 100 + 100 * labels[:, None, None, None]).astype(np.uint8)
    np.savez(place / "cifar.npz", x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20])
    return ["cifar.npz"]


def omniglot(place: Path) -> list[str]:
    for k in range(24):
        folder = place / "drawings" / f"alphabet{k % 2}" / f"character{k}"
        folder.mkdir(parents=True)
        character = RNG.random((12, 12)) < 0.3
        for i in range(3):
            drawing = character ^ (RNG.random((12, 12)) < 0.02)
            Image.fromarray((~drawing * 255).astype(np.uint8)).save(folder / f"{i}.png")
    return ["drawings"]


def pets(place: Path) -> list[str]:
    dog = np.arange(40) % 2
    images = (RNG.random((40, 48, 48, 3)) * 100 + 100 * dog[:, None, None, None]).astype(np.uint8)
    np.savez(place / "pets.npz", image=images, dog=dog)
    sizes = {"conv1": (3, 3, 64)}
    before = 64
    widths = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
    for k, (squeezed, expanded) in enumerate(widths, 2):
        sizes |= {
            f"fire{k}|squeeze1x1": (1, before, squeezed),
            f"fire{k}|expand1x1": (1, squeezed, expanded),
            f"fire{k}|expand3x3": (3, squeezed, expanded),
        }
        before = 2 * expanded
    weights = {}
    for name, (side, inputs, outputs) in sizes.items():
        weights[f"{name}|kernel"] = RNG.normal(0, 0.1, (side, side, inputs, outputs)).astype(np.float32)
        weights[f"{name}|{name}_b"] = np.zeros(outputs, np.float32)
    np.savez(place / "squeezenet.npz", **weights)
    return ["pets.npz", "squeezenet.npz"]


def new_digits(place: Path) -> list[str]:
    np.savez(place / "digits.npz", x_train=(RNG.random((120, 8, 8)) * 255).astype(np.uint8))
    return ["digits.npz"]


@pytest.mark.parametrize(
    ("data", "printed"),
    [
        (weather, "TEMP+24"),
        (bikes, "ensemble (auto)"),
        (motions, "ensemble (auto)"),
        (cifar, "ensemble (auto)"),
        (omniglot, "of 200 right"),
        (pets, "then trained further"),
        (new_digits, "gan-000000"),
    ],
)
def test_an_example_runs_on_small_data(data, printed, tmp_path):
    files = data(tmp_path)
    script = (ROOT / "examples" / f"{data.__name__}.py").read_text().replace("workers=1", "workers=0")
    for whole, small in (('"workers": 1', '"workers": 0'), ('"epochs": 12', '"epochs": 5'), ("trials=60", "trials=8")):
        script = script.replace(whole, small)
    (tmp_path / "example.py").write_text(script)
    (tmp_path / "squeezenet.py").write_text((ROOT / "examples" / "squeezenet.py").read_text())
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TUNER_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "example.py", *files, "study", "60s"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert printed in done.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs_and_prints_nothing_but_what_it_shows(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in code)  # stored ones would grow old
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [one for cell in code for one in cell.outputs if one.get("name") == "stderr"] == []
    assert any("Ensemble of" in one.get("data", {}).get("text/html", "") for cell in code for one in cell.outputs)
