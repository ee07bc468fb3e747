"""What an adapted embedder is measured on, which nothing is trained on; and the measurement."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.config import Settings
from rag.embedding import Embedder
from rag.evaluation.question_sets import RetrievalQuestion
from rag.evaluation.questions import Question
from rag.evaluation.retrieval import RetrievalReport, evaluate_retrieval
from rag.index import ReviewIndex, build_index
from rag.progress import Progress
from rag.retrieval import Retriever
from rag.schema import Review, SettingsError

GATE_REVIEWS = (
    2000  # reviews searched for the comparison: all gold ones, and others up to this number
)
HELD_OUT = 0.2  # of the reviews, where titles stand in for questions
_FEWEST_QUESTIONS = 20


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What the comparison is made on; `reviews` (reviews,) may be trained on. A `proxy` has titles
    for questions.
    """

    questions: list[RetrievalQuestion]
    reviews: NDArray[np.bool_]
    proxy: bool


def hold_out(index: ReviewIndex, questions: Sequence[Question]) -> HeldOut:
    """The dev questions of the set; or, without any, titles of a fifth of the reviews, copies kept
    together.

    Raises `SettingsError` where there are fewer than 20 of either.
    """
    ids = set(index.review_ids())
    dev = []
    for asked in questions:
        gold = asked.review_ids & ids
        if asked.split == "dev" and gold:
            gains = dict.fromkeys(gold, 1)
            dev.append(RetrievalQuestion(asked.id, asked.question, asked.kind, asked.split, gains))
    if len(dev) >= _FEWEST_QUESTIONS:
        return HeldOut(dev, np.ones(index.manifest.reviews, dtype=np.bool_), proxy=False)
    if questions:
        raise SettingsError(
            f'The question set has {len(dev)} questions of the split "dev" whose reviews are in '
            f'the index "{index.name}"; at least {_FEWEST_QUESTIONS} are needed to tell whether '
            "the embedder got better."
        )
    leaders = np.unique(index.review_group)
    chosen = np.random.default_rng(0).permutation(leaders)[: max(1, round(HELD_OUT * len(leaders)))]
    held_out = np.isin(index.review_group, chosen)
    titles = [
        RetrievalQuestion(f"title-{row}", review.title, "title", "held out", {review.review_id: 1})
        for row, review in enumerate(index.reviews())
        if held_out[row] and len(review.title.split()) >= 3
    ]
    if len(titles) < _FEWEST_QUESTIONS:
        raise SettingsError(
            f'The index "{index.name}" has {len(titles)} titles of three words or more among the '
            f"reviews held out, and at least {_FEWEST_QUESTIONS} are needed. Give a question set: "
            "--questions FILE."
        )
    return HeldOut(titles, ~held_out, proxy=True)


def gate_reviews(index: ReviewIndex, held_out: HeldOut) -> list[Review]:
    """All reviews, or of a large index the gold ones and a sample."""
    gold: set[str] = set().union(*(question.relevance for question in held_out.questions))
    rows = [row for row, review_id in enumerate(index.review_ids()) if review_id not in gold]
    room = max(0, GATE_REVIEWS - len(gold))
    chosen = set(np.random.default_rng(0).permutation(np.array(rows, np.int64))[:room].tolist())
    reviews = enumerate(index.reviews())
    return [review for row, review in reviews if review.review_id in gold or row in chosen]


@dataclass(frozen=True, slots=True)
class Gate:
    """The comparison: both embedders search these reviews for what is held out."""

    settings: Settings
    reviews: Sequence[Review]
    held_out: HeldOut
    progress: Progress

    @property
    def size(self) -> dict[str, int | bool]:
        """How many questions and reviews there are, and whether titles stand for questions."""
        return {
            "questions": len(self.held_out.questions),
            "proxy": self.held_out.proxy,
            "reviews_searched": len(self.reviews),
        }

    def measure(self, name: str, embedder: Embedder) -> RetrievalReport:
        """How well an embedder finds what was held out; `name` is its stage."""

        def building(stage: str, done: int, total: int) -> None:
            if stage == "embedding":
                self.progress("embedding", done, total)

        # a title that is searched for would be found by its own words
        reviews = self.reviews
        if self.held_out.proxy:
            reviews = [replace(review, title="") for review in reviews]
        with tempfile.TemporaryDirectory(prefix="reviewqa-") as folder:
            index = build_index(
                reviews,
                embedder,
                Path(folder) / name,
                chunking=self.settings.index.chunking,
                chunk_tokens=self.settings.index.chunk_tokens,
                progress=building,
            )
            return evaluate_retrieval(
                Retriever(self.settings, index, embedder),
                self.held_out.questions,
                lambda _, done, total: self.progress(name, done, total),
                name=name,
            )
