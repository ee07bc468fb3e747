"""Composes what answers a question: open an index, retrieve, prompt, generate, check."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rag.answering import prompt
from rag.answering.choice import ChosenGenerator, choose_generator
from rag.answering.grounding import check_answer, is_refusal
from rag.answering.refusal import evidence_score
from rag.config import Settings
from rag.embedding import Embedder, make_embedder
from rag.generators.base import never_cancelled
from rag.index import BuildOptions, ReviewIndex, index_folder
from rag.index.filters import Condition
from rag.retrieval import Mix, Retriever, renumbered
from rag.schema import Answer, AnswerSentence, GeneratorError, Message, RetrievedChunk
from rag.understanding.intent import asks_for_count, asks_for_fact, wants_overview
from rag.understanding.rewrite import searchable

CLOSEST = "These are the closest reviews; none of them seems to answer the question."
WROTE_NOTHING = "The generator wrote nothing; these are the closest reviews."
NOT_NEAR_ENOUGH = "no review came near enough to the question to ask one"
NOT_A_COUNT = "These are examples, not a count: only the reviews shown were read for this answer."

_MIXED = {"proportion": "in the proportion of the nearest reviews", "even": "evenly"}


class Pipeline:
    """An open index, an embedder and a generator: asks questions, checks the answers. Safe to share
    between threads.
    """

    def __init__(
        self, settings: Settings, index: ReviewIndex, embedder: Embedder, chosen: ChosenGenerator
    ) -> None:
        index.check_fingerprint(embedder, BuildOptions.from_settings(settings))
        self.settings = settings
        self.index = index
        self.embedder = embedder
        self.retriever = Retriever(settings, index, embedder)
        self.generator = chosen.generator
        self.generator_reason = chosen.reason

    @classmethod
    def open(
        cls, settings: Settings, index_name: str, embedder: Embedder | None = None
    ) -> Pipeline:
        """Open an index by name with the embedder and the generator of the settings. Raises
        `ReviewQAError`.
        """
        index = ReviewIndex.open(index_folder(settings.indexes_dir, index_name))
        embedder = embedder or make_embedder(settings)
        embedder.embed_queries(
            ["warm up"]
        )  # it loads on first use, and the first question should not wait for that
        return cls(settings, index, embedder, choose_generator(settings, embedder, index.stance))

    def stand_alone(
        self,
        question: str,
        previous: Sequence[str],
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> str:
        """The question with what it takes from `previous`, those before it, oldest first; as it is
        if nothing.
        """
        return searchable(
            question, previous, self.settings.follow_ups, self.generator, cancelled
        ).query

    def retrieve(
        self, question: str, where: Sequence[Condition] = (), previous: Sequence[str] = ()
    ) -> list[RetrievedChunk]:
        """The chunks for a question, best first, before the prompt's budget is applied.

        Only of reviews that meet the conditions of `where`; there may be none.
        """
        return self.retriever.retrieve(self.stand_alone(question, previous), where)

    def within_budget(
        self, question: str, retrieved: Sequence[RetrievedChunk]
    ) -> list[RetrievedChunk]:
        """The chunks that fit into `max_prompt_tokens` with the rest of the prompt: best first,
        whole ones only.

        A chunk that does not fit is passed over, and a shorter one after it may still be taken.
        Raises `GeneratorError` when not even one fits.
        """
        kept: list[RetrievedChunk] = []
        for found in retrieved:
            trial = renumbered([*kept, found])
            if (
                self.generator.count_tokens(prompt.build_messages(question, trial))
                <= self.settings.max_prompt_tokens
            ):
                kept = trial
        if retrieved and not kept:
            raise GeneratorError(
                f"Not one review fits into max_prompt_tokens = {self.settings.max_prompt_tokens} "
                "beside the question. Raise it."
            )
        return kept

    def messages(
        self, question: str, where: Sequence[Condition] = (), previous: Sequence[str] = ()
    ) -> list[Message]:
        """The messages that `ask` sends if the evidence is above the floor."""
        question = self.stand_alone(question, previous)
        return prompt.build_messages(
            question, self.within_budget(question, self.retrieve(question, where))
        )

    def ask(
        self, question: str, where: Sequence[Condition] = (), previous: Sequence[str] = ()
    ) -> Answer:
        """The checked answer to a question, from the reviews that meet the conditions of `where`.

        `previous` are the questions asked before, oldest first, on which it may lean ("And the
        ending?").
        """
        *_, answer = self.stream(question, where=where, previous=previous)
        assert isinstance(answer, Answer)
        return answer

    def stream(
        self,
        question: str,
        cancelled: Callable[[], bool] = never_cancelled,
        where: Sequence[Condition] = (),
        previous: Sequence[str] = (),
    ) -> Iterator[str | Answer]:
        """Pieces of text as they are generated, and at the end the checked `Answer`."""
        begun = time.perf_counter()
        asked, question = question, self.stand_alone(question, previous, cancelled)
        searching = begun if question == asked else time.perf_counter()
        found = self.retriever.search(question, where)
        retrieved = found.chunks
        timings = {"retrieve_s": time.perf_counter() - searching}
        if not self._has_evidence(question, retrieved):
            yield prompt.REFUSAL
            refusal = self._refusal(question, retrieved, timings, begun, CLOSEST)
            yield _as_asked(
                replace(refusal, generator="no generator", generator_reason=NOT_NEAR_ENOUGH), asked
            )
            return
        retrieved = self.within_budget(question, retrieved)
        text = ""
        for piece in self.generator.stream(
            prompt.build_messages(question, retrieved),
            max_new_tokens=self.settings.max_new_tokens,
            cancelled=cancelled,
        ):
            if not text:
                timings["first_words_s"] = time.perf_counter() - begun
            text += piece
            yield piece
        timings["generate_s"] = time.perf_counter() - searching - timings["retrieve_s"]
        yield _as_asked(self._checked(question, text, retrieved, found.mix, timings, begun), asked)

    def _has_evidence(self, question: str, retrieved: Sequence[RetrievedChunk]) -> bool:
        if wants_overview(question):
            return bool(retrieved)
        floor = (
            self.settings.fact_evidence_floor
            if asks_for_fact(question)
            else self.settings.evidence_floor
        )
        return evidence_score(question, retrieved) >= floor

    def _checked(
        self,
        question: str,
        text: str,
        retrieved: Sequence[RetrievedChunk],
        mix: Mix,
        timings: dict[str, float],
        begun: float,
    ) -> Answer:
        checking = time.perf_counter()
        sentences, dropped = check_answer(
            text, retrieved, self.index, self.embedder, threshold=self.settings.support_threshold
        )
        if not sentences or is_refusal(sentences):
            return self._refusal(
                question, retrieved, timings, begun, CLOSEST if sentences else WROTE_NOTHING
            )
        timings["check_s"] = time.perf_counter() - checking
        timings["total_s"] = time.perf_counter() - begun
        return Answer(
            question=question,
            sentences=sentences,
            refused=False,
            generator=self.generator.name,
            generator_reason=self.generator_reason,
            retrieved=tuple(retrieved),
            dropped_markers=dropped,
            notes=tuple(
                filter(
                    None,
                    (
                        mix_of(retrieved),
                        sides_of(retrieved, mix),
                        NOT_A_COUNT if asks_for_count(question) else "",
                    ),
                )
            ),
            timings=timings,
        )

    def _refusal(
        self,
        question: str,
        retrieved: Sequence[RetrievedChunk],
        timings: dict[str, float],
        begun: float,
        note: str,
    ) -> Answer:
        timings["total_s"] = time.perf_counter() - begun
        return Answer(
            question=question,
            sentences=(AnswerSentence(prompt.REFUSAL, supported=True, score=1.0),),
            refused=True,
            generator=self.generator.name,
            generator_reason=self.generator_reason,
            retrieved=tuple(retrieved),
            notes=(note,) if retrieved else (),
            timings=timings,
        )


def _as_asked(answer: Answer, asked: str) -> Answer:
    """The answer to a question made to stand alone, with the user's own words beside it."""
    return replace(
        answer, question=asked, searched_for="" if answer.question == asked else answer.question
    )


def sides_of(retrieved: Sequence[RetrievedChunk], mix: Mix) -> str:
    """How the sides of a split opinion were mixed, in a sentence; empty where they were not."""
    if mix not in _MIXED:
        return ""
    praise, criticism = (
        sum(found.side == side for found in retrieved) for side in ("praise", "criticism")
    )
    return (
        f"Opinion is split, and both sides were taken {_MIXED[mix]}: {praise} passages praise, "
        f"{criticism} criticise."
    )


def mix_of(retrieved: Sequence[RetrievedChunk]) -> str:
    """How the passages' reviews were rated, counted in code, in a sentence. High is the top third
    of the scale.
    """
    fractions = [found.review.rating_fraction for found in retrieved]
    rated = [value for value in fractions if value is not None]
    if not rated:
        return f"{len(fractions)} passages read, none of them with a rating."
    high, low = sum(value >= 2 / 3 for value in rated), sum(value <= 1 / 3 for value in rated)
    return (
        f"{len(fractions)} passages read: {high} rated high, {low} rated low, "
        f"{len(rated) - high - low} in between, "
        f"{len(fractions) - len(rated)} without a rating."
    )
