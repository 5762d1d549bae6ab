"""Texts that are cut into tokens and counted once, for all models that read them.

Of a task's texts every fold picks its rows, and from them its vocabulary: what stands in other rows is never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from spaces.machine.disk import kept
from spaces.machine.memory import cached
from spaces.machine.torn import Torn, read_arrays, reading

Unit = Literal["word", "character"]
_WORDS = r"(?u)\w+(?:'\w+)?|[!?]"


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different length, one after the other; row `i` is `flat[starts[i]:starts[i + 1]]`."""

    flat: NDArray[np.int32]
    starts: NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.flat.nbytes + self.starts.nbytes

    @staticmethod
    def of(rows: Iterable[Sequence[int]]) -> Ragged:
        """Put rows one after the other."""
        arrays = [np.asarray(row, dtype=np.int32) for row in rows]
        starts = np.cumsum([0, *map(len, arrays)])
        return Ragged(np.concatenate([np.empty(0, np.int32), *arrays]), starts)

    def take(self, rows: NDArray[np.int64]) -> Ragged:
        """Return some of the rows."""
        lengths = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(starts[-1]) + np.repeat(self.starts[:-1][rows] - starts[:-1], lengths)
        return Ragged(self.flat[places], starts)

    def padded(self, length: int, *, keep: str) -> NDArray[np.int32]:
        """Return `(rows, length)`, zeros in front of short rows and one end of long ones cut off."""
        lengths = np.minimum(np.diff(self.starts), length)
        first = self.starts[:-1] if keep == "first" else self.starts[1:] - lengths
        places = np.arange(length) - (length - lengths)[:, None]
        inside = places >= 0
        padded = np.zeros(places.shape, dtype=np.int32)
        padded[inside] = self.flat[(first[:, None] + places)[inside]]
        return padded


class Read(NamedTuple):
    """Terms in alphabetical order (a pandas string series), and where they occur, one row a text."""

    terms: Any
    places: Any


class Corpus:
    """Texts that several models read.

    Args:
        texts: Strings `(rows, columns)`.
        key: Names them in the memory of the process; None for texts met once, whose memory ends with them.
        folder: Where it is kept for other processes too; created when something is to be kept.
    """

    def __init__(self, texts: NDArray[np.object_], key: str | None = None, folder: Path | None = None) -> None:
        self._texts, self._key, self._folder = texts, key, folder
        self._made: dict[str, Read] = {}
        self.columns = texts.shape[1]

    def tokens(self, unit: Unit) -> Read:
        """Return the distinct tokens, and the tokens of every text in order as a `Ragged` of their places."""
        return self._kept(f"{unit}_tokens", lambda: _tokens(self._texts.ravel(), unit))

    def counts(self, unit: Unit, ngrams: int) -> Read:
        """Return the distinct n-grams, and how often each occurs in every text, a sparse `(texts, terms)`."""
        if ngrams > 1:
            return self._kept(f"{unit}_{ngrams}grams", lambda: _counts(self._texts.ravel(), unit, ngrams))
        terms, tokens = self.tokens(unit)
        ones = np.ones(len(tokens.flat), np.int32)
        shape = (len(tokens.starts) - 1, len(terms))
        counts = sparse.csr_matrix((ones, tokens.flat, tokens.starts), shape=shape, copy=True)
        counts.sum_duplicates()  # sorts in place
        return Read(terms, counts)

    def _kept(self, name: str, make: Callable[[], Read]) -> Read:
        if self._key is None:
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]
        read: Read = cached(f"{self._key}|{name}", lambda: self._stored(name, make))
        return read

    def _stored(self, name: str, make: Callable[[], Read]) -> Read:
        if self._folder is None:
            return make()
        import pandas as pd

        terms, made = self._folder / f"{name}.parquet", list[Read]()

        def write(arrays: Path) -> None:  # the arrays come last: they say that all is there
            made.append(make())
            made[0].terms.to_frame("term").to_parquet(terms)
            np.savez(arrays, allow_pickle=False, **_to_arrays(made[0].places))

        path = kept(self._folder / f"{name}.npz", write)
        if made:
            return made[0]
        try:
            with reading(path):
                return Read(pd.read_parquet(terms)["term"], _from_arrays(read_arrays(path)))
        except (FileNotFoundError, Torn):  # it can be made again
            return make()


def vectorizer(unit: Unit, ngrams: int, **settings: Any) -> Any:
    """Return scikit-learn's counter of n-grams of words, or of characters (inside words, beyond single ones)."""
    from sklearn.feature_extraction.text import CountVectorizer

    analyzer = "word" if unit == "word" else "char_wb" if ngrams > 1 else "char"
    pattern = {"token_pattern": _WORDS if unit == "word" else None}
    return CountVectorizer(analyzer=analyzer, ngram_range=(1, ngrams), dtype=np.int32, **pattern, **settings)


def _counts(texts: NDArray[np.object_], unit: Unit, ngrams: int) -> Read:
    counting = vectorizer(unit, ngrams)
    analyze = counting.build_analyzer()
    if not any(analyze(text) for text in texts):  # what scikit-learn refuses
        return Read(_strings(np.empty(0, dtype=object)), sparse.csr_matrix((len(texts), 0), dtype=np.int32))
    counts = counting.fit_transform(texts)
    return Read(_strings(counting.get_feature_names_out()), sparse.csr_matrix(counts))


def _tokens(texts: NDArray[np.object_], unit: Unit) -> Read:
    analyze, index = vectorizer(unit, 1).build_analyzer(), dict[str, int]()
    tokens = Ragged.of([index.setdefault(token, len(index)) for token in analyze(text)] for text in texts)
    order = np.array(sorted(index, key=str), dtype=object)
    rank = np.empty(len(index), np.int32)
    rank[[index[token] for token in order]] = np.arange(len(index))
    return Read(_strings(order), Ragged(rank[tokens.flat], tokens.starts))


def _strings(terms: NDArray[Any]) -> Any:
    import pandas as pd

    return pd.Series(terms, dtype="string[pyarrow]")


def _to_arrays(places: Any) -> dict[str, NDArray[Any]]:
    if isinstance(places, Ragged):
        return {"flat": places.flat, "starts": places.starts}
    return {"data": places.data, "indices": places.indices, "indptr": places.indptr, "shape": np.array(places.shape)}


def _from_arrays(stored: Mapping[str, NDArray[Any]]) -> Any:
    if "flat" in stored:
        return Ragged(stored["flat"], stored["starts"])
    return sparse.csr_matrix((stored["data"], stored["indices"], stored["indptr"]), shape=tuple(stored["shape"]))
