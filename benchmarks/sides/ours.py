"""Our side: `tuner.tune` on the given configurations, with the default tracking. Arguments: FOLDER EPOCHS WORKERS."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

import tuner
from benchmarks.digits import changes, digits_space, digits_task
from spaces.language.space import Params, flatten


class ListSampler(BaseSampler):
    """Proposes the configuration of each trial's number."""

    def __init__(self, proposals: Sequence[Params]) -> None:
        self._proposals = proposals

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return nothing: every parameter is known by itself."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing: every parameter is known by itself."""
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the given value."""
        return self._proposals[trial.number][param_name]


def main(folder: Path, epochs: int, workers: int) -> None:
    """Tune, and write when the first trial began and when all was done."""
    task = digits_task()
    space = digits_space(task, epochs)
    proposals = [flatten(space, config) for config in json.loads((folder / "configs.json").read_text())]
    study = tuner.tune(
        task,
        {"dense": changes(epochs)},
        sampler=lambda seed: ListSampler(proposals),
        pruner=None,
        trials=len(proposals),
        workers=workers,
        folder=folder / "study",
        progress=False,
    )
    end = time.time()
    started = [trial.outcome.started for trial in study.trials if trial.outcome is not None]
    (folder / "times.json").write_text(json.dumps({"first_trial": min(started), "end": end}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
