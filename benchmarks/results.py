"""Keep the numbers of a benchmark, with a description of the machine that names neither host nor paths."""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

FOLDER = Path(__file__).parent / "results"
_LIBRARIES = ("hyperopt", "keras", "keras-tuner", "mlflow", "numpy", "optuna", "scikit-learn", "tensorflow")


def save(name: str, numbers: dict[str, Any]) -> None:
    """Write `results/<name>.json`."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps({"machine": machine(), **numbers}, indent=1) + "\n")
    print(f"written to benchmarks/results/{name}.json")


def machine() -> dict[str, Any]:
    """Describe the machine: system, cores, memory, and the versions of Python and the libraries."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 1024**3, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
