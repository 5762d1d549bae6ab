"""Pretrained word vectors, read from a file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaces.machine.torn import read_arrays


class VectorsError(ValueError):
    """A file that holds no word vectors; the message says what was expected."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """Word vectors.

    Attributes:
        words: The words, each once.
        matrix: float32 `(words, width)`.
        coverage: The share of a task's distinct words that are among them.
    """

    words: tuple[str, ...]
    matrix: NDArray[np.float32]
    coverage: float = 1.0

    @property
    def width(self) -> int:
        """Numbers a word."""
        return int(self.matrix.shape[1])

    @cached_property
    def _places(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}

    def fill(self, rows: NDArray[np.float32], terms: Sequence[str], first: int) -> NDArray[np.float32]:
        """Return rows `(terms + first, width)` in which those of known terms are their vectors."""
        filled, places = rows.copy(), self._places
        known = [i for i, term in enumerate(terms[: len(rows) - first]) if term in places]
        filled[[first + i for i in known]] = self.matrix[[places[terms[i]] for i in known]]
        return filled

    def save(self, path: Path) -> None:
        """Write an npz file of `words` and `vectors`."""
        np.savez(path, words=np.array(self.words, dtype=str), vectors=self.matrix, coverage=np.array(self.coverage))


def read_vectors(path: Path, wanted: Collection[str]) -> Vectors:
    """Read the vectors of some words.

    Args:
        path: An npz file with `words` and `vectors`, or a text file of lines `word number number ...`, as those of
            GloVe and fastText (whose first line, two numbers, is skipped).
        wanted: The words that are needed.

    Raises:
        VectorsError: There is no such file, it holds something else, or none of the words.
    """
    if not path.is_file():
        raise VectorsError(f"vectors: there is no file {path}")
    words, matrix = _of_npz(path) if path.suffix == ".npz" else _of_text(path, wanted)
    first = {word: i for i, word in reversed(list(enumerate(words))) if word in wanted}
    kept = sorted(first, key=first.__getitem__)
    if not kept:
        raise VectorsError(f"vectors: {path} holds none of the {len(wanted)} words of the texts")
    return Vectors(tuple(kept), matrix[[first[word] for word in kept]], len(kept) / len(wanted))


def load_vectors(path: Path) -> Vectors:
    """Read what `Vectors.save` wrote."""
    stored = read_arrays(path)
    return Vectors(tuple(stored["words"].tolist()), stored["vectors"], float(stored["coverage"]))


def _of_npz(path: Path) -> tuple[list[str], NDArray[np.float32]]:
    try:
        stored = read_arrays(path)
        words, matrix = stored["words"], stored["vectors"]
    except (OSError, KeyError, ValueError) as error:
        raise VectorsError(f"vectors: {path} must be an npz file with `words` and `vectors` ({error})") from error
    if matrix.ndim != 2 or len(words) != len(matrix):
        raise VectorsError(
            f"vectors: {path} needs a row of vectors a word, got words {words.shape} and vectors {matrix.shape}"
        )
    return [str(word) for word in words], matrix.astype(np.float32)


def _of_text(path: Path, wanted: Collection[str]) -> tuple[list[str], NDArray[np.float32]]:
    words, rows, width = [], [], 0
    for number, line in _lines(path):
        # Some files hold words with spaces in them.
        word, *numbers = line.rsplit(" ", width) if width else line.split(" ")
        if number == 1 and len(numbers) == 1:  # fastText begins with the number of words and their width
            continue
        width = width or len(numbers)
        if len(numbers) != width or not width:
            raise VectorsError(f"vectors: line {number} of {path} has {len(numbers)} numbers, others {width}")
        if word in wanted:
            try:
                rows.append(np.array(numbers, dtype=np.float32))
            except ValueError as error:
                raise VectorsError(f"vectors: line {number} of {path} is no word and numbers ({error})") from error
            words.append(word)
    return words, np.array(rows, dtype=np.float32).reshape(len(rows), width)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8") as lines:
        try:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, line.rstrip()
        except UnicodeDecodeError as error:
            raise VectorsError(f"vectors: {path} is neither an npz file nor text") from error
