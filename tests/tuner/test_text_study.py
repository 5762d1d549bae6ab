"""A study on raw strings, from a data frame or a study file to predictions in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import tuner
from spaces.families.catalog import fitting
from spaces.inputs.text.vectors import VectorsError
from spaces.rows.columns import TableError
from tuner.cli import main
from tuner.launch.plan import _families

QUIET = {"workers": 0, "tracking": None, "progress": False}
LINEAR = {"text.ngrams.vocabulary": {"high": 40}}
XGBOOST = {"n_estimators": 30, "patience": 5, "text.ngrams.vocabulary": {"high": 40}}
NETWORK = {"epochs": 4, "optimizer.adam.learning_rate": 9e-3, "optimizer": ["adam"], "units": 16}
FAMILIES = {"linear": LINEAR, "xgboost": XGBOOST, "text_embedding": NETWORK}


def reviews(rows: int = 160, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    good = rng.random(rows) < 0.5
    said = np.where(rng.random(rows) < 0.9, np.where(good, "wonderful", "awful"), "long")
    filler = rng.choice(["the film", "a story", "its actors", "and music"], (rows, 2))
    text = [f"{a} {word}, {b}!" for (a, b), word in zip(filler, said, strict=True)]
    return pd.DataFrame({"text": text, "minutes": rng.integers(60, 180, rows), "praise": np.where(good, "yes", "no")})


def make_task(**changes):
    return tuner.Task(
        reviews(), "praise", **{"text": ["text"], "split": {"kind": "stratified", "folds": 2}, "test": 0.2, **changes}
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts") / "study"
    return tuner.tune(make_task(), FAMILIES, trials=3, seed=2, folder=folder, **QUIET)


def test_texts_are_tuned_combined_and_better_than_the_baseline(study):
    assert {trial.family for trial in study.complete} == {"baseline", *FAMILIES}
    ensemble = study.ensemble("nelder_mead")
    baseline = next(trial for trial in study.complete if trial.family == "baseline")
    assert ensemble.scores["ensemble"]["cross_fitted"] < 0.7 * baseline.value
    assert ensemble.test()["scores"]["ensemble"]["test"]["log_loss"] < 0.7 * baseline.value


@pytest.mark.slow
def test_raw_strings_are_predicted_in_a_fresh_process(study, tmp_path):
    uniform = study.ensemble("uniform")
    uniform.save(tmp_path / "bundle")
    new = pd.DataFrame({"minutes": [90, None, 100], "text": ["simply wonderful", None, "awful! " * 300]})
    new.to_parquet(tmp_path / "new.parquet")
    code = (
        "import pandas, tuner, json\n"
        "loaded = tuner.load('bundle')\n"
        "print(json.dumps(loaded.predict_proba(pandas.read_parquet('new.parquet')).tolist()))\n"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True)
    found = np.array(json.loads(printed.splitlines()[-1]))
    np.testing.assert_allclose(found, uniform.predict_proba(new), atol=1e-6)
    assert found[0, 1] > 0.5 > found[2, 1]


def test_a_number_among_texts_is_refused_at_predict_time(study):
    with pytest.raises(TableError, match="column 'text' must hold text, got 3 in row 0"):
        study.ensemble("uniform").predict(pd.DataFrame({"minutes": [90], "text": [3]}))


@pytest.mark.slow
def test_a_joint_model_reads_texts(study, tmp_path):
    joined = study.ensemble("joint")
    baseline = next(trial for trial in study.complete if trial.family == "baseline")
    assert joined.scores["ensemble"]["cross_fitted"] < 0.7 * baseline.value
    new = pd.DataFrame({"minutes": [90, 100], "text": ["the film wonderful, a story!", "the film awful, a story!"]})
    said = joined.predict_proba(new)
    assert said[0, 1] > 0.5 > said[1, 1]
    np.testing.assert_allclose(tuner.load(joined.save(tmp_path / "joint")).predict_proba(new), said, atol=1e-6)


def test_a_stored_task_is_the_task(study):
    opened = tuner.Task.open(study.folder / "data")
    task = study.task
    assert opened.signature == task.signature
    assert opened.digest == task.digest
    assert (opened.rows.table.texts == task.rows.table.texts).all()
    assert (opened.test.table.texts == task.test.table.texts).all()


@pytest.mark.parametrize(
    ("family", "text", "message"),
    [
        ("dense", ["text"], "'dense' does not fit: .* and 'text' is a text. These fit: wide_and_deep, text_ngrams"),
        ("siamese", ["text"], "it compares two inputs of one kind, and the task has 2 inputs without such a pair"),
        ("text_conv", [], "it reads texts, and there are none"),
    ],
)
def test_a_family_that_cannot_read_the_task_is_refused_before_anything_runs(tmp_path, family, text, message):
    with pytest.raises(ValueError, match=message):
        tuner.tune(make_task(text=text), [family], folder=tmp_path / "study", **QUIET)
    assert not (tmp_path / "study").exists()


def test_a_text_of_signs_alone_is_refused():
    frame = reviews().assign(text=["👍", "👎"] * 80)
    with pytest.raises(ValueError, match="text column 'text' holds no word, only signs"):
        tuner.Task(frame, "praise", text=["text"])


def test_the_target_is_no_input():
    with pytest.raises(ValueError, match="column 'praise' is the target, it cannot be an input too"):
        tuner.Task(reviews(), "praise", text=["text", "praise"])


def test_every_family_that_fits_runs_when_none_is_named():
    task = make_task()
    assert set(_families(None, task)) == {"baseline", *fitting(task.signature)}
    assert "text_conv" in fitting(make_task().signature)
    assert "dense" not in fitting(make_task().signature)
    assert "siamese" not in fitting(make_task().signature)
    assert "text_conv" not in fitting(make_task(text=[]).signature)


# Word vectors.


def glove(path, words, width=4):
    rng = np.random.default_rng(0)
    lines = [f"{word} {' '.join(f'{x:.3f}' for x in rng.normal(size=width))}" for word in words]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("trainable", [False, True])
def test_networks_begin_with_vectors_frozen_or_not(tmp_path, trainable):
    path = glove(tmp_path / "glove.txt", ["wonderful", "awful", "elsewhere"])
    task = make_task(vectors=path)
    assert task.vectors.words == ("wonderful", "awful")
    assert 0 < task.vectors.coverage < 0.5
    embedding = {"text.embedding.embedding.from": ["vectors"]}
    trained = {"text.embedding.embedding.from.vectors.trainable": trainable}
    families = {"text_embedding": {**NETWORK, **embedding, **trained}}
    study = tuner.tune(task, families, trials=1, folder=tmp_path / "study", **QUIET)
    (trial,) = [trial for trial in study.complete if trial.family == "text_embedding"]
    from spaces.store import load_fitted

    fitted = load_fitted(study.attempt_folder(trial) / "fold-0")
    layer = fitted.model.get_layer("branch_1").get_layer("vectors")
    place = 2 + fitted.prepared.texts[0].vocabulary.terms.index("wonderful")
    kept = np.allclose(layer.embeddings.numpy()[place], task.vectors.matrix[0], atol=1e-6)
    assert kept != trainable


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("wonderful 1 2 3\nawful 1 2\n", "line 2 of .* has 2 numbers, others 3"),
        ("wonderful 1 b 3\n", "line 1 of .* is no word and numbers"),
        ("elsewhere 1 2 3\n", "holds none of the .* words of the texts"),
    ],
)
def test_vectors_that_cannot_be_used_are_refused(tmp_path, lines, message):
    (tmp_path / "glove.txt").write_text(lines)
    with pytest.raises(VectorsError, match=message):
        make_task(vectors=tmp_path / "glove.txt")


def test_vectors_are_read_from_npz_and_need_texts(tmp_path):
    words = np.array(["awful", "wonderful"])
    np.savez(tmp_path / "v.npz", words=words, vectors=np.eye(2, dtype=np.float16))
    assert make_task(vectors=tmp_path / "v.npz").vectors.width == 2
    np.savez(tmp_path / "w.npz", words=words, vectors=np.eye(3))
    with pytest.raises(VectorsError, match=r"a row of vectors a word, got words \(2,\) and vectors \(3, 3\)"):
        make_task(vectors=tmp_path / "w.npz")
    with pytest.raises(VectorsError, match="there is no file"):
        make_task(vectors=tmp_path / "nowhere.txt")
    with pytest.raises(ValueError, match="vectors are of words, and the task has no text"):
        make_task(text=[], vectors=tmp_path / "v.npz")


# From a file.


def test_a_study_file_names_texts(tmp_path):
    reviews().to_csv(tmp_path / "reviews.csv", index=False)
    (tmp_path / "reviews.toml").write_text(
        '[study]\nname = "reviews"\nworkers = 1\ntracking = "none"\n[budget]\ntrials = 2\n'
        '[data]\ntrain = "reviews.csv"\ntarget = "praise"\ntext = ["text"]\ntest = 0.2\nsplit = "holdout"\n'
        '[families.linear]\n"text.ngrams.weighting" = "tfidf"\n[ensemble]\nmethod = "uniform"\n'
    )
    done = CliRunner().invoke(main, ["run", str(tmp_path / "reviews.toml")])
    assert done.exit_code == 0, done.output
    new = pd.DataFrame({"text": ["wonderful", "awful"], "minutes": [90, 90]})
    new.to_csv(tmp_path / "new.csv", index=False)
    done = CliRunner().invoke(main, ["predict", str(tmp_path / "runs" / "reviews"), str(tmp_path / "new.csv")])
    assert done.exit_code == 0, done.output
    assert "yes" in done.output
    assert "no" in done.output
