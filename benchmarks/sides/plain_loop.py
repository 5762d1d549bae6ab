"""A plain loop: an Optuna study, `model.fit` and MLflow, as one writes them without us. Arguments: FOLDER EPOCHS."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

import keras
import mlflow
import optuna

from benchmarks.sides.artifacts import keep, network, read, write_times
from spaces.language.optional import chosen


class LogEpochs(keras.callbacks.Callback):  # type: ignore[misc]
    """Logs every epoch's losses."""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Log them."""
        mlflow.log_metrics(dict(logs or {}), step=epoch)


def main(folder: Path, epochs: int) -> None:
    """Search, and write when the first trial began and when all was done."""
    data, configs = read(folder)
    first_trial = 0.0

    def objective(trial: optuna.Trial) -> float:
        nonlocal first_trial
        first_trial = first_trial or time.time()
        params = {
            "depth": trial.suggest_int("depth", 1, 5),
            "units": trial.suggest_int("units", 16, 512, log=True),
            "activation": trial.suggest_categorical("activation", ["relu", "swish"]),
            "dropout": trial.suggest_float("dropout", 0.01, 0.7),
            "learning_rate": trial.suggest_float("learning_rate", 3e-5, 0.06, log=True),
            "batch_size": trial.suggest_categorical("batch_size", [32, 64]),
        }
        keras.utils.clear_session()
        config = {**configs[0], **params}
        model = network(config, data["train_x"].shape[1])
        stop = keras.callbacks.EarlyStopping("val_loss", patience=epochs, restore_best_weights=True)
        with mlflow.start_run(run_name=f"trial-{trial.number}"):
            mlflow.log_params(params)
            history = model.fit(
                data["train_x"],
                data["train_y"],
                batch_size=params["batch_size"],
                epochs=epochs,
                validation_data=(data["inner_x"], data["inner_y"]),
                callbacks=[stop, LogEpochs()],
                verbose=0,
            ).history
            best = min(history["val_loss"])
            mlflow.log_metric("best_val_loss", best)
        keep(folder / "trials" / f"{trial.number:02d}", model, data["held_out_x"], history)
        return float(best)

    keras.utils.set_random_seed(0)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.set_experiment("plain loop")
    study = optuna.create_study(storage=f"sqlite:///{folder / 'study.db'}", study_name="plain loop")
    for config in configs:
        names = ("depth", "units", "activation", "dropout", "batch_size", "learning_rate")
        study.enqueue_trial({name: chosen(config[name]) for name in names})
    study.optimize(objective, n_trials=len(configs))
    write_times(folder, first_trial)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
