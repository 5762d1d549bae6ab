"""Language models: a text as a sequence of tokens, each to be told from those before it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge

from ensembles.ensemble import Ensemble
from spaces.inputs.files import DataError
from tuner.amounts import Share
from tuner.task.task import Task

if TYPE_CHECKING:
    from tuner.ensembling.predictor import Predictor


UNKNOWN = "<unknown>"
_DOCUMENT, _NEXT = "document", "next"
UNITS = {"previous_word": "word", "previous_character": "character"}  # a column's name says what a token is
_WORDS = re.compile(r"\w+|[^\w\s]|\n")
# A float32 for every token and every possible next one: a trial holds a few copies of this of its training rows.
_MOST_BYTES = 512 * 1024**2


def language_task(
    text: str | Path,
    *,
    unit: Literal["character", "word"] = "character",
    vocabulary: Annotated[int, Ge(2)] = 2000,
    held_out: Share = 0.1,
    test: float | None = None,
    seed: int = 0,
) -> Task:
    """Make a task of a text: tell each token from those before it, scored by nats a token (log loss) and perplexity.

    The last part of the text is held out, and before it the last part of the rest is what early stopping watches.

    Args:
        text: A text, or the path of a text file (UTF-8).
        unit: What a token is.
        vocabulary: For words, the most frequent so many are told apart; the rest is one token.
        held_out: The share of the text that scores a trial.
        test: The share, behind that, which only `ensemble.test()` reads.
        seed: The task's seed.

    Raises:
        DataError: There is no such file, the text is too short, or there are too many tokens to tell apart.
    """
    tokens = _tokens(_read(text), unit, vocabulary)
    kinds = len(set(tokens))
    if len(tokens) < 100 or kinds < 2:
        raise DataError(f"the text has {len(tokens)} tokens of {kinds} kinds: at least 100 of 2 kinds are needed")
    if len(tokens) * kinds * 4 > _MOST_BYTES:
        most = _MOST_BYTES // (4 * len(tokens))
        raise DataError(
            f"{len(tokens)} tokens of {kinds} kinds are too many: use vocabulary={most} or fewer, or less text"
        )
    before = f"previous_{unit}"
    frame = pd.DataFrame({_DOCUMENT: "text", before: [None, *tokens[:-1]], _NEXT: tokens})
    return Task(
        frame,
        _NEXT,
        metric="log_loss",
        metrics=["perplexity", "accuracy"],
        kind="multiclass",
        categories=[before],
        sequence=_DOCUMENT,
        split={"kind": "time", "folds": 1, "share": held_out},
        test=test,
        seed=seed,
    )


def generate(
    ensemble: Ensemble | Predictor,
    prompt: str,
    length: int = 200,
    *,
    temperature: float = 1.0,
    context: int = 128,
    seed: int = 0,
) -> str:
    """Continue a text.

    Args:
        ensemble: Or a model, of a `language_task`.
        prompt: How the text begins.
        length: So many tokens are added.
        temperature: Below 1 the likely tokens become likelier; 0 always takes the likeliest; 1 draws by probability.
        context: So many of the last tokens are looked at.
        seed: Draws the tokens.

    Returns:
        What comes after the prompt.

    Raises:
        ValueError: The ensemble is of another task, or the prompt is empty or holds tokens that were never seen.
    """
    ensemble = ensemble if isinstance(ensemble, Ensemble) else ensemble.ensemble
    first, *rest = ensemble.schema.names
    if first != _DOCUMENT or len(rest) != 1 or rest[0] not in UNITS:
        raise ValueError("generate needs an ensemble of a language task: tuner.language_task(text)")
    if context < 1:
        raise ValueError(f"context must be at least 1, got {context!r}")
    if temperature < 0:
        raise ValueError(f"temperature must be at least 0, got {temperature!r}")
    unit = UNITS[rest[0]]
    tokens = split_tokens(prompt, unit)
    known = set(ensemble.classes)
    if UNKNOWN in known:
        tokens = [token if token in known else UNKNOWN for token in tokens]
    if not tokens:
        raise ValueError("the prompt is empty: give at least one token to begin with")
    if strange := sorted(set(tokens) - known):
        raise ValueError(f"the prompt holds {', '.join(map(repr, strange))}, which the training text does not")
    rng = np.random.default_rng(seed)
    added: list[str] = []
    for _ in range(length):
        last = [*tokens, *added][-context:]
        probabilities = ensemble.predict_proba(pd.DataFrame({_DOCUMENT: "text", rest[0]: last}))[-1]
        probabilities[np.array(ensemble.classes) == UNKNOWN] = 0  # is not to be written
        added.append(ensemble.classes[_draw(probabilities, temperature, rng)])
    return joined(added, unit)


def _draw(probabilities: Any, temperature: float, rng: np.random.Generator) -> int:
    if temperature == 0:
        return int(probabilities.argmax())
    with np.errstate(divide="ignore"):  # what is impossible stays so at any temperature
        logits = np.log(probabilities) / temperature
    shares = np.exp(logits - logits.max())
    return int(rng.choice(len(shares), p=shares / shares.sum()))


def joined(tokens: Sequence[str], unit: str) -> str:
    """Write tokens as a text."""
    return (" " if unit == "word" else "").join(tokens)


def _read(text: str | Path) -> str:
    if isinstance(text, Path) or (len(text) < 500 and "\n" not in text and text.endswith((".txt", ".text", ".md"))):
        path = Path(text)
        if not path.is_file():
            raise DataError(f"there is no file {path}")
        return path.read_text(encoding="utf-8")
    return text


def _tokens(text: str, unit: str, vocabulary: int) -> Sequence[str]:
    tokens = split_tokens(text, unit)
    if unit == "character":
        return tokens
    frequent = {token for token, _ in Counter(tokens).most_common(vocabulary)}
    return [token if token in frequent else UNKNOWN for token in tokens]


def split_tokens(text: str, unit: str) -> list[str]:
    """Cut a text into characters or words.

    Raises:
        ValueError: The unit is neither.
    """
    if unit not in ("character", "word"):
        raise ValueError(f"unit must be 'character' or 'word', got {unit!r}")
    return list(text) if unit == "character" else _WORDS.findall(text)
