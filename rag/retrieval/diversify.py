"""From ranked chunks to the few that an answer gets: a chunk that says the same as a better one is
folded into it, few come from one review, and reviews that are copies of one another count as one.
"""

from __future__ import annotations

from collections import Counter
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
class DistinctHit:
    """A chunk to take, and the reviews whose chunks say the same."""

    hit: Hit
    also_in: list[str]


def fold_copies(index: ReviewIndex, hits: Iterable[Hit], limits: Limits) -> list[DistinctHit]:
    """The first `top_k` hits that differ, later copies folded into the better ones."""
    distinct: list[DistinctHit] = []
    vectors = np.empty((limits.top_k, index.manifest.dimension), dtype=np.float32)
    of_group: Counter[int] = Counter()
    seen: set[int] = set()
    for hit in hits:
        if hit.chunk_row in seen:
            continue
        seen.add(hit.chunk_row)
        review_row = int(index.chunk_review[hit.chunk_row])
        group = int(index.review_group[review_row])
        vector = chunk_vector(index, hit.chunk_row)
        similarity = vectors[: len(distinct)] @ vector
        if len(similarity) and similarity.max() >= limits.near_duplicate:
            twin = distinct[int(np.argmax(similarity >= limits.near_duplicate))]
            if review_row != int(index.chunk_review[twin.hit.chunk_row]):
                twin.also_in.append(index.review_id(review_row))
        elif of_group[group] < limits.chunks_per_review and len(distinct) < limits.top_k:
            of_group[group] += 1
            vectors[len(distinct)] = vector
            distinct.append(DistinctHit(hit, []))
    return distinct


def side(index: ReviewIndex, hit: Hit) -> Side:
    """What the chunk leans to: how its sentences are worded, and half of how its review is rated.

    Tried on the sample's two-sided questions, by whether both stances are among the first eight or
    twelve: the best sentence's stance alone, the strongest one's, and the rating alone; none did
    better, and the best sentence leaves most chunks on neither side.
    """
    rows = index.sentence_rows(hit.chunk_row)
    stances = [
        index.sentence_stance(row, vector)
        for row, vector in zip(rows, index.vectors(rows), strict=True)
    ]
    fraction = index.rating_fraction(int(index.chunk_review[hit.chunk_row]))
    return side_of(float(np.mean(stances)) + (0.0 if fraction is None else fraction - 0.5))


def numbered(
    index: ReviewIndex, distinct: Sequence[DistinctHit], first: int = 1
) -> list[RetrievedChunk]:
    """The chunks, numbered from `first` in their order."""
    return [
        RetrievedChunk(
            number=number,
            chunk=index.chunk(taken.hit.chunk_row),
            review=index.review(int(index.chunk_review[taken.hit.chunk_row])),
            score=taken.hit.score,
            cosine=taken.hit.cosine,
            side=side(index, taken.hit),
            sentences=index.sentences_of_chunk(taken.hit.chunk_row),
            also_in=tuple(dict.fromkeys(taken.also_in)),
        )
        for number, taken in enumerate(distinct, first)
    ]


def chunk_vector(index: ReviewIndex, chunk_row: int) -> Vectors:
    """Unit vector of a chunk: the mean of its sentences'. Used to tell copies, never to rank."""
    mean = index.vectors(index.sentence_rows(chunk_row)).mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)
