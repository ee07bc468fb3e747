"""Checking an index: every checksum, count and offset, and the name of whatever is broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rag.index.reader import ReviewIndex
from rag.index.store import Manifest, damaged_files, live_generation
from rag.schema import IndexFileError


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
    problems = damaged_files(generation, manifest)
    if problems:
        return problems
    try:
        index = ReviewIndex(generation)
    except IndexFileError as error:
        return [str(error)]
    return _row_problems(index)


def _row_problems(index: ReviewIndex) -> list[str]:
    """Offsets, row numbers and vectors that do not fit together."""
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
                f"A {what} that is not there: there are {count}, and the rows named are {named.min()}..{named.max()}."
            ]
    problems = []
    rows = np.arange(made.sentences, dtype=np.int64)
    for start in range(0, len(rows), 65_536):
        lengths = np.linalg.norm(index.vectors(rows[start : start + 65_536]), axis=1)
        for row in np.flatnonzero(np.abs(lengths - 1) > 1e-3)[:3]:
            problems.append(f"Vector {start + row} has length {lengths[row]:.4f} instead of 1.")
    next_sentence = 0
    seen: set[str] = set()
    for row in range(made.chunks):
        chunk = index.chunk(row)
        own = index.sentence_rows(row)
        if (
            own.start < 0
            or own.stop > made.sentences
            or np.any(index.sentence_chunk[own.start : own.stop] != row)
            or np.any(index.sentence_review[own.start : own.stop] != index.chunk_review[row])
        ):
            return [*problems, f"Chunk {chunk.chunk_id} (row {row}) and its sentences do not name each other."]
        sentences = index.sentences_of_chunk(row)
        ends = [chunk.start, *(end for sentence in sentences for end in (sentence.start, sentence.end)), chunk.end]
        if not sentences or sentences[0].row != next_sentence or ends != sorted(ends) or chunk.start < 0:
            problems.append(f"Chunk {chunk.chunk_id} (row {row}) and its sentences do not fit together.")
        for start, end, text in [(part.start, part.end, part.text) for part in sentences] + [
            (chunk.start, chunk.end, chunk.text)
        ]:
            if not text or len(text) != end - start:
                problems.append(f"{start}..{end} of chunk {chunk.chunk_id} is not within its review.")
        if chunk.chunk_id in seen:
            problems.append(f"Two chunks have the id {chunk.chunk_id}.")
        seen.add(chunk.chunk_id)
        next_sentence = sentences[-1].row + 1 if sentences else next_sentence
    if next_sentence != made.sentences:
        problems.append(f"The chunks hold {next_sentence} sentences of {made.sentences}.")
    return problems
