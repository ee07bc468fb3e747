"""The passages of an example: what answers its question, among what does not, from real retrieval;
and quotations of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from finetune.data.split import Reviews
from rag.answering import prompt
from rag.answering.fence import fence
from rag.config import Settings
from rag.embedding import Embedder
from rag.evaluation.question_sets import Span
from rag.index import ReviewIndex
from rag.retrieval import Limits, Ranking, renumbered, retrieve
from rag.schema import RetrievedChunk

_CITED = 3  # reviews cited for one statement
_QUOTE_WORDS = range(5, 31)  # of a sentence that is quoted beside the statement it bears out


@dataclass(frozen=True, slots=True)
class PassageFinder:
    """Passages from one index, in an order that depends on `seed` and the example's name alone."""

    index: ReviewIndex
    embedder: Embedder
    settings: Settings
    distractors: int
    seed: int

    def retrieve(self, question: str, reviews: Reviews, most: int) -> list[RetrievedChunk]:
        """The best passages of these reviews, `most` at most."""
        if not most or not reviews.any():
            return []
        return retrieve(
            self.index,
            self.embedder,
            question,
            replace(Limits.of(self.settings), top_k=most),
            reviews[self.index.sentence_review],
            ranking=Ranking.of(self.settings),
        )

    def answering(
        self, name: str, question: str, gold: Reviews, others: Reviews
    ) -> list[RetrievedChunk]:
        """Passages of the reviews that answer, among others; empty where none answers."""
        most = max(1, self.settings.retrieval.top_k - self.distractors)
        passages = self.retrieve(question, gold, most)
        if not passages:
            return []
        return self.shuffled(name, passages + self.retrieve(question, others, self.distractors))

    def shuffled(self, name: str, passages: Sequence[RetrievedChunk]) -> list[RetrievedChunk]:
        """In random order, numbered anew."""
        seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
        order = np.random.default_rng([self.seed, seed]).permutation(len(passages)).tolist()
        return renumbered(passages[place] for place in order)

    def draw(self, name: str) -> float:
        """A number in 0..1 that depends on the seed and the name alone."""
        return int(hashlib.sha256(f"{self.seed} {name}".encode()).hexdigest()[8:16], 16) / 2**32

    def cite(self, name: str, statements: Sequence[str], right: Sequence[RetrievedChunk]) -> str:
        """Each statement that a passage of `right` bears out, with those that do; every other one
        with a quotation.
        """
        lines = []
        vectors = self.embedder.embed_documents(list(statements))
        for vector, statement in zip(vectors, statements, strict=True):
            near = []
            for passage in right:
                rows = [sentence.row for sentence in passage.sentences]
                cosines = self.index.vectors(rows) @ vector
                best = int(np.argmax(cosines))
                if cosines[best] >= self.settings.answering.support_threshold:
                    text = passage.sentences[best].text
                    near.append((float(cosines[best]), passage.number, text))
            near = sorted(near, reverse=True)[:_CITED]
            if not near:
                continue
            numbers = sorted(number for _, number, _ in near)
            lines.append(f"{statement} {prompt.write_marker(numbers)}")
            _, number, text = near[0]
            if len(text.split()) in _QUOTE_WORDS and self.draw(f"{name} {statement}") < 0.5:
                lines.append(f"One writes: “{_quotable(text)}” {prompt.write_marker([number])}")
        return " ".join(lines)


def quotations(passage: RetrievedChunk, spans: Sequence[Span]) -> list[str]:
    """What a passage has of the spans, each widened to whole sentences where it is short, fenced as
    in the prompt.
    """
    texts = []
    for review_id, start, end in spans:
        sentences = [
            sentence
            for sentence in passage.sentences
            if sentence.review_id == review_id and sentence.start < end and start < sentence.end
        ]
        if sentences:
            text = passage.review.text[sentences[0].start : sentences[-1].end]
            if len(text.split()) in _QUOTE_WORDS:
                texts.append(_quotable(text))
    return texts


def _quotable(text: str) -> str:
    return fence(text).replace("“", "‘").replace("”", "’").replace('"', "'")
