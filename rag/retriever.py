"""From a question to numbered chunks: dense search over sentences, a chunk ranked by its best one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import faiss
import numpy as np

from rag.config import Settings
from rag.embedding import Embedder, Vectors, query_vector
from rag.index import ReviewIndex
from rag.index.vectors import Mask
from rag.question import wants_overview
from rag.schema import RetrievedChunk
from rag.sentiment import side_of
from rag.where import Condition

_OVERVIEW_SENTENCES = 20_000  # enough to see the themes of any corpus; k-means over them takes about a second
_OVERFETCH = 8  # sentences fetched for each chunk wanted; several may be of one chunk or be copies


@dataclass(slots=True)
class _Hit:
    chunk_row: int
    score: float
    vector: Vectors


@dataclass(frozen=True, slots=True)
class Limits:
    """How many chunks, how many of one review, and from which cosine on two chunks say the same."""

    top_k: int
    chunks_per_review: int
    near_duplicate: float


class Retriever:
    """An open index searched with an embedder, as the settings say. Safe to share between threads."""

    def __init__(self, settings: Settings, index: ReviewIndex, embedder: Embedder) -> None:
        self.settings = settings
        self.index = index
        self.embedder = embedder

    def retrieve(self, question: str, where: Sequence[Condition] = ()) -> list[RetrievedChunk]:
        """At most `top_k` chunks for a question, best first; only of reviews that meet the conditions of `where`."""
        limits = Limits(self.settings.top_k, self.settings.chunks_per_review, self.settings.near_duplicate)
        allowed = self.index.sentences_where(where) if where else None
        if wants_overview(question):
            return overview(self.index, limits, allowed)
        return retrieve(self.index, self.embedder, question, limits, allowed)


def retrieve(
    index: ReviewIndex, embedder: Embedder, query: str, limits: Limits, where: Mask | None = None
) -> list[RetrievedChunk]:
    """At most `limits.top_k` chunks, numbered from 1, best first; only of sentences in `where`, if it is given.

    A chunk that says the same as a better one is folded into it: within a review it is dropped, from another
    review the better chunk's `also_in` names it. So a copied review does not speak twice, nor do the reviews that the
    index knows for copies of one another, whichever of their sentences are found.
    """
    vector = query_vector(embedder, query)
    sentences = limits.top_k * _OVERFETCH
    there = index.manifest.sentences if where is None else int(where.sum())
    while True:
        found = _voices(index, [list(_hits(index, vector, sentences, where))], limits)
        if len(found) == limits.top_k or sentences >= there:
            return found
        sentences *= 4  # too many of those were of one review, or copies


def overview(
    index: ReviewIndex, limits: Limits, where: Mask | None = None, *, themes: int = 12
) -> list[RetrievedChunk]:
    """At most `limits.top_k` chunks that stand for the whole corpus: what most reviews speak of, from both sides.

    A question such as "what are the positive and negative aspects?" resembles no sentence of any review, so
    searching for it finds nothing of use. Instead the sentence vectors are grouped (k-means), and each theme, the
    one that most reviews share first, gives its most typical praising sentence and its most typical complaint.
    `score` is the cosine of that sentence and its theme.
    """
    rows = index.sample_sentences(_OVERVIEW_SENTENCES, where)
    if not len(rows):
        return []
    vectors = index.vectors(rows)
    leanings = np.array([index.sentence_leaning(int(row), vector) for row, vector in zip(rows, vectors, strict=True)])
    kmeans = faiss.Kmeans(
        vectors.shape[1], min(themes, len(rows)), niter=20, seed=0, spherical=True, min_points_per_centroid=1
    )
    kmeans.train(vectors)
    centroids = np.asarray(kmeans.centroids)
    similarity = vectors @ centroids.T
    theme = similarity.argmax(axis=1)
    voice = index.review_group[index.sentence_review[rows]]
    spoken_of = [len(set(voice[theme == number])) for number in range(len(centroids))]
    leaning_to = np.array([side_of(float(leaning)) for leaning in leanings])
    praising, complaining = leaning_to == "praise", leaning_to == "criticism"
    sides = [praising, complaining] if praising.any() or complaining.any() else [np.ones(len(rows), dtype=bool)]
    piles: list[list[_Hit]] = [[] for _ in sides]
    for number in np.argsort(spoken_of)[::-1]:
        for side, pile in zip(sides, piles, strict=True):
            members = np.flatnonzero((theme == number) & side)
            if len(members):
                best = members[int(similarity[members, number].argmax())]
                chunk_row = int(index.sentence_chunk[rows[best]])
                pile.append(_Hit(chunk_row, float(similarity[best, number]), _chunk_vector(index, chunk_row)))
    return _voices(index, piles, limits)


def _voices(index: ReviewIndex, piles: Sequence[Sequence[_Hit]], limits: Limits) -> list[RetrievedChunk]:
    """The hits dealt from each pile in turn, copies folded, few from any one review, numbered."""
    chosen: list[_Hit] = []
    also_in: list[list[str]] = []
    spoken: dict[int, int] = {}
    taken: set[int] = set()
    for hit in _dealt(piles):
        if hit.chunk_row in taken:
            continue
        taken.add(hit.chunk_row)
        review_row = int(index.chunk_review[hit.chunk_row])
        voice = int(index.review_group[review_row])
        twin = next(
            (n for n, other in enumerate(chosen) if float(hit.vector @ other.vector) >= limits.near_duplicate), None
        )
        if twin is not None:
            if review_row != int(index.chunk_review[chosen[twin].chunk_row]):
                also_in[twin].append(index.chunk(hit.chunk_row).review_id)
        elif spoken.get(voice, 0) < limits.chunks_per_review and len(chosen) < limits.top_k:
            spoken[voice] = spoken.get(voice, 0) + 1
            chosen.append(hit)
            also_in.append([])
    return [
        RetrievedChunk(
            number=number,
            chunk=index.chunk(hit.chunk_row),
            review=index.review(int(index.chunk_review[hit.chunk_row])),
            score=hit.score,
            sentences=index.sentences_of_chunk(hit.chunk_row),
            also_in=tuple(dict.fromkeys(copies)),
        )
        for number, (hit, copies) in enumerate(zip(chosen, also_in, strict=True), 1)
    ]


def renumbered(retrieved: Iterable[RetrievedChunk]) -> list[RetrievedChunk]:
    """The same chunks numbered from 1 in their present order."""
    return [replace(found, number=number) for number, found in enumerate(retrieved, 1)]


def _hits(index: ReviewIndex, query: Vectors, sentences: int, where: Mask | None) -> Iterable[_Hit]:
    """Chunks by their best sentence, best first."""
    scores, rows = index.search(query[None, :], sentences, where)
    seen: set[int] = set()
    for score, row in zip(scores[0], rows[0], strict=True):
        if row < 0:  # fewer were found
            continue
        chunk_row = int(index.sentence_chunk[row])
        if chunk_row not in seen:
            seen.add(chunk_row)
            yield _Hit(chunk_row, float(score), _chunk_vector(index, chunk_row))


def _chunk_vector(index: ReviewIndex, chunk_row: int) -> Vectors:
    """Unit vector of a chunk: the mean of its sentences'. Used to tell copies, never to rank."""
    mean = index.vectors(index.sentence_rows(chunk_row)).mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)


def _dealt(piles: Sequence[Sequence[_Hit]]) -> Iterable[_Hit]:
    """Round-robin: the best of each pile, then the second of each."""
    for place in range(max((len(pile) for pile in piles), default=0)):
        for pile in piles:
            if place < len(pile):
                yield pile[place]
