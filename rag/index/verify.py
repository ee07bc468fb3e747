"""Checking an index: every checksum, count and offset, and the name of whatever is broken.

A checksum tells only that a file is the one that the manifest names. So the numbers are checked,
too, and with the embedder that made the index a sample of its sentences is embedded again: vectors
in another order, or those of other texts, have the right sums and lengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from rag.embedding import Embedder
from rag.index import tables
from rag.index.arrays import release, sample
from rag.index.catalogue import computed_catalogue
from rag.index.manifest import (
    CATALOGUE_FILE,
    STANCE_FILE,
    TOPICS_FILE,
    Manifest,
    damaged_files,
)
from rag.index.snapshot import ReviewIndex
from rag.index.store import live_generation
from rag.index.topics import looked_up
from rag.schema import IndexFileError

_BLOCK = 65_536
_SAMPLE = 200  # sentences that are embedded again
_SAME = 0.98  # cosine from which a vector is that of its sentence, made on whatever machine
_NEVER_SO_LOW = 0.5  # recall of an approximate index over these very vectors
_MOST_OUTSPOKEN = 4.0  # standard deviation of the stance of wording over an index; made 0.36
_MOST_OTHER_SIDES = 0.02  # of a topic's sentences
_SHOWN = 3  # problems of one kind


def verify_index(folder: Path, embedder: Embedder | None = None) -> list[str]:
    """What is wrong with the live generation, in sentences; empty when nothing is.

    A sample of the vectors is compared with what `embedder` makes of the sentences, if it is the
    one that the index was built with.
    """
    try:
        generation = live_generation(folder)
        problems = problems_of(generation)
        if problems:
            return problems
        index = ReviewIndex(generation)
    except IndexFileError as error:
        return [str(error)]
    if embedder is not None and embedder.identity == index.manifest.embedder:
        problems.extend(_text_problems(index, embedder))
    problems.extend(_catalogue_problems(index))
    problems.extend(_topic_problems(index))
    if index.approximate is not None and index.recall() < _NEVER_SO_LOW:
        problems.append("The approximate index does not find the vectors it was made from.")
    return problems


def problems_of(generation: Path) -> list[str]:
    """What is wrong with one generation's folder; empty when nothing is."""
    try:
        problems = damaged_files(generation, Manifest.read(generation), thorough=True)
        if problems:
            return problems
        index = ReviewIndex(generation)
    except IndexFileError as error:
        return [str(error)]
    return list(_row_problems(index)) or [
        *_span_problems(index),
        *_review_problems(index),
        *_vector_problems(index),
        *_stance_problems(index),
    ]


def _row_problems(index: ReviewIndex) -> Iterator[str]:
    """Row numbers that lead nowhere, or to one another in no order."""
    manifest = index.manifest
    for what, rows, count in (
        ("sentence names a review", index.sentence_review, manifest.reviews),
        ("sentence names a chunk", index.sentence_chunk, manifest.chunks),
        ("chunk names a review", index.chunk_review, manifest.reviews),
    ):
        if len(rows) == 0:
            yield f"The index is empty: no {what}."
            return
        if rows.min() < 0 or rows.max() >= count:
            yield (
                f"A {what} that is not there: there are {count}, and the rows named are "
                f"{rows.min()}..{rows.max()}."
            )
            return
    first, last = index.chunk_first.astype(np.int64), index.chunk_last.astype(np.int64)
    wrong = np.flatnonzero((first != np.concatenate([[0], last[:-1]])) | (last <= first))
    if len(wrong) or last[-1] != manifest.sentences:
        row = int(wrong[0]) if len(wrong) else manifest.chunks - 1
        yield (
            f"The sentences of {_chunk(index, row)} do not follow those of the chunk before it, or "
            "end too soon."
        )
        return
    owner = np.repeat(np.arange(manifest.chunks), last - first)
    stray = index.sentence_chunk != owner
    for row in np.flatnonzero(stray | (index.sentence_review != index.chunk_review[owner]))[:1]:
        yield f"{_chunk(index, int(owner[row]))} and its sentences do not name each other."


def _span_problems(index: ReviewIndex) -> Iterator[str]:
    """Characters that are not in the review, or not in order."""
    lengths = np.asarray(pc.utf8_length(index.reviews_table.column("text")).to_numpy())
    start, end = index.sentence_start, index.sentence_end
    for what, begins, ends, review in (
        ("Sentence", start, end, index.sentence_review),
        ("Chunk", index.chunk_start, index.chunk_end, index.chunk_review),
    ):
        for row in _first((begins < 0) | (ends <= begins) | (ends > lengths[review])):
            yield (
                f"{what} {row} is {begins[row]}..{ends[row]} of review "
                f"{index.review_id(int(review[row]))!r}, which has {lengths[review[row]]} "
                "characters."
            )
    same = index.sentence_chunk[1:] == index.sentence_chunk[:-1]
    for row in _first(same & (start[1:] < end[:-1])):
        yield f"Sentences {row} and {row + 1} overlap."
    begins_with_them = index.chunk_start == start[index.chunk_first]
    ends_with_them = index.chunk_end == end[index.chunk_last - 1]
    for row in _first(~(begins_with_them & ends_with_them)):
        yield f"{_chunk(index, row)} does not begin and end with its sentences."


def _review_problems(index: ReviewIndex) -> Iterator[str]:
    reviews = index.reviews_table
    copies = len(reviews) - pc.count_distinct(reviews.column("review_id")).as_py()
    if copies:
        yield f"{copies} reviews have an id that another one has."
    groups = index.review_group
    if groups.min() < 0 or groups.max() >= len(groups) or np.any(groups[groups] != groups):
        yield "The groups of copied reviews name rows that are not there, or lead to others."
    for row in (0, len(reviews) // 2, len(reviews) - 1):
        if reviews.column("content")[row].as_py() != tables.content_key(index.review(row)):
            yield f"The content key of review {index.review_id(row)!r} is not that of its content."


def _vector_problems(index: ReviewIndex) -> Iterator[str]:
    for start in range(0, index.manifest.sentences, _BLOCK):
        vectors = index.vectors(slice(start, start + _BLOCK))
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))  # a tenth of norm's time
        for row in _first(~(np.abs(lengths - 1) <= 1e-3)):
            yield f"Vector {start + row} has length {lengths[row]:.4f} instead of 1."
        release(index.all_vectors)


def _stance_problems(index: ReviewIndex) -> Iterator[str]:
    """Weights under which the index's own sentences are no more or less outspoken than any can be."""
    rows = sample(index.all_vectors, _BLOCK)
    stances = index.vectors(rows) @ index.stance.weights + index.stance.offset
    spread, mean = float(np.std(stances)), float(np.mean(stances))
    if not (spread <= _MOST_OUTSPOKEN and abs(mean) <= _MOST_OUTSPOKEN):
        yield (
            f"{STANCE_FILE} holds absurd weights: over the sentences they give {mean:.3g} on "
            f"average, with a spread of {spread:.3g}."
        )


def _text_problems(index: ReviewIndex, embedder: Embedder) -> Iterator[str]:
    """Sentences, of a sample that is the same each time, whose vector is not theirs."""
    rows = sample(index.all_vectors, _SAMPLE)
    texts = [sentence.text for sentence in index.sentences(rows)]
    cosines = np.einsum("ij,ij->i", index.vectors(rows), embedder.embed_documents(texts))
    wrong = np.flatnonzero(~(cosines >= _SAME))
    if len(wrong):
        row = int(rows[wrong[0]])
        yield (
            f"{len(wrong)} of {len(rows)} vectors that were made again are not those of their "
            f"sentences, first vector {row} (cosine {cosines[wrong[0]]:.2f}). Rebuild the index."
        )


def _catalogue_problems(index: ReviewIndex) -> Iterator[str]:
    """A catalogue that is not the one that the reviews have."""
    if index.catalogue is None:
        return
    kept, found = asdict(index.catalogue), asdict(computed_catalogue(index))
    if wrong := [name for name in found if kept[name] != found[name]]:
        yield (
            f"{CATALOGUE_FILE} is not that of the reviews: its {', '.join(wrong)} are others than "
            "they have. Rebuild the index."
        )


def _topic_problems(index: ReviewIndex) -> Iterator[str]:
    """Topics whose sentences are not those that have their terms, or are on other sides."""
    if index.topics is None:
        return
    again = looked_up(index, index.topics.definitions)
    for place, definition in enumerate(again.definitions):
        rows, sides = index.topics.rows[place], index.topics.sides[place]
        if not np.array_equal(rows, again.rows[place]) or (
            # on another machine a sentence between two sides may fall on the other one
            len(rows) and np.mean(sides != again.sides[place]) > _MOST_OTHER_SIDES
        ):
            yield (
                f"{TOPICS_FILE} is not that of the reviews: they say other things about "
                f"{definition.name!r}. Rebuild the index."
            )


def _first(wrong: NDArray[np.bool_]) -> list[int]:
    """The first few rows that are wrong."""
    return [int(row) for row in np.flatnonzero(wrong)[:_SHOWN]]


def _chunk(index: ReviewIndex, row: int) -> str:
    return f"Chunk {index.chunk(row).chunk_id}"
