"""Learning curves of a study's trials: as a table, and as files for TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from spaces.engines.curves import Curves, labelled
from spaces.store import load_fitted
from tuner.archive.one_trial import trial_named
from tuner.archive.study_folder import Archive, StudyError
from tuner.search.ledger import Trial

_ROWS = 256  # that networks are fed with to be looked at


def complete_trial_named(study: Archive, name: str | None) -> Trial:
    """Return the complete trial of that name, or the best one; a duplicate has no curves of its own.

    Raises:
        StudyError: There is none.
    """
    if not study.complete:
        raise StudyError(f"no trial of {study.folder} is complete yet")
    chosen = trial_named(study, name)
    if chosen.duplicate or chosen.state != "complete":
        raise StudyError(f"{name} is {'a duplicate' if chosen.duplicate else chosen.state}: it has no curves")
    return chosen


def curves(study: Archive, trial: Trial) -> pd.DataFrame:
    """Return a row for each epoch or boosting round of each fold.

    Returns:
        Columns `fold`, `step`, and one a curve; no rows for models that are trained in one go.
    """
    folds = [_table(fold).assign(fold=k) for k, fold in enumerate(study.curves(trial)) if fold]
    found = pd.concat(folds, ignore_index=True) if folds else pd.DataFrame(columns=["step", "fold"])
    return found[["fold", "step", *(name for name in found.columns if name not in ("fold", "step"))]]


def to_tensorboard(study: Archive, folder: Path, trials: Sequence[Trial] | None) -> Path:
    """Write what TensorBoard shows of trials, a run for each trial and fold, and return the folder.

    That is the curves of every fold, and of the first fold's networks the graph, histograms (of weights, and for some
    held-out rows of what each layer says and of the loss's gradient) and embeddings.

    Args:
        study: The study.
        folder: Where to write; show it with `tensorboard --logdir FOLDER`.
        trials: Of which trials; None for the best of each family.
    """
    from spaces.engines.keras.tensorboard import write_networks, write_scalars

    for trial in study.best_of_each_family if trials is None else trials:
        table = curves(study, trial)
        for fold, rows in table.groupby("fold"):
            values = rows.drop(columns=["fold", "step"]).dropna(axis="columns", how="all")
            write_scalars(folder / trial.name / f"fold-{fold}", {str(name): column for name, column in values.items()})
        if study.has_models(trial):
            fitted = load_fitted(study.attempt_folder(trial) / "fold-0")
            held_out = study.task.rows.take(study.task.folds[0][1][:_ROWS])
            write_networks(folder / trial.name / "fold-0", fitted, held_out, target=study.task.target)
    return folder


def _table(fold: Curves) -> pd.DataFrame:
    """Return curves side by side; those of several targets may differ in length."""
    table = pd.DataFrame({name: pd.Series(values) for name, values in labelled(fold).items()})
    return table.rename_axis("step").reset_index()
