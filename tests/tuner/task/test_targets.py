"""What a target is, told from its values whatever types they come in, and how labels come back."""

from __future__ import annotations

import datetime
import decimal
import fractions
import uuid

import numpy as np
import pandas as pd
import pytest

import tuner
from spaces.inputs.files import DataError

ROWS = 80
RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(ROWS, 2)), columns=["a", "b"])
VALUES = 3 * X["a"].to_numpy() + RNG.normal(scale=0.1, size=ROWS)
TWO = np.arange(ROWS) % 2
KFOLD = {"kind": "kfold", "folds": 2}
QUIET = {"workers": 0, "tracking": None, "progress": False}

NUMBERS = {
    "float64": VALUES,
    "a list": VALUES.tolist(),
    "objects": VALUES.astype(object),
    "NumPy's as objects": list(VALUES),
    "Decimal": [decimal.Decimal(repr(one)) for one in VALUES.tolist()],
    "Fraction": [fractions.Fraction(one) for one in VALUES.tolist()],
    "nullable": pd.array(VALUES, dtype="Float64"),
    "Arrow": pd.array(VALUES, dtype="float64[pyarrow]"),
    "sparse": pd.arrays.SparseArray(VALUES),
    "long": VALUES.astype(np.longdouble),
    "category": pd.Categorical(VALUES),
    "texts": [repr(one) for one in VALUES.tolist()],
    "texts, signed": [f"{one:+}" for one in VALUES.tolist()],
    "texts, spaced": [f" {one} " for one in VALUES.tolist()],
    "texts beside numbers": [repr(one) if i % 9 == 3 else one for i, one in enumerate(VALUES.tolist())],
    "masked nowhere": np.ma.masked_array(VALUES, mask=False),
    "one column": VALUES[:, None],
}


@pytest.mark.parametrize("options", [{}, {"split": KFOLD}, {"metric": "rmse"}, {"kind": "regression"}], ids=str)
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_numbers_whatever_their_type(name, options):
    task = tuner.Task(X, NUMBERS[name], **options)
    assert task.target.kind == "regression"
    np.testing.assert_allclose(task.rows.target, VALUES, rtol=1e-15)


def at(row: int, stray: object, values: object = VALUES) -> list[object]:
    return [stray if i == row else one for i, one in enumerate(values)]  # type: ignore[arg-type]


TEXTS = [repr(one) for one in VALUES.tolist()]
STRAYS = {
    "a question mark": (at(3, "?", TEXTS), r"'\?' in row 3"),
    "a word": (at(5, "none given", TEXTS), "'none given' in row 5"),
    "an empty text": (at(0, "", TEXTS), "'' in row 0"),
    "NA": (at(9, "NA", TEXTS), "'NA' in row 9"),
    "a unit": (at(79, "12 kg", TEXTS), "'12 kg' in row 79"),
    "a thousands comma": (at(2, "1,200.5", TEXTS), "'1,200.5' in row 2"),
    "infinity as a text": (at(2, "inf", TEXTS), "'inf' in row 2"),
    "among numbers": (at(4, "?"), r"'\?' in row 4 is a text"),
    "among Decimal": (at(4, "?", [decimal.Decimal(i) for i in range(ROWS)]), r"'\?' in row 4"),
    "among few whole numbers": (at(6, "?", [str(i % 5) for i in range(ROWS)]), r"'\?' in row 6"),
    "a dash among few": (at(6, "-", [str(i % 5) for i in range(ROWS)]), "'-' in row 6"),
    "several": (at(6, "x", at(2, "?", TEXTS)), r"2 of its 80 values are texts, the first '\?' in row 2"),
    "infinity": (at(7, float("inf")), "inf in row 7"),
    "infinity among few": (at(7, float("-inf"), np.ones(ROWS)), "-inf in row 7"),
    "None": (at(8, None), "1 values are missing, the first in row 8"),
    "NaN": (at(8, float("nan")), "1 values are missing, the first in row 8"),
    "Decimal's NaN": (at(8, decimal.Decimal("NaN")), "1 values are missing, the first in row 8"),
    "masked": (np.ma.masked_array(VALUES, mask=np.arange(ROWS) == 11), "1 values are missing, the first in row 11"),
    "masked whole numbers": (np.ma.masked_array(TWO, mask=np.arange(ROWS) == 11), "the first in row 11"),
    "nullable": (pd.array(at(12, None, range(ROWS)), dtype="Int64"), "the first in row 12"),
    "a truth value": (at(1, True), "True in row 1 is a truth value"),
    "a date": (at(1, datetime.date(2020, 1, 1)), r"date\(2020, 1, 1\) in row 1"),
}


@pytest.mark.parametrize("options", [{}, {"split": KFOLD}, {"metric": "rmse"}], ids=str)
@pytest.mark.parametrize("name", STRAYS)
def test_one_value_that_is_no_number_is_named_with_its_row(name, options):
    values, message = STRAYS[name]
    with pytest.raises(DataError, match=message):
        tuner.Task(X, values, **options)


def test_rows_are_named_by_their_index():
    frame = X.assign(y=at(3, "?", TEXTS)).set_axis([f"row {i}" for i in range(ROWS)])
    with pytest.raises(DataError, match=r"'\?' in row row 3"):
        tuner.Task(frame, "y")


LABELS = {
    "whole numbers": (TWO, (0, 1)),
    "bytes of them": (TWO.astype(np.uint8), (0, 1)),
    "floats": (TWO + 0.0, (0.0, 1.0)),
    "truth values": (TWO == 1, (False, True)),
    "truth values as objects": ((TWO == 1).astype(object), (False, True)),
    "NumPy's truth values": [(TWO == 1).tolist(), (False, True)],
    "nullable truth values": (pd.array(TWO == 1, dtype="boolean"), (False, True)),
    "nullable": (pd.array(TWO, dtype="Int64"), (0, 1)),
    "Decimal": ([decimal.Decimal(int(one)) for one in TWO], (0, 1)),
    "texts": (np.array(["no", "yes"])[TWO], ("no", "yes")),
    "a column of texts": (pd.array(np.array(["no", "yes"])[TWO], dtype="string"), ("no", "yes")),
    "NumPy's texts": ([np.str_("a" if one else "b") for one in TWO], ("a", "b")),
    "digits as texts": ([str(one) for one in TWO], ("0", "1")),
    "zeros before": (np.array(["01", "1"])[TWO], ("01", "1")),
    "category of numbers": (pd.Categorical(TWO + 3), (3, 4)),
    "category of texts": (pd.Categorical(np.array(["u", "v"])[TWO]), ("u", "v")),
    "words that say missing": (np.array(["NA", "None"])[TWO], ("NA", "None")),
    "few numbers and a word": ([["1", "2", "3+"][i % 3] for i in range(ROWS)], ("1", "2", "3+")),
    "many codes": ([f"{i // 2:04d}" for i in range(ROWS)], tuple(f"{i:04d}" for i in range(ROWS // 2))),
    "names of columns": (["a", "b"] * (ROWS // 2), ("a", "b")),
    "long numbers": ([2**60 + int(one) for one in TWO], (2**60, 2**60 + 1)),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_kept_as_they_are(name):
    values, classes = LABELS[name]
    for task in (tuner.Task(X, values, split=KFOLD), tuner.Task(X.assign(y=values), "y", split=KFOLD)):
        assert task.target.classes == classes
        assert [type(one) for one in task.target.classes] == [type(one) for one in classes]
        assert [classes[code] for code in task.rows.target[:6]] == [classes[classes.index(one)] for one in values[:6]]


NO_LABELS = {
    "dates": (pd.date_range("2020-01-01", periods=ROWS), r"holds dates, Timestamp\('2020-01-01 00:00:00'\) in row 0"),
    "two dates": (np.array(["2020", "2021"] * 40, dtype="datetime64[Y]"), "holds dates"),
    "Python's dates": ([datetime.date(2020, 1, 1 + one) for one in TWO.tolist()], "holds dates"),
    "category of dates": (pd.Categorical(pd.to_datetime(["2020-01-01", "2020-01-02"] * 40)), "holds dates"),
    "times of day": ([datetime.time(one) for one in TWO.tolist()], "holds times of day"),
    "periods": (pd.period_range("2020", periods=ROWS, freq="D"), "holds periods"),
    "durations": (pd.to_timedelta(TWO, unit="h"), "holds durations"),
    "NumPy's durations": (list(TWO.astype("timedelta64[s]")), "holds durations"),
    "intervals": (pd.cut(VALUES, 3), "holds intervals"),
    "bytes": (np.array([b"a", b"b"])[TWO], r"holds bytes, b'a' in row 0.*decode"),
    "bytes as objects": ([b"a", b"b"] * 40, "holds bytes"),
    "complex": (TWO * 1j, "holds complex numbers"),
    "complex as objects": ([1j, 2.0] * 40, "holds complex numbers"),
    "mappings": ([{"a": 1}] * ROWS, r"holds \{'a': 1\} in row 0, of type dict"),
    "ids": ([uuid.UUID(int=one) for one in TWO.tolist()], "of type UUID"),
    "texts and numbers": (["a", 1] * 40, "mixes texts and numbers"),
    "truth values and texts": ([True, "a"] * 40, "mixes truth values and texts"),
    "numbers too long": ([10**25 + one for one in TWO.tolist()], "too long to be told apart"),
    "a cube": (np.zeros((ROWS, 1, 1)), "got shape"),
}


@pytest.mark.parametrize("how", ["values", "column"])
@pytest.mark.parametrize("name", NO_LABELS)
def test_what_is_no_label_is_refused_in_our_own_words(name, how):
    values, message = NO_LABELS[name]
    if name == "a cube" and how == "column":
        pytest.skip("no column")
    with pytest.raises(DataError, match=message):
        tuner.Task(X, values) if how == "values" else tuner.Task(X.assign(y=values), "y")


HOT = np.eye(3)[np.arange(ROWS) % 3]


@pytest.mark.parametrize(
    "hot",
    [
        HOT,
        HOT.astype(int),
        HOT.astype(bool),
        HOT.astype(object),
        HOT.astype(int).astype(str),
        pd.DataFrame(HOT),
        np.eye(2)[TWO],
    ],
)
def test_one_hot_labels_are_refused_with_advice(hot):
    with pytest.raises(DataError, match=r"one-hot labels have: pass the classes, target.argmax\(axis=1\)"):
        tuner.Task(X, hot)
    assert tuner.Task(X, hot, kind="multilabel").target.kind == "several"


def test_one_hot_columns_of_a_frame_are_refused_too():
    frame = pd.concat([X, pd.get_dummies(pd.Series(["p", "q", "r", "s"] * 20))], axis=1)
    with pytest.raises(DataError, match="a single 1 in p, q, r, s"):
        tuner.Task(frame, ["p", "q", "r", "s"])
    assert tuner.Task(frame, ["p", "q", "r"]).target.kind == "several"
    assert tuner.Task(frame[["a", "b"]], [["p"], ["q"]] * 40).target.kind == "several"


def test_a_target_in_another_order_is_refused():
    target = pd.Series(VALUES).sample(frac=1, random_state=0)
    with pytest.raises(DataError, match=r"another order: pass target.loc\[data.index\]"):
        tuner.Task(X, target)
    np.testing.assert_array_equal(tuner.Task(X, target.loc[X.index]).rows.target, VALUES)
    np.testing.assert_array_equal(tuner.Task(X.loc[target.index], target).rows.target, target)
    np.testing.assert_array_equal(tuner.Task(X.to_numpy(), target).rows.target, target)


@pytest.mark.parametrize("target", [3, np.int64(3), "3", [3]])
def test_a_target_named_by_a_whole_number(target):
    frame = pd.DataFrame({0: X["a"], 3: VALUES})
    np.testing.assert_array_equal(tuner.Task(frame, target).rows.target, VALUES)


LONG = ("12345678901234567890", "12345678901234567891")
# What two cells are read as.
WRITTEN = {
    "whole numbers": (("1", "2"), (1, 2)),
    "numbers": (("1.0", "2.5"), (1.0, 2.5)),
    "a sign": (("-1", "+1"), (-1, 1)),
    "zeros before": (("01", "1"), ("01", "1")),
    "zeros before, and letters": (("007", "x1"), ("007", "x1")),
    "a zero alone": (("0", "10"), (0, 10)),
    "a zero before a point": (("0.5", "10.5"), (0.5, 10.5)),
    "too many digits": (LONG, LONG),
    "None": (("None", "some"), ("None", "some")),
    "NA": (("NA", "EU"), ("NA", "EU")),
    "nan": (("nan", "puri"), ("nan", "puri")),
    "truth values": (("True", "False"), (True, False)),
    "truth values, spelt otherwise": (("TRUE", "FALSE"), ("TRUE", "FALSE")),
    "words": (("yes", "no"), ("yes", "no")),
    "dates": (("2020-01-01", "2020-01-02"), ("2020-01-01", "2020-01-02")),
}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz"])
@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_keeps_labels_as_they_are_written(name, suffix, tmp_path):
    texts, labels = WRITTEN[name]
    path, test = tmp_path / f"rows{suffix}", tmp_path / f"test{suffix}"
    frame, separator = X.assign(y=np.array(texts, dtype=object)[TWO]), "\t" if suffix == ".tsv" else ","
    frame.to_csv(path, index=False, sep=separator)
    frame[TWO == 1].to_csv(test, index=False, sep=separator)  # of one class: alone, its type would not be told
    task = tuner.Task(path, "y", split=KFOLD, kind="binary", test=test)
    assert task.target.classes == tuple(sorted(labels))
    assert {type(one) for one in task.target.classes} == {type(one) for one in labels}
    assert [task.target.classes[code] for code in task.rows.target[:2]] == list(labels)
    assert {task.target.classes[code] for code in task.test.target} == {labels[1]}


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", "1 values are missing, the first in row 3"),
        ("NA", "1 values are missing, the first in row 3"),
        ("?", r"'\?' in row 3"),
        ("null", "1 values are missing, the first in row 3"),
        ("12 kg", "'12 kg' in row 3"),
        ("inf", "'inf' in row 3"),
        ("-9", None),
    ],
)
def test_a_cell_of_a_file_that_is_no_number(cell, message, tmp_path):
    X.assign(y=at(3, cell, TEXTS)).to_csv(tmp_path / "rows.csv", index=False)
    if message is None:
        assert tuner.Task(tmp_path / "rows.csv", "y").rows.target[3] == -9
        with pytest.raises(DataError, match="1 values are missing, the first in row 3"):
            tuner.Task(tmp_path / "rows.csv", "y", missing=["-9"])
        return
    with pytest.raises(DataError, match=message):
        tuner.Task(tmp_path / "rows.csv", "y")


@pytest.mark.parametrize("cell", ["inf", "-Infinity"])
def test_infinity_is_no_label_beside_numbers_in_a_file(cell, tmp_path):
    X.assign(y=at(3, cell, np.where(TWO == 1, "1.0", "2.0"))).to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(DataError, match=f"must hold finite numbers, .* the first '{cell}' in row 3"):
        tuner.Task(tmp_path / "rows.csv", "y")


def test_named_tables_from_files_keep_labels_too(tmp_path):
    X.assign(y=np.array(["01", "1"])[TWO]).to_csv(tmp_path / "left.csv", index=False)
    X.to_csv(tmp_path / "right.csv", index=False)
    data = {"left": tmp_path / "left.csv", "right": tmp_path / "right.csv"}
    assert tuner.Task(data, "left.y", split=KFOLD).target.classes == ("01", "1")


@pytest.mark.parametrize(
    ("train", "test", "codes"),
    [
        ([1, 2], ["1", "2"], [0, 1]),
        ([False, True], ["False", "True"], [0, 1]),
        (["1", "2"], ["2", "2"], [1, 1]),
        ([1, 2], [decimal.Decimal(2), decimal.Decimal(1)], [1, 0]),
        ([1, 2], pd.array([2, 2], dtype="Int64"), [1, 1]),
    ],
)
def test_labels_of_test_rows_are_read_as_those_of_training_rows(train, test, codes):
    given = X.assign(y=np.array(train)[TWO])
    task = tuner.Task(given, "y", split=KFOLD, test=X.head(2).assign(y=test))
    assert task.test.target.tolist() == codes


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["?", "1.5"], r"must hold numbers, got '\?' in row 0"),
        ([None, 1.5], "has missing values"),
        ([1.0, np.inf], "must hold finite numbers, got inf in row 1"),
        (pd.date_range("2020", periods=2), "holds dates"),
    ],
)
def test_test_rows_that_are_no_numbers_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        tuner.Task(X.assign(y=VALUES), "y", test=X.head(2).assign(y=values))


@pytest.mark.parametrize(
    ("labels", "kind"),
    [(["01", "1"], str), ([3, 4], int), ([False, True], bool), ([decimal.Decimal(0), decimal.Decimal(1)], int)],
    ids=["texts", "numbers", "truth values", "Decimal"],
)
def test_an_ensemble_says_labels_as_they_were(labels, kind, tmp_path):
    target = [labels[int(one > 0)] for one in VALUES]
    task = tuner.Task(X.assign(y=target), "y", split=KFOLD)
    study = tuner.tune(task, {"linear": {}}, trials=2, folder=tmp_path / "s", **QUIET)
    said = study.ensemble().predict(X.head(20)).tolist()
    assert {type(one) for one in said} == {kind}
    assert np.mean([one == true for one, true in zip(said, target, strict=False)]) > 0.8


def test_whole_numbers_beside_texts_of_such_stay_whole():
    assert [repr(one) for one in tuner.Task(X, [1, "2"] * 40, split=KFOLD).target.classes] == ["1", "2"]
