"""What trials gain for the ensemble, and what is said of it."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tuner.archive.spending import gains
from tuner.ensembling.blend import Blend
from tuner.task.task import Task
from tuner.trials.outcome import Outcome


def write(folder, task, predictions):
    rows = np.concatenate([held_out for _, held_out in task.folds])
    folds = np.repeat(np.arange(len(task.folds)), [len(held_out) for _, held_out in task.folds])
    folder.mkdir()
    np.savez(folder / "held_out.npz", rows=rows, folds=folds, predictions=predictions[rows])
    return folder


def test_a_trial_gains_by_which_share_the_best_mixture_lowers_the_loss(task, tmp_path):
    rng, target = np.random.default_rng(0), task.rows.target
    right = np.where(target == 1, 0.8, 0.2)
    one, other = (np.clip(right + rng.normal(scale=0.2, size=len(right)), 0.01, 0.99) for _ in range(2))
    wrong = np.full(len(right), 0.5)
    folders = [
        write(tmp_path / str(i), task, np.stack([1 - p, p], axis=1)) for i, p in enumerate([wrong, one, other, wrong])
    ]
    blend = Blend(task)
    first, second, third, fourth = [blend.add(folder) for folder in folders]
    loss = {name: -np.log(np.where(target == 1, p, 1 - p)).mean() for name, p in (("wrong", wrong), ("one", one))}
    assert first == 0.0
    assert second == pytest.approx((loss["wrong"] - loss["one"]) / loss["wrong"], abs=0.02)
    assert 0.0 < third < second
    assert fourth == 0.0
    assert blend.add(folders[1]) < 0.01


def test_it_knows_how_long_the_trials_took_that_count_for_something(task, tmp_path):
    rng, target = np.random.default_rng(0), task.rows.target
    right = np.where(target == 1, 0.8, 0.2)
    one, other = (np.clip(right + rng.normal(scale=0.2, size=len(right)), 0.01, 0.99) for _ in range(2))
    wrong = np.full(len(right), 0.5)
    blend = Blend(task)
    assert blend.seconds_of_members() == []
    for seconds, p in enumerate([wrong, one, other, wrong], 1):
        blend.add(write(tmp_path / str(seconds), task, np.stack([1 - p, p], axis=1)), seconds=seconds)
    assert sorted(blend.seconds_of_members()) == [2, 3]


def test_an_unsure_model_gains_for_a_product_what_it_does_not_for_a_mean(task, tmp_path):
    """Two independent looks at a class: the product of both is what they say together, and surer than either."""
    rng, target = np.random.default_rng(1), task.rows.target
    sure = 1 / (1 + np.exp(-(4 * target - 2 + rng.normal(scale=2.0, size=len(target)))))
    unsure = 1 / (1 + np.exp(-0.2 * (4 * target - 2 + rng.normal(scale=2.0, size=len(target)))))
    folders = [write(tmp_path / str(i), task, np.stack([1 - p, p], axis=1)) for i, p in enumerate([sure, unsure])]
    blend = Blend(task)
    blend.add(folders[0])
    odds = np.log(sure / (1 - sure)) + np.log(unsure / (1 - unsure))
    before, product = (-np.log(np.where(target == 1, p, 1 - p)).mean() for p in (sure, 1 / (1 + np.exp(-odds))))
    means = [(1 - w) * sure + w * unsure for w in np.linspace(0, 1, 101)]
    mean = min(-np.log(np.where(target == 1, p, 1 - p)).mean() for p in means)
    assert product < mean
    assert blend.add(folders[1]) == pytest.approx((before - product) / before, abs=0.02)


def test_the_end_says_when_something_was_last_gained_and_what_the_last_third_brought():
    def trial(ended, gain, *, seconds=10.0, duplicate=False):
        outcome = Outcome("complete", value=1.0, seconds=seconds, started=ended - seconds, gain=gain)
        return SimpleNamespace(outcome=outcome, duplicate=duplicate)

    first, lengths = [trial(10.0, 0.0), trial(20.0, 0.5)], ((70.0, 0.1, 50.0), (80.0, 0.2, 10.0), (100.0, 0.0, 20.0))
    trials = [*first, *(trial(ended, gain, seconds=seconds) for ended, gain, seconds in lengths)]
    said = gains([*trials, trial(99.0, 0.4, duplicate=True)])
    assert "last gained 20 s before the end" in said
    assert "the last third of the time took 28.0% off its loss" in said
    assert gains(trials[:1]) == ""
    assert "last gained 1 s before the end" in gains([*first, trial(20.2, 0.0, seconds=0.2)])
    assert "last gained with the last trial" in gains(first)
    an_hour_later = [*first, *(trial(3600 + ended, gain, seconds=seconds) for ended, gain, seconds in lengths)]
    assert gains(an_hour_later) == gains(trials)  # no time passes between two launches


def test_what_an_ensemble_will_take_grows_with_what_a_score_takes_and_with_a_page(task, tmp_path, monkeypatch):
    monkeypatch.setattr(Blend, "slowness", 1.0)
    blend = Blend(task)
    before, shown = (blend.seconds_to_combine(shown=shown) for shown in (False, True))
    assert shown > before
    blend.add(write(tmp_path / "a", task, np.full((len(task.rows), 2), 0.5)))
    blend._computed, blend._scores = 0.5, 50  # a hundredth of a second each
    assert blend.seconds_to_combine(shown=False) > 10 * before
    blend._scores *= 2
    assert blend.seconds_to_combine(shown=False) < 60
    few = blend.seconds_to_combine(shown=False)
    blend._mixed += 20  # stacked trees read each of them
    assert blend.seconds_to_combine(shown=False) > few


def test_large_models_leave_more_time_to_open_them(task, tmp_path, monkeypatch):
    monkeypatch.setattr(Blend, "slowness", 1.0)
    small, large = Blend(task), Blend(task)
    for blend, name in ((small, "a"), (large, "b")):
        folder = write(tmp_path / name, task, np.full((len(task.rows), 2), 0.5))
        if blend is large:
            (folder / "fold-0").mkdir()
            with (folder / "fold-0" / "trees.npz").open("wb") as file:
                file.truncate(200_000_000)
        blend.add(folder)
        blend._computed, blend._scores = 0.001, 1
    assert large.seconds_to_combine(shown=False) == pytest.approx(small.seconds_to_combine(shown=False) + 4.0)


def test_a_gain_counts_rows_by_their_weights(task, tmp_path):
    """The second trial is right where rows weigh much, and wrong on as many that weigh little."""
    heavy = np.arange(len(task.rows)) % 2 == 0
    sure = np.where(task.rows.target == 1, 0.9, 0.1)
    said = [np.full(len(heavy), 0.5), np.where(heavy, sure, 1 - sure)]
    folders = [write(tmp_path / str(i), task, np.stack([1 - p, p], axis=1)) for i, p in enumerate(said)]
    rows = replace(task.rows, weight=np.where(heavy, 9.0, 1.0))
    weighed = copy.copy(task)
    object.__setattr__(weighed, "rows", rows)
    alike, counted = Blend(task), Blend(weighed)
    assert [alike.add(folder) for folder in folders][1] < 0.01
    assert [counted.add(folder) for folder in folders][1] > 0.1


def test_an_ensemble_of_many_classes_has_the_seconds_of_its_linear_stack(monkeypatch):
    monkeypatch.setattr(Blend, "slowness", 1.0)
    rows, classes = np.random.default_rng(0).normal(size=(4_000, 1)), [f"class {i % 40}" for i in range(4_000)]
    blend = Blend(Task(rows, classes))
    blend._computed, blend._scores = 1e-6, 1  # a score takes no time
    assert blend.seconds_to_combine(shown=False) > 8  # 4,000 rows of 40 x 40 numbers
