"""Writing the weights of BM25: counting the words of reviews and their sentences, and weighing the counts.

Weights change with every review, since they tell how rare a word is among all of them. How often a
word is in a text does not: an update takes the counts of the texts that stay from the generation
before, and reads only the texts that come.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rag.index import disk
from rag.index.arrays import write_array
from rag.index.bm25 import BM25, MATRICES, PARTS, TERMS_FILE, TIMES, Matrix
from rag.index.stems import Stems, folded_words
from rag.index.tables import Columns
from rag.progress import Progress

K1, B = 1.5, 0.75
_ROWS = 2048  # reviews read at once


@dataclass(frozen=True, slots=True, eq=False)
class CarriedWords:
    """What an update takes over: the words of an earlier `bm25` in its rows `reviews` and `sentences`,
    ascending, which come first now.
    """

    bm25: BM25
    reviews: NDArray[np.int64]
    sentences: NDArray[np.int64]


def carried_words(
    bm25: BM25, stemmer: str, reviews: NDArray[np.int64], sentences: NDArray[np.int64]
) -> CarriedWords | None:
    """The same; None where these were stemmed otherwise, or did not keep their counts yet."""
    if bm25.stemmer != stemmer or bm25.sentences.times is None or bm25.reviews.times is None:
        return None
    return CarriedWords(bm25, reviews, sentences)


def write_bm25(
    folder: Path,
    stemmer: str,
    sentences: Columns,
    progress: Progress,
    carried: CarriedWords | None = None,
) -> dict[str, disk.NewFile]:
    """Write `BM25_FILES` and `TIMES_FILES` for the reviews.parquet in `folder` and these sentences.

    Returns the written files by name. Raises `OSError`.
    """
    words = dict(carried.bm25.words) if carried else {"": 0}  # the empty word occurs nowhere
    by_sentence = _Counts(carried.bm25.sentences, carried.sentences) if carried else _Counts()
    by_review = _Counts(carried.bm25.reviews, carried.reviews) if carried else _Counts()
    stem = Stems(stemmer).stem
    numbers: dict[str, int] = {}  # of words as they stand; several share a stem

    def numbered(text: str) -> list[int]:
        found = folded_words(text)
        for word in found:
            if word not in numbers:
                numbers[word] = words.setdefault(stem(word), len(words))
        return [numbers[word] for word in found]

    total = len(sentences["start"])
    for title, texts in _texts(folder / "reviews.parquet", sentences, by_review.rows):
        of_review = numbered(title)
        for text in texts:
            of_sentence = numbered(text)
            by_sentence.add(of_sentence)
            of_review.extend(of_sentence)
        by_review.add(of_review)
        if by_review.rows % _ROWS == 0:
            progress("writing", by_sentence.rows, total)
    used = by_review.texts(len(words)) > 0  # a word may have left with the reviews that had it
    used[0] = True
    kept = [word for word, stays in zip(words, used.tolist(), strict=True) if stays]
    with disk.new_file(folder / TERMS_FILE) as file:
        file.write(json.dumps(kept).encode("ascii"))
    files = {TERMS_FILE: file}
    for matrix, counts in zip(reversed(MATRICES), (by_review, by_sentence), strict=True):
        for part, values in counts.weights(used).items():
            name, kind = f"{matrix}.{part}.npy", PARTS.get(part, values.dtype)
            files[name] = write_array(folder / name, values.shape, kind, iter([values]))
        counts.clear()
    progress("writing", total, total)
    return files


class _Counts:
    """How often each word is in each text, in the order of the words and then of the texts."""

    def __init__(
        self, earlier: Matrix | None = None, kept: NDArray[np.int64] | None = None
    ) -> None:
        """Begin with the rows `kept`, ascending, of an earlier matrix."""
        self._words, self._lengths = array("i"), array("i")  # of the texts that are added
        self._first = 0 if kept is None else len(kept)
        self._counted: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]] | None = None
        self._earlier, self._kept = earlier, kept

    @property
    def rows(self) -> int:
        """How many texts there are."""
        return self._first + len(self._lengths)

    def add(self, words: Sequence[int]) -> None:
        """A text's words, in any order."""
        self._words.extend(words)
        self._lengths.append(len(words))

    def clear(self) -> None:
        """Give the memory back."""
        self._words, self._lengths = array("i"), array("i")
        self._counted = self._earlier = self._kept = None

    def texts(self, words: int) -> NDArray[np.int64]:
        """(words,) in how many texts each word is."""
        return np.bincount(self._all()[0], minlength=words)

    def weights(self, used: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """BM25 weights of the texts, a column for each word that is `used`, with the counts behind.

        A word in a text weighs its rareness over all texts, log(1 + (N - n + 0.5) / (n + 0.5)) where
        n of N texts have it, times f / (f + K1 * (1 - B + B * length / mean length)), where it
        occurs f times.
        """
        column, row, times = self._all()
        texts = np.bincount(column, minlength=len(used))
        rare = np.log1p((self.rows - texts + 0.5) / (texts + 0.5))
        lengths = np.bincount(row, weights=times, minlength=self.rows)
        damping = K1 * (1 - B + B * lengths / max(lengths.mean(), 1e-9))
        return {
            "weight": (rare[column] * times / (times + damping[row])).astype(np.float32),
            "row": row.astype(np.int32),
            "begin": np.concatenate([[0], np.cumsum(texts[used])]).astype(np.int64),
            TIMES: times.astype(np.min_scalar_type(times.max(initial=1))),
        }

    def _all(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
        """Word, text and count of each pair of them."""
        if self._counted is None:
            lengths = np.array(self._lengths, dtype=np.int64)
            places = np.array(self._words, dtype=np.int64)  # of each occurrence: word, then text
            places *= max(self.rows, 1)
            places += np.repeat(np.arange(self._first, self.rows), lengths)
            places, times = np.unique(places, return_counts=True)
            if self._earlier is not None and self._kept is not None:
                earlier, counts = self._carried(self._earlier, self._kept)
                places = np.concatenate([earlier, places])
                order = np.argsort(places, kind="stable")  # joins two runs that are in order
                places, times = places[order], np.concatenate([counts, times])[order]
            column, row = np.divmod(places, max(self.rows, 1))
            self._counted = column, row, times
        return self._counted

    def _carried(
        self, earlier: Matrix, kept: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Places and counts of an earlier matrix in the rows that stay."""
        assert earlier.times is not None
        now = np.full(earlier.rows, -1, dtype=np.int64)
        now[kept] = np.arange(len(kept))
        row = now[earlier.row]
        word = np.repeat(np.arange(len(earlier.begin) - 1), np.diff(earlier.begin))
        stays = row >= 0
        return word[stays] * self.rows + row[stays], earlier.times[stays].astype(np.int64)


def _texts(reviews: Path, sentences: Columns, first_review: int) -> Iterator[tuple[str, list[str]]]:
    """Title and sentences of each review from the row `first_review` on, in their order."""
    start, end = sentences["start"].tolist(), sentences["end"].tolist()
    before = 0
    with pq.ParquetFile(reviews) as file:
        counts = np.bincount(sentences["review_row"], minlength=file.metadata.num_rows)
        last = np.cumsum(counts).tolist()
        for batch in file.iter_batches(_ROWS, columns=["title", "text"]):
            skipped = min(max(first_review - before, 0), len(batch))
            for review, values in enumerate(batch.slice(skipped).to_pylist(), before + skipped):
                text = values["text"]
                rows = range(last[review - 1] if review else 0, last[review])
                yield values["title"] or "", [text[start[row] : end[row]] for row in rows]
            before += len(batch)
