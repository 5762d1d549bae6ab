"""From one sequence to another: a text in, a text out, token by token.

A pair is as many rows as its answer has tokens, and one that ends it. Each row holds the source, the token before, and
as target the next one: in training always the true one before (teacher forcing, Williams and Zipser, "A learning
algorithm for continually running fully recurrent neural networks", Neural Computation 1989). So every family can take
part and predictions of tokens are averaged as all others are; what is written is searched for with the ensemble.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from ensembles.ensemble import Ensemble
from spaces.inputs.files import DataError
from tuner.ensembling.predictor import Predictor
from tuner.recipes.language import UNITS, joined, split_tokens
from tuner.task.task import Task

END = "<end>"
_PAIR, _SOURCE, _NEXT = "pair", "source", "next"
_AT_ONCE = 20_000


def sequence_task(
    sources: Sequence[str],
    answers: Sequence[str],
    *,
    unit: Literal["character", "word"] = "word",
    split: Any = None,
    test: tuple[Sequence[str], Sequence[str]] | float | None = None,
    seed: int = 0,
) -> Task:
    """Make a task of pairs of texts: write the answer to a source, scored by nats a token (log loss).

    Args:
        sources: The texts to be read.
        answers: What is to be written for each, not empty.
        unit: What a token of an answer is.
        split: As for `tuner.Task`; pairs are kept whole.
        test: `(sources, answers)`, or a share of the pairs.
        seed: The task's seed.

    Raises:
        DataError: There are not as many answers as sources, an answer is empty, or one of the test holds a token that
            no answer of the training pairs does.
    """
    frame = _rows(sources, answers, unit, name="answer")
    given: Any = test
    if isinstance(test, tuple | list) and len(test) == 2:
        given = _rows(*test, unit, name="answer of the test")
        if strange := sorted(set(given[_NEXT]) - set(frame[_NEXT])):
            raise DataError(f"the answers of the test hold {strange[0]!r}, which those of training do not")
    return Task(
        frame,
        _NEXT,
        metric="log_loss",
        metrics=["perplexity", "accuracy"],
        kind="multiclass",
        categories=[f"previous_{unit}"],
        text=[_SOURCE],
        sequence=_PAIR,
        split=split or {"kind": "grouped"},
        test=given,
        seed=seed,
    )


def decode(ensemble: Ensemble | Predictor, sources: Sequence[str], *, beams: int = 4, length: int = 100) -> list[str]:
    """Write an answer to each source: the likeliest that beam search finds.

    Args:
        ensemble: Or a model, of a `sequence_task`.
        sources: The texts to be read.
        beams: So many beginnings are kept at every step; 1 is greedy search.
        length: No answer has more tokens.

    Returns:
        An answer for each source.

    Raises:
        ValueError: The ensemble is of another task, a number is below 1, or a source is no text.
    """
    ensemble = ensemble if isinstance(ensemble, Ensemble) else ensemble.ensemble
    *first, before = ensemble.schema.names
    if first != [_PAIR, _SOURCE] or before not in UNITS:
        raise ValueError("decode needs an ensemble of a sequence task: tuner.sequence_task(sources, answers)")
    if beams < 1 or length < 1:
        raise ValueError(f"beams and length must be at least 1, got {beams!r} and {length!r}")
    sources = _texts(sources, "source")
    # Of each source, beginnings with the log of their probability, the likeliest first.
    searched: list[list[tuple[float, tuple[str, ...]]]] = [[(0.0, ())] for _ in sources]
    for _ in range(length + 1):
        open_ones = [
            (i, value, tokens) for i, beam in enumerate(searched) for value, tokens in beam if tokens[-1:] != (END,)
        ]
        if not open_ones:
            break
        predicted = _next(ensemble, [sources[i] for i, _, _ in open_ones], [tokens for _, _, tokens in open_ones])
        longer: list[list[tuple[float, tuple[str, ...]]]] = [
            [one for one in beam if one[1][-1:] == (END,)] for beam in searched
        ]
        for (i, value, tokens), probabilities in zip(open_ones, predicted, strict=True):
            ends = len(tokens) == length
            for k in np.argsort(-probabilities)[:beams] if not ends else [ensemble.classes.index(END)]:
                if probabilities[k] > 0:
                    longer[i].append((value + math.log(probabilities[k]), (*tokens, ensemble.classes[k])))
        searched = [sorted(beam, reverse=True)[:beams] for beam in longer]
    best = [max(beam, default=(0.0, ()))[1] for beam in searched]
    return [joined([token for token in tokens if token != END], UNITS[before]) for tokens in best]


def _next(ensemble: Ensemble, sources: Sequence[str], beginnings: Sequence[tuple[str, ...]]) -> list[Any]:
    """Return the probabilities of what comes after each beginning."""
    found: list[Any] = []
    size = max(1, _AT_ONCE // (len(beginnings[0]) + 1))
    for start in range(0, len(sources), size):
        some, begun = sources[start : start + size], beginnings[start : start + size]
        steps = [len(tokens) + 1 for tokens in begun]
        rows = pd.DataFrame(
            {
                _PAIR: np.repeat(np.arange(len(some)), steps),
                _SOURCE: np.repeat(np.array(some, dtype=object), steps),
                ensemble.schema.names[-1]: [token for tokens in begun for token in (None, *tokens)],
            }
        )
        found += list(ensemble.predict_proba(rows)[np.cumsum(steps) - 1])
    return found


def _texts(given: Any, name: str) -> list[str]:
    """Return texts as a list, in the order in which they come.

    Raises:
        DataError: It is one text, or holds something else.
    """
    if isinstance(given, str):
        raise DataError(f"{name}s must be a list of texts, got one text")
    texts = list(given)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"{name} {i} is no text, got {text!r}")
    return texts


def _rows(sources: Any, answers: Any, unit: str, *, name: str) -> pd.DataFrame:
    """Return a row for each token of each answer, and one for its end."""
    sources, answers = _texts(sources, "source"), _texts(answers, name)
    if len(sources) != len(answers):
        raise DataError(f"there are {len(sources)} sources and {len(answers)} answers: each source needs its own")
    tokens = [[*split_tokens(answer, unit), END] for answer in answers]
    if empty := [i for i, one in enumerate(tokens) if len(one) == 1]:
        raise DataError(f"{name} {empty[0]} is empty, {answers[empty[0]]!r}: leave such pairs out")
    steps = [len(one) for one in tokens]
    return pd.DataFrame(
        {
            _PAIR: np.repeat(np.arange(len(sources)), steps),
            _SOURCE: np.repeat(np.array(sources, dtype=object), steps),
            f"previous_{unit}": [before for one in tokens for before in (None, *one[:-1])],
            _NEXT: [token for one in tokens for token in one],
        }
    )
