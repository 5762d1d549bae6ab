"""What trials predicted of the rows that were held out of them: all that an ensemble is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.choosing.budget import affordable
from ensembles.choosing.cross_fitting import CrossFitted, Said, ScoreOfRows, cross_fit, paired_difference
from ensembles.choosing.gate import Chosen, choose
from ensembles.combiners.combiner import Candidate
from ensembles.combiners.each_target import TargetLoss, sum_of_losses
from ensembles.losses import LOSSES, Loss, Undefined, copies, is_defined, squares, surprise
from ensembles.measures.conformal import distances
from ensembles.measures.diversity import distinct, error_correlations
from ensembles.member import Member
from spaces.engines.together import Together
from spaces.rows.arrays import Index
from spaces.rows.table import Table
from spaces.store import load_fitted
from tuner.archive.study_folder import Archive, StudyError
from tuner.ensembling.costs import megabytes, milliseconds
from tuner.ensembling.predicted import predicted
from tuner.scoring.group_loss import beside, group_loss
from tuner.scoring.score import Score, mean_scores, scored
from tuner.search.ledger import Trial
from tuner.task.splits import crossfit_parts
from tuner.task.task import Task
from tuner.trials.scored_folds import scored_folds

FEWEST_BLOCKS, FEWEST_ROWS = 5, 10


def _wrong(target: NDArray[Any], predictions: NDArray[Any]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = (predictions.argmax(axis=1) != target).astype(np.float64)
    return found


# Metrics that rank predictions as the mean of these over rows does.
_BY_ROW = {"accuracy": _wrong, "r2": squares, "perplexity": surprise}


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Held-out predictions of some trials.

    Attributes:
        members: The trials, as members of no weight yet.
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, or of several targets `(rows, targets)`.
        features: The rows themselves, `(rows, columns)`, for models of a second level that look at them.
        folds: The fold that held each row out.
        loss: The deciding metric as a loss that weights are fitted to; probabilities are kept from 0 and 1 in it.
        score: The deciding metric as it is reported, of trials, ensembles and test rows alike.
        parts: Pairs of positions: rows that fit weights, rows scored with them.
        row: One of the rows, to time predictions with.
        seed: The task's.
        targets: The targets, where there are several.
        groups: The group of each row, where rows are no independent draws.
        strata: The fold and class of each row, of a single target of classes: a resample needs all of them.
        weight: How much each row counts, where rows have weights.
        scored: The folds that the deciding metric can score.
        group: The group of each row, for metrics by group.
        compared: The trials that the comparator is chosen among, where they are others than the members.
    """

    members: list[Member]
    predictions: NDArray[np.float64]
    target: NDArray[Any]
    features: NDArray[np.float64]
    folds: Index
    loss: Loss
    score: Score
    parts: list[tuple[Index, Index]]
    row: Table
    seed: int
    targets: tuple[TargetLoss, ...] = ()
    groups: NDArray[Any] | None = None
    strata: NDArray[Any] | None = None
    weight: NDArray[np.float64] | None = None
    scored: tuple[int, ...] = ()
    group: NDArray[np.int64] | None = None
    compared: tuple[str, ...] = ()

    @property
    def truth(self) -> NDArray[Any]:
        """What the loss is given as the target: beside it the groups, where the deciding metric is by group."""
        return beside(self.target, self.group if self.loss.by_group else None)

    @property
    def correlations(self) -> NDArray[np.float64]:
        """Correlations of the members' errors, `(members, members)`; of several targets the lowest of each pair."""
        if not self.targets:
            return error_correlations(self.predictions, self.target)
        each = [error_correlations(self.predictions[:, :, part.columns], part.of(self.target)) for part in self.targets]
        found: NDArray[np.float64] = np.min(each, axis=0)
        return found

    def distances(self, rows: Index, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far predictions of some rows are off, sorted, `(rows,)`; of several targets `(targets, rows)`."""
        return _distances(outputs, self.target[rows], self.targets)

    @cached_property
    def cross_fitted_folds(self) -> tuple[int, ...]:
        """The folds whose cross-fitted rows the deciding metric can score: in time order not the first ones."""
        rows = np.concatenate([scored for _, scored in self.parts])
        within = [(k, rows[self.folds[rows] == k]) for k in self.scored]
        return tuple(k for k, of in within if len(of) and is_defined(self._score_of, of, self.predictions[0, of]))

    def by_fold(self, rows: Index, outputs: NDArray[Any]) -> float:
        """Return the mean loss of cross-fitted rows over the folds that are scored, as a trial's own value is.

        Raises:
            Undefined: Of some resample of the rows the metric says nothing.
        """
        return self._mean(self.cross_fitted_folds, rows, outputs)

    def by_trial(self, rows: Index, outputs: NDArray[Any]) -> float:
        """Return the mean loss of some rows over all folds that are scored: of all rows, a trial's own value."""
        return self._mean(self.scored, rows, outputs)

    def in_sample(self, outputs: NDArray[Any]) -> float:
        """Return the mean loss of all rows over the folds that are scored."""
        return self.by_trial(np.arange(len(outputs)), outputs)

    def metrics(
        self, scores: Sequence[Score], rows: Index, outputs: NDArray[Any], *, decided: NDArray[Any]
    ) -> dict[str, float]:
        """Return the mean of each score over the folds of some rows.

        Args:
            scores: The scores.
            rows: The rows.
            outputs: What is predicted of them.
            decided: The same for metrics of labels.
        """
        each = [self.folds[rows] == k for k in np.unique(self.folds[rows])]
        return mean_scores(
            [
                scored(
                    scores,
                    self.target[rows[of]],
                    outputs[of],
                    decisions=decided[of],
                    sample_weight=self.weights_of(rows[of]),
                    group=self._group_of(rows[of], *scores),
                )
                for of in each
            ]
        )

    def doubt(self, rows: Index) -> str:
        """Say why standard errors of some rows are not to be trusted; nothing where they may be."""
        blocks = 0 if self.groups is None else len(np.unique(self.groups[rows]))
        if 1 < blocks < FEWEST_BLOCKS:
            return f"standard errors are not to be trusted: they are of {blocks} groups, fewer than {FEWEST_BLOCKS}"
        least = min(len(of) for _, of in self.parts)
        if least < FEWEST_ROWS:
            return f"standard errors are not to be trusted: a part has {least} rows, fewer than {FEWEST_ROWS}"
        return ""

    def _mean(self, folds: Sequence[int], rows: Index, outputs: NDArray[Any]) -> float:
        each = [self.folds[rows] == k for k in folds]
        there = [of for of in each if of.any()]  # a resample may hold no row of some fold
        if not there:
            raise Undefined("no row of a fold that is scored was drawn")
        return float(np.mean([self._score_of(rows[of], outputs[of]) for of in there]))

    def _score_of(self, rows: Index, outputs: NDArray[Any]) -> float:
        return self.score.loss(
            self.target[rows], outputs, self.weights_of(rows), group=self._group_of(rows, self.score)
        )

    def _group_of(self, rows: Index, *scores: Score) -> NDArray[np.int64] | None:
        """Return the groups of some rows, for scores by group; a row that is drawn again is of a copy of its group."""
        if self.group is None or not any(score.metric.by_group for score in scores):
            return None
        return copies(self.group[rows], rows)

    def weights_of(self, rows: Index) -> NDArray[np.float64] | None:
        """Return how much some rows count, where rows have weights."""
        return None if self.weight is None else self.weight[rows]

    def choose(self, candidates: Mapping[str, Candidate], held: Chosen | None = None) -> Chosen:
        """Try candidates in order; see `ensembles.choosing.gate.choose`."""
        return choose(
            candidates,
            self.predictions,
            self.truth,
            loss=self.loss,
            parts=self.parts,
            score=self.by_fold,
            held=held,
            sample_weight=self.weight,
            features=self.features,
            groups=self.groups,
            strata=self.strata,
            seed=self.seed,
        )

    def cross_fit(self, candidate: Candidate) -> CrossFitted:
        """Return a candidate's cross-fitted predictions; see `ensembles.choosing.cross_fitting.cross_fit`."""
        return cross_fit(
            candidate,
            self.predictions,
            self.truth,
            loss=self.loss,
            parts=self.parts,
            sample_weight=self.weight,
            features=self.features,
        )

    def difference(self, rows: Index, first: Said, second: Said, *, score: ScoreOfRows) -> tuple[float, float]:
        """Return how much larger the first predictions' score is than the second's, and its standard error.

        Args:
            rows: The rows that both predict.
            first: See `ensembles.choosing.cross_fitting.paired_difference`.
            second: Others of the same rows.
            score: What is compared, `by_fold` or `by_trial`.
        """
        return paired_difference(
            rows, first, second, score=score, groups=self.groups, strata=self.strata, seed=self.seed
        )

    def only(self, names: Sequence[str]) -> HeldOut:
        """Return those of some trials, in this order."""
        places = {member.trial: i for i, member in enumerate(self.members)}
        kept = [places[name] for name in names]
        return replace(self, members=[self.members[i] for i in kept], predictions=self.predictions[kept])

    def without_duplicates(self) -> HeldOut:
        """Return all but those whose errors are next to those of a better one."""
        return self.only([self.members[i].trial for i in distinct(self.correlations)])

    def within(self, unit: str, limit: float) -> HeldOut:
        """Return those that help most for what they cost, together within a limit.

        Args:
            unit: `"megabytes"` of files, or `"milliseconds"` for one row.
            limit: How many all together may cost.

        Raises:
            ValueError: None is within the limit.
        """
        cost = {"megabytes": megabytes, "milliseconds": self._milliseconds}[unit]
        costs = np.array([cost(member) for member in self.members])
        try:
            chosen = affordable(
                self.predictions, self.truth, self.loss, costs=costs, budget=limit, sample_weight=self.weight
            )
        except ValueError as error:
            raise ValueError(f"{error} {unit}") from error
        return self.only([self.members[i].trial for i in chosen])

    def _milliseconds(self, member: Member) -> float:
        """Return the milliseconds that a member needs for one row."""
        together = Together([load_fitted(folder) for folder in member.folders])
        return milliseconds(lambda: together(self.row))


def too_few(rows: int, groups: NDArray[Any] | None) -> bool:
    """Return whether there are too few rows, or groups or blocks of rows, for a standard error to be trusted."""
    return rows < FEWEST_ROWS or (groups is not None and len(np.unique(groups)) < FEWEST_BLOCKS)


def read_held_out(study: Archive, trials: list[Trial]) -> HeldOut:
    """Read what trials predicted, as far as it can be read.

    Raises:
        StudyError: None can be read, or one predicted other rows than the rest, or the same rows in another order.
    """
    task, loaded = study.task, predicted(study, trials)
    trials = [trial for trial in trials if trial.name in loaded]
    rows, folds = loaded[trials[0].name]["rows"], loaded[trials[0].name]["folds"]
    for name, arrays in loaded.items():
        if str(arrays["digest"]) != task.digest or not np.array_equal(arrays["rows"], rows):
            raise StudyError(f"{name} predicted other rows than {trials[0].name}: they cannot be combined")
    predictions = np.stack([arrays["predictions"] for arrays in loaded.values()]).astype(np.float64)
    target = task.rows.target[rows]
    score, loss = task.score, loss_of_task(task)
    positions = [np.flatnonzero(folds == k) for k in np.unique(folds)]
    groups = None if task.groups is None else task.groups[rows]
    classes = target if task.target.of_classes else None
    cut = crossfit_parts(len(rows), positions, ordered=task.ordered, seed=task.seed, groups=groups, classes=classes)
    together = task.drawn_together
    held = HeldOut(
        members=[member_of(study, trial, 0.0) for trial in trials],
        predictions=predictions,
        target=target,
        features=task.rows.table.take(rows).joined(),
        folds=folds,
        loss=loss,
        score=score,
        parts=list(cut),
        row=task.rows.table.take(rows[:1]),
        seed=task.seed,
        targets=_targets(task),
        groups=None if together is None else together[rows],
        strata=None if classes is None else folds * len(task.target.classes) + classes,
        weight=None if task.rows.weight is None else task.rows.weight[rows],
        scored=scored_folds(task),
        group=None if task.rows.group is None else task.rows.group[rows],
    )
    truth = held.truth
    held = replace(held, parts=[of for of in held.parts if is_defined(loss, truth[of[0]], predictions[0, of[0]])])
    if not held.parts or not held.cross_fitted_folds:
        rare = "groups of rows to rank" if score.metric.by_group else "classes"
        raise StudyError(
            "no ensemble can be scored: weights are judged on other rows than those that fitted them, where "
            f"{score.name} is undefined, as {rare} are too rare. Use fewer folds, or a metric defined for any rows"
        )
    return held


def loss_of_task(task: Task) -> Loss:
    """Return the loss that weights are fitted to, the sum over the targets where there are several."""
    targets, score = _targets(task), task.score
    if not targets:
        return _loss(score)
    if score.of_targets:
        return sum_of_losses(targets)
    return Loss(f"{score.name} of several targets", score.loss, targets=len(targets))


def _loss(score: Score) -> Loss:
    """Return the loss that weights are fitted to; scores that are reported are the metric's own."""
    if score.metric.by_group:
        return group_loss(score)
    by_row = _BY_ROW.get(score.name)
    own = Loss(score.name, score.loss, of_labels=score.metric.needs == "label", by_row=by_row)
    return LOSSES.get(score.name) or own


def _targets(task: Task) -> tuple[TargetLoss, ...]:
    """Return the parts of several targets: each with its share of the deciding score, or with its own loss."""
    if not task.target.parts:
        return ()
    each = zip(task.target.parts, task.target.columns, strict=True)
    of = {part.place: part for part in task.score.of_targets}
    return tuple(
        TargetLoss(i, columns, _loss(of[i].score), abs(of[i].factor), bool(part.classes))
        if i in of
        else TargetLoss(i, columns, LOSSES["log_loss"], 1.0, True)
        for i, (part, columns) in enumerate(each)
    )


def member_of(study: Archive, trial: Trial, weight: float) -> Member:
    """Return a trial as a member that predicts with the mean of its fold models."""
    folder = study.attempt_folder(trial)
    folders = tuple(folder / f"fold-{k}" for k in range(len(study.task.folds)))
    return Member(trial.name, trial.family, weight, folders)


def distances_of(study: Archive, trial: Trial) -> NDArray[np.float64]:
    """Return how far a trial was off on the rows that were held out of it; see `HeldOut.distances`."""
    stored = predicted(study, [trial])[trial.name]
    return _distances(
        stored["predictions"].astype(np.float64), study.task.rows.target[stored["rows"]], _targets(study.task)
    )


def _distances(
    outputs: NDArray[np.float64], target: NDArray[Any], targets: Sequence[TargetLoss]
) -> NDArray[np.float64]:
    if not targets:
        return distances(outputs, target)
    return np.stack([distances(outputs[:, part.columns], part.of(target)) for part in targets])
