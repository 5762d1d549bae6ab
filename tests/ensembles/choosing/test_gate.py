"""The choice among methods: simple ones stay unless something is better by more than chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ensembles import LOSSES, METHODS
from ensembles.choosing.gate import best_single, choose, family_average, ladder
from ensembles.methods import Method

MSE, LOG_LOSS = LOSSES["mse"], LOSSES["log_loss"]


def cut(n_rows: int, n_parts: int = 5) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    pieces = np.array_split(np.random.default_rng(0).permutation(n_rows), n_parts)
    return [(np.concatenate(pieces[:i] + pieces[i + 1 :]), piece) for i, piece in enumerate(pieces)]


def noisy(spreads: list[float], rows: int, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Members whose errors are independent, with the deviations given, and so small that shrinking gains nothing."""
    rng = np.random.default_rng(seed)
    target = 30 * rng.normal(size=rows)
    noise = np.array(spreads)[:, None] * rng.normal(size=(len(spreads), rows))
    return (target + noise)[:, :, None], target


def chosen(spreads: list[float], families: list[str], rows: int) -> tuple[str, dict[str, bool]]:
    predictions, target = noisy(spreads, rows)
    choice = choose(ladder(families, MSE), predictions, target, loss=MSE, parts=cut(rows))
    return choice.name, {step.method: step.taken for step in choice.steps}


def test_the_average_of_equal_families_stays():
    name, taken = chosen([1.0, 1.0, 1.0], ["a", "b", "c"], 300)
    assert name == "family_average"
    assert [method for method, took_its_place in taken.items() if took_its_place] == ["family_average"]
    assert {"best_single", "regularized", "nelder_mead", "stack_linear", "stack_trees"} < set(taken)


def test_one_good_member_among_bad_ones_is_used_alone_or_nearly_so():
    predictions, target = noisy([0.1, 3.0, 3.0], 600)
    choice = choose(ladder(["a", "b", "c"], MSE), predictions, target, loss=MSE, parts=cut(600))
    assert choice.name != "family_average"
    weights = choice.candidate.fit(predictions, target, MSE).weights
    assert weights[0] > 0.95


def test_unequal_members_of_many_rows_get_weights_of_their_own():
    name, _ = chosen([0.5, 0.5, 1.0, 1.0], ["a", "a", "b", "b"], 5000)
    assert name in ("regularized", "nelder_mead")


def test_overconfident_members_are_pooled_in_logarithms():
    """All members are far too sure: no weights on the simplex can mend that, a smaller sum of weights does."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=4000)
    target = (rng.random(4000) < 1 / (1 + np.exp(-logits))).astype(np.int64)
    positive = 1 / (1 + np.exp(-4 * (logits + 0.2 * rng.normal(size=(3, 4000)))))
    predictions = np.stack([1 - positive, positive], axis=2)
    choice = choose(ladder(["a", "b", "c"], LOG_LOSS), predictions, target, loss=LOG_LOSS, parts=cut(4000))
    assert choice.name == "log_linear"
    assert choice.candidate.fit(predictions, target, LOG_LOSS).weights.sum() == pytest.approx(0.25, abs=0.05)


def test_steps_say_what_was_compared_with_what():
    predictions, target = noisy([0.1, 3.0], 300)
    choice = choose(ladder(["a", "b"], MSE), predictions, target, loss=MSE, parts=cut(300))
    first, second, *_ = choice.steps
    assert (first.against, second.against) == (None, "family_average")
    assert second.taken
    assert second.gain == pytest.approx(first.cross_fitted - second.cross_fitted)
    assert second.gain > second.standard_error > 0


def test_a_gain_that_two_groups_show_is_no_evidence():
    """Each group chooses for the other, so that no resample of them says how sure a gain is: the simplest stays."""
    predictions, target = noisy([0.1, 3.0], 300)
    parts = [(np.arange(150), np.arange(150, 300)), (np.arange(150, 300), np.arange(150))]
    choice = choose(ladder(["a", "b"], MSE), predictions, target, loss=MSE, parts=parts, groups=np.arange(300) // 150)
    alone = next(step for step in choice.steps if step.method == "best_single")
    assert alone.gain > 0
    assert np.isnan(alone.standard_error)
    assert not alone.taken


def test_the_best_of_each_family_share_the_weight_equally():
    predictions, target = noisy([2.0, 1.0, 3.0, 0.5], 500)
    weights = family_average(["a", "a", "b", "a"])(predictions, target, MSE)
    np.testing.assert_array_equal(weights, [0, 0, 0.5, 0.5])
    np.testing.assert_array_equal(best_single(predictions, target, MSE), [0, 0, 0, 1])


def test_one_member_is_no_trouble():
    predictions, target = noisy([1.0], 50)
    choice = choose(ladder(["a"], MSE), predictions, target, loss=MSE, parts=cut(50))
    assert choice.name == "family_average"
    np.testing.assert_array_equal(choice.candidate.fit(predictions, target, MSE).weights, [1.0])


def test_methods_that_cannot_minimise_the_loss_are_left_out():
    assert "log_linear" not in ladder(["a"], MSE)
    assert "log_linear" in ladder(["a"], LOG_LOSS)


def test_stacked_trees_are_left_out_where_they_would_take_longer_than_all_else():
    families = list("abcdefghi")
    assert "stack_trees" in ladder(families, LOG_LOSS, rows=600, outputs=10)
    assert "stack_trees" in ladder(families, LOG_LOSS, rows=50_000, outputs=2)
    many = ladder(families, LOG_LOSS, rows=4_000, outputs=10)
    assert "stack_trees" not in many
    assert {"log_linear", "stack_linear"} < set(many)
    assert "stack_linear" not in ladder(families, LOG_LOSS, rows=13_000, outputs=26)
    assert {"stack_trees_on_rows", "stack_forest_on_rows"} < set(ladder(["a"], MSE, rows=300, features=30))
    wide = ladder(["a"], MSE, rows=300, features=3_000)
    assert "stack_trees" in wide
    assert not {"stack_trees_on_rows", "stack_forest_on_rows"} & set(wide)


def test_without_methods_there_is_nothing_to_choose_from():
    predictions, target = noisy([1.0], 50)
    with pytest.raises(ValueError, match="at least one method"):
        choose({}, predictions, target, loss=MSE, parts=cut(50))


def test_a_worse_method_never_takes_the_place():
    predictions, target = noisy([1.0, 1.0], 200)
    worst = Method(lambda predictions, target, loss, sample_weight=None: np.array([0.0, 1.0]))
    choice = choose({"uniform": METHODS["uniform"], "worst": worst}, predictions, target, loss=MSE, parts=cut(200))
    assert choice.name == "uniform"


def test_methods_that_agree_to_the_last_digits_do_not_follow_each_other():
    """Their difference has a standard error of next to nothing, and is worth nothing."""
    predictions, target = noisy([1.0, 1.5], 400)

    def almost(*given: Any, sample_weight: Any = None) -> NDArray[np.float64]:
        return np.array([0.1 + 1e-9, 0.9 - 1e-9])

    def weights(*given: Any, sample_weight: Any = None) -> NDArray[np.float64]:
        return np.array([0.1, 0.9])

    choice = choose({"one": Method(weights), "other": Method(almost)}, predictions, target, loss=MSE, parts=cut(400))
    assert [step.taken for step in choice.steps] == [True, False]


def test_what_is_held_in_a_part_is_chosen_on_the_others():
    """The second method is better by far in the first part, and only there: the other parts prefer the first one."""
    rows, parts = 400, cut(400, 4)
    rng = np.random.default_rng(0)
    target = 30 * rng.normal(size=rows)
    spread = np.where(np.isin(np.arange(rows), parts[0][1]), 0.1, 1.05)
    predictions = (target + np.stack([np.ones(rows), spread]) * rng.normal(size=(2, rows)))[:, :, None]

    def only(member: int) -> Method:
        return Method(lambda predictions, target, loss, sample_weight=None: np.eye(2)[member])

    choice = choose({"first": only(0), "second": only(1)}, predictions, target, loss=MSE, parts=parts)
    assert choice.name == "second"
    assert choice.held[0][0] == "first"
    for (name, of), (_, scored) in zip(choice.held, parts, strict=True):
        member = ["first", "second"].index(name)
        np.testing.assert_array_equal(choice.fitted.outputs[scored], predictions[member, scored])
        np.testing.assert_array_equal(of.outputs[scored], predictions[member, scored])


def test_a_method_chosen_by_luck_is_worth_no_more_than_it_is():
    """Of ten methods that are equally good the one held looks better than it is; of nested parts it does not."""
    off = []
    for seed in range(30):
        predictions, target = noisy([1.0] * 10, 200, seed)
        methods = {
            str(i): Method(lambda predictions, target, loss, sample_weight=None, i=i: np.eye(10)[i]) for i in range(10)
        }
        choice = choose(methods, predictions, target, loss=MSE, parts=cut(200))
        off.append(MSE(target[choice.fitted.rows], choice.fitted.outputs) - 1.0)
    assert abs(np.mean(off)) < 2 * np.std(off, ddof=1) / np.sqrt(len(off))
