"""From one sequence to another: trained, decoded, stored."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

import tuner
from spaces import FAMILIES, defaults, narrow, sample
from spaces.families.sequences.network import build_seq2seq
from spaces.inputs.files import DataError

QUIET = {"workers": 0, "progress": False, "tracking": None, "seed": 0}
QUICK = {
    "text": ["conv"],
    "epochs": 12,
    "batch_size": 16,
    "optimizer": ["adam"],
    "optimizer.adam.learning_rate": 1e-2,
    "decoder.units": 48,
}


def reversed_letters(pairs: int, seed: int) -> tuple[list[str], list[str]]:
    """Some letters, and the same in the other order: what comes next depends on how much has been written."""
    rng = np.random.default_rng(seed)
    sources = [" ".join(rng.choice(list("abcde"), rng.integers(2, 5))) for _ in range(pairs)]
    return sources, [source[::-1] for source in sources]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    task = tuner.sequence_task(*reversed_letters(400, 0), split={"kind": "holdout"}, test=reversed_letters(60, 1))
    families = {"seq2seq": QUICK, "linear": {}}
    return tuner.tune(task, families, trials=2, folder=tmp_path_factory.mktemp("seq") / "s", **QUIET)


def test_it_learns_what_no_model_of_single_steps_can(study):
    board = study.leaderboard().set_index("family")["log_loss"]
    assert board["seq2seq"] < board["linear"] / 2
    assert board["linear"] < board["baseline"]


def test_answers_are_written_the_same_after_loading(study, tmp_path):
    sources, answers = reversed_letters(60, 1)
    ensemble = study.ensemble("nelder_mead")
    written = tuner.decode(ensemble, sources)
    assert np.mean([one == other for one, other in zip(written, answers, strict=True)]) > 0.5
    assert tuner.decode(tuner.load(ensemble.save(tmp_path / "e")), sources) == written


def test_with_enough_beams_the_answer_is_the_likeliest_of_all(study):
    """All answers of at most two tokens, gone through one by one."""
    ensemble = study.ensemble("uniform").ensemble
    letters = [token for token in ensemble.classes if token != "<end>"]
    for source in ("c e a", "b a"):
        every = {}
        for tokens in [one for length in range(3) for one in itertools.product(letters, repeat=length)]:
            steps = [*tokens, "<end>"]
            rows = pd.DataFrame({"pair": 0, "source": source, "previous_word": [None, *tokens]})
            said = ensemble.predict_proba(rows)
            every[tokens] = sum(
                math.log(row[ensemble.classes.index(token)]) for row, token in zip(said, steps, strict=True)
            )
        best = max(every, key=every.__getitem__)
        assert tuner.decode(ensemble, [source], beams=100, length=2) == [" ".join(best)]


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("attention", [True, False])
def test_every_step_reads_the_source_and_none_reads_ahead(study, cell, attention):
    signature = study.task.signature
    changes = {**QUICK, "decoder.cell": cell, "attention": attention, "decoder.depth": 2}
    config = defaults(narrow(FAMILIES["seq2seq"].space(signature), changes))
    model = build_seq2seq(config, signature, 0)
    names = {type(layer).__name__ for layer in model.layers}
    assert ("Attention" in names) == attention
    assert {"gru": "GRU", "lstm": "LSTM"}[cell] in names
    rng = np.random.default_rng(0)
    source = rng.integers(2, 6, model.inputs[0].shape[1:])[None].astype(np.int32)
    codes = rng.integers(3, 8, (1, config["length"], 1)).astype(np.int32)
    said = model((source, codes)).numpy()
    later = codes.copy()
    later[0, 2] = later[0, 2] % 5 + 3 if later[0, 2] != 7 else 3
    changed = model((source, later)).numpy()
    np.testing.assert_allclose(changed[0, :2], said[0, :2], atol=1e-6)
    assert not np.allclose(changed[0, 2:], said[0, 2:], atol=1e-6)
    other = model((source[:, ::-1].copy(), codes)).numpy()
    assert (np.abs(other - said).max(axis=-1) > 1e-7).all()


def test_sampled_configurations_build(study):
    signature = study.task.signature
    space = FAMILIES["seq2seq"].space(signature)
    for seed in range(3):
        model = build_seq2seq(sample(space, np.random.default_rng(seed)), signature, 0)
        assert model.output_shape[1:] == (5, 6)


@pytest.mark.parametrize(
    ("sources", "answers", "more", "message"),
    [
        (["a"], ["b", "c"], {}, "1 sources and 2 answers"),
        (["a", "b"], ["b", ""], {}, "answer 1 is empty"),
        (["a"] * 30, ["b", "c"] * 15, {"test": (["a"], ["z"])}, "hold 'z'"),
        (["a"] * 30, ["b", "c"] * 15, {"unit": "line"}, "unit must be"),
        (["a", None], ["b", "c"], {}, "source 1 is no text"),
        ("a b", ["b"], {}, "a list of texts"),
    ],
)
def test_pairs_that_cannot_be_used_are_refused(sources, answers, more, message):
    with pytest.raises((DataError, ValueError), match=message):
        tuner.sequence_task(sources, answers, **more)


@pytest.mark.parametrize(
    ("sources", "more", "message"),
    [("a b", {}, "a list of texts"), (["a"], {"beams": 0}, "at least 1"), (["a"], {"length": 0}, "at least 1")],
)
def test_what_cannot_be_decoded_is_refused(study, sources, more, message):
    with pytest.raises(ValueError, match=message):
        tuner.decode(study.ensemble("uniform"), sources, **more)


def test_other_families_say_why_they_do_not_fit(study):
    assert "reads tables only" in FAMILIES["language_model"].unfit(study.task.signature)
    words = tuner.language_task("one two three one two three " * 20, unit="word")
    assert "tuner.sequence_task" in FAMILIES["seq2seq"].unfit(words.signature)


def test_a_series_is_read_in_its_order_whatever_its_index(study):
    sources = reversed_letters(3, 1)[0]
    ensemble = study.ensemble("uniform")
    assert tuner.decode(ensemble, pd.Series(sources, index=[2, 0, 1])) == tuner.decode(ensemble, sources)
