"""Chunks ranked for a question: by meaning, by words, or by both; a chunk by its best sentence.

Both: cosine of question and sentence, plus a share of the sentence's BM25, plus a share of its
whole review's; each BM25 is divided by the largest that any sentence (review) reaches for this
question, so that it lies between 0 and 1 as the cosine does (Bruch et al. 2023, arXiv:2210.11934: a
convex sum beats reciprocal ranks once it is tuned). The review's words tell what a sentence such as
"It is far too loud" is about, and its title is among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.config import Settings
from rag.embedding import Embedder, Vectors, query_vector
from rag.index import ReviewIndex
from rag.index.bm25 import as_share
from rag.index.vectors import Mask
from rag.understanding.intent import content_words

NO_WORDS: NDArray[np.float32] = np.zeros(0, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Ranking:
    """How sentences are scored.

    `method` is "hybrid", "dense" or "lexical"; the weights are those of a sentence's and of its
    review's BM25 beside a cosine of weight 1, and of the question's content words in its vector.
    """

    method: str = "hybrid"
    sentence_weight: float = 0.15
    review_weight: float = 0.15
    content_weight: float = 1.0

    @classmethod
    def of(cls, settings: Settings) -> Ranking:
        """As the settings say."""
        return cls(
            settings.retrieval.method,
            settings.retrieval.sentence_words_weight,
            settings.retrieval.review_words_weight,
            settings.retrieval.content_words_weight,
        )


@dataclass(slots=True)
class Hit:
    """A chunk found: its best sentence, the score of that, and the best cosine of its sentences
    that were found.
    """

    chunk_row: int
    sentence_row: int
    score: float
    cosine: float


class Query:
    """A question made ready for an index: its vector, and how well each sentence shares its words."""

    def __init__(
        self,
        index: ReviewIndex,
        embedder: Embedder,
        question: str,
        ranking: Ranking,
        where: Mask | None,
    ) -> None:
        self.index = index
        self.question = question
        self.ranking = ranking
        self.where = where
        self.vector: Vectors = query_vector(embedder, question, ranking.content_weight)
        self._words = NO_WORDS if ranking.method == "dense" else self._word_scores()

    def _word_scores(self) -> NDArray[np.float32]:
        """(sentences,) weighted BM25 of sentence and review; minus infinity outside `where`."""
        sentences, reviews = self.index.word_scores(content_words(self.question) or self.question)
        owner = self.index.sentence_review
        if self.where is not None:
            sentences = np.where(self.where, sentences, np.float32(0))
            allowed = np.zeros(len(reviews), dtype=np.bool_)
            allowed[owner[self.where]] = True
            reviews = np.where(allowed, reviews, np.float32(0))
        total = self.ranking.review_weight * as_share(reviews)[owner]
        total += self.ranking.sentence_weight * as_share(sentences)
        if self.where is not None:
            total[~self.where] = -np.inf
        return np.asarray(total, dtype=np.float32)

    def hits(self, sentences: int) -> Iterator[Hit]:
        """Chunks by their best sentence, best first, from the `sentences` nearest by meaning and by
        words.
        """
        rows, scores, cosines = self._scored(sentences)
        order = np.argsort(-scores, kind="stable")
        chunks = self.index.sentence_chunk[rows]
        best_cosine: dict[int, float] = {}
        for chunk, cosine in zip(chunks.tolist(), cosines.tolist(), strict=True):
            best_cosine[chunk] = max(cosine, best_cosine.get(chunk, -1.0))
        seen: set[int] = set()
        for place in order.tolist():
            chunk = int(chunks[place])
            if chunk not in seen:
                seen.add(chunk)
                yield Hit(chunk, int(rows[place]), float(scores[place]), best_cosine[chunk])

    def _scored(self, sentences: int) -> tuple[NDArray[np.int64], Vectors, Vectors]:
        """Rows of sentences with their scores and cosines."""
        method = self.ranking.method
        if method == "lexical":
            rows = self._best_by_words(sentences)
            return rows, self._words[rows], self._cosines(rows)
        cosines, found = self.index.search(self.vector[None, :], sentences, self.where)
        rows = found[0][found[0] >= 0]
        near = cosines[0][found[0] >= 0]
        if method == "dense":
            return rows, near, near
        more = np.setdiff1d(self._best_by_words(sentences), rows)
        rows, near = np.concatenate([rows, more]), np.concatenate([near, self._cosines(more)])
        return rows, near + self._words[rows], near

    def _best_by_words(self, sentences: int) -> NDArray[np.int64]:
        """Rows of the sentences with the largest weighted BM25, those without any left out."""
        rows = np.flatnonzero(
            self._words > 0
        )  # first: argpartition takes 60 times as long where most are equal
        words = self._words[rows]
        if len(rows) > sentences:
            best = np.argpartition(words, len(rows) - sentences)[len(rows) - sentences :]
            rows, words = rows[best], words[best]
        return np.asarray(rows[np.lexsort((rows, -words))], dtype=np.int64)

    def _cosines(self, rows: NDArray[np.int64]) -> Vectors:
        return np.asarray(self.index.vectors(rows) @ self.vector, dtype=np.float32)
