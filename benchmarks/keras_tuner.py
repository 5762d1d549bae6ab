"""The same twenty trials run by us, by KerasTuner and by a plain loop: who needs how long?

Four sides train the same networks (one builder, the same twenty configurations of our `dense` space drawn with a fixed
seed: depth, units, relu or swish, dropout, Adam's learning rate, batches of 32 or 64) on the same rows of
scikit-learn's digits, for 5 and for 50 epochs, none stopped early, the weights of the best epoch restored:

- `ours, 2 workers` and `ours, 1 worker`: `tuner.tune`, with the MLflow tracking that is its default. It also runs its
  baseline, preprocesses the table, and scores the training rows.
- `KerasTuner`: its random search, made to propose the same configurations, with its own checkpoints. No tracking.
- `plain loop`: an Optuna study in SQLite, `model.fit` with `EarlyStopping(restore_best_weights=True)`, and MLflow in
  SQLite. The other two start from matrices that are preprocessed already.

Every side leaves a model file, the predictions of the held-out rows, and the curves of every trial; that is checked,
as is that every network saw all epochs. The inner tenth of the training rows, which chooses the best epoch, is the
same for all, and so are the held-out rows.

How to read it. `whole` is the wall time of a fresh process, imports, data bases and worker processes included;
`trials` counts from the start of the first trial to the end of the last. Ratios are to `ours, 2 workers`: above one
means slower than us. `log loss` is the median over trials on held-out rows, computed here from the stored predictions:
if the sides did the same work, it is about the same (weights start at random; the JSON has the losses one by one).
Every side runs in every repetition, one after the other; medians.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from benchmarks.digits import arrays, digits_space, digits_task, draw_configs
from benchmarks.results import save
from tuner.archive.report import print_table

SIDES: dict[str, tuple[str, ...]] = {
    "ours, 2 workers": ("ours", "2"),
    "ours, 1 worker": ("ours", "1"),
    "KerasTuner": ("keras_tuner_search",),
    "plain loop": ("plain_loop",),
}
TRIALS = 20
EPOCHS = (5, 50)
_ROOT = Path(__file__).parent.parent


def run(*, quick: bool, repeats: int = 1) -> None:
    """Measure, print and keep the wall times of all sides."""
    if importlib.util.find_spec("keras_tuner") is None:
        raise SystemExit("KerasTuner is not installed: run `make bench`, or pip install -e '.[bench]'")
    n_trials = 3 if quick else TRIALS
    rows = []
    for epochs in (2,) if quick else EPOCHS:
        measured = [{side: _measure(side, epochs, n_trials) for side in SIDES} for _ in range(repeats)]
        rows += _summary(measured, epochs)
        _print(rows, n_trials)
    if not quick:
        save("keras_tuner", {"trials": n_trials, "repeats": repeats, "rows": rows})


def _measure(side: str, epochs: int, n_trials: int) -> dict[str, Any]:
    """Run one side in a fresh process, check what it left behind, and return its seconds and its log losses."""
    program, *arguments = SIDES[side]
    task = digits_task()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = arrays(task)
        np.savez(folder / "data.npz", **data)
        (folder / "configs.json").write_text(json.dumps(draw_configs(digits_space(task, epochs), n_trials)))
        command = [sys.executable, "-m", f"benchmarks.sides.{program}", str(folder), str(epochs), *arguments]
        began = time.time()
        done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True)
        whole = time.time() - began
        if done.returncode:
            raise RuntimeError(f"{side} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        times = json.loads((folder / "times.json").read_text())
        losses = _checked_losses(folder, data["held_out_y"], epochs, n_trials)
    trials = times["end"] - times["first_trial"]
    print(f"{epochs} epochs, {side}: {whole:.1f} s, {trials:.1f} s of it from the first trial on", flush=True)
    return {"whole": whole, "trials": trials, "log_loss": statistics.median(losses), "log_losses": losses}


def _checked_losses(folder: Path, target: NDArray[Any], epochs: int, n_trials: int) -> list[float]:
    """Return the log loss of every trial's stored predictions, by number, after checking that everything is there."""
    trials = sorted(path.parent for path in folder.glob("study/trials/dense-*/1/held_out.npz"))
    models = "fold-0/model.keras"
    if not trials:
        trials = sorted(path.parent for path in folder.glob("trials/*/held_out.npz"))
        models = "model.keras"
    if len(trials) != n_trials:
        raise RuntimeError(f"{len(trials)} files of predictions were left, expected {n_trials}")
    for trial in trials:
        if not (trial / models).is_file():
            raise RuntimeError(f"{trial.name} left no model file")
        (curves,) = json.loads((trial / "curves.json").read_text())
        (values,) = (one["values"] for one in curves if (one["name"], one["part"]) == ("loss", "validation"))
        if len(values) != epochs:
            raise RuntimeError(f"{trial.name} ran {len(values)} epochs, expected {epochs}")
    predictions = [np.load(trial / "held_out.npz")["predictions"].astype(np.float64) for trial in trials]
    return [float(log_loss(target, each / each.sum(axis=1, keepdims=True))) for each in predictions]


def _environment() -> dict[str, str]:
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return os.environ | quiet | {"PYTHONPATH": str(_ROOT)}


def _summary(measured: Sequence[Mapping[str, Mapping[str, Any]]], epochs: int) -> list[dict[str, Any]]:
    medians = {
        side: {name: statistics.median(one[side][name] for one in measured) for name in ("whole", "trials", "log_loss")}
        for side in SIDES
    }
    ours = next(iter(medians.values()))
    return [
        {
            "epochs": epochs,
            "side": side,
            "whole_seconds": numbers["whole"],
            "whole_ratio": numbers["whole"] / ours["whole"],
            "trials_seconds": numbers["trials"],
            "trials_ratio": numbers["trials"] / ours["trials"],
            "log_loss": numbers["log_loss"],
            "each": [dict(one[side]) for one in measured],
        }
        for side, numbers in medians.items()
    ]


def _print(rows: Sequence[Mapping[str, Any]], n_trials: int) -> None:
    columns = ["side", "epochs", "whole s", "ratio", "trials s", "ratio", "log loss"]
    table = [
        [
            row["side"],
            row["epochs"],
            f"{row['whole_seconds']:.1f}",
            f"{row['whole_ratio']:.2f}",
            f"{row['trials_seconds']:.1f}",
            f"{row['trials_ratio']:.2f}",
            f"{row['log_loss']:.3f}",
        ]
        for row in rows
    ]
    print_table(f"{n_trials} trials on digits", columns, table)
