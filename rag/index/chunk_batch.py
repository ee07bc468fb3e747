"""The new reviews of a build cut into sentences and chunks, held as numbers: 16 bytes of spans and
a key for each.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.chunking import TokenCounter, chunk_review
from rag.index.embedding_cache import Keys, as_keys, text_key
from rag.schema import Review


@dataclass(frozen=True, slots=True)
class CutReviews:
    """Sentences and chunks of the reviews in their order; all rows count from 0 at the first of
    them.
    """

    sentences: dict[str, NDArray[np.int32]]  # review_row, start, end, chunk_row
    chunks: dict[str, NDArray[np.int32]]  # review_row, start, end, first_sentence, end_sentence
    keys: Keys  # of each sentence's text


def cut_reviews(
    reviews: Iterable[Review],
    count_tokens: TokenCounter,
    *,
    chunk_tokens: int,
    whole: bool,
    progress: Callable[[int], None],
) -> CutReviews:
    """Cut all reviews. Only numbers are kept, not texts."""
    sentences = {name: array("i") for name in ("review_row", "start", "end", "chunk_row")}
    chunks = {
        name: array("i")
        for name in ("review_row", "start", "end", "first_sentence", "end_sentence")
    }
    keys = bytearray()
    row = -1
    for row, review in enumerate(reviews):
        cut = chunk_review(review, count_tokens, chunk_tokens=chunk_tokens, whole=whole)
        offset = len(sentences["start"])
        for chunk, (first, last) in zip(cut.chunks, cut.chunk_sentences, strict=True):
            chunk_row = len(chunks["start"])
            for start, end in cut.sentences[first:last]:
                _append(sentences, review_row=row, start=start, end=end, chunk_row=chunk_row)
                keys += text_key(review.text[start:end])
            _append(
                chunks,
                review_row=row,
                start=chunk.start,
                end=chunk.end,
                first_sentence=offset + first,
                end_sentence=offset + last,
            )
        if row % 200 == 0:
            progress(row)
    progress(row + 1)
    return CutReviews(
        {name: np.array(values, dtype=np.int32) for name, values in sentences.items()},
        {name: np.array(values, dtype=np.int32) for name, values in chunks.items()},
        as_keys(keys),
    )


def _append(columns: dict[str, array[int]], **values: int) -> None:
    for name, value in values.items():
        columns[name].append(value)


def sentence_texts(reviews: Iterable[Review], cut: CutReviews) -> Iterator[str]:
    """The texts of all sentences, from the same reviews once more."""
    ends = np.cumsum(np.bincount(cut.sentences["review_row"], minlength=1))
    starts, stops = cut.sentences["start"], cut.sentences["end"]
    sentence = 0
    for review, end in zip(reviews, ends, strict=False):
        for number in range(sentence, int(end)):
            yield review.text[starts[number] : stops[number]]
        sentence = int(end)
