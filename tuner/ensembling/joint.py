"""The joint wide-and-deep model of a study, fold by fold: from its best trees and its best network.

The model of fold k begins at the average of what trees and network of fold k say. It is trained on fold k's training
rows, and what the average says of *those* is taken from the models of the other folds, which had not seen them. So no
row is averaged from models it trained, neither in training nor when fold k's own rows are scored. In time order the
first fold's training rows were never held out: its model stays the average, with weights from its inner rows.

Several targets have a joint model each, side by side, on one network or on networks of their own. Of steps of
sequences, the network's layers are not trained further. Of a forecast, trees and network may predict changes from the
last known value; then so does the joint model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import LOSSES
from ensembles.solvers.convex import convex
from ensembles.solvers.log_linear import log_linear
from spaces.engines.contract import Fitted, Fold
from spaces.engines.keras.fitted import KerasFitted
from spaces.engines.xgboost import XGBoostFitted
from spaces.families.each_target import EachFitted, fold_of
from spaces.families.forecasts.change import ChangeFitted, changed
from spaces.families.forecasts.naive import last_values
from spaces.families.joint.fit import EPOCHS, PENALTIES, CannotJoin, fit_joint
from spaces.families.joint.fitted import JointFitted
from spaces.families.joint.one_target import of_target
from spaces.families.sequences.model import StepFitted
from spaces.machine.disk import alone, replaced
from spaces.machine.torn import read_arrays
from spaces.rows.table import Rows
from spaces.store import load_fitted
from tuner.archive.study_folder import Archive, StudyError
from tuner.search.ledger import Trial
from tuner.seeds import derive_seed
from tuner.task.folds import fold_parts, make_folds

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
        found: NDArray[np.float64] = read_arrays(self.folder / _FILE)["predictions"].astype(np.float64)
        return found

    @property
    def epochs(self) -> tuple[int, ...]:
        """How many epochs each fold's model is away from the average; 0 where training did not help."""
        found: list[int] = read_arrays(self.folder / _FILE)["epochs"].tolist()
        return tuple(found)


def train_joint(study: Archive) -> JointTrial:
    """Train the joint model of a study's best trees and best network, or return it where it was trained before.

    Raises:
        StudyError: There are no trees or no network, or a single fold: nothing then is known of its training rows but
            what models said that had seen them.
    """
    (tree, tower), changes = _pair(study)
    made = JointTrial(study.folder / NAME / f"{tree.name}+{tower.name}", (tree.name, tower.name))
    if len(study.task.folds) < 2:
        raise StudyError("a joint model needs at least two folds, as it trains on predictions of held-out rows")
    with alone(made.folder):
        if not (made.folder / _FILE).exists():
            _train(study, made, (tree, tower), changes=changes)
    return made


def _train(study: Archive, made: JointTrial, pair: tuple[Trial, Trial], *, changes: bool) -> None:
    task, (tree, tower) = study.task, pair
    stored = [read_arrays(study.attempt_folder(trial) / _FILE) for trial in (tree, tower)]
    predicted = np.full((2, len(task.rows.target), task.target.outputs), np.nan)
    for i, arrays in enumerate(stored):
        predicted[i, arrays["rows"]] = arrays["predictions"]
    known = np.isfinite(predicted).all(axis=(0, 2))
    predictions, epochs = [], []
    penalties: list[tuple[float, ...]] = [PENALTIES for _ in task.target.each]
    for k, ((fold, held_out), parts) in enumerate(zip(make_folds(task), fold_parts(task), strict=True)):
        folders = [study.attempt_folder(trial) / f"fold-{k}" / ("change" if changes else "") for trial in (tree, tower)]
        joint, trained = _fit_fold(
            study,
            k,
            fold,
            parts=parts,
            predicted=predicted,
            known=known,
            folders=folders,
            penalties=penalties,
            changes=changes,
        )
        if trained:
            penalties = [(one.penalty,) for one in joint]  # chosen on the first fold's inner rows
        names = tuple(part.name for part in task.target.each)
        fitted: Fitted = EachFitted(tuple(joint), names) if task.target.parts else joint[0]
        fitted = ChangeFitted(fitted, task.target) if changes else fitted
        predictions.append(fitted.predict(held_out.table))
        epochs.append(sum(one.epochs for one in joint))
        place = made.folder / f"fold-{k}"
        place.mkdir(parents=True, exist_ok=True)
        fitted.save(place)
    with replaced(made.folder / _FILE) as part:
        np.savez(part, predictions=np.concatenate(predictions), epochs=np.array(epochs))


def _fit_fold(
    study: Archive,
    k: int,
    fold: Fold,
    *,
    parts: dict[str, NDArray[np.int64]],
    predicted: NDArray[np.float64],
    known: NDArray[np.bool_],
    folders: Sequence[Path],
    penalties: Sequence[Sequence[float]],
    changes: bool,
) -> tuple[list[JointFitted], bool]:
    """Return the joint model of a fold for each target, and whether they were trained or are the average."""
    task = study.task
    tree, tower = (load_fitted(folder) for folder in folders)
    train = parts["train"][known[parts["train"]]]
    trained = len(train) > 0
    if trained:
        key = f"{task.digest}/{k}/train" if len(train) == len(parts["train"]) else None
        rows, heard = task.rows.take(train, key), predicted[:, train]
    else:  # the first fold of forward chaining
        rows = fold.inner
        heard = np.stack([one.predict(rows.table).astype(np.float64) for one in (tree, tower)])
    if changes:
        last = last_values(rows.table, task.target)
        heard = heard - last if trained else heard
        fold = replace(fold, inner=changed(fold.inner, task.target))
        rows = changed(rows, task.target)
    whole = replace(fold, train=rows, seed=derive_seed(task.seed, NAME, k))
    joint = []
    try:
        for place, (signature, columns) in enumerate(zip(task.signature.each_target, task.target.columns, strict=True)):
            alone = fold_of(whole, task.target, place) if task.target.parts else whole
            said, tried = heard[:, :, columns], penalties[place]
            joint.append(
                fit_joint(
                    of_target(tree, task.target, place),
                    of_target(tower, task.target, place),
                    alone,
                    coefficients=_coefficients(said, alone.train, regression=signature.target.kind == "regression"),
                    predicted=said,
                    signature=signature,
                    penalties=tried if trained else tried[:1],
                    epochs=EPOCHS if trained else 0,
                )
            )
    except CannotJoin as error:
        raise StudyError(f"no joint model of {' and '.join(map(str, folders))}: {error}") from error
    return joint, trained


def _coefficients(said: NDArray[np.float64], rows: Rows, *, regression: bool) -> NDArray[np.float64]:
    """Return the weights of trees and network in their average."""
    solver, loss = (convex, LOSSES["mse"]) if regression else (log_linear, LOSSES["log_loss"])
    weights: NDArray[np.float64] = solver(said, rows.target, loss, sample_weight=rows.weight)
    return weights


def _pair(study: Archive) -> tuple[tuple[Trial, Trial], bool]:
    """Return the best pair of trees and network, and whether both predict changes rather than levels."""
    trees, network = XGBoostFitted.library, "network"
    kinds = {trees: trees, KerasFitted.library: network, StepFitted.library: network}
    found: dict[tuple[bool, str], Trial] = {}
    for trial in study.complete:
        if study.has_models(trial):
            *wrappers, plain = study.made_of(trial)
            if plain in kinds and {*wrappers} <= {ChangeFitted.library, EachFitted.library}:
                found.setdefault((ChangeFitted.library in wrappers, kinds[plain]), trial)
    pairs = [
        ((found[changes, trees], found[changes, network]), changes)
        for changes in (True, False)
        if (changes, trees) in found and (changes, network) in found
    ]
    if pairs:
        sign = study.task.score.sign
        return min(pairs, key=lambda pair: sum(sign * (trial.value or 0.0) for trial in pair[0]))
    for library, what in ((trees, "boosted trees (xgboost)"), (network, "a network")):
        if not any(library == one for _, one in found):
            raise StudyError(
                f"a joint model needs {what}, and no trial of that kind has succeeded with its models still there"
            )
    raise StudyError("a joint model needs trees and a network that both predict changes, or both levels")
