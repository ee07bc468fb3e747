"""Answers that a language model writes from the retrieved reviews, checked afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rag.answering import prompt
from rag.answering.base import Draft
from rag.answering.grounding import check_answer
from rag.embedding import Embedder
from rag.generators import Generator, Truncated
from rag.generators.base import never_cancelled
from rag.index import ReviewIndex
from rag.reader import Reader
from rag.retrieval import renumbered
from rag.retrieval.evidence import Evidence
from rag.schema import GeneratorError, Message, RetrievedChunk
from rag.understanding.plan import QuestionPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Tokens of a prompt and of an answer, at most."""

    max_prompt_tokens: int
    max_new_tokens: int


class ModelAnswerer:
    """Asks a generator, and checks every sentence of what it writes against the reviews it cites."""

    def __init__(
        self,
        generator: Generator,
        index: ReviewIndex,
        embedder: Embedder,
        *,
        budget: Budget,
        support_threshold: float,
        reader: Reader | None = None,
    ) -> None:
        self.generator = generator
        self._index = index
        self._embedder = embedder
        self._budget = budget
        self._support_threshold = support_threshold
        self._reader = reader

    @property
    def name(self) -> str:
        """Backend and model."""
        return self.generator.name

    def answer(
        self,
        plan: QuestionPlan,
        evidence: Evidence,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Iterator[str | Draft]:
        """Pieces of text as the model writes them, then the checked draft."""
        retrieved = self.within_budget(plan.for_model, evidence.chunks)
        text = ""
        truncated = False
        for piece in self.generator.stream(
            prompt.build_messages(plan.for_model, retrieved),
            max_new_tokens=self._budget.max_new_tokens,
            cancelled=cancelled,
        ):
            text += piece
            truncated = truncated or isinstance(piece, Truncated)
            yield piece
        sentences, dropped_markers = check_answer(
            text,
            retrieved,
            self._index,
            self._embedder,
            threshold=self._support_threshold,
            reader=self._reader,
            subjects=(plan.question, *(name for item in plan.items for name in item.items)),
        )
        yield Draft(sentences, tuple(retrieved), dropped_markers, truncated)

    def messages(self, plan: QuestionPlan, evidence: Evidence) -> list[Message]:
        """What the generator is sent."""
        return prompt.build_messages(
            plan.for_model, self.within_budget(plan.for_model, evidence.chunks)
        )

    def within_budget(
        self, question: str, retrieved: Sequence[RetrievedChunk]
    ) -> list[RetrievedChunk]:
        """The chunks that fit into `max_prompt_tokens` with the rest of the prompt: best first,
        whole ones only.

        A chunk that does not fit is passed over, and a shorter one after it may still be taken.
        Raises `GeneratorError` when not even one fits.
        """
        kept: list[RetrievedChunk] = []
        for chunk in retrieved:
            trial = renumbered([*kept, chunk], retrieved[0].number)
            tokens = self.generator.count_tokens(prompt.build_messages(question, trial))
            if tokens <= self._budget.max_prompt_tokens:
                kept = trial
        if retrieved and not kept:
            raise GeneratorError(
                f"Not one review fits into generator.max_prompt_tokens = {self._budget.max_prompt_tokens} "
                "beside the question. Raise it."
            )
        return kept
