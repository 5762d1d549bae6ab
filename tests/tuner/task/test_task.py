import gzip

import numpy as np
import pandas as pd
import pytest
from small import make_frame

import tuner


def test_kinds_are_told_from_metric_and_values(frame):
    assert tuner.Task(frame, "label").target.kind == "binary"
    assert tuner.Task(frame.dropna(), "x").target.kind == "regression"
    counts = frame.assign(n=np.arange(len(frame)) % 5)
    assert tuner.Task(counts, "n").target.kind == "multiclass"
    assert tuner.Task(counts, "n", metric="rmse").target.kind == "regression"
    assert tuner.Task(counts, "n", metric="mae").target.loss == "absolute_error"


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [0, 1], [False, True], [1.0, 2.0], ["b", "a"]], ids=lambda labels: str(labels)
)
def test_labels_of_any_dtype_come_back_as_they_were(labels):
    frame = make_frame(60)
    frame["label"] = np.where(frame["label"] == "yes", *labels)
    task = tuner.Task(frame, "label")
    assert list(task.target.classes) == sorted(labels)
    assert np.array_equal(np.array(task.target.classes)[task.rows.target], frame["label"].to_numpy())


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.tsv", "rows.parquet"])
def test_files_and_frames_give_the_same_task(tmp_path, name):
    frame = make_frame(60)
    path = tmp_path / name
    if name.endswith("parquet"):
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in name else ",")
    assert tuner.Task(path, "label").digest == tuner.Task(frame, "label").digest


def test_arrays_are_tasks_too():
    rng = np.random.default_rng(0)
    task = tuner.Task(rng.normal(size=(40, 3)), rng.integers(2, size=40))
    assert task.schema.names == ["x0", "x1", "x2"]
    assert task.target.kind == "binary"


def test_test_rows_are_set_aside_first(frame):
    task = tuner.Task(frame, "label", test=0.25, seed=5)
    assert len(task.test) == 40
    assert len(task.rows) == 120
    whole = np.sort(np.concatenate([task.rows.table.numbers[:, 0], task.test.table.numbers[:, 0]]))
    assert np.array_equal(whole, np.sort(frame["x"].to_numpy()))


def test_time_orders_rows_and_the_test_part_is_the_last():
    frame = make_frame(60).assign(when=pd.date_range("2026-01-01", periods=60)[::-1])
    task = tuner.Task(frame, "label", time="when", test=0.2)
    assert task.split.kind == "time"
    days = task.schema.n_numbers - 4
    assert (np.diff(task.rows.table.numbers[:, days]) > 0).all()
    assert task.test.table.numbers[:, days].min() > task.rows.table.numbers[:, days].max()


def test_groups_are_no_feature_and_never_straddle(frame):
    grouped = frame.assign(person=np.arange(len(frame)) // 4)
    task = tuner.Task(grouped, "label", group="person", test=0.2)
    assert "person" not in task.schema.names
    for train, held_out in task.folds:
        assert not set(task.groups[train]) & set(task.groups[held_out])


def test_a_stored_task_is_the_same_task(task, tmp_path):
    task.save(tmp_path)
    opened = tuner.Task.open(tmp_path)
    assert opened.digest == task.digest
    assert np.array_equal(opened.rows.table.numbers, task.rows.table.numbers, equal_nan=True)
    assert np.array_equal(opened.test.target, task.test.target)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(opened.folds, task.folds, strict=True))


def test_the_digest_changes_with_data_and_split(frame):
    same, other = tuner.Task(frame, "label"), frame.copy()
    other.loc[3, "x"] += 1e-9
    assert tuner.Task(frame, "label").digest == same.digest
    assert tuner.Task(other, "label").digest != same.digest
    assert tuner.Task(frame, "label", seed=1).digest != same.digest
    assert tuner.Task(frame, "label", split="kfold").digest != same.digest


def broken(**columns):
    return make_frame(40).assign(**columns)


BAD = {
    "missing file": (lambda p: tuner.Task(p / "none.csv", "label"), "there is no file"),
    "unknown type": (lambda p: tuner.Task(p / "rows.xlsx", "label"), "no known type"),
    "wrong target": (lambda p: tuner.Task(make_frame(40), "lable"), "did you mean 'label'"),
    "one class": (lambda p: tuner.Task(broken(label="yes"), "label"), "only one value"),
    "all missing": (lambda p: tuner.Task(broken(label=None), "label"), "all 40 values are missing"),
    "some missing": (lambda p: tuner.Task(broken(label=["a", "b", None, "a"] * 10), "label"), "10 values are missing"),
    "unknown metric": (lambda p: tuner.Task(make_frame(40), "label", metric="auc"), "called .roc_auc. here"),
    "mistyped metric": (lambda p: tuner.Task(make_frame(40), "label", metric="roc_uac"), "did you mean"),
    "unfit metric": (lambda p: tuner.Task(make_frame(40), "label", metric="rmse"), "does not fit a binary"),
    "few rows": (lambda p: tuner.Task(make_frame(6), "label", split={"kind": "kfold", "folds": 5}), "too few"),
    "mixed types": (lambda p: tuner.Task(broken(x=[1.5, "a"] * 20), "label"), "mixes"),
    "mostly numbers": (lambda p: tuner.Task(broken(x=["1", "2", "3", "?"] * 10), "label"), r"missing=\['\?'\]"),
    "infinities": (lambda p: tuner.Task(broken(x=[1.0, np.inf] * 20), "label"), "20 infinite values"),
    "duplicate names": (
        lambda p: tuner.Task(pd.concat([make_frame(40), make_frame(40)[["x"]]], axis=1), "label"),
        "'x' is used 2 times",
    ),
    "bad share": (lambda p: tuner.Task(make_frame(40), "label", test=1.2), "share between 0 and 1"),
    "bad drop": (lambda p: tuner.Task(make_frame(40), "label", drop=["colr"]), "did you mean 'colour'"),
    "no features": (lambda p: tuner.Task(make_frame(40)[["label"]], "label"), "no column is left"),
    "unseen test label": (
        lambda p: tuner.Task(make_frame(40), "label", test=broken(label="maybe")),
        "'maybe' does not occur in training",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_with_a_way_out(case, tmp_path):
    make, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        make(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"x,label\n", "no rows"),
        (b"x,x,label\n1,2,a\n", "'x' is used 2 times"),
        (gzip.compress(b"x,label\n1,a\n")[:-9], "cannot be read"),
    ],
    ids=["empty", "header only", "duplicate names", "torn gzip"],
)
def test_bad_files_are_refused(tmp_path, content, message):
    path = tmp_path / ("rows.csv.gz" if content[:2] == b"\x1f\x8b" else "rows.csv")
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        tuner.Task(path, "label")
