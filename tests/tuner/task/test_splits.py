import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tuner
from tuner.task.splits import INNER_LEAST, KINDS, Split, crossfit_parts, fold_indices, inner_slice, split_off


def target_of(rows, seed, classes=True):
    rng = np.random.default_rng(seed)
    return np.arange(rows) % 2 if classes else rng.normal(size=rows)


@given(st.integers(20, 200), st.integers(2, 5), st.integers(0, 5), st.sampled_from(["kfold", "stratified", "grouped"]))
def test_every_row_is_held_out_once_and_never_trains_its_own_fold(rows, folds, seed, kind):
    groups = np.arange(rows) // 2 if kind == "grouped" else None
    parts = fold_indices(Split(kind, folds), target_of(rows, seed), classes=True, groups=groups, seed=seed)
    assert np.array_equal(np.sort(np.concatenate([held for _, held in parts])), np.arange(rows))
    for train, held_out in parts:
        assert not np.intersect1d(train, held_out).size
        assert len(train) + len(held_out) == rows
        if kind == "grouped":
            assert not np.intersect1d(groups[train], groups[held_out]).size


@given(st.integers(20, 200), st.integers(2, 5))
def test_time_is_never_shuffled_and_trains_on_the_past(rows, folds):
    for train, held_out in fold_indices(Split("time", folds), target_of(rows, 0), classes=True, groups=None, seed=0):
        assert train.max() < held_out.min()
        assert (np.diff(held_out) == 1).all()


@given(st.integers(20, 300), st.floats(0.05, 0.5), st.integers(0, 9))
def test_holdout_keeps_the_share_and_the_classes(rows, share, seed):
    (train, held_out), *rest = fold_indices(
        Split("holdout", share=share), target_of(rows, seed), classes=True, groups=None, seed=seed
    )
    assert not rest
    assert len(held_out) == max(1, round(share * rows))
    assert len(train) + len(held_out) == rows
    if len(held_out) >= 2:
        assert abs(target_of(rows, seed)[held_out].mean() - 0.5) <= 0.5 / len(held_out) + 0.01


def test_the_same_seed_gives_the_same_folds_and_another_seed_others():
    target = target_of(60, 0)

    def folds(seed):
        return fold_indices(Split("kfold", 3), target, classes=True, groups=None, seed=seed)

    assert all(np.array_equal(a[1], b[1]) for a, b in zip(folds(1), folds(1), strict=True))
    assert not all(np.array_equal(a[1], b[1]) for a, b in zip(folds(1), folds(2), strict=True))


@given(st.integers(10, 500), st.integers(0, 5))
def test_the_inner_slice_is_disjoint_and_of_the_stated_size(rows, seed):
    train = np.arange(0, 2 * rows, 2)
    kept, inner = inner_slice(train, target_of(2 * rows, 0), classes=True, groups=None, ordered=False, seed=seed)
    assert np.array_equal(np.sort(np.concatenate([kept, inner])), train)
    assert len(inner) >= min(INNER_LEAST, round(0.3 * rows))


def test_the_inner_slice_follows_the_split():
    train = np.arange(100)
    groups = np.arange(100) // 10
    _, last = inner_slice(train, target_of(100, 0), classes=True, groups=None, ordered=True, seed=0)
    assert np.array_equal(last, np.arange(100 - len(last), 100))
    kept, inner = inner_slice(train, target_of(100, 0), classes=True, groups=groups, ordered=False, seed=0)
    assert not np.intersect1d(groups[kept], groups[inner]).size


def test_a_class_of_one_row_does_not_stop_a_split():
    target = np.array([0] * 50 + [1])
    kept, off = split_off(target, 0.2, classes=True, groups=None, ordered=False, seed=0)
    assert len(kept) + len(off) == 51


@pytest.mark.parametrize("folds", [2, 3, 5])
@pytest.mark.parametrize("rows", [41, 1000])
def test_in_time_order_the_first_fold_trains_on_half_of_the_rows(rows, folds):
    target = target_of(rows, 0)
    cut = fold_indices(Split("time", folds), target, classes=True, groups=None, seed=0)
    assert len(cut[0][0]) >= rows / 2
    assert len(cut[0][0]) < rows / 2 + folds, "and hardly more"
    assert len(cut[-1][0]) + len(cut[-1][1]) == rows
    early = fold_indices(Split("time", folds, first=0.0), target, classes=True, groups=None, seed=0)
    assert len(early[0][0]) < 0.45 * rows


@pytest.mark.parametrize(("n_folds", "rows"), [(1, 50), (3, 60), (3, 3000), (5, 100)])
def test_in_time_order_a_third_of_the_rows_precedes_every_scored_part(n_folds, rows):
    parts = list(crossfit_parts(rows, np.array_split(np.arange(rows), n_folds), ordered=True, seed=0))
    assert min(len(fit) for fit, _ in parts) >= rows / 3
    assert min(score.min() for _, score in parts) <= rows / 3 + rows / n_folds
    assert max(score.max() for _, score in parts) == rows - 1


def test_a_split_of_time_is_stored_with_its_first_share():
    assert Split("time", 3).to_json()["first"] == 0.5
    assert "first" not in Split("kfold", 3).to_json()
    with pytest.raises(ValueError, match="first must be a share"):
        Split("time", 3, first=1.0)


@pytest.mark.parametrize("rows", [40, 5000])
@pytest.mark.parametrize("ordered", [False, True])
def test_weights_never_see_the_rows_they_are_scored_on(rows, ordered):
    folds = np.array_split(np.arange(rows), 3)
    scored = []
    for fit, score in crossfit_parts(rows, folds, ordered=ordered, seed=0):
        assert not np.intersect1d(fit, score).size
        if ordered:
            assert fit.max() < score.min()
        scored.append(score)
    everything = np.sort(np.concatenate(scored))
    assert len(np.unique(everything)) == len(everything)
    assert ordered or np.array_equal(everything, np.arange(rows))


def test_weights_are_scored_on_whole_groups():
    groups = np.repeat(np.arange(15), 4)
    folds = [np.flatnonzero(groups % 3 == k) for k in range(3)]
    scored = []
    for fit, score in crossfit_parts(60, folds, ordered=False, seed=0, groups=groups):
        assert not np.intersect1d(groups[fit], groups[score]).size
        scored.append(score)
    assert len(scored) > 3
    assert np.array_equal(np.sort(np.concatenate(scored)), np.arange(60))


@pytest.mark.parametrize(
    ("given_split", "message"),
    [
        ({"kind": "kfolds"}, "did you mean 'kfold'"),
        ({"kind": "kfold", "fold": 3}, "did you mean 'folds'"),
        ({"kind": "kfold", "folds": 1}, "at least 2"),
        ({"kind": "holdout", "share": 1.5}, "between 0 and 1"),
    ],
)
def test_bad_splits_are_refused(given_split, message):
    with pytest.raises(ValueError, match=message):
        Split.of(given_split, "kfold")


def test_groups_are_never_torn_apart_in_silence():
    with pytest.raises(ValueError, match="tear groups apart"):
        fold_indices(Split("kfold", 2), target_of(40, 0), classes=True, groups=np.arange(40) // 2, seed=0)


def test_fewer_rows_than_folds_are_refused():
    for kind in KINDS:
        with pytest.raises(ValueError, match="too few"):
            fold_indices(Split(kind, 5), np.array([0, 1, 0]), classes=True, groups=np.arange(3), seed=0)


def test_a_single_group_that_was_held_out_is_taken_apart():
    rows = np.arange(200)
    parts = list(crossfit_parts(200, [rows], ordered=False, seed=0, groups=np.zeros(200)))
    assert len(parts) == 10
    np.testing.assert_array_equal(np.sort(np.concatenate([scored for _, scored in parts])), rows)


def test_many_large_arrays_are_held_out_once_unless_said_otherwise():
    rows = 10_000
    images = np.zeros((rows, 40, 50, 1), np.uint8)
    labels = np.arange(rows) % 2
    for few, asked, kind, folds in (
        (images, None, "holdout", 1),
        (images[:, :20], None, "stratified", 5),
        (images, {"folds": 2}, "stratified", 2),
    ):
        task = tuner.Task(few, labels, split=asked)
        assert (task.split.kind, len(task.folds)) == (kind, folds)
    (_, held_out), *_ = tuner.Task(images, labels).folds
    assert labels[held_out].mean() == 0.5
    assert len(held_out) == rows // 5


@pytest.mark.parametrize("arguments", [{"split": "holdout"}, {"test": 0.2}])
def test_a_single_group_cannot_be_divided(arguments):
    frame = pd.DataFrame({"x": np.arange(20.0), "g": "only", "y": np.arange(20) % 2})
    with pytest.raises(ValueError, match="all rows are of one group, which cannot be divided: leave group out"):
        tuner.Task(frame, "y", group="g", **arguments)
