"""From a question to numbered chunks: rank, rerank, fold copies."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.config import Settings
from rag.embedding import Embedder
from rag.filters import Condition
from rag.index import ReviewIndex
from rag.index.vectors import Mask
from rag.reader import Reader
from rag.retrieval.diversify import Limits, fold_copies, numbered
from rag.retrieval.evidence import Evidence
from rag.retrieval.fusion import Hit, Query, Ranking, SearchText
from rag.retrieval.overview import THEMES, overview
from rag.retrieval.rerank import Reranker, make_reranker
from rag.schema import RetrievedChunk
from rag.understanding.intent import wants_overview
from rag.understanding.plan import QuestionPlan

_log = logging.getLogger(__name__)

_ANSWERS_WEIGHT = 0.1  # of the probability that a sentence answers, beside a cosine of 1
_OVERFETCH = 16  # sentences fetched for each chunk wanted; several may be of one chunk or be copies


class Retriever:
    """An open index searched with an embedder, as the settings say. Safe to share between threads."""

    def __init__(
        self,
        settings: Settings,
        index: ReviewIndex,
        embedder: Embedder,
        reader: Reader | None = None,
    ) -> None:
        self.settings = settings
        self.index = index
        self.embedder = embedder
        self.reader = reader
        self.reranker = make_reranker(settings)

    def retrieve(self, question: str, where: Sequence[Condition] = ()) -> list[RetrievedChunk]:
        """At most `top_k` chunks for a question as it stands, best first; only of reviews that meet
        the conditions of `where`.
        """
        allowed = self._allowed(where)
        if wants_overview(question):
            return overview(self.index, Limits.of(self.settings), allowed)
        return self._nearest(SearchText.of(self.embedder, question, self._ranking), allowed)

    def evidence(
        self, plan: QuestionPlan, where: Sequence[Condition] = (), *, judged: bool = True
    ) -> Evidence:
        """At most `top_k` chunks for a question understood, with what the index holds of their
        sentences; only of reviews that meet the conditions of `where`, those of the plan among
        them or not. The reader judges it, if there is one and it is to be `judged`.
        """
        begun = time.perf_counter()
        allowed = self._allowed(where)
        if plan.is_overview:
            themes = THEMES if judged else 1  # of what is counted, none is shown
            chunks = overview(self.index, Limits.of(self.settings), allowed, themes=themes)
            vector = None
        else:
            searched = SearchText.of_plan(plan, self._ranking)
            question = plan.query if judged else ""
            chunks, vector = self._nearest(searched, allowed, question), searched.vector
        evidence = Evidence.of(self.index, chunks, vector, allowed)
        if judged and self.reader is not None:
            evidence = evidence.read_by(self.reader, plan, self.index)
        _log.debug("%d chunks found in %.3f s.", len(chunks), time.perf_counter() - begun)
        return evidence

    @property
    def _ranking(self) -> Ranking:
        return Ranking.of(self.settings)

    def _allowed(self, where: Sequence[Condition]) -> Mask | None:
        return self.index.sentences_where(where) if where else None

    def _nearest(
        self, searched: SearchText, allowed: Mask | None, question: str = ""
    ) -> list[RetrievedChunk]:
        """With a `question` that is understood, the reader has a say in what answers it."""
        query = Query(self.index, searched, self._ranking, allowed)
        rerank: Rerank | Reread | None = None
        if self.reranker is not None:
            rerank = Rerank(self.reranker, self.settings.retrieval.rerank_depth)
        elif self.reader is not None and question and self.settings.reader.depth:
            rerank = Reread(self.reader, question, self.settings.reader.depth)
        return nearest(query, Limits.of(self.settings), rerank)


def retrieve(
    index: ReviewIndex,
    embedder: Embedder,
    question: str,
    limits: Limits,
    where: Mask | None = None,
    ranking: Ranking | None = None,
) -> list[RetrievedChunk]:
    """The nearest chunks for a question; only of sentences in `where`, if it is given."""
    ranking = ranking or Ranking()
    searched = SearchText.of(embedder, question, ranking)
    return nearest(Query(index, searched, ranking, where), limits)


@dataclass(frozen=True, slots=True)
class Rerank:
    """A reranker, and how many of the first chunks it scores anew."""

    reranker: Reranker
    depth: int

    def ordered(self, query: Query, first: Sequence[Hit]) -> list[Hit]:
        """The hits in its order, scored anew."""
        texts = [query.index.chunk(hit.chunk_row).text for hit in first]
        scores = self.reranker.score(query.searched.text, texts)
        for hit, score in zip(first, scores, strict=True):
            hit.score = float(score)
        return sorted(first, key=lambda hit: -hit.score)


@dataclass(frozen=True, slots=True)
class Reread:
    """A reader, the question as it is understood, and how many of the sentences found it reads."""

    reader: Reader
    question: str
    depth: int

    def ordered(self, query: Query, first: Sequence[Hit]) -> list[Hit]:
        """The hits by their scores and how probably they answer the question."""
        texts = [s.text for s in query.index.sentences([hit.sentence_row for hit in first])]
        answers = self.reader.answers(self.question, texts)
        for hit, probability in zip(first, answers, strict=True):
            hit.score += _ANSWERS_WEIGHT * float(probability)
        return sorted(first, key=lambda hit: -hit.score)


def nearest(
    query: Query, limits: Limits, rerank: Rerank | Reread | None = None
) -> list[RetrievedChunk]:
    """At most `limits.top_k` chunks for a query, numbered from 1, best first.

    A chunk that says the same as a better one is folded into it: within a review it is dropped,
    from another review the better chunk's `also_in` names it. So a copied review does not speak
    twice, nor do the reviews that the index knows for copies of one another, whichever of their
    sentences are found.
    """
    if query.where is not None and not query.where.any():
        return []
    index = query.index
    fetched = limits.top_k * _OVERFETCH
    most = index.manifest.sentences if query.where is None else int(query.where.sum())
    while True:
        hits: Iterable[Hit] = query.hits(fetched)
        if rerank is not None:
            hits = _reranked(query, hits, rerank)
        distinct = fold_copies(index, hits, limits)
        if len(distinct) >= limits.top_k or fetched >= most:
            return numbered(index, distinct)
        fetched *= 4  # too many of those were of one review, or copies


def _reranked(query: Query, hits: Iterable[Hit], rerank: Rerank | Reread) -> Iterator[Hit]:
    """The first chunks in another order, then the others as they were."""
    rest = iter(hits)
    first = list(itertools.islice(rest, rerank.depth))
    if not first:
        return
    yield from rerank.ordered(query, first)
    lowest = min(hit.score for hit in first)
    for hit in rest:
        hit.score = min(lowest, hit.score)  # scores of two kinds do not compare; the order stays
        yield hit
