"""Does it pay to grow a network first? `capacity_first` beside plain TPE, the same number of trials each.

    python -m benchmarks.capacity OUT TABLE:COLUMN...

Every TABLE is a CSV file. All is fixed here before any score is seen: rows, split, seeds, trials. Both sides of a seed
have the same rows and the same first trial. Run it again to go on where it stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import tuner
from tuner.ensembling.build import compare

ROWS, TRIALS, SEEDS = 4_000, 16, (0, 1, 2)
SAMPLERS = ("optuna.tpe", "capacity_first")
FAMILIES = {"dense": {"scaling": "standard", "epochs": 40, "patience": 5}}


def run(path: Path, target: str, out: Path) -> list[dict[str, object]]:
    """Return a row for each seed and sampler: the best score that decides, and on the test rows."""
    rows = []
    everything = pd.read_csv(path)
    for seed in SEEDS:
        frame = everything.sample(min(ROWS, len(everything)), random_state=seed, ignore_index=True)
        classes = frame[target].nunique() <= 20
        for sampler in SAMPLERS:
            task = tuner.Task(
                frame,
                target,
                metric="log_loss" if classes else "rmse",
                split={"kind": "holdout", "share": 0.2},
                test=0.25,
                seed=seed,
            )
            folder = out / f"{path.name.split('.')[0]}-{seed}-{sampler}"
            study = tuner.tune(
                task, FAMILIES, sampler=sampler, pruner="none", trials=TRIALS, seed=seed, workers=1, folder=folder,
                tracking=None, progress=False,
            )  # fmt: skip
            best = compare(study, [], test=True).set_index("model").loc[study.complete[0].name]
            seconds = sum(outcome.seconds for trial in study.trials if (outcome := trial.outcome))
            rows.append(
                {
                    "table": path.name,
                    "seed": seed,
                    "sampler": sampler,
                    "held out": study.complete[0].value,
                    "test": best[f"test {task.score.name}"],
                    "seconds": seconds,
                }
            )
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Run every table, and print all rows and how often each side was better."""
    out, rows = Path(sys.argv[1]), []
    for one in sys.argv[2:]:
        path, _, target = one.rpartition(":")
        rows += run(Path(path), target, out)
    frame = pd.DataFrame(rows)
    print(frame.to_string(index=False))
    for score in ("held out", "test"):
        sides = frame.pivot(index=["table", "seed"], columns="sampler", values=score)
        ratio = sides["capacity_first"] / sides["optuna.tpe"]
        wins, mean = int((ratio < 1).sum()), np.exp(np.log(ratio).mean())
        print(f"{score}: capacity_first is better {wins} of {len(ratio)} times, mean ratio {mean:.4f}")


if __name__ == "__main__":
    main()
