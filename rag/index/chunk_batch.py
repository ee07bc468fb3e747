"""The new reviews of a build as sentences and chunks, held as numbers: 16 bytes of spans and a key
for each.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.chunking import TokenCounter, chunk_review
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
    sentences, chunks, keys = array("i"), array("i"), bytearray()
    whole = options.chunking == "whole"
    row = -1
    for row, review in enumerate(reviews):
        cut = chunk_review(review, count_tokens, chunk_tokens=options.chunk_tokens, whole=whole)
        before = len(sentences) // len(SENTENCE_COLUMNS)
        for chunk, (first, last) in zip(cut.chunks, cut.chunk_sentences, strict=True):
            chunk_row = len(chunks) // len(CHUNK_COLUMNS)
            chunks.extend((row, chunk.start, chunk.end, before + first, before + last))
            for start, end in cut.sentences[first:last]:
                sentences.extend((row, start, end, chunk_row))
                keys += text_key(review.text[start:end])
        if row % 200 == 0:
            progress("chunking", row, total)
    progress("chunking", row + 1, total)
    return ChunkBatch(
        _columns(SENTENCE_COLUMNS, sentences), _columns(CHUNK_COLUMNS, chunks), as_keys(keys)
    )


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
    stays = np.zeros(live.manifest.reviews, dtype=np.bool_)
    stays[stay] = True
    sentences, chunks = stays[live.sentence_review], stays[live.chunk_review]
    # the new row of each old one; meaningless where that does not stay
    review_row, sentence_row, chunk_row = (
        np.cumsum(kept) - 1 for kept in (stays, sentences, chunks)
    )
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
        "chunk_row": chunks.sum(),
        "first_sentence": sentences.sum(),
        "end_sentence": sentences.sum(),
    }
    return GenerationRows(
        np.flatnonzero(sentences),
        _joined(kept_sentences, batch.sentences, offsets),
        _joined(kept_chunks, batch.chunks, offsets),
    )


def _columns(names: Sequence[str], rows: array[int]) -> Columns:
    """Rows laid end to end, as columns."""
    table = np.array(rows, dtype=np.int32).reshape(-1, len(names))
    return dict(zip(names, np.ascontiguousarray(table.T), strict=True))


def _joined(
    kept: Mapping[str, NDArray[np.integer]], added: Columns, offsets: Mapping[str, int]
) -> Columns:
    """The rows that stay, then those that come; what these name is `offsets` further down."""
    columns = {}
    for name, values in kept.items():
        shifted = added[name] + offsets.get(name, 0)
        columns[name] = np.concatenate([values, shifted]).astype(np.int32)
    return columns
