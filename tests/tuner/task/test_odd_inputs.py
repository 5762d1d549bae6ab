"""Odd inputs that a fresh pair of eyes tried: each is read right, or refused in our own words."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import tuner
from spaces.inputs.border import table_of
from spaces.inputs.files import DataError
from spaces.rows.columns import TableError

LINES = [f"{i},{i % 7},{'yes' if i % 3 else 'no'}" for i in range(40)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n".join(["a,b,y", *(f"{line}," for line in LINES)]), "rows have more cells than the header has names"),
        ("\n".join(["y,a,b", *(f"{line}," for line in LINES)]), "rows have more cells than the header has names"),
        ("\n".join(["a,b,y", *LINES]).replace(",", ";"), r"separated by ';' and not by ','.*sep=';'"),
        ("\n".join(["a,b,y", *LINES]).replace(",", "\t"), r"separated by '\\t' and not by ','"),
        ("\n".join(["a,b,y", *LINES]).replace("yes", "sí").encode("latin-1"), "not encoded in UTF-8.*'cp1252'\\)"),
        ("\n".join(["a,b,y", *LINES]).encode("utf-16"), "not encoded in UTF-8.*'utf-16'"),
        ("\n".join(["a,b,y", *LINES, "1,2,yes,3"]), r"line 42 has 4 cells, and those above have 3.*hold ',' in quotes"),
        ("\n".join(["a,b,y", *LINES, '1,2,"yes']), "the quote that opens in line 42 is never closed"),
        ("\n".join(["made by me", "a,b,y", *LINES]), "take away .* lines above the header"),
        ("\n".join(["sep=,", "a,b,y", *LINES]), r"the first line, 'sep=', .*read_csv\(path, skiprows=1\)"),
        ("\n".join(["sep=;", "a,b,y", *LINES]).replace(",", ";"), r"read_csv\(path, sep=';', skiprows=1\)"),
    ],
)
def test_files_that_are_not_what_they_seem_are_refused(text, message, tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=message):
        tuner.Task(path, "y")


def test_a_file_of_another_dialect_is_written_anew_by_the_line_that_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"a": np.arange(40) / 4, "b": ["x,y", "z"] * 20, "y": np.arange(40) % 2})
    frame.to_csv("data.csv", sep=";", decimal=",", index=False)
    with pytest.raises(DataError) as refused:
        tuner.Task("data.csv", "y")
    line = str(refused.value).partition("or write data_plain.csv: python -c ")[2]
    exec(line.strip('"'))
    pd.testing.assert_frame_equal(pd.read_csv("data_plain.csv"), frame)


@pytest.mark.parametrize(("encoding", "separator"), [("cp1252", ";"), ("utf-16", "\t")])
def test_a_file_as_excel_writes_it_is_written_anew_by_one_line(encoding, separator, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"Größe": np.arange(40) / 4, "b": ["5 €", "z"] * 20, "y": np.arange(40) % 2})
    frame.to_csv("data.csv", sep=separator, decimal=",", index=False, encoding=encoding)
    with pytest.raises(DataError) as refused:
        tuner.Task("data.csv", "y")
    line = str(refused.value).partition("or write data_plain.csv: python -c ")[2]
    exec(line.strip('"'))
    pd.testing.assert_frame_equal(pd.read_csv("data_plain.csv"), frame)


def test_a_name_that_a_shell_would_read_otherwise_is_in_no_line(tmp_path):
    frame = pd.DataFrame({"a": np.arange(40), "y": np.arange(40) % 2})
    frame.to_csv(tmp_path / "$(data).csv", sep=";", index=False)
    with pytest.raises(DataError, match=r"sep=';'\), and hand over the frame$"):
        tuner.Task(tmp_path / "$(data).csv", "y")


def test_a_file_whose_first_row_is_no_header_is_told_so(tmp_path):
    rows = pd.DataFrame({"a": np.arange(40) + 0.5, "b": np.arange(40) * 0.25, "y": ["u", "v"] * 20})
    rows.to_csv(tmp_path / "data.csv", header=False, index=False)
    task = tuner.Task(tmp_path / "data.csv", "u")
    assert "columns are called 0.5, 0.0: if the first row of a file was taken for" in " ".join(str(task).split())
    assert "hint" not in str(tuner.Task(rows.rename(columns={"a": "1.5"}), "y"))
    rows.assign(b=rows["a"]).to_csv(tmp_path / "twice.csv", header=False, index=False)
    with pytest.raises(DataError, match=r"column name '0\.5' is used 2 times; if the first row is no header"):
        tuner.Task(tmp_path / "twice.csv", "u")


def test_an_image_that_was_taken_for_a_series_is_hinted_at():
    grey = np.random.default_rng(0).random((40, 16, 16))
    assert "'series' was taken for series of 16 steps" in str(tuner.Task(grey, np.arange(40) % 2))
    assert "hint" not in str(tuner.Task(grey[:, :15], np.arange(40) % 2))


def test_no_test_rows_are_refused():
    frame = pd.DataFrame({"a": np.arange(40.0), "y": np.arange(40) % 2})
    with pytest.raises(DataError, match="test: there are no rows"):
        tuner.Task(frame, "y", test=frame.iloc[:0])


def test_a_dictionary_of_arrow_is_a_column_of_categories():
    texts = pd.DataFrame({"a": ["u", "v"] * 20, "y": np.arange(40) % 2})
    arrow = texts.assign(a=texts["a"].astype(pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))))
    assert tuner.Task(arrow, "y").schema == tuner.Task(texts, "y").schema


def test_names_on_several_levels_are_refused():
    frame = pd.DataFrame(np.zeros((40, 2)), columns=pd.MultiIndex.from_tuples([("a", "mean"), ("a", "max")]))
    with pytest.raises(TableError, match=r"names on 2 levels, \('a', 'mean'\) first: join them"):
        tuner.Task(frame, np.arange(40) % 2)


def test_a_file_that_pandas_reads_is_told_so(tmp_path):
    (tmp_path / "data.xlsx").touch()
    with pytest.raises(DataError, match=r"pandas.read_excel\(path\), and hand over the frame"):
        tuner.Task(tmp_path / "data.xlsx", "y")


def test_a_class_of_one_row_is_named():
    labels = ["rare", *(["no", "yes"] * 20)]
    with pytest.raises(ValueError, match=r"class 'rare' has 1 row: .* Drop the row"):
        tuner.Task(pd.DataFrame({"a": np.arange(41.0)}), labels)


@pytest.mark.filterwarnings("error")
def test_a_class_of_fewer_rows_than_folds_is_learned_by_every_fold_and_said(tmp_path):
    rows = 62
    frame = pd.DataFrame({"a": np.arange(rows) % 7.0, "y": ["rare", "rare", *(["no", "yes"] * 30)]})
    task = tuner.Task(frame, "y")
    rare = task.target.classes.index("rare")
    assert all((task.rows.target[train] == rare).any() for train, _ in task.folds)
    assert "class 'rare' has 2 rows, fewer than the 5 folds" in " ".join(str(task).split())
    study = tuner.tune(
        task, ["linear", "xgboost"], trials=2, workers=0, folder=tmp_path / "s", tracking=None, progress=False
    )
    assert [trial.state for trial in study.trials] == ["complete"] * 3
    assert study.ensemble().predict_proba(frame.head(3)).shape == (3, 3)


WRITTEN = {
    "thousands": ([f"1,{i:03}" for i in range(40)], [1000.0 + i for i in range(40)]),
    "percent": ([f"{i} %" for i in range(40)], [float(i) for i in range(40)]),
    "money": ([f"$ {i}.50" for i in range(40)], [i + 0.5 for i in range(40)]),
    "decimal comma": ([f"-{i},5" for i in range(40)], [-i - 0.5 for i in range(40)]),
}


@pytest.mark.parametrize(("texts", "numbers"), WRITTEN.values(), ids=WRITTEN)
def test_numbers_as_people_write_them_are_said_and_the_advice_makes_numbers_of_them(texts, numbers):
    data = pd.DataFrame({"a": texts, "b": np.arange(40.0), "y": np.arange(40) % 2})
    _, hint = str(tuner.Task(data, "y", drop=["b"])).split("holds numbers")
    assert eval(hint.rsplit(": ", 1)[1]).tolist() == numbers
    with pytest.raises(DataError, match="target 'a' holds numbers as people write them") as error:
        tuner.Task(data, "a", metric="rmse")
    code = str(error.value).split(" = ", 1)[1].split("; if all")[0]
    assert eval(code).tolist() == numbers
    assert len(tuner.Task(data.iloc[:2].loc[[0, 1] * 20], "a").target.classes) == 2


def test_codes_are_no_numbers_as_people_write_them():
    data = pd.DataFrame({"a": [f"{i:03}" for i in range(40)], "y": np.arange(40) % 2})
    assert "holds numbers" not in str(tuner.Task(data, "y"))


def test_a_function_is_no_metric():
    with pytest.raises(TypeError, match=r"a name or a tuner.Metric.*tuner.Metric\(name, function"):
        tuner.Task(np.zeros((40, 2)), np.arange(40) % 2, metric=lambda y_true, y_pred: 0.5)


def test_an_address_is_no_path():
    with pytest.raises(DataError, match="is an address: read it with pandas"):
        tuner.Task("https://example.org/rows.csv", "y")


def test_capitals_do_not_hide_the_right_name():
    with pytest.raises(DataError, match="unknown name 'LABEL', did you mean 'label'"):
        tuner.Task(pd.DataFrame({"a": np.arange(40.0), "label": np.arange(40) % 2}), "LABEL")


def test_grey_images_of_eight_bits_need_no_axis_of_channels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 8, 8)).astype(np.uint8)
    labels = np.arange(40) % 2
    (column,) = tuner.Task(pixels, labels).schema.columns
    assert (column.kind, column.shape) == ("image", (8, 8, 1))
    np.savez(tmp_path / "grey.npz", pixels=pixels, y=labels)
    assert tuner.Task(tmp_path / "grey.npz", "y").schema.columns[0].shape == (8, 8, 1)
    schema = tuner.Task(pixels[..., None], labels).schema
    assert np.array_equal(table_of(schema, pixels).arrays[0], pixels[..., None])
    assert tuner.Task(pixels.astype(np.float32), labels).schema.columns[0].kind == "series"


def test_texts_alone_are_told_how_to_be_a_column():
    with pytest.raises(TableError, match=r"pd.DataFrame\(\{'text': data\}\), named in text="):
        tuner.Task(["a text", "another one"] * 20, np.arange(40) % 2)


def test_one_time_orders_nothing():
    frame = pd.DataFrame({"a": np.arange(40.0), "when": "2020-01-01", "y": np.arange(40) % 2})
    with pytest.raises(DataError, match="'when' holds '2020-01-01' in every row, which orders nothing"):
        tuner.Task(frame, "y", time="when")


def test_names_that_differ_by_capitals_or_spaces_are_said():
    frame = pd.DataFrame({"town": ["Oslo", "oslo", "Bern", "Rome"] * 10, "y": ["no", "no ", "yes", "yes"] * 10})
    said = str(tuner.Task(frame, "y"))
    assert "target 'y' holds 'no' and 'no ': make them one" in said
    assert "column 'town' holds 'Oslo' and 'oslo': make them one" in said


@pytest.mark.parametrize("role", ["group", "sample_weight", "time", "sequence"])
def test_a_column_that_is_there_twice_is_refused_whatever_it_is(role, tmp_path):
    frame = pd.DataFrame({"a": np.arange(40.0), "c": 1 + np.arange(40) // 4, "y": np.arange(40) % 2})
    twice = pd.concat([frame, frame[["c"]]], axis=1)
    with pytest.raises(TableError, match="column name 'c' is used 2 times; rename the columns"):
        tuner.Task(twice, "y", **{role: "c"})
    if role != "sequence":
        with pytest.raises(TableError, match="test: column name 'c' is used 2 times"):
            tuner.Task(frame, "y", test=twice, **{role: "c"})
    assert tuner.Task(twice, "y", drop=["c"]).schema.names == ["a"]


def test_a_column_of_a_series_that_is_there_twice_is_refused():
    frame = pd.DataFrame({"t": pd.date_range("2020-01-01", periods=40), "load": np.arange(40.0)})
    with pytest.raises(TableError, match="column name 'load' is used 2 times"):
        tuner.series_task(pd.concat([frame, frame[["load"]]], axis=1), "load", window=4, horizon=1, time="t")


def test_a_column_may_have_any_name():
    frame = pd.DataFrame({"other": np.arange(40.0), "self": np.arange(40) % 2})
    task = tuner.Task(frame, "self", test=frame.head(10))
    assert (task.target.name, task.target.classes) == ("self", (0, 1))
    assert task.test.target.tolist() == task.rows.target[:10].tolist()


@pytest.mark.parametrize("role", ["target", "group", "time"])
def test_the_name_of_the_index_is_no_column_and_said_how_to_become_one(role):
    frame = pd.DataFrame({"a": np.arange(40.0), "c": 1 + np.arange(40) // 4, "y": np.arange(40) % 2}).set_index("c")
    with pytest.raises(DataError, match=r"'c' is the name of the index and of no column: pass data.reset_index\(\)"):
        tuner.Task(frame, "c" if role == "target" else "y", **({} if role == "target" else {role: "c"}))


@pytest.mark.parametrize("name", ["ROWS.CSV", "rows.Csv.GZ", "rows.TSV"])
def test_a_file_may_be_named_in_capitals(name, tmp_path):
    frame = pd.DataFrame({"a": np.arange(40), "y": np.arange(40) % 2})
    compressed = "gzip" if name.endswith("GZ") else None
    frame.to_csv(tmp_path / name, index=False, sep="\t" if "TSV" in name else ",", compression=compressed)
    assert tuner.Task(tmp_path / name, "y").digest == tuner.Task(frame, "y").digest


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"split": 5}, "split must be a tuner.Split, a kind, or a mapping such as .*, got 5"),
        ({"split": 5, "time": "a"}, "split must be a tuner.Split, a kind, or a mapping such as .*, got 5"),
        ({"seed": None}, r"seed must be a whole number from 0 to 2\*\*32 - 1, got None"),
        ({"seed": -1}, r"seed must be a whole number from 0 to 2\*\*32 - 1, got -1"),
        ({"missing": "NA?"}, r"missing must be a list of texts: missing=\['NA\?'\]"),
    ],
    ids=str,
)
def test_arguments_of_another_kind_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        tuner.Task(pd.DataFrame({"a": np.arange(40), "y": np.arange(40) % 2}), "y", **given)


def test_a_share_may_be_a_number_of_numpy():
    frame = pd.DataFrame({"a": np.arange(40), "y": np.arange(40) % 2})
    task = tuner.Task(frame, "y", test=np.float32(0.25), split={"kind": "kfold", "folds": np.int64(3)})
    assert len(task.test) == 10
    assert task.split.to_json()["folds"] == 3
    with pytest.raises(ValueError, match="test must be a share between 0 and 1"):
        tuner.Task(frame, "y", test=np.int64(10))


@pytest.mark.parametrize(
    ("data", "target", "message"),
    [
        ({"a": [1, 2, 3], "b": 1.0, "y": [1, 2, 3]}, "y", "'b' is 1.0, one value: a column has a value for each row"),
        (
            [np.zeros((3 + i % 2, 2)) for i in range(4)],
            [0, 1, 0, 1],
            r"row 1 has the shape \(4, 2\), and row 0 \(3, 2\)",
        ),
        ((np.zeros((9, 2)), np.zeros(9)), None, r"shapes \(9, 2\) and \(9,\); rows and values are two arguments"),
        ([[[1, 2], [3]]] * 4, [0, 1, 0, 1], "its rows hold lists that differ in length"),
        (pd.DataFrame({"a": [], "y": []}), "y", "data holds no rows"),
        (io.StringIO("a,y"), "y", r"an open file of type StringIO: pass pandas.read_csv\(data\)"),
        ({"data": np.zeros((9, 2)), "names": ["a", "b"]}, "y", "input 'names': data must be a data frame"),
    ],
)
def test_what_is_no_data_is_refused_in_words_of_ours(data, target, message):
    with pytest.raises((TableError, DataError), match=message):
        tuner.Task(data, target)
