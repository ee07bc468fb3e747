"""BM25 over the sentences of an index and over its whole reviews: which of them share words with a
question?

One vocabulary, two matrices of weights made beforehand (as Lù 2024, arXiv:2407.03618, does), Lucene's
form of BM25 with k1 = 1.5 and b = 0.75; a question's scores are sums over the columns of its words. A whole
review's words are those of its title and of its text. Words are stemmed (Snowball) in the language
that most reviews are in.

Kept are the matrices alone, as plain arrays mapped into memory.
"""

from __future__ import annotations

import itertools
import json
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import regex
from numpy.typing import NDArray

from rag.embedding import Vectors
from rag.index import disk
from rag.index.tables import Columns
from rag.index.vectors import map_array, write_array
from rag.progress import Progress
from rag.schema import well_formed

TERMS_FILE = "words.json"
_PARTS = {"weight": np.float32, "row": np.int32, "begin": np.int64}  # of each matrix: one file each
_MATRICES = ("sentence_words", "review_words")
_ARRAYS = itertools.product(_MATRICES, _PARTS)
BM25_FILES = (TERMS_FILE, *(f"{matrix}.{part}.npy" for matrix, part in _ARRAYS))
K1, B = 1.5, 0.75
_ROWS = 2048  # reviews read at once

_STEMMERS = {
    "ar": "arabic",
    "hy": "armenian",
    "eu": "basque",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "nl": "dutch",
    "en": "english",
    "eo": "esperanto",
    "et": "estonian",
    "fi": "finnish",
    "fr": "french",
    "de": "german",
    "el": "greek",
    "hi": "hindi",
    "hu": "hungarian",
    "id": "indonesian",
    "ga": "irish",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "no": "norwegian",
    "nb": "norwegian",
    "fa": "persian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "es": "spanish",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
_WORD = re.compile(r"\w+")
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_ANY_WORD = regex.compile(
    rf"[{_UNSPACED}]|[\w--[{_UNSPACED}]]+", regex.V1
)  # scripts without blanks: by character

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Weights by word: those of word `w` are ``weight[begin[w]:begin[w + 1]]``, in the rows
    ``row[...]``.
    """

    weight: NDArray[np.float32]
    row: NDArray[np.int32]
    begin: NDArray[np.int64]
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
        for values, kind in zip(arrays, _PARTS.values(), strict=True):
            if values.ndim != 1 or values.dtype != np.dtype(kind):
                raise ValueError("it holds arrays of other types than were written")
        if len(begin) != words + 1 or len(weight) != len(row):
            raise ValueError(
                f"{len(begin) - 1} columns for {words} words, {len(weight)} weights in {len(row)} "
                "rows"
            )
        if begin[0] != 0 or begin[-1] != len(row) or np.any(np.diff(begin) < 0):
            raise ValueError(f"its columns do not cover its {len(row)} weights in order")
        if len(row) and (row.min() < 0 or row.max() >= self.rows):
            raise ValueError(f"it names rows {row.min()}..{row.max()} of {self.rows}")


class Stems:
    """Text to stemmed words. Not to be shared between threads: Snowball's stemmers are not."""

    def __init__(self, stemmer: str) -> None:
        """`stemmer` is Snowball's name of a language, or empty. Raises `ValueError` for another."""
        import Stemmer

        if stemmer and stemmer not in Stemmer.algorithms(aliases=True):
            raise ValueError(f"there is no stemmer {stemmer!r}")
        self.stem: Callable[[str], str] = Stemmer.Stemmer(stemmer).stemWord if stemmer else str
        self._stems: dict[str, str] = {}

    def __call__(self, text: str) -> list[str]:
        """Every word of `text` in its order, case folded and stemmed."""
        stems = self._stems
        return [
            stems.get(word) or stems.setdefault(word, self.stem(word))
            for word in folded_words(text)
        ]


def folded_words(text: str) -> list[str]:
    """Every word of `text` in its order, case folded."""
    folded = well_formed(text).casefold()
    return _WORD.findall(folded) if folded.isascii() else _ANY_WORD.findall(folded)


def stemmer_for(languages: Iterable[str]) -> str:
    """Snowball's name for the commonest of the languages (ISO 639-1, "" is unknown); "" where it
    has none.

    English where no language is known: short reviews do not tell theirs.
    """
    counts = Counter(filter(None, languages))
    return _STEMMERS.get(counts.most_common(1)[0][0], "") if counts else "english"


class BM25:
    """BM25 scores of all sentences and of all reviews. Safe to share between threads."""

    def __init__(self, generation: Path, stemmer: str, *, sentences: int, reviews: int) -> None:
        """Open what `write_bm25` wrote. Raises `OSError`, `ValueError` where it cannot be read."""
        words = json.loads((generation / TERMS_FILE).read_text(encoding="ascii"))
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ValueError(f"{TERMS_FILE} holds no list of words")
        Stems(stemmer)
        self.words = {word: number for number, word in enumerate(words)}
        self.stemmer = stemmer
        self.sentences = _open_matrix(generation, "sentence_words", len(words), sentences)
        self.reviews = _open_matrix(generation, "review_words", len(words), reviews)

    def scores(self, text: str) -> tuple[Scores, Scores]:
        """BM25 of `text` with each sentence, (sentences,), and with each review, (reviews,); 0: no
        word in common.
        """
        numbers = [self.words[stem] for stem in Stems(self.stemmer)(text) if stem in self.words]
        return self.sentences.scores(numbers), self.reviews.scores(numbers)


def _open_matrix(generation: Path, name: str, words: int, rows: int) -> Matrix:
    weight, row, begin = (map_array(generation / f"{name}.{part}.npy") for part in _PARTS)
    matrix = Matrix(weight, row, begin, rows)
    try:
        matrix.check(words)
    except ValueError as error:
        raise ValueError(f"{name} does not fit together: {error}") from error
    return matrix


def write_bm25(
    folder: Path, stemmer: str, sentences: Columns, progress: Progress
) -> dict[str, disk.NewFile]:
    """Write `BM25_FILES` for the reviews.parquet in `folder` and these sentences.

    Returns the written files by name. Raises `OSError`.
    """
    words: dict[str, int] = {"": 0}  # never empty, and the empty word occurs nowhere
    by_sentence, by_review = _Corpus(), _Corpus()
    stem = Stems(stemmer).stem
    numbers: dict[str, int] = {}  # of words as they stand; several share a stem

    def numbered(text: str) -> list[int]:
        found = folded_words(text)
        for word in found:
            if word not in numbers:
                numbers[word] = words.setdefault(stem(word), len(words))
        return [numbers[word] for word in found]

    total = len(sentences["start"])
    for title, texts in _texts(folder / "reviews.parquet", sentences):
        of_review = numbered(title)
        for text in texts:
            of_sentence = numbered(text)
            by_sentence.add(of_sentence)
            of_review.extend(of_sentence)
        by_review.add(of_review)
        if len(by_review) % _ROWS == 0:
            progress("writing", len(by_sentence), total)
    with disk.new_file(folder / TERMS_FILE) as file:
        file.write(json.dumps(list(words)).encode("ascii"))
    files = {TERMS_FILE: file}
    for matrix, corpus in zip(_MATRICES, (by_sentence, by_review), strict=True):
        for part, values in corpus.weights(len(words)).items():
            name = f"{matrix}.{part}.npy"
            files[name] = write_array(folder / name, values.shape, _PARTS[part], iter([values]))
        corpus.clear()
    progress("writing", total, total)
    return files


class _Corpus:
    """Texts as word numbers, four bytes each."""

    def __init__(self) -> None:
        self._words = array("i")
        self._lengths = array("i")

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, words: Sequence[int]) -> None:
        """A text's words, in any order."""
        self._words.extend(words)
        self._lengths.append(len(words))

    def clear(self) -> None:
        """Give the memory back."""
        self._words, self._lengths = array("i"), array("i")

    def weights(self, words: int) -> dict[str, NDArray[Any]]:
        """BM25 weights of the texts, a column for each of so many words.

        A word in a text weighs its rareness over all texts, log(1 + (N - n + 0.5) / (n + 0.5)) where
        n of N texts have it, times f / (f + K1 * (1 - B + B * length / mean length)), where it
        occurs f times.
        """
        if not self._words:
            return {
                "weight": np.empty(0, np.float32),
                "row": np.empty(0, np.int32),
                "begin": np.zeros(words + 1, np.int64),
            }
        lengths = np.array(self._lengths, dtype=np.int64)
        places = np.array(
            self._words, dtype=np.int64
        )  # of each occurrence: its column, then its row
        places *= len(lengths)
        places += np.repeat(np.arange(len(lengths)), lengths)
        places, times = np.unique(places, return_counts=True)
        column, row = np.divmod(places, len(lengths))
        del places
        texts = np.bincount(column, minlength=words)
        rare = np.log1p((len(lengths) - texts + 0.5) / (texts + 0.5))
        damping = K1 * (1 - B + B * lengths / lengths.mean())
        return {
            "weight": (rare[column] * times / (times + damping[row])).astype(np.float32),
            "row": row.astype(np.int32),
            "begin": np.concatenate([[0], np.cumsum(texts)]).astype(np.int64),
        }


def _texts(reviews: Path, sentences: Columns) -> Iterator[tuple[str, list[str]]]:
    """Title and sentences of each review, in the order of the rows."""
    start, end = sentences["start"].tolist(), sentences["end"].tolist()
    counts = np.bincount(sentences["review_row"], minlength=1).tolist()
    review = first = 0
    with pq.ParquetFile(reviews) as file:
        for batch in file.iter_batches(_ROWS, columns=["title", "text"]):
            for values in batch.to_pylist():
                last = first + (counts[review] if review < len(counts) else 0)
                text = values["text"]
                texts = [text[start[row] : end[row]] for row in range(first, last)]
                yield values["title"] or "", texts
                review, first = review + 1, last


def as_share(scores: Scores) -> Vectors:
    """Scores as a share of the largest one, 0..1; zeros where there is none."""
    largest = float(scores.max(initial=0.0))
    return np.asarray(scores / largest if largest > 0 else scores, dtype=np.float32)
