"""Texts as numbers: what is learned from training rows alone, and what networks and trees are shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from spaces.inputs.border import encode, learn_schema
from spaces.inputs.prepared import PreparedInputs, Reading, learn
from spaces.inputs.table.matrix import Recipe
from spaces.inputs.text.corpus import Corpus
from spaces.inputs.text.vocabulary import PADDING, UNKNOWN, Bag, Tokens, listed, measure, prepare_texts
from spaces.rows.columns import TableError
from spaces.rows.table import Table
from spaces.store import STORE

TRAIN = ["the cat sat", "the dog sat down", "The cat!", "a bird"]
NEW = ["the unseen cat", "", "!!!", "dog dog dog the bird sat down the cat"]


def texts(*columns: list[str], key: str | None = None) -> Table:
    rows = np.array(list(zip(*columns, strict=True)), dtype=object)
    return Table(np.empty((len(rows), 0)), np.empty((len(rows), 0), np.int32), key, rows)


def test_sequences_are_padded_in_front_and_cut_at_one_end():
    train = texts(TRAIN)
    terms = prepare_texts(Tokens("word", 100, 5), train).vocabulary.terms
    assert terms == ("the", "cat", "sat", "!", "a", "bird", "dog", "down")  # by frequency, then by name
    the, cat, sat, _, _, bird, dog, down = range(2, 10)
    (first,) = prepare_texts(Tokens("word", 100, 5, "first"), train).arrays(texts(NEW))
    (last,) = prepare_texts(Tokens("word", 100, 5, "last"), train).arrays(texts(NEW))
    assert first.dtype == np.int32
    assert first[0].tolist() == last[0].tolist() == [PADDING, PADDING, the, UNKNOWN, cat]
    assert first[3].tolist() == [dog, dog, dog, the, bird]
    assert last[3].tolist() == [bird, sat, down, the, cat]


def test_an_empty_text_is_one_unknown_token_so_that_no_average_is_over_nothing():
    (ids,) = prepare_texts(Tokens("word", 100, 4), texts(TRAIN)).arrays(texts(NEW))
    assert ids[1].tolist() == [PADDING, PADDING, PADDING, UNKNOWN]


def test_a_smaller_vocabulary_knows_the_most_frequent_tokens():
    (ids,) = prepare_texts(Tokens("word", 2, 9), texts(TRAIN)).arrays(texts(NEW))
    assert set(np.unique(ids)) == {PADDING, UNKNOWN, 2, 3}


def test_characters_are_tokens_too():
    (ids,) = prepare_texts(Tokens("character", 50, 6), texts(["abc", "ab"])).arrays(texts(["ba", "Azc"]))
    assert ids.tolist() == [[0, 0, 0, 0, 3, 2], [0, 0, 0, 2, UNKNOWN, 4]]


@pytest.mark.parametrize("ngrams", [1, 2])
def test_tfidf_is_that_of_scikit_learn(ngrams):
    prepared = prepare_texts(Bag("word", ngrams, 1000, "tfidf", 16), texts(TRAIN))
    theirs = TfidfVectorizer(token_pattern=r"\w+|!", ngram_range=(1, ngrams), sublinear_tf=True).fit(TRAIN)
    order = [theirs.vocabulary_[term] for term in prepared.vocabulary.terms]
    (mine,) = prepared.bags(texts(NEW))
    np.testing.assert_allclose(mine.toarray(), theirs.transform(NEW).toarray()[:, order], rtol=1e-6)


def test_bags_say_whether_or_how_often():
    multi_hot, count = (
        prepare_texts(Bag("word", 1, 100, weighting, 16), texts(TRAIN)).bags(texts(NEW))[0].toarray()
        for weighting in ("multi_hot", "count")
    )
    assert multi_hot.max() == 1
    assert count.max() == 3
    np.testing.assert_array_equal(multi_hot > 0, count > 0)


@given(st.lists(st.text(alphabet="abc !", max_size=12), min_size=1, max_size=6), st.integers(1, 8))
def test_what_a_network_reads_of_a_bag_is_the_bag(rows, width):
    prepared = prepare_texts(Bag("word", 1, 100, "count", width), texts(["a b c aa bb ab !"]))
    (bag,) = prepared.bags(texts(rows))
    ids, weights = listed(bag, width)
    dense = np.zeros((len(rows), bag.shape[1] + 1))
    np.add.at(dense, (np.arange(len(rows))[:, None], ids), weights)
    whole = bag.toarray()
    for row, shown in zip(whole, dense[:, 1:], strict=True):  # the largest weights, of equal ones the more frequent
        expected = np.zeros_like(row)
        first = np.argsort(-row, kind="stable")[:width]
        expected[first] = row[first]
        np.testing.assert_array_equal(shown, expected)


@pytest.mark.parametrize("recipe", [Tokens("word", 6, 4), Bag("word", 2, 12, "tfidf", 8)])
@pytest.mark.parametrize("with_table", [False, True])
def test_cached_saved_and_plain_results_are_equal(tmp_path, recipe, with_table):
    def rows(given: list[str], key: str | None) -> Table:
        numbers = np.arange(2.0 * len(given)).reshape(-1, 2) if with_table else np.empty((len(given), 0))
        column = np.array([[text, text[::-1]] for text in given], dtype=object)
        return Table(numbers, np.empty((len(given), 0), np.int32), key, column)

    reading = Reading((Recipe("standard", "onehot", ()),) if with_table else (), ((recipe, None),), joined=False)
    target = np.arange(4.0)
    plain, shown = learn(reading, rows(TRAIN, None), target, target_kind="regression")
    name = f"test_texts/{recipe}/{with_table}"
    remembered, again = learn(reading, rows(TRAIN, name), target, target_kind="regression")
    for mine, expected in zip(again, shown, strict=True):
        np.testing.assert_array_equal(mine, expected)
    loaded = STORE.prepared(tmp_path, plain.save(tmp_path))
    for one in (remembered, loaded):
        for new in (rows(NEW, None), rows(NEW, f"{name}/new"), rows(NEW, f"{name}/new")):
            for mine, expected in zip(one.matrix(new), plain.matrix(new), strict=True):
                np.testing.assert_array_equal(mine, expected)
    for mine, expected in zip(plain.matrix(rows(TRAIN, None)), shown, strict=True):
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.parametrize(
    "recipe",
    [
        Tokens("word", 6, 4),
        Tokens("character", 9, 7, "last"),
        Bag("word", 3, 14, "count", 8),
        Bag("character", 4, 30, "tfidf", 8),
    ],
)
def test_a_part_of_a_corpus_is_read_as_if_it_were_alone(tmp_path, recipe):
    """Nothing is learned from the other rows, in this process, from the folder, or by another of the same key."""
    everything = texts([*NEW, *TRAIN, "cat cat cat unseen"], ["", "sat", "a", "", "the dog", "!", "cat", "", "so"])
    learned, new = np.array([4, 5, 6, 7]), np.array([8, 0, 1])
    alone = prepare_texts(recipe, everything.take(learned))
    for key, folder in (("test_texts/a", None), ("test_texts/b", tmp_path), ("test_texts/c", tmp_path)):
        assert everything.texts is not None
        corpus = Corpus(everything.texts, f"{key}/{recipe}", folder)
        whole = replace(everything, origin=(corpus, np.arange(len(everything))))
        of_part = prepare_texts(recipe, whole.take(learned))
        assert of_part.vocabulary.terms == alone.vocabulary.terms
        for rows in (learned, new):
            for mine, expected in zip(
                of_part.arrays(whole.take(rows)), alone.arrays(everything.take(rows)), strict=True
            ):
                np.testing.assert_array_equal(mine, expected)


@pytest.mark.parametrize("ngrams", [1, 2])
def test_texts_without_any_word_are_read_with_others_and_alone(ngrams):
    prepared = prepare_texts(Bag("word", ngrams, 12, "count", 8), texts(TRAIN))
    empty = texts(["", "...", ":-)"])
    assert empty.texts is not None
    alone = replace(empty, origin=(Corpus(empty.texts), np.arange(3)))
    for rows in (empty, alone):
        (bag,) = prepared.bags(rows)
        assert bag.shape == (3, len(prepared.vocabulary.terms[:12]))
        assert not bag.nnz


def test_beside_texts_a_zero_is_no_missing_value():
    """Trees take what a sparse matrix does not store for missing."""
    table = Table(np.zeros((4, 1)), np.empty((4, 0), np.int32), None, np.array(TRAIN, dtype=object)[:, None])
    recipe = Recipe("none", "codes", ())
    prepared, matrix = learn(
        Reading((recipe,), ((Bag("word", 1, 5, "count", 8), None),), True), table, np.zeros(4), target_kind="regression"
    )
    assert isinstance(prepared, PreparedInputs)
    assert matrix.shape == (4, 6)
    assert (np.diff(matrix.indptr) >= 1).all()


def test_texts_are_measured_by_words():
    table = texts([*TRAIN, "one " * 50], ["a b", "", "c", "c", "c"])
    assert table.texts is not None
    assert measure(table.texts) == [(41, 9), (2, 3)]


# At the border.


def frame(values: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"review": pd.Series(values, dtype=object), "stars": range(len(values))})


def test_a_missing_text_is_empty_and_lists_of_tokens_are_texts():
    data = frame(["good", None, float("nan"), ["not", "good"], np.array([17, 4])])
    schema = learn_schema(data, text=["review"])
    assert schema.text_names == ["review"]
    table = encode(schema, data)
    assert table.texts is not None
    assert table.texts[:, 0].tolist() == ["good", "", "", "not good", "17 4"]
    assert table.numbers.shape == (5, 1)


@pytest.mark.parametrize(
    ("values", "text", "message"),
    [
        (["good", 3, "bad"], ["review"], r"column 'review' must hold text, got 3 in row 1; .*astype\(str\)"),
        (["", None, "  "], ["review"], "text column 'review' holds no text at all"),
        (["good", "bad"], ["reviw"], "text: unknown name 'reviw', did you mean 'review'"),
    ],
)
def test_what_is_no_text_is_refused(values, text, message):
    with pytest.raises(TableError, match=message):
        learn_schema(frame(values), text=text)


def test_a_column_is_a_text_or_a_category():
    with pytest.raises(TableError, match="'review' is named in categories and in text"):
        learn_schema(frame(["a", "b"]), categories=["review"], text=["review"])


def test_a_number_at_predict_time_is_refused():
    schema = learn_schema(frame(["good", "bad"]), text=["review"])
    with pytest.raises(TableError, match=r"column 'review' must hold text, got 7\.5 in row 0"):
        encode(schema, frame([7.5]))
    with pytest.raises(TableError, match=r"column 'review' is missing"):
        encode(schema, frame(["good"]).drop(columns="review"))


def test_trees_see_what_two_texts_have_in_common():
    table = texts(["the cat sat", "a bird", ""], ["the cat sat", "the dog", "a bird"])
    reading = Reading((), ((Bag("word", 1, 20, "multi_hot", 8), None),), joined=True)
    prepared, matrix = learn(reading, table, np.zeros(3), target_kind="regression")
    terms = len(prepared.texts[0].vocabulary.terms)  # type: ignore[attr-defined]
    assert matrix.shape == (3, 3 * terms + 1)
    np.testing.assert_allclose(matrix.toarray()[:, -1], [1, 0, 0])
    np.testing.assert_array_equal(matrix[:, 2 * terms : -1].sum(axis=1).ravel(), [[3, 0, 0]])
    assert matrix.getnnz(axis=1).tolist() == [10, 5, 3]  # a cosine of zero is stored
