"""The single model that an ensemble is compared with is chosen anew in every resample."""

from __future__ import annotations

import numpy as np
import pytest
from problems import problem

from ensembles import LOSSES, METHODS, Loss
from ensembles.choosing.cross_fitting import cross_fit, paired_difference
from ensembles.choosing.gate import ladder
from ensembles.losses import Undefined

RMSE = LOSSES["rmse"]


def cut(n_rows, n_parts):
    pieces = np.array_split(np.random.default_rng(0).permutation(n_rows), n_parts)
    return [(np.concatenate(pieces[:i] + pieces[i + 1 :]), piece) for i, piece in enumerate(pieces)]


def equals(members=6, rows=200, seed=0):
    """Members of equal worth, so that which is best is luck."""
    rng = np.random.default_rng(seed)
    target = rng.normal(size=rows)
    return (target + rng.standard_t(3, size=(members, rows)))[:, :, None], target


@pytest.mark.parametrize("name", ["log_loss", "multilabel_log_loss", "rmse", "mse", "mae"])
def test_without_resampling_the_choice_is_the_same(name):
    predictions, target, loss = problem(name, 5, 120, 3)
    fitted = cross_fit(METHODS["uniform"], predictions, target, loss=loss, parts=cut(120, 6))
    everything = np.arange(120)
    np.testing.assert_array_equal(fitted.single_resampled(everything), fitted.single)
    np.testing.assert_array_equal(fitted.resampled[everything], fitted.ensemble)
    chosen = fitted.single_resampled.weights(everything).argmax(axis=0)
    assert chosen.tolist() == list(fitted.chosen)
    for method in ("best_single", "family_average"):
        candidate = ladder(["a", "a", "b", "b", "b"], loss)[method]
        fitted = cross_fit(candidate, predictions, target, loss=loss, parts=cut(120, 6))
        np.testing.assert_allclose(fitted.resampled(everything), fitted.ensemble, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_loss_of_whole_columns_chooses_as_its_rows_do(weighted):
    """Once through sums over rows, once through the loss of the rows that were drawn."""
    predictions, target = equals()
    weight = np.random.default_rng(1).integers(1, 4, 200).astype(float) if weighted else None
    whole = Loss("rmse", RMSE.function)
    each = [
        cross_fit(
            METHODS["uniform"], predictions, target, loss=loss, parts=cut(200, 5), sample_weight=weight
        ).single_resampled
        for loss in (RMSE, whole)
    ]
    different = set()
    for draw in range(20):
        at = np.random.default_rng(draw).integers(200, size=200)
        rows, columns = (one.weights(at) for one in each)
        np.testing.assert_array_equal(rows, columns)
        different.add(tuple(rows.argmax(axis=0)))
    assert len(different) > 3


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", [RMSE, Loss("rmse", RMSE.function)], ids=["rows", "columns"])
def test_a_resample_of_one_part_only_says_nothing(loss, weighted):
    """Of few groups one may be drawn each time: then nobody chooses for its own part."""
    predictions, target = equals(rows=40)
    parts = [(np.arange(20, 40), np.arange(20)), (np.arange(20), np.arange(20, 40))]
    weight = np.ones(40) if weighted else None
    fitted = cross_fit(METHODS["uniform"], predictions, target, loss=loss, parts=parts, sample_weight=weight)
    with pytest.raises(Undefined, match="a part has no row that chooses"):
        fitted.single_resampled.weights(np.arange(20))


def test_rows_that_are_not_scored_choose_once():
    """In time order the first rows only choose."""
    predictions, target = equals(rows=60)
    parts = [(np.arange(20), np.arange(20, 40)), (np.arange(40), np.arange(40, 60))]
    again = cross_fit(METHODS["uniform"], predictions, target, loss=RMSE, parts=parts).single_resampled
    at = np.zeros(40, dtype=np.int64)  # the first scored row, forty times
    losses = ((predictions[:, :, 0] - target) ** 2)[:, :20]
    assert again.weights(at)[:, 0].argmax() == losses.mean(axis=1).argmin()
    both = losses.sum(axis=1) + 40 * (predictions[:, 20, 0] - target[20]) ** 2
    assert again.weights(at)[:, 1].argmax() == both.argmin()


def test_the_standard_error_knows_that_the_choice_was_luck():
    predictions, target = equals()
    fitted = cross_fit(METHODS["uniform"], predictions, target, loss=RMSE, parts=cut(200, 5))

    def score(rows, outputs):
        return RMSE(target[rows], outputs)

    kept, kept_error = paired_difference(fitted.rows, fitted.ensemble, fitted.single, score=score)
    anew, error = paired_difference(fitted.rows, fitted.resampled, fitted.single_resampled, score=score)
    assert anew == pytest.approx(kept)
    assert error > kept_error


def test_a_choice_has_no_difference_from_itself():
    predictions, target = equals()
    best = ladder(["a"] * 6, RMSE)["best_single"]
    fitted = cross_fit(best, predictions, target, loss=RMSE, parts=cut(200, 5))
    found = paired_difference(
        fitted.rows, fitted.resampled, fitted.single_resampled, score=lambda rows, outputs: RMSE(target[rows], outputs)
    )
    assert found == (0.0, 0.0)
