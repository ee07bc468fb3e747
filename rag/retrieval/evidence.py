"""What an answer is made from: the chunks found, and their sentences with vectors and stances."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Vectors
from rag.index import ReviewIndex
from rag.index.vectors import Mask
from rag.reader import Reader
from rag.reader.base import Probabilities
from rag.reader.stance import with_rating
from rag.reader.verdict import READ_LANGUAGES
from rag.schema import RetrievedChunk
from rag.understanding.plan import QuestionPlan


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The chunks for a question, numbered from 1, best first.

    `question_vector`, (dimension,), is what was searched with; None for an overview, which searches
    for nothing. The others have a row for each sentence of the chunks, in their order: `vectors`
    (sentences, dimension) as the index holds them; `stances` (sentences,), about -1 for criticism
    to 1 for praise; `owner` (sentences,), the place of its chunk in `chunks`; `answers`
    (sentences,), how probably each answers the question, where a reader has read them. `embedder`
    is the identity of the embedder that made the vectors. `where`, (sentences of the index,), tells
    the sentences that were searched, if not all.
    """

    chunks: tuple[RetrievedChunk, ...]
    question_vector: Vectors | None
    vectors: Vectors
    stances: NDArray[np.float32]
    owner: NDArray[np.int64]
    embedder: str = ""
    answers: Probabilities | None = None
    where: Mask | None = None

    @classmethod
    def of(
        cls,
        index: ReviewIndex,
        chunks: Sequence[RetrievedChunk],
        question_vector: Vectors | None,
        where: Mask | None = None,
    ) -> Evidence:
        """The chunks with what the index holds of their sentences."""
        rows = [sentence.row for chunk in chunks for sentence in chunk.sentences]
        vectors = index.vectors(rows)
        stances = [index.sentence_stance(*pair) for pair in zip(rows, vectors, strict=True)]
        owner = np.repeat(np.arange(len(chunks)), [len(chunk.sentences) for chunk in chunks])
        return cls(
            tuple(chunks),
            question_vector,
            vectors,
            np.array(stances, np.float32),
            owner,
            index.manifest.embedder,
            where=where,
        )

    def read_by(self, reader: Reader, plan: QuestionPlan, index: ReviewIndex) -> Evidence:
        """The same with the reader's judgement of each sentence: its stance on what is asked about,
        and how probably it answers. Sentences in languages that it does not read stay as they are.
        """
        sentences = [sentence for chunk in self.chunks for sentence in chunk.sentences]
        languages = [chunk.review.language for chunk in self.chunks for _ in chunk.sentences]
        rows = [row for row, language in enumerate(languages) if language in READ_LANGUAGES]
        if not rows:
            return self
        texts = [sentences[row].text for row in rows]
        aspect = "" if plan.is_overview else plan.aspect
        sides = reader.stance([(aspect, text) for text in texts])
        stances, answers = self.stances.copy(), np.zeros(len(sentences), dtype=np.float32)
        for row, probabilities in zip(rows, sides, strict=True):
            if index.column_side(sentences[row].row) is None:
                fraction = self.chunks[int(self.owner[row])].review.rating_fraction
                stances[row] = with_rating(float(probabilities[0] - probabilities[1]), fraction)
        if plan.is_overview:
            return replace(self, stances=stances)
        answers[rows] = reader.answers(plan.query, texts)
        return replace(self, stances=stances, answers=answers)

    @property
    def best(self) -> float | None:
        """The largest probability that a sentence answers the question, where the reader read any."""
        if self.answers is None or not len(self.answers):
            return None
        return float(self.answers.max())

    def rows_of(self, place: int) -> NDArray[np.int64]:
        """Rows of the sentences of the chunk at a place, in reading order."""
        return np.flatnonzero(self.owner == place)

    def numbered_from(self, first: int) -> Evidence:
        """The same, its chunks numbered from `first`."""
        return replace(self, chunks=tuple(renumbered(self.chunks, first)))


def renumbered(retrieved: Iterable[RetrievedChunk], first: int = 1) -> list[RetrievedChunk]:
    """The same chunks numbered from `first` in their present order."""
    return [replace(chunk, number=number) for number, chunk in enumerate(retrieved, first)]
