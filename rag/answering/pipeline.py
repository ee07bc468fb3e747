"""The one way from a question to a checked answer: search, decide whether the reviews say, answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from rag.answer import Answer
from rag.answering import prompt
from rag.answering.base import Answerer, Draft
from rag.answering.extractive import ExtractiveAnswerer
from rag.answering.grounding import is_refusal
from rag.answering.model import Budget, ModelAnswerer
from rag.answering.refusal import evidence_score
from rag.config import Settings
from rag.embedding import Embedder, make_embedder
from rag.filters import Condition
from rag.generators import Generator
from rag.generators.base import never_cancelled
from rag.generators.choice import ChosenGenerator, choose_generator
from rag.index import BuildOptions, ReviewIndex, index_folder
from rag.retrieval import Retriever
from rag.retrieval.evidence import Evidence
from rag.schema import Message, RetrievedChunk
from rag.understanding.follow_up import stand_alone
from rag.understanding.intent import asks_for_count, asks_for_fact, wants_overview

_log = logging.getLogger(__name__)

CLOSEST = "These are the closest reviews; none of them seems to answer the question."
WROTE_NOTHING = "The generator wrote nothing; these are the closest reviews."
NOT_NEAR_ENOUGH = "no review came near enough to the question to ask one"
NOT_A_COUNT = "These are examples, not a count: only the reviews shown were read for this answer."
_CHARACTERS_PER_TOKEN = 4  # about, in English; for an answer without a model


class Pipeline:
    """An open index, an embedder and what answers: asks questions, checks the answers. Safe to
    share between threads.
    """

    def __init__(
        self, settings: Settings, index: ReviewIndex, embedder: Embedder, chosen: ChosenGenerator
    ) -> None:
        index.check_fingerprint(embedder, BuildOptions.from_settings(settings))
        self.settings = settings
        self.index = index
        self.embedder = embedder
        self.retriever = Retriever(settings, index, embedder)
        self.answerer = make_answerer(settings, index, embedder, chosen.generator)
        self.reason = chosen.reason
        _log.info("%s answers: %s.", self.answerer.name, self.reason)

    @classmethod
    def open(
        cls, settings: Settings, index_name: str, embedder: Embedder | None = None
    ) -> Pipeline:
        """Open an index by name with the embedder and the generator of the settings. Raises
        `ReviewQAError`.
        """
        index = ReviewIndex.open(index_folder(settings.paths.indexes_dir, index_name))
        embedder = embedder or make_embedder(settings)
        embedder.embed_queries(["warm up"])  # it loads on first use: no question should wait for it
        return cls(settings, index, embedder, choose_generator(settings))

    def stand_alone(self, question: str, previous: Sequence[str]) -> str:
        """The question with what it takes from `previous`, those before it, oldest first; as it is
        if nothing.
        """
        if self.settings.answering.follow_ups == "off" or not previous:
            return question
        return stand_alone(question, previous).query

    def retrieve(
        self, question: str, where: Sequence[Condition] = (), previous: Sequence[str] = ()
    ) -> list[RetrievedChunk]:
        """The chunks for a question, best first, before a prompt's budget is applied.

        Only of reviews that meet the conditions of `where`; there may be none.
        """
        return self.retriever.retrieve(self.stand_alone(question, previous), where)

    def messages(
        self, question: str, where: Sequence[Condition] = (), previous: Sequence[str] = ()
    ) -> list[Message]:
        """The messages that a language model is sent if the reviews bear on the question."""
        query = self.stand_alone(question, previous)
        evidence = self.retriever.evidence(query, where)
        if isinstance(self.answerer, ModelAnswerer):
            return self.answerer.messages(query, evidence)
        return prompt.build_messages(query, evidence.chunks)

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
        """Pieces of text as they are written, and at the end the checked `Answer`."""
        timer = _Timer()
        query = self.stand_alone(question, previous)
        evidence = self.retriever.evidence(query, where)
        timer.note("retrieve_s")
        draft = Draft((), evidence.chunks)
        bears_on_it = self._bears_on(query, evidence)
        if bears_on_it:
            for piece in self.answerer.answer(query, evidence, cancelled):
                if isinstance(piece, Draft):
                    draft = piece
                    timer.note("check_s")
                else:
                    timer.note_piece()
                    yield piece
        else:
            yield prompt.REFUSAL
        refused = not draft.sentences or is_refusal(draft.sentences)
        yield Answer(
            question=question,
            searched_for="" if query == question else query,
            sentences=(prompt.REFUSED,) if refused else draft.sentences,
            refused=refused,
            generator=self.answerer.name if bears_on_it else "no generator",
            generator_reason=self.reason if bears_on_it else NOT_NEAR_ENOUGH,
            retrieved=draft.retrieved,
            dropped_markers=0 if refused else draft.dropped_markers,
            notes=_notes(query, draft, refused=refused, asked=bears_on_it),
            timings=timer.total(),
        )

    def _bears_on(self, query: str, evidence: Evidence) -> bool:
        if wants_overview(query):
            return bool(evidence.chunks)
        settings = self.settings
        floor = (
            settings.answering.fact_evidence_floor
            if asks_for_fact(query)
            else settings.answering.evidence_floor
        )
        return evidence_score(query, evidence.chunks) >= floor


def make_answerer(
    settings: Settings, index: ReviewIndex, embedder: Embedder, generator: Generator | None
) -> Answerer:
    """What answers with this generator; without one, the reviews are quoted."""
    if generator is None:
        return ExtractiveAnswerer(
            support_threshold=settings.answering.support_threshold,
            most_characters=settings.generator.max_new_tokens * _CHARACTERS_PER_TOKEN,
        )
    return ModelAnswerer(
        generator,
        index,
        embedder,
        budget=Budget(
            max_prompt_tokens=settings.generator.max_prompt_tokens,
            max_new_tokens=settings.generator.max_new_tokens,
        ),
        support_threshold=settings.answering.support_threshold,
    )


@dataclass(slots=True)
class _Timer:
    """Seconds of each step of an answer."""

    begun: float = field(default_factory=time.perf_counter)
    last: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=dict)

    def note(self, step: str) -> None:
        """Since the last note."""
        now = time.perf_counter()
        self.seconds[step] = self.seconds.get(step, 0.0) + now - self.last
        self.last = now

    def note_piece(self) -> None:
        """A piece of text has come."""
        self.note("generate_s")
        self.seconds.setdefault("first_words_s", self.last - self.begun)

    def total(self) -> dict[str, float]:
        """All steps, and the time from the question to now."""
        return {**self.seconds, "total_s": time.perf_counter() - self.begun}


def _notes(query: str, draft: Draft, *, refused: bool, asked: bool) -> tuple[str, ...]:
    """What an answer says of itself."""
    if not draft.retrieved:
        return ()
    if refused:
        return (CLOSEST if draft.sentences or not asked else WROTE_NOTHING,)
    count = (NOT_A_COUNT,) if asks_for_count(query) else ()
    return (mix_of(draft.retrieved), *count)


def mix_of(retrieved: Sequence[RetrievedChunk]) -> str:
    """How the passages' reviews were rated, counted in code, in a sentence. High is the top third
    of the scale.
    """
    fractions = [chunk.review.rating_fraction for chunk in retrieved]
    rated = [value for value in fractions if value is not None]
    if not rated:
        return f"{len(fractions)} passages read, none of them with a rating."
    high, low = sum(value >= 2 / 3 for value in rated), sum(value <= 1 / 3 for value in rated)
    return (
        f"{len(fractions)} passages read: {high} rated high, {low} rated low, "
        f"{len(rated) - high - low} in between, "
        f"{len(fractions) - len(rated)} without a rating."
    )
