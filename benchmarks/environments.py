"""An environment for each tool of a comparison, made once: `python -m venv`, then pip."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "ours": ("--constraint", "constraints.txt", "--editable", "."),
    "autogluon": ("autogluon.tabular[lightgbm,catboost,xgboost,fastai]", "pyarrow"),
    "autogluon_ray": ("autogluon.tabular[lightgbm,catboost,xgboost,fastai,ray]", "pyarrow"),
    "flaml": ("flaml[automl]", "pyarrow"),
    "xgboost": ("xgboost", "scikit-learn", "pandas", "pyarrow"),
}
"""What pip is given, from the root of the repository."""
_AUTOGLUON = ("autogluon.tabular", "lightgbm", "catboost", "xgboost-cpu", "fastai", "torch")
NAMED: Mapping[str, tuple[str, ...]] = {
    "ours": ("tensorflow", "keras", "xgboost", "scikit-learn", "optuna"),
    "autogluon": _AUTOGLUON,
    "autogluon_ray": (*_AUTOGLUON, "ray"),
    "flaml": ("flaml", "lightgbm", "xgboost"),
    "xgboost": ("xgboost",),
}
"""Distributions whose versions stand in a row."""


def python_of(folder: Path, tool: str) -> Path:
    """Return the Python of a tool's environment, which is made where it is not complete."""
    home = folder.absolute() / tool
    python, complete = home / "bin" / "python", home / "complete"
    if not complete.exists():
        print(f"making the environment of {tool}")
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS[tool]], check=True, cwd=ROOT)
        complete.touch()
    return python


def versions_of(python: Path, tool: str) -> dict[str, str]:
    """Return the versions of the distributions that `NAMED` says, read in the tool's environment."""
    asked = "import json, sys; from importlib.metadata import version; "
    asked += "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
    done = subprocess.run([str(python), "-c", asked, *NAMED[tool]], stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))
