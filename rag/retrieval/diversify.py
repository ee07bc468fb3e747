"""From ranked chunks to the few that an answer gets: a chunk that says the same as a better one is
folded into it, few come from one review, and reviews that are copies of one another count as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rag.config import Settings
from rag.embedding import Vectors
from rag.index import ReviewIndex
from rag.reader.stance import side_of
from rag.retrieval.fusion import Hit
from rag.schema import RetrievedChunk, Side


@dataclass(frozen=True, slots=True)
class Limits:
    """How many chunks, how many of one review, and from which cosine on two chunks say the same."""

    top_k: int
    chunks_per_review: int
    near_duplicate: float

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """As the settings say."""
        return cls(
            settings.retrieval.top_k,
            settings.retrieval.chunks_per_review,
            settings.retrieval.near_duplicate,
        )


@dataclass(slots=True)
class Voice:
    """A chunk that may be taken, and the reviews whose chunks say the same."""

    hit: Hit
    vector: Vectors
    also_in: list[str]


def gather(index: ReviewIndex, hits: Iterable[Hit], limits: Limits, most: int) -> list[Voice]:
    """The first `most` voices among the hits, copies folded into the better one."""
    voices: list[Voice] = []
    vectors = np.empty((most, index.manifest.dimension), dtype=np.float32)
    spoken: dict[int, int] = {}
    taken: set[int] = set()
    for hit in hits:
        if hit.chunk_row in taken:
            continue
        taken.add(hit.chunk_row)
        review_row = int(index.chunk_review[hit.chunk_row])
        group = int(index.review_group[review_row])
        vector = chunk_vector(index, hit.chunk_row)
        likeness = vectors[: len(voices)] @ vector
        if len(likeness) and likeness.max() >= limits.near_duplicate:
            twin = voices[int(np.argmax(likeness >= limits.near_duplicate))]
            if review_row != int(index.chunk_review[twin.hit.chunk_row]):
                twin.also_in.append(index.review_id(review_row))
        elif spoken.get(group, 0) < limits.chunks_per_review and len(voices) < most:
            spoken[group] = spoken.get(group, 0) + 1
            vectors[len(voices)] = vector
            voices.append(Voice(hit, vector, []))
    return voices


def side(index: ReviewIndex, hit: Hit) -> Side:
    """What the chunk leans to: how its sentences are worded, and half of how its review is rated.

    Tried on the sample's two-sided questions, by whether both stances are among the first eight or
    twelve: the best sentence's leaning alone, the strongest one's, and the rating alone; none did
    better, and the best sentence leaves most chunks on neither side. `python -m
    tests.benchmarks.balance` prints what balancing gives.
    """
    rows = index.sentence_rows(hit.chunk_row)
    leanings = [
        index.sentence_leaning(row, vector)
        for row, vector in zip(rows, index.vectors(rows), strict=True)
    ]
    fraction = index.rating_fraction(int(index.chunk_review[hit.chunk_row]))
    return side_of(float(np.mean(leanings)) + (0.0 if fraction is None else fraction - 0.5))


def numbered(index: ReviewIndex, voices: Sequence[Voice]) -> list[RetrievedChunk]:
    """The chunks of the voices, numbered from 1 in their order."""
    return [
        RetrievedChunk(
            number=number,
            chunk=index.chunk(voice.hit.chunk_row),
            review=index.review(int(index.chunk_review[voice.hit.chunk_row])),
            score=voice.hit.score,
            cosine=voice.hit.cosine,
            side=side(index, voice.hit),
            sentences=index.sentences_of_chunk(voice.hit.chunk_row),
            also_in=tuple(dict.fromkeys(voice.also_in)),
        )
        for number, voice in enumerate(voices, 1)
    ]


def chunk_vector(index: ReviewIndex, chunk_row: int) -> Vectors:
    """Unit vector of a chunk: the mean of its sentences'. Used to tell copies, never to rank."""
    mean = index.vectors(index.sentence_rows(chunk_row)).mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)
