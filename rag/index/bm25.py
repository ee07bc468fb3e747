"""BM25 over the sentences of an index and over its whole reviews: which of them share words with a
question?

One vocabulary, two matrices of weights made beforehand (as Lù 2024, arXiv:2407.03618, does), Lucene's
form of BM25 with k1 = 1.5 and b = 0.75; a question's scores are sums over the columns of its words. A whole
review's words are those of its title and of its text. Words are stemmed (Snowball) in the language
that most reviews are in.

Kept are the matrices, as plain arrays mapped into memory, and for updates the counts behind them.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Vectors
from rag.index.arrays import map_array
from rag.index.stems import Stems

TERMS_FILE = "words.json"
PARTS = {"weight": np.float32, "row": np.int32, "begin": np.int64}  # of each matrix: one file each
TIMES = "times"  # how often a word is in a text, of any unsigned type; for updates
MATRICES = ("sentence_words", "review_words")
_ARRAYS = itertools.product(MATRICES, PARTS)
BM25_FILES = (TERMS_FILE, *(f"{matrix}.{part}.npy" for matrix, part in _ARRAYS))
TIMES_FILES = tuple(f"{matrix}.{TIMES}.npy" for matrix in MATRICES)  # older indexes have none

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Weights by word: those of word `w` are ``weight[begin[w]:begin[w + 1]]``, in the rows
    ``row[...]``.
    """

    weight: NDArray[np.float32]
    row: NDArray[np.int32]
    begin: NDArray[np.int64]
    times: NDArray[np.unsignedinteger] | None
    rows: int

    def scores(self, words: Iterable[int]) -> Scores:
        """(rows,) sums of the words' weights; 0 where no word occurs."""
        total = np.zeros(self.rows, dtype=np.float32)
        for word in words:
            here = slice(int(self.begin[word]), int(self.begin[word + 1]))
            total[self.row[here]] += self.weight[here]  # a row holds a word once
        return total

    def check(self, words: int) -> None:
        """Raise `ValueError` where it does not fit together."""
        weight, row, begin = self.weight, self.row, self.begin
        arrays: tuple[NDArray[Any], ...] = (weight, row, begin)
        for values, kind in zip(arrays, PARTS.values(), strict=True):
            if values.ndim != 1 or values.dtype != np.dtype(kind):
                raise ValueError("it holds arrays of other types than were written")
        if len(begin) != words + 1 or len(weight) != len(row):
            raise ValueError(
                f"{len(begin) - 1} columns for {words} words, {len(weight)} weights in {len(row)} "
                "rows"
            )
        times = row if self.times is None else self.times
        if times.shape != row.shape or times.dtype.kind not in "iu":
            raise ValueError(f"{times.shape} counts of {times.dtype} for {len(row)} weights")
        if begin[0] != 0 or begin[-1] != len(row) or np.any(np.diff(begin) < 0):
            raise ValueError(f"its columns do not cover its {len(row)} weights in order")
        if len(row) and (row.min() < 0 or row.max() >= self.rows):
            raise ValueError(f"it names rows {row.min()}..{row.max()} of {self.rows}")


class BM25:
    """BM25 scores of all sentences and of all reviews. Safe to share between threads."""

    def __init__(
        self, generation: Path, stemmer: str, *, sentences: int, reviews: int, counted: bool
    ) -> None:
        """Open what `bm25_writer` wrote, `counted` where the counts are among it. Raises `OSError`,
        `ValueError` where it cannot be read.
        """
        words = json.loads((generation / TERMS_FILE).read_text(encoding="ascii"))
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ValueError(f"{TERMS_FILE} holds no list of words")
        Stems(stemmer)
        self.words = {word: number for number, word in enumerate(words)}
        self.stemmer = stemmer
        self.sentences = _open_matrix(generation, "sentence_words", len(words), sentences, counted)
        self.reviews = _open_matrix(generation, "review_words", len(words), reviews, counted)

    def scores(self, text: str) -> tuple[Scores, Scores]:
        """BM25 of `text` with each sentence, (sentences,), and with each review, (reviews,); 0: no
        word in common.
        """
        numbers = [self.words[stem] for stem in Stems(self.stemmer)(text) if stem in self.words]
        return self.sentences.scores(numbers), self.reviews.scores(numbers)


def _open_matrix(generation: Path, name: str, words: int, rows: int, counted: bool) -> Matrix:
    weight, row, begin = (map_array(generation / f"{name}.{part}.npy") for part in PARTS)
    times = map_array(generation / f"{name}.{TIMES}.npy") if counted else None
    matrix = Matrix(weight, row, begin, times, rows)
    try:
        matrix.check(words)
    except ValueError as error:
        raise ValueError(f"{name} does not fit together: {error}") from error
    return matrix


def as_share(scores: Scores) -> Vectors:
    """Scores as a share of the largest one, 0..1; zeros where there is none."""
    largest = float(scores.max(initial=0.0))
    return np.asarray(scores / largest if largest > 0 else scores, dtype=np.float32)
