"""The same rows through a frame, CSV, Parquet and `tuner predict`: equal encodings, classes and predictions."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from click.testing import CliRunner

import tuner
from spaces.inputs.border import table_of
from spaces.inputs.files import read_file
from spaces.rows.columns import MISSING, UNSEEN
from tuner import Task
from tuner.cli import main

QUIET = {"workers": 0, "tracking": None, "progress": False}
KFOLD = {"kind": "kfold", "folds": 2}
ROWS = 60


def every_kind(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """A column of every kind, each telling the target a little, each missing somewhere where it may be."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(["007", "7", "1E2", "1.10", "true", "x"], rows)
    y = np.where(np.isin(codes, ["007", "1E2", "1.10"]), "01", "1")
    ids = pd.array(2**62 + rng.integers(0, 4, rows), dtype="Int64")
    frame = pd.DataFrame(
        {
            "real": rng.normal(size=rows),
            "far": 1.7e9 + rng.uniform(0, 3600, rows),
            "whole": rng.integers(0, 9, rows),
            "decimal": [Decimal(int(one)) / 4 for one in rng.integers(0, 99, rows)],
            "flag": rng.random(rows) < 0.5,
            "nullable flag": pd.array(rng.random(rows) < 0.5, dtype="boolean"),
            "code": codes,
            "named": rng.choice(["01", "1", "001", "NA"], rows),
            "id": ids,
            "levels": pd.Categorical(rng.choice(["a", "b"], rows)),
            "when": pd.date_range("1900-01-31", periods=rows, freq="YE").as_unit("us"),
            "until": np.where(rng.random(rows) < 0.3, "9999-12-31", "2020-07-01T10:00:00+02:00"),
            "note": [f"{word} {i}" for i, word in enumerate(rng.choice(["good", "bad", "None"], rows))],
            "digits": [str(one) for one in rng.integers(0, 9, rows)],
            "y": y,
        }
    )
    for i, name in enumerate(name for name in frame.columns if name not in ("whole", "flag", "note", "y")):
        if i + 3 < rows:
            frame.loc[i + 3, name] = None
    return frame


OPTIONS: dict[str, Any] = {"categories": ["named", "id"], "text": ["note", "digits"], "split": KFOLD}
KINDS = ["number"] * 4 + ["boolean"] * 2 + ["category"] * 4 + ["date"] * 2 + ["text"] * 2


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if ".tsv" in path.name else ",")
    return path


def same_rows(one: Any, other: Any) -> None:
    np.testing.assert_array_equal(one.table.numbers, other.table.numbers)
    np.testing.assert_array_equal(one.table.codes, other.table.codes)
    np.testing.assert_array_equal(one.table.texts, other.table.texts)
    np.testing.assert_array_equal(one.target, other.target)


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.tsv", "rows.parquet"])
def test_every_kind_of_column_is_the_same_in_a_frame_and_in_a_file(tmp_path, name):
    frame = every_kind()
    known = tuner.Task(frame, "y", test=every_kind(20, 1), **OPTIONS)
    assert [column.kind for column in known.schema.columns] == KINDS
    assert known.target.classes == ("01", "1")
    path, test = write(frame, tmp_path / name), write(every_kind(20, 1), tmp_path / f"test-{name}")
    task = tuner.Task(path, "y", test=test, **OPTIONS)
    assert task.schema == known.schema
    assert [(type(one), one) for one in task.target.classes] == [(str, "01"), (str, "1")]
    same_rows(task.rows, known.rows)
    same_rows(task.test, known.test)
    assert task.digest == known.digest


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    frame = every_kind(120)
    task = tuner.Task(frame, "y", **{**OPTIONS, "metric": "accuracy"})
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path_factory.mktemp("files") / "study", **QUIET)
    study.ensemble("uniform").save(study.folder / "ensemble")
    return study


ROWS_TO_PREDICT = {
    "both": lambda frame: frame,
    "all the same": lambda frame: frame.assign(code="007", named="001", digits="7"),
    "one row": lambda frame: frame[frame["code"] == "007"].iloc[:1],
    "nothing but 7": lambda frame: frame.assign(code="7", named="1", whole=3),
    "whole numbers only": lambda frame: frame.assign(real=1, decimal=2, far=1_700_000_000),
    "true or false": lambda frame: frame.assign(code="true", flag=True),
    "no flag known": lambda frame: frame.assign(**{"nullable flag": None, "code": "1.10"}),
    "dates as days": lambda frame: frame.assign(until="2020-07-01"),
    "NA and None": lambda frame: frame.assign(named="NA", note="None"),
    "unseen": lambda frame: frame.assign(code="0007", named="0001", levels="c"),
    "mostly missing": lambda frame: frame.assign(real=None, code=None, named=None, id=None, when=None),
}


@pytest.mark.parametrize("which", ROWS_TO_PREDICT)
@pytest.mark.filterwarnings("ignore:.*no value of these rows was there")
def test_every_kind_of_column_is_predicted_the_same_from_a_file(study, tmp_path, which):
    rows = ROWS_TO_PREDICT[which](every_kind(12, 2).drop(columns="y")).reset_index(drop=True)
    ensemble = tuner.load(study.folder)
    said, expected = ensemble.predict(rows), ensemble.predict_proba(rows)
    assert said.dtype.kind == "U"
    for name in ("new.csv", "new.tsv.gz", "new.parquet"):
        path = write(rows, tmp_path / name)
        np.testing.assert_array_equal(ensemble.predict_proba(path), expected)
        out = tmp_path / "out.parquet"
        done = CliRunner().invoke(main, ["predict", str(study.folder), str(path), "-o", str(out)])
        assert done.exit_code == 0, done.output
        predictions = pd.read_parquet(out)
        assert predictions["prediction"].tolist() == said.tolist()
        np.testing.assert_array_equal(predictions[["probability_01", "probability_1"]], expected)
        shown = CliRunner().invoke(main, ["predict", str(study.folder), str(path), "--format", "json"])
        assert [row["prediction"] for row in json.loads(shown.stdout)] == said.tolist()


def test_rows_are_predicted_from_whatever_holds_them(study):
    rows = every_kind(8, 2).drop(columns="y")
    ensemble = tuner.load(study.folder)
    expected = ensemble.predict_proba(rows)
    records = rows.to_dict("records")
    for given in (records, pa.Table.from_pandas(rows), rows.convert_dtypes(dtype_backend="pyarrow"), rows.to_numpy()):
        np.testing.assert_allclose(ensemble.predict_proba(given), expected, atol=1e-6)
    for given in (records[3], rows.iloc[3], [records[3]], rows.iloc[3:4]):
        np.testing.assert_allclose(ensemble.predict_proba(given), expected[3:4], atol=1e-6)
        assert ensemble.predict(given).tolist() == ensemble.predict(rows)[3:4].tolist()


# What a file's cells mean.


@pytest.mark.parametrize(
    ("cells", "labels"),
    {
        "whole": (["1", "2"], [1, 2]),
        "real": (["1.5", "2.0"], [1.5, 2.0]),
        "codes": (["01", "1"], ["01", "1"]),
        "zeros": (["00", "0"], ["0", "00"]),
        "a code among numbers": (["12", "007"], ["007", "12"]),
        "None": (["None", "some"], ["None", "some"]),
        "NA": (["NA", "EU"], ["EU", "NA"]),
        "null": (["null", "nan"], ["nan", "null"]),
        "truth": (["True", "False"], [False, True]),
        "truth in small letters": (["true", "false"], ["false", "true"]),
        "yes": (["yes", "no"], ["no", "yes"]),
        "dates": (["2020-01-01", "2020-01-02"], ["2020-01-01", "2020-01-02"]),
        "powers": (["1E2", "x"], ["1E2", "x"]),
    }.values(),
)
def test_labels_of_a_file_come_back_as_they_were_written(tmp_path, cells, labels):
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n" + "".join(f"{i},{cells[i % 2]}\n" for i in range(40)))
    task = tuner.Task(path, "y", kind="binary", test=path, split=KFOLD)
    assert [(type(one), one) for one in task.target.classes] == [(type(one), one) for one in labels]
    np.testing.assert_array_equal(task.test.target, task.rows.target)
    short = tmp_path / "short.csv"  # of one label alone, which says less
    short.write_text(f"x,y\n1,{cells[0]}\n2,{cells[0]}\n")
    assert (
        Task(path, "y", kind="binary", test=short, split=KFOLD).test.target.tolist() == [int(task.rows.target[0])] * 2
    )


@pytest.mark.parametrize(
    ("cells", "kind", "categories"),
    {
        "codes": (["007", "12"], "category", ("007", "12")),
        "codes beside an empty cell": (["007", "12", ""], "category", ("007", "12")),
        "negative codes": (["-01", "12"], "category", ("-01", "12")),
        "whole": (["7", "0"], "number", ()),
        "fractions": (["0.7", "-0.5"], "number", ()),
        "missing words": (["NA", "7", "null"], "number", ()),
        "texts and missing words": (["NA", "x", "y"], "category", ("x", "y")),
        "truth": (["true", "False"], "boolean", ()),
        "truth and an empty cell": (["True", "False", ""], "boolean", ()),
        "dates": (["2020-01-01", "9999-12-31"], "date", ()),
        "codes and letters": (["007", "12A"], "category", ("007", "12A")),
    }.values(),
)
def test_a_cell_means_what_its_column_says(tmp_path, cells, kind, categories):
    path = tmp_path / "rows.csv"
    path.write_text("a,b,y\n" + "".join(f"{cells[i % len(cells)]},{i},{i % 2}\n" for i in range(30)))
    column = tuner.Task(path, "y", split=KFOLD).schema.columns[0]
    assert (column.kind, column.categories) == (kind, categories)


def test_named_categories_and_texts_are_read_as_written(tmp_path):
    path = tmp_path / "rows.csv"
    long = 2**62
    cells = [f"01,{long},12\n", f"1,{long + 1},None\n", "001,,007\n", f"NA,{long + 2},\n"]
    path.write_text("code,id,note,y\n" + "".join(cells[i % 4].replace("\n", f",{i % 2}\n") for i in range(40)))
    task = tuner.Task(path, "y", categories=["code", "id"], text=["note"], split=KFOLD)
    code, number, _ = task.schema.columns
    assert code.categories == ("001", "01", "1", "NA")
    assert number.categories == (str(long), str(long + 1), str(long + 2))
    assert task.rows.table.codes[:4].tolist() == [[1, 0], [2, 1], [0, MISSING], [3, 2]]
    assert task.rows.table.texts[:4, 0].tolist() == ["12", "None", "007", ""]
    kept = tuner.Task(path, "y", categories=["code", "id"], text=["note"], missing=["NA", "None"], split=KFOLD)
    assert kept.rows.table.codes[3, 0] == MISSING
    assert kept.rows.table.texts[1, 0] == ""


def test_words_for_missing_values_are_known_when_rows_are_predicted(tmp_path):
    path, new = tmp_path / "rows.csv", tmp_path / "new.csv"
    path.write_text("a,b,y\n" + "".join(f"{'?' if i % 5 == 0 else i},{'pq-'[i % 3]},{i % 2}\n" for i in range(40)))
    task = tuner.Task(path, "y", missing=["?", "-"], split=KFOLD)
    assert [(one.kind, one.categories) for one in task.schema.columns] == [("number", ()), ("category", ("p", "q"))]
    new.write_text("a,b,y\n?,-,0\n3,z,1\n")
    rows = Task(path, "y", missing=["?", "-"], test=new, split=KFOLD).test.table
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "study", **QUIET)
    ensemble = study.ensemble("uniform").ensemble
    assert rows.codes.tolist() == [[MISSING], [UNSEEN]]
    np.testing.assert_array_equal(ensemble.predict_proba(new), ensemble.outputs(rows))


def test_a_word_for_missing_is_a_category_only_where_training_had_it(tmp_path):
    path, new = tmp_path / "rows.csv", tmp_path / "new.csv"
    path.write_text(
        "a,b,y\n" + "".join(f"{'NA' if i % 5 == 0 else 'x'},{'NA' if i % 3 else 'z'},{i % 2}\n" for i in range(40))
    )
    task = tuner.Task(path, "y", categories=["b"], split=KFOLD)
    assert [one.categories for one in task.schema.columns] == [("x",), ("NA", "z")]
    new.write_text("a,b\nNA,NA\nx,null\n,\n")
    assert table_of(task.schema, new).codes.tolist() == [[MISSING, 0], [0, MISSING], [MISSING, MISSING]]


def test_a_parquet_file_keeps_long_ids_categories_and_decimals(tmp_path):
    ids = [2**62 + i for i in range(3)] + [None]
    table = pa.table(
        {
            "id": pa.array(ids * 10, pa.int64()),
            "level": pa.array(["a", "b", None, "a"] * 10).dictionary_encode(),
            "price": pa.array([Decimal("1.25"), None, Decimal("3.50"), Decimal("0.00")] * 10, pa.decimal128(6, 2)),
            "flag": pa.array([True, False, None, True] * 10),
            "y": pa.array([0, 1] * 20),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    frame = read_file(tmp_path / "rows.parquet")
    assert frame["id"].tolist()[:3] == ids[:3]
    for data in (tmp_path / "rows.parquet", table):
        task = tuner.Task(data, "y", categories=["id"], split=KFOLD)
        assert [one.kind for one in task.schema.columns] == ["category", "category", "number", "boolean"]
        assert task.rows.table.codes[:4].tolist() == [[0, 0], [1, 1], [2, MISSING], [MISSING, 0]]
        np.testing.assert_array_equal(task.rows.table.numbers[:4], [[1.25, 1], [np.nan, 0], [3.5, np.nan], [0, 1]])


@pytest.mark.parametrize("data", ["records", "columns", "arrow", "structured", "named by numbers"])
def test_data_of_any_library_make_the_same_task(data):
    frame = pd.DataFrame({"a": np.arange(40.0), "b": ["x", "y"] * 20, "y": [0, 1] * 20})
    given = {
        "records": lambda: frame.to_dict("records"),
        "columns": lambda: {name: frame[name].tolist() for name in frame},
        "arrow": lambda: pa.Table.from_pandas(frame),
        "structured": lambda: frame.to_records(index=False, column_dtypes={"b": "U1"}),
        "named by numbers": lambda: frame.assign(z=1).set_axis(["a", "b", "y", 7], axis=1),
    }[data]()
    drop = [7] if data == "named by numbers" else []
    known, task = tuner.Task(frame, "y", split=KFOLD), tuner.Task(given, "y", drop=drop, split=KFOLD)
    assert task.digest == known.digest


# Columns without a name.


@pytest.mark.parametrize("index", [range(40), range(100, 140), list("abcd") * 10, pd.date_range("2020", periods=40)])
def test_an_index_in_a_file_is_left_out_and_said(tmp_path, index):
    frame = pd.DataFrame({"a": np.arange(40.0), "y": [0, 1] * 20}).set_axis(index)
    frame.to_csv(tmp_path / "rows.csv")
    for data in (tmp_path / "rows.csv", pd.read_csv(tmp_path / "rows.csv")):
        with pytest.warns(UserWarning, match="column 'Unnamed: 0' has no name, as an index"):
            assert tuner.Task(data, "y", split=KFOLD).schema.names == ["a"]
    assert tuner.Task(tmp_path / "rows.csv", "y", drop=["Unnamed: 0"], split=KFOLD).schema.names == ["a"]
    kept = tuner.Task(tmp_path / "rows.csv", "y", categories=["Unnamed: 0"], split=KFOLD)
    assert kept.schema.names == ["Unnamed: 0", "a"]


def test_lines_that_end_in_a_comma_have_no_column_more(tmp_path):
    (tmp_path / "rows.csv").write_text("a,y,\n" + "".join(f"{i},{i % 2},\n" for i in range(40)))
    with pytest.warns(UserWarning, match="'Unnamed: 2' has no name"):
        assert tuner.Task(tmp_path / "rows.csv", "y", split=KFOLD).schema.names == ["a"]


# The schema is learned from all rows but the test rows.


@pytest.mark.parametrize("options", [{}, {"time": "t"}, {"group": "g"}, {"categories": ["c"]}], ids=str)
def test_names_in_test_rows_only_change_nothing(options):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"t": np.arange(100.0), "g": np.arange(100) // 5, "c": rng.choice(["p", "q", "r"], 100), "y": [0, 1] * 50}
    )
    known = tuner.Task(frame, "y", test=0.4, **options)
    off = ~np.isin(frame["t"], known.rows.table.numbers[:, 0])
    assert off.sum() == len(known.test) == 40
    renamed = frame.assign(c=np.where(off, [f"new{i}" for i in range(100)], frame["c"]))
    task = tuner.Task(renamed, "y", test=0.4, **options)
    assert task.schema == known.schema
    assert task.signature == known.signature
    assert (task.test.table.codes == UNSEEN).all()
    np.testing.assert_array_equal(task.rows.table.codes, known.rows.table.codes)
    # The same as if the rows had come apart.
    apart = tuner.Task(renamed[~off], "y", test=renamed[off], **{**options, "split": task.split})
    assert apart.schema == task.schema
    np.testing.assert_array_equal(apart.test.table.codes, task.test.table.codes)
    np.testing.assert_array_equal(apart.rows.table.numbers, task.rows.table.numbers)


def test_test_rows_of_another_kind_are_refused_by_row():
    frame = pd.DataFrame({"t": np.arange(50.0), "c": ["1"] * 49 + ["much"], "y": [0, 1] * 25})
    with pytest.raises(ValueError, match="column 'c' must hold numbers, got 'much' in row 49"):
        tuner.Task(frame, "y", time="t", test=0.2)
