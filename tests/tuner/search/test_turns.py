"""Whose turn it is, decided by records; no study runs here."""

import math

import pytest

from tuner.search.turns import Past, by_seconds, by_trials, catching_up, cost_for_improvement, seconds_for_trial


def past(*seconds, gained=(), rank=1.0, **others):
    found = {"losses": (1.0,) * len(seconds), **others}
    return Past(rank, seconds=seconds, gained=gained or (False,) * len(seconds), **found)


def test_by_trials_the_family_with_the_fewest_for_its_weight_comes_next():
    assert by_trials({"a": past(1.0, 1.0), "b": past(9.0)})[0] == "b"
    assert by_trials({"a": past(1.0, 1.0, weight=4.0), "b": past(9.0)})[0] == "a"
    assert by_trials({"a": past(1.0), "b": past(9.0)})[0] == "a"
    assert by_trials({"a": past(1.0), "b": past(running=1), "c": past()})[0] == "c"


def test_each_family_comes_once_the_cheapest_first():
    pasts = {"network": past(rank=5.0), "trees": past(rank=2.0), "linear": past(rank=1.0)}
    order = []
    while untried := [name for name in pasts if not pasts[name].trials]:
        name, why = by_seconds(pasts, seed=0, number=len(order))
        assert name in untried
        assert "first trial" in why
        order.append(name)
        pasts[name] = past(100.0, rank=pasts[name].rank, last_turn=len(order))
    assert order == ["linear", "trees", "network"]


def test_a_family_whose_kin_was_stopped_by_the_clock_waits():
    tree = past(8.0, kin="forests", stopped=True, last_turn=1)
    pasts = {"tree": tree, "other": past(kin="forests"), "line": past(rank=3.0)}
    assert by_seconds(pasts, seed=0, number=2)[0] == "line"
    pasts["tree"] = past(8.0, kin="forests", last_turn=1)
    assert by_seconds(pasts, seed=0, number=2)[0] == "other"


@pytest.mark.parametrize(
    ("seconds", "gained", "expected"),
    [
        ((4.0,), (True,), 4.0),  # the cost of a trial
        ((4.0, 4.0, 4.0, 4.0), (True, False, False, False), 12.0),  # since it last gained
        ((4.0, 4.0, 4.0, 4.0), (True, False, False, True), 12.0),  # between its last two gains
        ((4.0, 4.0, 4.0), (False, False, False), 12.0),  # never: since it began
    ],
)
def test_cost_for_improvement(seconds, gained, expected):
    assert cost_for_improvement(past(*seconds, gained=gained)) == expected


def test_a_running_trial_counts_as_one_without_gain():
    assert cost_for_improvement(past(4.0, gained=(True,), running=2)) == 8.0


def test_a_family_that_is_behind_must_catch_up():
    """Ten seconds took it from the baseline's 9 to 4, 13 from 6 to 4; to 1 it takes twice 3 at that speed.

    What a first trial gains over the baseline, a second one does not gain again, unless trials grow.
    """
    once = past(10.0, losses=(4.0,), baseline=9.0)
    assert catching_up(once, 1.0) == pytest.approx(2 * 3 * 10 / (0.05 * 4))
    assert catching_up(past(10.0, losses=(4.0,), baseline=5.0), 1.0) == pytest.approx(2 * 3 * 10 / (0.05 * 1))
    assert catching_up(past(10.0, losses=(0.0,), baseline=5.0), -1.0) == 1e6
    assert catching_up(past(10.0, losses=(4.0,), baseline=9.0, grows=True), 1.0) == 2 * 3 * 10 / 5
    twice = past(5.0, 4.0, 6.0, 3.0, gained=(True, False, True, False), losses=(6.0, 7.0, 4.0, 5.0), baseline=9.0)
    assert catching_up(twice, 1.0) == 2 * 3 * 13 / 2


def test_the_best_family_and_one_that_gains_for_the_ensemble_have_nothing_to_catch_up():
    assert catching_up(past(10.0, losses=(4.0,), baseline=9.0), 4.0) == 0.0
    assert catching_up(past(10.0, 9.0, gained=(True, True), losses=(4.0, 5.0), baseline=9.0), 1.0) == 0.0
    assert catching_up(past(10.0, gained=(True,), losses=(4.0,), baseline=9.0), 1.0) > 0.0
    assert catching_up(past(10.0, losses=(9.5,), baseline=9.0), 1.0) == 1e6


def test_a_cheap_family_that_is_far_behind_leaves_the_turns_to_a_dear_one():
    far = past(*[1.0] * 16, gained=(True, *[False] * 15), losses=(100.0,) * 16, baseline=180.0, last_turn=10**6)
    good = past(9.0, gained=(True,), losses=(40.0,), baseline=180.0, last_turn=10**6)
    assert share_of("good", {"far": far, "good": good}) == pytest.approx((1 / 9) / (1 / 9 + 1 / 480), abs=0.02)


def share_of(name, pasts, turns=400):
    # Every family has just had its turn, so that none is due for having waited.
    return sum(by_seconds(pasts, seed=3, number=n, left=1e9)[0] == name for n in range(turns)) / turns


def test_turns_are_drawn_by_cost_for_improvement_and_weight():
    cheap, dear = past(1.0, gained=(True,), last_turn=10**6), past(9.0, gained=(True,), last_turn=10**6)
    assert share_of("cheap", {"cheap": cheap, "dear": dear}) == pytest.approx(0.9, abs=0.05)
    heavy = past(9.0, gained=(True,), last_turn=10**6, weight=9.0)
    assert share_of("cheap", {"cheap": cheap, "heavy": heavy}) == pytest.approx(0.5, abs=0.08)


def test_where_trials_are_limited_a_cheap_one_costs_its_share_of_the_time():
    cheap, dear = past(1.0, gained=(True,), last_turn=10**6), past(9.0, gained=(True,), last_turn=10**6)
    drawn = [
        by_seconds({"cheap": cheap, "dear": dear}, seed=3, number=n, left=90.0, trials=10.0)[0] for n in range(400)
    ]
    assert drawn.count("cheap") / 400 == pytest.approx(0.5, abs=0.08)


def test_the_draw_follows_from_seed_and_number():
    pasts = {name: past(cost, last_turn=10**6) for name, cost in (("a", 1.0), ("b", 1.5), ("c", 2.0))}
    drawn = [[by_seconds(pasts, seed=seed, number=n) for n in range(30)] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_no_family_waits_for_longer_than_the_floor():
    waits = past(300.0, gained=(True,), last_turn=15)
    name, why = by_seconds({"a": past(900.0, gained=(True,), last_turn=20), "b": waits}, seed=0, number=20)
    assert name == "b"
    assert why == "no turn since 4 others"


def test_the_floor_is_no_more_than_a_share_of_the_seconds_whichever_family_waits_longest():
    best, cheap = past(*[1.0] * 596, gained=(True,) * 596, last_turn=50), past(3.0, last_turn=20)
    dear = past(200.0, losses=(9.0,), baseline=10.0, last_turn=10)
    chosen = [by_seconds({"best": best, "cheap": cheap, "dear": dear}, seed=n, number=50) for n in range(20)]
    assert {name for name, _ in chosen} == {"cheap"}
    richer = past(*[1.0] * 1300, gained=(True,) * 1300, last_turn=50)
    assert by_seconds({"best": richer, "cheap": cheap, "dear": dear}, seed=0, number=50)[0] == "dear"


def test_a_trial_that_would_not_end_in_time_is_not_begun():
    pasts = {"a": past(5.0, last_turn=1), "b": past(50.0, last_turn=0)}
    assert by_seconds(pasts, seed=0, number=99, left=20.0)[0] == "a"
    assert by_seconds(pasts, seed=0, number=99, left=4.0) is None


def test_a_trial_that_ended_early_does_not_tell_what_a_whole_one_takes():
    known = past(20.0, 0.5, 0.5, losses=(1.0, math.inf, math.inf), last_turn=0)
    assert by_seconds({"a": known}, seed=0, number=3, left=19.0) is None
    assert by_seconds({"a": known}, seed=0, number=3, left=20.0)[0] == "a"
    assert seconds_for_trial(24.0, known, []) == 20.0
    assert seconds_for_trial(60.0, known, []) == 30.0


def test_at_the_end_no_family_has_its_first_trial_the_dearer_the_earlier_unless_nothing_has_ended():
    pasts = {"cheap": past(1.0, last_turn=1), "dear": past(rank=9.0)}
    assert by_seconds(pasts, seed=0, number=2, left=30.0)[0] == "dear"
    assert by_seconds(pasts, seed=0, number=2, left=29.0)[0] == "cheap"
    assert by_seconds(pasts | {"light": past(rank=1.0)}, seed=0, number=2, left=10.0)[0] == "light"
    assert by_seconds(pasts, seed=0, number=2, left=0.5) is None
    assert by_seconds({"cheap": past(), "dear": past(rank=9.0)}, seed=0, number=0, left=0.5)[0] == "cheap"


def test_while_nothing_was_found_a_cheap_family_has_its_first_trial_however_little_time_is_left():
    killed = past(37.0, losses=(math.inf,), rank=0.9)
    assert by_seconds({"killed": killed, "cheap": past()}, seed=0, number=2, left=5.0)[0] == "cheap"


def test_a_first_trial_leaves_shares_for_the_families_behind_it():
    assert seconds_for_trial(120.0, past(), [past(3.0), past(), past()]) == 20.0
    assert seconds_for_trial(120.0, past(), [past(3.0)]) == 60.0
    assert seconds_for_trial(120.0, past(), [past(3.0)] * 2) == 60.0
    assert seconds_for_trial(120.0, past(), [past(3.0)] * 3) == 30.0  # the last of many, and the dearest
    assert seconds_for_trial(120.0, past(), [past(), past()], workers=2) == 40.0
    assert seconds_for_trial(120.0, past(), [], workers=8) == 120.0
    assert seconds_for_trial(20.0, past(), [past()] * 7) == 5.0
    assert seconds_for_trial(3.0, past(), [past()] * 7) == 3.0
    assert seconds_for_trial(120.0, past(10.0), []) == 60.0
    assert seconds_for_trial(120.0, past(100.0), []) == 100.0
    assert seconds_for_trial(120.0, past(500.0), []) == 120.0
    assert seconds_for_trial(math.inf, past(), [past()]) == math.inf


def test_beside_a_family_that_grows_first_trials_take_a_tenth():
    assert seconds_for_trial(1000.0, past(), [past(20.0, grows=True)]) == 100.0
    assert seconds_for_trial(1000.0, past(), [past(grows=True)]) == 250.0
    assert seconds_for_trial(30.0, past(), [past(2.0, grows=True)]) == 5.0
    assert seconds_for_trial(100.0, past(grows=True), [past()] * 9) == 20.0


def test_a_family_that_grows_comes_again_where_its_smallest_trial_would_end():
    small, large = past(10.0, 100.0, 100.0, 100.0, last_turn=1, grows=True), past(10.0, 100.0, last_turn=1)
    assert by_seconds({"conv": small}, seed=0, number=9, left=20.0)[0] == "conv"
    assert by_seconds({"conv": small}, seed=0, number=9, left=9.0) is None
    assert by_seconds({"conv": large}, seed=0, number=9, left=20.0) is None


def test_a_family_that_grows_may_have_all_of_a_short_time():
    assert seconds_for_trial(119.0, past(50.0, 10.0, grows=True), [past()]) == 119.0
    assert seconds_for_trial(122.0, past(50.0, 10.0, grows=True), [past()]) == 61.0
    assert seconds_for_trial(119.0, past(grows=True), [past()]) < 60.0


THIRD = {"third": past(rank=8.0, running=1)}  # of three kinds of networks, some wait


def test_a_family_waits_while_its_like_took_more_than_a_tenth_of_what_is_left():
    conv = past(60.0, 20.0, rank=8.0, gained=(True, False))
    pasts = {"small": past(2.0, rank=1.0), "conv": conv, "residual": past(rank=8.0), **THIRD}
    assert by_seconds(pasts, seed=0, number=3, left=210.0)[0] == "residual"
    assert {by_seconds(pasts, seed=0, number=n, left=190.0)[0] for n in range(3, 9)} <= {"small", "conv"}
    pasts["forest"] = past(30.0, rank=3.0)
    pasts["trees"] = past(rank=4.0)  # of its like it is known, but trees do not wait
    assert by_seconds(pasts, seed=0, number=3, left=190.0)[0] == "trees"


def test_trees_do_not_tell_what_a_network_takes():
    pasts = {
        "forest": past(30.0, rank=3.0, gained=(True,)),
        "other": past(20.0, rank=8.0, library="keras", last_turn=1),
    }
    pasts |= {"dense": past(rank=5.0), "deep": past(rank=10.0)}
    assert by_seconds(pasts, seed=0, number=3, left=100.0)[0] == "dense"


def test_a_family_waits_for_one_of_the_same_library_however_much_dearer_it_is():
    conv, trees = (past(20.0, rank=5.0, gained=(True,), library=library) for library in ("keras", "trees"))
    dear = past(rank=20.0, library="keras")
    assert by_seconds({"trees": trees, "dear": dear, **THIRD}, seed=0, number=2, left=190.0)[0] == "dear"
    assert by_seconds({"conv": conv, "dear": dear, **THIRD}, seed=0, number=2, left=190.0)[0] == "conv"
    assert by_seconds({"conv": conv, "dear": dear, **THIRD}, seed=0, number=2, left=210.0)[0] == "dear"


def test_no_family_waits_before_anything_was_gained():
    conv, other = past(90.0, rank=5.0, library="keras"), past(rank=5.0, library="keras")
    assert by_seconds({"conv": conv, "other": other, **THIRD}, seed=0, number=2, left=90.0)[0] == "other"
    gained = past(90.0, rank=5.0, gained=(True,), library="keras")
    assert by_seconds({"conv": gained, "other": other, **THIRD}, seed=0, number=2, left=90.0)[0] == "conv"


def test_of_two_kinds_of_networks_each_is_tried():
    conv, dear = past(20.0, rank=5.0, gained=(True,), library="keras"), past(rank=20.0, library="keras")
    assert by_seconds({"conv": conv, "dear": dear}, seed=0, number=2, left=60.0)[0] == "dear"
    assert by_seconds({"conv": conv, "dear": dear, **THIRD}, seed=0, number=2, left=60.0)[0] == "conv"
