"""From ranked chunks to the few that an answer gets: a chunk that says the same as a better one is
folded into it, few come from one review, and reviews that are copies of one another count as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    of_chunk: dict[int, Hit] = {}
    for hit in hits:
        of_chunk.setdefault(hit.chunk_row, hit)
    ranked = list(of_chunk.values())
    rows = np.array([hit.chunk_row for hit in ranked], dtype=np.int64)
    vectors, reviews = chunk_vectors(index, rows), index.chunk_review[rows]
    distinct: list[DistinctHit] = []
    of_group: Counter[int] = Counter()
    twin = np.full(len(ranked), -1)  # of each hit, the first distinct one that says the same
    for place, hit in enumerate(ranked):
        review_row = int(reviews[place])
        group = int(index.review_group[review_row])
        if twin[place] >= 0:
            better = distinct[twin[place]]
            if review_row != int(index.chunk_review[better.hit.chunk_row]):
                better.also_in.append(index.review_id(review_row))
        elif of_group[group] < limits.chunks_per_review and len(distinct) < limits.top_k:
            of_group[group] += 1
            same = vectors @ vectors[place] >= limits.near_duplicate
            twin[same & (twin < 0)] = len(distinct)
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


def chunk_vectors(index: ReviewIndex, chunk_rows: NDArray[np.int64]) -> Vectors:
    """(chunks, dimension) unit vectors: the mean of the sentences'. To tell copies, never to rank."""
    first, end = (
        rows[chunk_rows].astype(np.int64) for rows in (index.chunk_first, index.chunk_last)
    )
    sums = np.zeros((len(chunk_rows), index.manifest.dimension), dtype=np.float32)
    for place in range(int((end - first).max(initial=0))):
        some = first + place < end
        sums[some] += index.vectors(first[some] + place)
    lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return np.asarray(sums / lengths, dtype=np.float32)
