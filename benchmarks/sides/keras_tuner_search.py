"""KerasTuner's side: its random search, whose oracle proposes the given configurations. Arguments: FOLDER EPOCHS.

It does what it always does: a checkpoint of the weights whenever the validation loss improves, its own record of the
trial, and the weights of the best epoch loaded back by `Tuner.load_model`. It has no tracking, so none is asked of it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import keras_tuner
from numpy.typing import NDArray

from benchmarks.sides.artifacts import keep, network, read, write_times
from spaces.language.optional import chosen


class ListOracle(keras_tuner.oracles.RandomSearchOracle):  # type: ignore[misc]
    """A random search without chance."""

    def __init__(self, proposals: list[dict[str, Any]]) -> None:
        super().__init__(keras_tuner.Objective("val_loss", "min"), max_trials=len(proposals))
        self._proposals = proposals

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the given configuration."""
        return {"status": "RUNNING", "values": self._proposals[int(trial_id)]}


class Dense(keras_tuner.HyperModel):  # type: ignore[misc]
    """The dense networks, as one writes them for KerasTuner."""

    def __init__(self, constants: Mapping[str, Any], width: int) -> None:
        super().__init__()
        self._constants, self._width = constants, width

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Build and compile."""
        searched = {
            "depth": hp.Int("depth", 1, 5),
            "units": hp.Int("units", 16, 512, sampling="log"),
            "activation": hp.Choice("activation", ["relu", "swish"]),
            "dropout": hp.Float("dropout", 0.01, 0.7),
            "learning_rate": hp.Float("learning_rate", 3e-5, 0.06, sampling="log"),
        }
        return network({**self._constants, **searched}, self._width)

    def fit(self, hp: keras_tuner.HyperParameters, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        """Train, with the batch size searched too."""
        return model.fit(*args, batch_size=hp.Choice("batch_size", [32, 64]), **kwargs)


class KeepingTuner(keras_tuner.Tuner):  # type: ignore[misc]
    """Leaves the best weights' model and predictions behind, and notes when the first trial began."""

    def __init__(self, place: Path, held_out: NDArray[Any], **settings: Any) -> None:
        self._place, self._held_out = place, held_out
        self.first_trial = 0.0
        super().__init__(directory=place, project_name="search", **settings)

    def on_trial_begin(self, trial: Any) -> None:
        """Note the time."""
        self.first_trial = self.first_trial or time.time()
        super().on_trial_begin(trial)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        """Train, load the best weights and keep what they predict."""
        histories = super().run_trial(trial, *args, **kwargs)
        model = self.load_model(trial)
        keep(self._place / "trials" / trial.trial_id, model, self._held_out, histories[0].history)
        return histories


def main(folder: Path, epochs: int) -> None:
    """Search, and write when the first trial began and when all was done."""
    data, configs = read(folder)
    names = ("depth", "units", "activation", "dropout", "batch_size", "learning_rate")
    proposals = [{name: chosen(config[name]) for name in names} for config in configs]
    keras.utils.set_random_seed(0)
    search = KeepingTuner(
        folder,
        data["held_out_x"],
        oracle=ListOracle(proposals),
        hypermodel=Dense(configs[0], data["train_x"].shape[1]),
    )
    search.search(
        data["train_x"],
        data["train_y"],
        epochs=epochs,
        validation_data=(data["inner_x"], data["inner_y"]),
        verbose=0,
    )
    write_times(folder, search.first_trial)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
