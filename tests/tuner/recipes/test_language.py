"""Language models: from a text to a study, an ensemble and new text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tuner
from spaces.inputs.files import DataError
from tuner.studyfile import StudyFileError, checked, task_of

QUIET = {"workers": 0, "tracking": None, "progress": False}
TEXT = "the cat sat on the mat. the dog sat on the log. " * 40
SMALL = {
    "layers": ["recurrent"],
    "layers.recurrent.units": 32,
    "layers.recurrent.cell": "gru",
    "length": 24,
    "epochs": 12,
    "batch_size": 8,
    "optimizer": ["adam"],
    "optimizer.adam.learning_rate": 1e-2,
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    task = tuner.language_task(TEXT, test=0.1)
    folder = tmp_path_factory.mktemp("language") / "study"
    return tuner.tune(task, {"language_model": SMALL, "linear": {}}, trials=2, seed=1, folder=folder, **QUIET)


def test_the_last_part_of_the_text_is_held_out_and_behind_it_the_test():
    task = tuner.language_task("abcdefghij" * 20, held_out=0.1, test=0.2)
    ((train, held_out),) = task.folds
    assert (len(train), len(held_out), len(task.test)) == (144, 16, 40)
    assert train.max() + 1 == held_out.min()
    following = [task.target.classes[code] for code in task.rows.target]
    before = [task.schema.columns[1].categories[code] if code >= 0 else None for code in task.rows.table.codes[:, 0]]
    assert before[1:] == following[:-1]
    assert before[0] is None


def test_what_came_before_helps_more_than_the_last_character(study):
    values = {trial.family: trial.value for trial in study.complete}
    assert values["language_model"] < 0.5 * values["linear"] < 0.5 * values["baseline"]
    best = study.complete[0]
    assert best.outcome.scores["held_out"]["perplexity"] == pytest.approx(np.exp(best.value), rel=1e-3)


def test_new_text_is_like_the_old(study, tmp_path):
    ensemble = study.ensemble("uniform")
    loaded = tuner.load(ensemble.save(tmp_path / "bundle"))
    written = tuner.generate(loaded, "the cat", 30, temperature=0)
    assert written == tuner.generate(loaded, "the cat", 30, temperature=0, seed=5), "the likeliest is no chance"
    assert "the cat" + written[:12] in TEXT
    drawn = {tuner.generate(loaded, "the ", 10, temperature=2.0, seed=seed) for seed in range(4)}
    assert len(drawn) == 4
    assert tuner.generate(loaded, "the ", 10, seed=1) == tuner.generate(loaded, "the ", 10, seed=1)


def test_words_are_tokens_too():
    task = tuner.language_task("one two, three. " * 40, unit="word", vocabulary=3)
    assert task.target.classes == (",", "<unknown>", "one", "two")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": "short"}, "the text has 5 tokens of 5 kinds: at least 100 of 2 kinds"),
        ({"text": "aaaa" * 50}, "of 1 kinds"),
        ({"text": "nowhere.txt"}, "there is no file nowhere.txt"),
    ],
)
def test_a_text_that_cannot_be_used_is_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        tuner.language_task(**arguments)


@pytest.mark.parametrize(
    ("prompt", "more", "message"),
    [
        ("", {}, "the prompt is empty"),
        ("the Ж", {}, "the prompt holds 'Ж', which the training text does not"),
        ("the", {"temperature": -1}, "temperature must be at least 0"),
    ],
)
def test_a_prompt_that_cannot_be_continued_is_refused(study, prompt, more, message):
    with pytest.raises(ValueError, match=message):
        tuner.generate(study.ensemble("uniform"), prompt, 3, **more)


def test_generate_needs_a_language_task(tmp_path):
    frame = pd.DataFrame({"x": np.arange(40.0), "y": np.arange(40) % 2})
    study = tuner.tune(tuner.Task(frame, "y", split="holdout"), ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
    with pytest.raises(ValueError, match="generate needs an ensemble of a language task"):
        tuner.generate(study.ensemble("uniform"), "a")


@pytest.mark.slow
def test_words_of_sentences_are_labelled_by_what_stands_around_them(tmp_path):
    """A word after "mister" is a name; sentences are kept whole in every split."""
    rng = np.random.default_rng(0)
    rows = []
    for sentence in range(150):
        words = list(rng.choice(["saw", "the", "rose", "smith", "hill", "green"], 7))
        words.insert(rng.integers(0, 7), "mister")
        names = ["name" if i and words[i - 1] == "mister" else "other" for i in range(8)]
        rows += [(sentence, word, name) for word, name in zip(words, names, strict=True)]
    frame = pd.DataFrame(rows, columns=["sentence", "word", "label"])
    task = tuner.Task(frame, "label", sequence="sentence", split={"kind": "grouped", "folds": 2}, metrics=["f1"])
    quick = {"epochs": 8, "layers": ["conv"], "batch_size": 8}
    study = tuner.tune(task, {"sequence_labels": quick, "linear": {}}, trials=2, folder=tmp_path / "s", **QUIET)
    scores = {trial.family: trial.outcome.scores["held_out"] for trial in study.complete}
    assert scores["sequence_labels"]["log_loss"] < 0.3 * scores["linear"]["log_loss"]
    assert set(study.ensemble("uniform").ensemble.predict(frame.head(8))) == {"name", "other"}


def steps(sequences: int, length: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = [f"s{i:03d}" for i in range(sequences) for _ in range(length)]
    rows = len(names)
    return pd.DataFrame({"doc": names, "x": rng.normal(size=rows), "y": rng.integers(0, 2, rows), "when": range(rows)})


def test_a_single_sequence_is_split_in_time():
    task = tuner.Task(steps(1, 200), "y", sequence="doc", drop=["when"])
    assert task.split.kind == "time"
    for train, held_out in task.folds:
        assert train.max() < held_out.min()
    with pytest.raises(ValueError, match="a kfold split would tear the only sequence apart: use 'time'"):
        tuner.Task(steps(1, 200), "y", sequence="doc", split="kfold")


@pytest.mark.parametrize("split", [None, {"kind": "grouped", "folds": 2}, "holdout"])
def test_sequences_are_kept_whole_everywhere(split):
    from tuner.task.folds import fold_parts

    task = tuner.Task(steps(20), "y", sequence="doc", split=split, test=0.2)
    kept = [task.groups[part] for parts in fold_parts(task) for part in parts.values()]
    assert all((np.unique(names, return_counts=True)[1] == 6).all() for names in kept)
    assert (np.unique(task.test.table.sequence, return_counts=True)[1] == 6).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": {"kind": "time", "folds": 1}}, "a time split would tear groups apart"),
        ({"time": "when"}, "rows of sequences stand in order already"),
        ({"group": "doc"}, "column 'doc' is named as the sequence, it cannot be anything else too"),
        ({"drop": ["doc"]}, "column 'doc' is named as the sequence"),
        ({"group": "when"}, "rows of the sequence 's000' are of several groups"),
        ({"drop": ["x", "when"]}, "no column is left to predict 'y' from"),
    ],
)
def test_what_contradicts_sequences_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        tuner.Task(steps(20), "y", sequence="doc", **changes)


def test_no_rows_are_no_predictions(study):
    assert study.ensemble("uniform").ensemble.predict(
        pd.DataFrame({"document": [], "previous_character": []})
    ).shape == (0,)


def test_unknown_words_are_never_written(tmp_path):
    task = tuner.language_task("one two one three one four one five. " * 30, unit="word", vocabulary=2)
    assert "<unknown>" in task.target.classes
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
    written = tuner.generate(study.ensemble("uniform"), "one", 60, temperature=20.0)
    assert set(written.split()) == set(task.target.classes) - {"<unknown>"}


def study_file(**data):
    return checked({"study": {"name": "text"}, "data": {"train": "text.txt", **data}})


def test_a_study_file_names_a_text(tmp_path):
    (tmp_path / "text.txt").write_text("to be or not to be " * 30)
    made = task_of(study_file(language={"unit": "word", "held_out": 0.2}, test=0.1), tmp_path)
    same = tuner.language_task(tmp_path / "text.txt", unit="word", held_out=0.2, test=0.1)
    assert made.digest == same.digest


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"language": {}, "metric": "accuracy"}, "metric: a text has no use"),
        ({"language": {}, "test": "other.txt"}, "the share at its end"),
        ({}, "target is missing"),
    ],
)
def test_a_text_in_a_study_file_takes_nothing_else(tmp_path, data, message):
    with pytest.raises(StudyFileError, match=message):
        task_of(study_file(**data), tmp_path)
