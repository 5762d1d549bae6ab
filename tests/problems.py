"""Blending problems that several test files share."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from ensembles import LOSSES, METHODS, Loss

SEEDS = st.integers(0, 2**32 - 1)


def values(members: int, rows: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Members that predict a number, each with its own noise and bias, so that a blend is better than each."""
    rng = np.random.default_rng(seed)
    target = rng.normal(size=rows)
    spread, bias = rng.uniform(0.5, 1.5, members), rng.normal(scale=0.3, size=members)
    predictions = target + spread[:, None] * rng.normal(size=(members, rows)) + bias[:, None]
    return predictions[:, :, None], target


def probabilities(members: int, rows: int, seed: int, classes: int = 3) -> tuple[NDArray[Any], NDArray[Any]]:
    """Members that predict probabilities, some of them overconfident, so that a blend is better than each."""
    rng = np.random.default_rng(seed)
    target = np.concatenate([np.arange(classes), rng.integers(0, classes, max(rows - classes, 0))])[:rows]
    skill, noise = rng.uniform(0.8, 1.2, (2, members, 1, 1))
    logits = 1.5 * (skill * np.eye(classes)[target] + noise * rng.normal(size=(members, rows, classes)))
    exponents = np.exp(logits - logits.max(axis=2, keepdims=True))
    return exponents / exponents.sum(axis=2, keepdims=True), target


def labels(members: int, rows: int, seed: int, outputs: int = 3) -> tuple[NDArray[Any], NDArray[Any]]:
    """Members that predict for each of several labels whether it is there."""
    both, _ = probabilities(members, rows * outputs, seed, classes=2)
    target = np.random.default_rng(seed).integers(0, 2, (rows, outputs))
    right = both.max(axis=2).reshape(members, rows, outputs)
    lucky = np.random.default_rng(seed + 1).random((members, rows, outputs)) < 0.75
    return np.where((target == 1) == lucky, right, 1 - right), target


def problem(loss: str, members: int, rows: int, seed: int) -> tuple[NDArray[Any], NDArray[Any], Loss]:
    match loss:
        case "log_loss":
            predictions, target = probabilities(members, rows, seed)
        case "multilabel_log_loss":
            predictions, target = labels(members, rows, seed)
        case _:
            predictions, target = values(members, rows, seed)
    return predictions, target, LOSSES[loss]


@st.composite
def problems(draw: st.DrawFn, method: str = "uniform") -> tuple[NDArray[Any], NDArray[Any], Loss]:
    """Any loss that the method accepts, any number of members, few rows."""
    loss = draw(st.sampled_from([name for name in LOSSES if METHODS[method].accepts(LOSSES[name])]))
    return problem(loss, draw(st.integers(1, 6)), draw(st.integers(3, 40)), draw(SEEDS))


@st.composite
def smooth_problems(draw: st.DrawFn) -> tuple[NDArray[Any], NDArray[Any], Loss]:
    """Losses without kinks, on which the simplex is sure to find the one optimum."""
    loss = draw(st.sampled_from([name for name in LOSSES if name != "mae"]))
    return problem(loss, draw(st.integers(1, 6)), draw(st.integers(20, 50)), draw(SEEDS))


def fitted_loss(method: str, predictions: NDArray[Any], target: NDArray[Any], loss: Loss) -> float:
    return loss(target, METHODS[method].fit(predictions, target, loss)(predictions))
