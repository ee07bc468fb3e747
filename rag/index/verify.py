"""Checking an index: every checksum, count and offset, and the name of whatever is broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from rag.index import tables
from rag.index.snapshot import ReviewIndex
from rag.index.store import Manifest, damaged_files, live_generation
from rag.index.vectors import release
from rag.schema import IndexFileError

_BLOCK = 65_536


def verify_index(folder: Path) -> list[str]:
    """What is wrong with the live generation, in sentences; empty when nothing is."""
    try:
        return problems_of(live_generation(folder))
    except IndexFileError as error:
        return [str(error)]


def problems_of(generation: Path) -> list[str]:
    """What is wrong with one generation's folder; empty when nothing is."""
    try:
        manifest = Manifest.read(generation)
    except IndexFileError as error:
        return [str(error)]
    problems = damaged_files(generation, manifest, thorough=True)
    if problems:
        return problems
    try:
        index = ReviewIndex(generation)
    except IndexFileError as error:
        return [str(error)]
    return _row_problems(index) or [
        *_span_problems(index),
        *_review_problems(index),
        *_vector_problems(index),
    ]


def _row_problems(index: ReviewIndex) -> list[str]:
    """Row numbers that lead nowhere, or to one another in no order."""
    made = index.manifest
    for what, named, count in (
        ("sentence names a review", index.sentence_review, made.reviews),
        ("sentence names a chunk", index.sentence_chunk, made.chunks),
        ("chunk names a review", index.chunk_review, made.reviews),
    ):
        if len(named) == 0:
            return [f"The index is empty: no {what}."]
        if named.min() < 0 or named.max() >= count:
            return [
                f"A {what} that is not there: there are {count}, and the rows named are "
                f"{named.min()}..{named.max()}."
            ]
    problems = []
    first, last = index.chunk_first.astype(np.int64), index.chunk_last.astype(np.int64)
    expected = np.concatenate([[0], last[:-1]])
    wrong = np.flatnonzero((first != expected) | (last <= first))
    if len(wrong) or last[-1] != made.sentences:
        row = int(wrong[0]) if len(wrong) else made.chunks - 1
        return [
            f"The sentences of {_chunk(index, row)} do not follow those of the chunk before it, or "
            "end too soon."
        ]
    owner = np.repeat(np.arange(made.chunks), last - first)
    for wrong in (
        np.flatnonzero(index.sentence_chunk != owner),
        np.flatnonzero(index.sentence_review != index.chunk_review[owner]),
    ):
        if len(wrong):
            problems.append(
                f"{_chunk(index, int(owner[wrong[0]]))} and its sentences do not name each other."
            )
    return problems


def _span_problems(index: ReviewIndex) -> list[str]:
    """Characters that are not in the review, or not in order."""
    lengths = np.asarray(pc.utf8_length(index.reviews_table.column("text")).to_numpy())
    start, end = index.sentence_start, index.sentence_end
    problems = []
    for what, begins, ends, review in (
        ("Sentence", start, end, index.sentence_review),
        ("Chunk", index.chunk_start, index.chunk_end, index.chunk_review),
    ):
        for row in np.flatnonzero((begins < 0) | (ends <= begins) | (ends > lengths[review]))[:3]:
            problems.append(
                f"{what} {row} is {begins[row]}..{ends[row]} of review "
                f"{index.review_id(int(review[row]))!r}, "
                f"which has {lengths[review[row]]} characters."
            )
    same = index.sentence_chunk[1:] == index.sentence_chunk[:-1]
    for row in np.flatnonzero(same & (start[1:] < end[:-1]))[:3]:
        problems.append(f"Sentences {row} and {row + 1} overlap.")
    outer = (index.chunk_start != start[index.chunk_first]) | (
        index.chunk_end != end[index.chunk_last - 1]
    )
    for row in np.flatnonzero(outer)[:3]:
        problems.append(f"{_chunk(index, int(row))} does not begin and end with its sentences.")
    again = index.chunk_review[1:] == index.chunk_review[:-1]
    for row in np.flatnonzero(again & (index.chunk_start[1:] < index.chunk_end[:-1]))[:3]:
        problems.append(f"{_chunk(index, int(row))} and the chunk after it overlap.")
    return problems


def _review_problems(index: ReviewIndex) -> list[str]:
    problems = []
    ids = index.reviews_table.column("review_id")
    different = pc.count_distinct(ids).as_py()
    if different != len(ids):
        problems.append(f"{len(ids) - different} reviews have an id that another one has.")
    groups = index.review_group
    if groups.min() < 0 or groups.max() >= len(groups) or np.any(groups[groups] != groups):
        problems.append(
            "The groups of copied reviews name rows that are not there, or lead to others."
        )
    for row in (0, len(ids) // 2, len(ids) - 1):
        if index.reviews_table.column("content")[row].as_py() != tables.content_key(
            index.review(row)
        ):
            problems.append(
                f"The content key of review {index.review_id(row)!r} is not that of its content."
            )
    return problems


def _vector_problems(index: ReviewIndex) -> list[str]:
    problems: list[str] = []
    for start in range(0, index.manifest.sentences, _BLOCK):
        lengths = np.linalg.norm(index.vectors(slice(start, start + _BLOCK)), axis=1)
        for row in np.flatnonzero(~(np.abs(lengths - 1) <= 1e-3))[:3]:
            problems.append(f"Vector {start + row} has length {lengths[row]:.4f} instead of 1.")
        release(index.all_vectors)
    return problems


def _chunk(index: ReviewIndex, row: int) -> str:
    review_row = int(index.chunk_review[row])
    start, end = int(index.chunk_start[row]), int(index.chunk_end[row])
    return f"Chunk {tables.chunk_id(index.review_id(review_row), start, end)}"
