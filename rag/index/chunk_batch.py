"""The new reviews of a build as sentences and chunks, held as numbers: 16 bytes of spans and a key
for each.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.chunking import ChunkedReview, TokenCounter, chunk_review
from rag.index.embedding_cache import Keys, as_keys, text_key
from rag.index.options import BuildOptions
from rag.index.snapshot import ReviewIndex
from rag.index.tables import CHUNK_COLUMNS, SENTENCE_COLUMNS, Columns
from rag.progress import Progress
from rag.schema import Review


@dataclass(frozen=True, slots=True)
class ChunkBatch:
    """Sentences and chunks of the reviews in their order; all rows count from 0 at the first of
    them.
    """

    sentences: Columns
    chunks: Columns
    keys: Keys  # of each sentence's text


@dataclass(frozen=True, slots=True)
class GenerationRows:
    """The sentences and chunks of a whole generation; `kept` are the rows of the live generation's
    sentences that stay, which come first.
    """

    kept: NDArray[np.int64]
    sentences: Columns
    chunks: Columns


def chunk_reviews(
    reviews: Iterable[Review],
    count_tokens: TokenCounter,
    options: BuildOptions,
    total: int,
    progress: Progress,
) -> ChunkBatch:
    """Cut all reviews, of which there are `total`. Only numbers are kept, not texts."""
    sentences = {name: array("i") for name in SENTENCE_COLUMNS}
    chunks = {name: array("i") for name in CHUNK_COLUMNS}
    keys = bytearray()
    whole = options.chunking == "whole"
    row = -1
    for row, review in enumerate(reviews):
        chunked = chunk_review(review, count_tokens, chunk_tokens=options.chunk_tokens, whole=whole)
        _append_sentences(sentences, row, len(chunks["start"]), chunked)
        first_sentence = len(sentences["start"]) - len(chunked.sentences)
        for start, end in chunked.sentences:
            keys += text_key(review.text[start:end])
        for chunk, (first, last) in zip(chunked.chunks, chunked.chunk_sentences, strict=True):
            values = (row, chunk.start, chunk.end, first_sentence + first, first_sentence + last)
            _append(chunks, values)
        if row % 200 == 0:
            progress("chunking", row, total)
    progress("chunking", row + 1, total)
    return ChunkBatch(_arrays(sentences), _arrays(chunks), as_keys(keys))


def sentence_texts(reviews: Iterable[Review], batch: ChunkBatch) -> Iterator[str]:
    """The texts of all sentences, from the same reviews once more."""
    ends = np.cumsum(np.bincount(batch.sentences["review_row"], minlength=1))
    starts, stops = batch.sentences["start"], batch.sentences["end"]
    sentence = 0
    for review, end in zip(reviews, ends, strict=False):
        for number in range(sentence, int(end)):
            yield review.text[starts[number] : stops[number]]
        sentence = int(end)


def rows_of_generation(
    live: ReviewIndex | None, stay: NDArray[np.int64], batch: ChunkBatch
) -> GenerationRows:
    """The rows of the next generation: those of the live one's reviews that stay, and the batch's."""
    if live is None:
        return GenerationRows(np.empty(0, dtype=np.int64), batch.sentences, batch.chunks)
    review_row = np.full(live.manifest.reviews, -1, dtype=np.int32)
    review_row[stay] = np.arange(len(stay), dtype=np.int32)
    sentences = np.flatnonzero(review_row[live.sentence_review] >= 0)
    chunks = np.flatnonzero(review_row[live.chunk_review] >= 0)
    sentence_row = _renumbered(sentences, live.manifest.sentences)
    chunk_row = _renumbered(chunks, live.manifest.chunks)
    kept_sentences = {
        "review_row": review_row[live.sentence_review[sentences]],
        "start": live.sentence_start[sentences],
        "end": live.sentence_end[sentences],
        "chunk_row": chunk_row[live.sentence_chunk[sentences]],
    }
    kept_chunks = {
        "review_row": review_row[live.chunk_review[chunks]],
        "start": live.chunk_start[chunks],
        "end": live.chunk_end[chunks],
        "first_sentence": sentence_row[live.chunk_first[chunks]],
        "end_sentence": sentence_row[live.chunk_last[chunks] - 1] + 1,
    }
    offsets = {
        "review_row": len(stay),
        "chunk_row": len(chunks),
        "first_sentence": len(sentences),
        "end_sentence": len(sentences),
    }
    return GenerationRows(
        sentences,
        _joined(kept_sentences, batch.sentences, offsets),
        _joined(kept_chunks, batch.chunks, offsets),
    )


def _append_sentences(
    columns: dict[str, array[int]], row: int, chunk_row: int, chunked: ChunkedReview
) -> None:
    """The sentences of a review, whose first chunk is in `chunk_row`."""
    for number, (first, last) in enumerate(chunked.chunk_sentences):
        for start, end in chunked.sentences[first:last]:
            _append(columns, (row, start, end, chunk_row + number))


def _append(columns: dict[str, array[int]], values: tuple[int, ...]) -> None:
    for column, value in zip(columns.values(), values, strict=True):
        column.append(value)


def _arrays(columns: dict[str, array[int]]) -> dict[str, NDArray[np.int32]]:
    return {name: np.array(values, dtype=np.int32) for name, values in columns.items()}


def _renumbered(kept: NDArray[np.int64], count: int) -> NDArray[np.int32]:
    """New row of each old row; meaningless where the old one is not kept."""
    rows = np.zeros(count, dtype=np.int32)
    rows[kept] = np.arange(len(kept), dtype=np.int32)
    return rows


def _joined(kept: Columns, added: Columns, offsets: dict[str, int]) -> dict[str, NDArray[np.int32]]:
    """The rows that stay, then those that come; what these name is `offsets` further down."""
    columns = {}
    for name, values in kept.items():
        shifted = added[name] + np.int32(offsets.get(name, 0))
        columns[name] = np.concatenate([values, shifted]).astype(np.int32)
    return columns
