"""The joint wide-and-deep model of a study, fold by fold: from its best trees and its best network.

The model of fold k begins at the average of what trees and network of fold k say. It is trained on fold k's training
rows, and what the average says of *those* is taken from the models of the other folds, which had not seen them. So no
row is averaged from models it trained, neither in training nor when fold k's own rows are scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensembles.convex import convex
from ensembles.log_linear import log_linear
from ensembles.losses import LOSSES
from spaces.family import Fold, Rows
from spaces.joint import PENALTIES, CannotJoin, JointFitted, fit_joint
from spaces.loading import load_fitted
from tuner.ledger import Trial
from tuner.seeds import derive_seed
from tuner.study import Study, StudyError
from tuner.trial import fold_parts, make_folds

NAME = "joint"
_FILE = "held_out.npz"


@dataclass(frozen=True)
class JointTrial:
    """A joint model of every fold, with what they predicted of held-out rows.

    Attributes:
        folder: Where it lies; `fold-0`, `fold-1`, ... beside `held_out.npz`.
        made_of: Names of the trials of trees and network.
    """

    folder: Path
    made_of: tuple[str, str]

    @property
    def predictions(self) -> NDArray[np.float64]:
        """What each fold's model predicted of its held-out rows, `(rows, outputs)`, in the order of a trial's."""
        found: NDArray[np.float64] = np.load(self.folder / _FILE)["predictions"].astype(np.float64)
        return found

    @property
    def epochs(self) -> tuple[int, ...]:
        """How many epochs each fold's model is away from the average; 0 where training did not help."""
        found: list[int] = np.load(self.folder / _FILE)["epochs"].tolist()
        return tuple(found)


def train_joint(study: Study) -> JointTrial:
    """Train the joint model of a study's best trees and best network, or return the one that was trained.

    Raises:
        StudyError: There are no trees or no network, or a single fold: nothing then is known of its training rows but
            what models said that had seen them.
    """
    if study.task.target.parts:
        raise StudyError("a joint model predicts one target, and the task has several")
    if study.task.schema.sequence:
        raise StudyError("a joint model reads single rows only, and the task's are steps of sequences")
    tree, tower = _best(study, "xgboost"), _best(study, "keras")
    made = JointTrial(study.folder / NAME / f"{tree.name}+{tower.name}", (tree.name, tower.name))
    if (made.folder / _FILE).exists():
        return made
    task = study.task
    if len(task.folds) < 2:
        raise StudyError("a joint model needs at least two folds, as it trains on predictions of held-out rows")
    stored = [np.load(study.attempt_folder(trial) / _FILE) for trial in (tree, tower)]
    said = np.full((2, len(task.rows.target), task.target.outputs), np.nan)
    for i, arrays in enumerate(stored):
        said[i, arrays["rows"]] = arrays["predictions"]
    known = np.isfinite(said).all(axis=(0, 2))
    predictions, epochs = [], []
    penalties: tuple[float, ...] = PENALTIES
    for k, ((fold, held_out), parts) in enumerate(zip(make_folds(task), fold_parts(task), strict=True)):
        fitted = _fit_fold(study, k, fold, parts, said, known, (tree, tower), penalties)
        penalties = (fitted.penalty,)  # chosen on the first fold's inner rows
        predictions.append(fitted.predict(held_out.table))
        epochs.append(fitted.epochs)
        place = made.folder / f"fold-{k}"
        place.mkdir(parents=True, exist_ok=True)
        fitted.save(place)
    part = made.folder / "held_out.part.npz"
    np.savez(part, predictions=np.concatenate(predictions), epochs=np.array(epochs))
    part.rename(made.folder / _FILE)
    return made


def _fit_fold(
    study: Study,
    k: int,
    fold: Fold,
    parts: dict[str, NDArray[np.int64]],
    said: NDArray[np.float64],
    known: NDArray[np.bool_],
    trials: tuple[Trial, Trial],
    penalties: Sequence[float],
) -> JointFitted:
    task = study.task
    train = parts["train"][known[parts["train"]]]
    if not len(train):  # the first folds of forward chaining
        raise StudyError(f"fold {k} has no training rows that another fold held out: a joint model cannot be trained")
    key = f"{task.digest}/{k}/train" if len(train) == len(parts["train"]) else None
    rows = Rows(task.rows.table.take(train, key), task.rows.target[train])
    loss = LOSSES["mse" if task.target.kind == "regression" else "log_loss"]
    solver = convex if task.target.kind == "regression" else log_linear
    tree, tower = (load_fitted(study.attempt_folder(trial) / f"fold-{k}") for trial in trials)
    try:
        return fit_joint(
            tree,
            tower,
            replace(fold, train=rows, seed=derive_seed(task.seed, NAME, k)),
            solver(said[:, train], rows.target, loss),
            said[:, train],
            task.signature,
            penalties=penalties,
        )
    except CannotJoin as error:
        raise StudyError(f"no joint model of {trials[0].name} and {trials[1].name}: {error}") from error


def _best(study: Study, library: str) -> Trial:
    for trial in study.complete:
        # Trees that stand on a network of their own say nothing of the columns.
        if study.has_models(trial) and study.library(trial) == library and trial.family != "deep_trees":
            return trial
    what = {"xgboost": "boosted trees (xgboost)", "keras": "a network"}[library]
    raise StudyError(f"a joint model needs {what}, and no trial of that kind has succeeded with its models still there")
