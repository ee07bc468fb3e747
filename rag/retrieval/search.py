"""From a question to numbered chunks: rank, rerank, fold copies."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from rag.config import Settings
from rag.embedding import Embedder
from rag.index import ReviewIndex
from rag.index.filters import Condition
from rag.index.vectors import Mask
from rag.retrieval.diversify import Limits, gather, numbered
from rag.retrieval.fusion import Hit, Query, Ranking
from rag.retrieval.overview import overview
from rag.retrieval.rerank import Reranker, make_reranker
from rag.schema import RetrievedChunk
from rag.understanding.intent import wants_overview

_log = logging.getLogger(__name__)

_OVERFETCH = 16  # sentences fetched for each chunk wanted; several may be of one chunk or be copies


class Retriever:
    """An open index searched with an embedder, as the settings say. Safe to share between threads."""

    def __init__(self, settings: Settings, index: ReviewIndex, embedder: Embedder) -> None:
        self.settings = settings
        self.index = index
        self.embedder = embedder
        self.reranker = make_reranker(settings)

    def retrieve(self, question: str, where: Sequence[Condition] = ()) -> list[RetrievedChunk]:
        """At most `top_k` chunks for a question, best first; only of reviews that meet the
        conditions of `where`.
        """
        begun = time.perf_counter()
        retrieved = self._retrieve(question, where)
        seconds = time.perf_counter() - begun
        _log.debug("%d chunks found in %.3f s.", len(retrieved), seconds)
        return retrieved

    def _retrieve(self, question: str, where: Sequence[Condition]) -> list[RetrievedChunk]:
        limits = Limits.of(self.settings)
        allowed = self.index.sentences_where(where) if where else None
        if wants_overview(question):
            return overview(self.index, limits, allowed)
        return retrieve(
            self.index,
            self.embedder,
            question,
            limits,
            allowed,
            ranking=Ranking.of(self.settings),
            reranker=self.reranker,
            depth=self.settings.retrieval.rerank_depth,
        )


def retrieve(
    index: ReviewIndex,
    embedder: Embedder,
    question: str,
    limits: Limits,
    where: Mask | None = None,
    *,
    ranking: Ranking = Ranking(),  # noqa: B008 -- frozen
    reranker: Reranker | None = None,
    depth: int = 50,
) -> list[RetrievedChunk]:
    """At most `limits.top_k` chunks, numbered from 1; only of sentences in `where`, if it is given.

    A chunk that says the same as a better one is folded into it: within a review it is dropped,
    from another review the better chunk's `also_in` names it. So a copied review does not speak
    twice, nor do the reviews that the index knows for copies of one another, whichever of their
    sentences are found. The first `depth` chunks are scored anew by the `reranker`.
    """
    if where is not None and not where.any():
        return []
    query = Query(index, embedder, question, ranking, where)
    sentences = limits.top_k * _OVERFETCH
    there = index.manifest.sentences if where is None else int(where.sum())
    while True:
        hits: Iterable[Hit] = query.hits(sentences)
        if reranker is not None:
            hits = _reranked(index, question, hits, reranker, depth)
        voices = gather(index, hits, limits, limits.top_k)
        if len(voices) >= limits.top_k or sentences >= there:
            return numbered(index, voices)
        sentences *= 4  # too many of those were of one review, or copies


def _reranked(
    index: ReviewIndex, question: str, hits: Iterable[Hit], reranker: Reranker, depth: int
) -> Iterator[Hit]:
    """The first `depth` chunks in the reranker's order, then the others as they were."""
    rest = iter(hits)
    first = list(itertools.islice(rest, depth))
    if first:
        scores = reranker.score(question, [index.chunk(hit.chunk_row).text for hit in first])
        for hit, score in zip(first, scores, strict=True):
            hit.score = float(score)
        yield from sorted(first, key=lambda hit: -hit.score)
        lowest = min(hit.score for hit in first)
        for hit in rest:
            hit.score = min(
                lowest, hit.score
            )  # scores of two kinds do not compare; the order stays
            yield hit


def renumbered(retrieved: Iterable[RetrievedChunk]) -> list[RetrievedChunk]:
    """The same chunks numbered from 1 in their present order."""
    return [replace(found, number=number) for number, found in enumerate(retrieved, 1)]
