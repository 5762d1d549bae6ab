"""Folds with something added or taken: rows to watch, rows with missing features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import numpy as np

from spaces.engines.contract import Fold, Look, Watch
from spaces.engines.curves import Curve
from spaces.rows.columns import MISSING
from spaces.rows.table import Rows

ENDLESS = 2**62  # of so many steps none is far enough for the pruner


def with_watched_rows(fold: Fold) -> Fold:
    """Return a fold with rows to watch: where the number of steps is given and none are, a tenth of its own."""
    if fold.steps is None:
        return fold
    order = np.random.default_rng(fold.seed).permutation(len(fold.full))
    inner, train = np.split(order, [max(1, len(order) // 10)])
    kept, watched = (fold.full.take(at) for at in (np.sort(train), np.sort(inner)))
    return Fold(fold.full, kept, watched, seed=fold.seed)


def named(fold: Fold) -> Fold:
    """Return the fold with training rows that have a name, so that nothing is learned of them twice."""
    if fold.train.table.key is not None:
        return fold
    return replace(fold, train=replace(fold.train, table=replace(fold.train.table, key=uuid4().hex)))


def unwatched(step: int, steps: int, curves: Mapping[Curve, float], predict: Any, /) -> None:
    """Look at nothing."""


def without_rungs(watch: Watch) -> Watch:
    """Return a watch whose rungs are never reached, as where the inner rows are trained on too."""

    def watched(step: int, steps: int, curves: Mapping[Curve, float], predict: Look, /) -> None:
        watch(step, ENDLESS, curves, predict)

    return watched


def with_dropped_features(rows: Rows, share: float, seed: int) -> Rows:
    """Return training rows twice, the second time with a share of all that is known of them taken for missing.

    So a network learns what a missing feature means before it meets one (Chollet, "Deep Learning with Python", 4.3).
    """
    if isinstance(share, bool) or not 0 < share < 1:
        raise ValueError(f"dropped_features must be a share between 0 and 1, got {share!r}")
    table, twice = rows.table, np.tile(np.arange(len(rows)), 2)
    rng, again = np.random.default_rng(seed), slice(len(rows), None)
    key = None if table.key is None else f"{table.key}/dropped {share} {seed}"
    copied = table.take(twice, key)
    for known, missing in ((copied.numbers, np.nan), (copied.codes, MISSING)):
        known[again][rng.random((len(rows), known.shape[1])) < share] = missing
    return Rows(copied, rows.target[twice], None if rows.weight is None else rows.weight[twice])
