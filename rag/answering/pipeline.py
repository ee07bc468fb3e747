"""The one way from a question to a checked answer: search, decide whether the reviews say, answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from rag.answer import NO_GENERATOR, Answer, AnswerSentence
from rag.answering import prompt
from rag.answering.answerers import make_answerer, readers
from rag.answering.base import Draft
from rag.answering.counted import CountingAnswerer
from rag.answering.model import ModelAnswerer
from rag.answering.notes import no_reviews_of, none_meet, notes_of
from rag.answering.outcome import Outcome, Timer
from rag.answering.refusal import (
    SURELY_ANSWERS,
    Rarity,
    answerable,
    evidence_score,
    rarity_of,
    speaks_of_nothing_else,
)
from rag.answering.statistics import statistics_of
from rag.answering.steering import told_of_steering
from rag.config import Settings
from rag.embedding import Embedder, make_embedder
from rag.filters import Condition
from rag.generators.base import never_cancelled
from rag.generators.choice import ChosenGenerator, choose_generator
from rag.index import BuildOptions, ReviewIndex, index_folder
from rag.index.catalogue import index_catalogue
from rag.index.facets import frequent_languages
from rag.ingest.language import languages_read_by, unreadable_question
from rag.reader import Reader
from rag.retrieval import Retriever
from rag.retrieval.evidence import Evidence
from rag.schema import Message, RetrievedChunk
from rag.understanding.catalogue import Catalogue
from rag.understanding.names import NameFinder
from rag.understanding.plan import QuestionPlan, understand

_log = logging.getLogger(__name__)

NOT_NEAR_ENOUGH = "no review came near enough to the question to ask one"
NO_SUCH_ITEM = "no review is of it"
COUNTED = "it was counted off the index"
BY_SIMILARITY = "No reader: the sentences are checked by similarity alone."


class Pipeline:
    """An open index, an embedder and what answers: asks questions, checks the answers. Safe to
    share between threads.
    """

    def __init__(
        self,
        settings: Settings,
        index: ReviewIndex,
        embedder: Embedder,
        chosen: ChosenGenerator,
        reader: Reader | None = None,
        judge: Reader | None = None,
    ) -> None:
        index.check_fingerprint(embedder, BuildOptions.from_settings(settings))
        self.settings = settings
        self.index = index
        self.embedder = embedder
        self.reader = reader
        self.retriever = Retriever(settings, index, embedder, reader)
        self.answerer = make_answerer(
            settings,
            index,
            embedder,
            chosen.generator,
            reader if chosen.generator is None else judge or reader,
            self._bears_on,
        )
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
        chosen = choose_generator(settings)
        return cls(settings, index, embedder, chosen, *readers(settings, chosen))

    def plan(
        self, question: str, previous: Sequence[str] = (), without: Sequence[str] = ()
    ) -> QuestionPlan:
        """How a question is understood, with what it takes from those before it, oldest first, and
        without the limits that have these keys (`QuestionPlan.limits`).
        """
        return understand(
            question,
            self._finder,
            self._catalogue,
            self.embedder.embed_queries,
            self.embedder.identity,
            previous=() if self.settings.answering.follow_ups == "off" else previous,
            without=without,
        )

    @cached_property
    def _catalogue(self) -> Catalogue:
        return index_catalogue(self.index)

    @cached_property
    def _languages(self) -> tuple[str, ...]:
        return frequent_languages(self.index)

    @cached_property
    def _rarity(self) -> Rarity:
        return rarity_of(self._catalogue)

    @cached_property
    def _finder(self) -> NameFinder:
        return NameFinder(self._catalogue)

    def retrieve(
        self, question: str, where: Sequence[Condition] = (), previous: Sequence[str] = ()
    ) -> list[RetrievedChunk]:
        """The chunks for a question, best first, before a prompt's budget is applied.

        Only of reviews that meet the conditions of `where`, and those that the question states;
        there may be none.
        """
        chunks: list[RetrievedChunk] = []
        for part in self.plan(question, previous).parts:
            chunks += self._evidence(part, where, len(chunks) + 1).chunks
        return chunks

    def messages(
        self, question: str, where: Sequence[Condition] = (), previous: Sequence[str] = ()
    ) -> list[Message]:
        """The messages that a language model is sent if the reviews bear on the question; for the
        first of several items.
        """
        part = self.plan(question, previous).parts[0]
        evidence = self._evidence(part, where)
        if isinstance(self.answerer, ModelAnswerer):
            return self.answerer.messages(part, evidence)
        return prompt.build_messages(part.question, evidence.chunks)

    def ask(
        self,
        question: str,
        where: Sequence[Condition] = (),
        previous: Sequence[str] = (),
        without: Sequence[str] = (),
    ) -> Answer:
        """The checked answer to a question, from the reviews that meet the conditions of `where`.

        `previous` are the questions asked before, oldest first, on which it may lean ("And the
        ending?"); `without` the keys of limits that the question states and that are to be left
        out (`QuestionPlan.limits`).
        """
        *_, answer = self.stream(question, where=where, previous=previous, without=without)
        assert isinstance(answer, Answer)
        return answer

    def stream(
        self,
        question: str,
        cancelled: Callable[[], bool] = never_cancelled,
        where: Sequence[Condition] = (),
        previous: Sequence[str] = (),
        without: Sequence[str] = (),
    ) -> Iterator[str | Answer]:
        """Pieces of text as they are written, and at the end the checked `Answer`; where its points
        are then put into plainer words, which takes seconds, this one before (`to_be_worded`).
        """
        timer = Timer()
        plan = self.plan(question, previous, without)
        outcome = Outcome()
        for part in plan.parts:
            if outcome.asked and cancelled():
                break
            yield from self._answered(part, where, outcome, timer, cancelled)
        if compared := outcome.compared():
            yield f"\n{compared}\n"
        if plan.intent == "statistic" and not outcome.blocks and not plan.unknown_item:
            outcome.blocks.append(self._counted(plan, where))
            outcome.answered = True
            yield " ".join(sentence.text for sentence in outcome.sentences)
        if not outcome.answered and not outcome.asked:
            yield outcome.told_instead.text
        if outcome.to_reword and not cancelled():
            yield self._answer(question, plan, outcome, timer, to_be_worded=True)
            yield from outcome.reword(cancelled)
            timer.note("reword_s")
        yield self._answer(question, plan, outcome, timer)

    def _answer(
        self,
        question: str,
        plan: QuestionPlan,
        outcome: Outcome,
        timer: Timer,
        *,
        to_be_worded: bool = False,
    ) -> Answer:
        refused = not outcome.answered
        return Answer(
            question=question,
            searched_for="" if plan.question == question else plan.question,
            plan=plan.as_dict(),
            sentences=(outcome.told_instead,) if refused else tuple(outcome.sentences),
            refused=refused,
            generator=self.answerer.name if outcome.asked else NO_GENERATOR,
            generator_reason=self.reason if outcome.asked else outcome.reason,
            retrieved=tuple(outcome.retrieved),
            dropped_markers=0 if refused else outcome.dropped_markers,
            notes=(
                *self.about_language(question),
                *((f"Read as: {plan.read_as}",) if plan.read_as else ()),
                *notes_of(plan, outcome, self._catalogue, self._rarity, refused=refused),
                *dict.fromkeys(outcome.notes),
                *told_of_steering(outcome.retrieved, self.index),
                *self._about_checking(outcome, refused=refused),
            ),
            timings=timer.total(),
            to_be_worded=to_be_worded,
            breakdowns=outcome.breakdowns,
        )

    def _evidence(self, plan: QuestionPlan, where: Sequence[Condition], first: int = 1) -> Evidence:
        conditions = [*where, *plan.conditions]
        evidence = self.retriever.evidence(plan, conditions, judged=not self._counts(plan))
        return evidence.numbered_from(first)

    def _counts(self, plan: QuestionPlan) -> bool:
        return isinstance(self.answerer, CountingAnswerer) and self.answerer.counts(plan)

    def _counted(
        self, plan: QuestionPlan, where: Sequence[Condition]
    ) -> tuple[AnswerSentence, ...]:
        return statistics_of(plan.question, self.index, [*where, *plan.conditions])

    def _answered(
        self,
        plan: QuestionPlan,
        where: Sequence[Condition],
        outcome: Outcome,
        timer: Timer,
        cancelled: Callable[[], bool],
    ) -> Iterator[str]:
        """The pieces of a part's answer; what it comes to is added to `outcome`."""
        if plan.unknown_item:
            outcome.refuse(no_reviews_of(plan.unknown_item, self._catalogue), NO_SUCH_ITEM)
            return
        if plan.intent == "statistic":
            outcome.reason = COUNTED
            return
        evidence = self._evidence(plan, where, len(outcome.retrieved) + 1)
        timer.note("retrieve_s")
        if plan.conditions and not evidence.chunks:
            outcome.refuse(none_meet(plan, self._catalogue), NOT_NEAR_ENOUGH)
            return
        # the answerer that counts reads more than this evidence, and decides by that
        decides = isinstance(self.answerer, CountingAnswerer)
        if not decides and not self._bears_on(plan, evidence, evidence.best):
            outcome.reason = NOT_NEAR_ENOUGH
            outcome.add(plan, Draft((), evidence.chunks))
            return
        heading = f"\n{plan.items[0].name}:\n" if plan.is_part else ""
        draft = Draft((), evidence.chunks)
        outcome.asked = True
        for piece in self.answerer.answer(plan, evidence, cancelled):
            if isinstance(piece, Draft):
                draft = piece
                timer.note("check_s")
            else:
                timer.note_piece()
                yield heading + piece
                heading = ""
        outcome.add(plan, draft)

    def about_language(self, question: str) -> tuple[str, ...]:
        """That the question, or the reviews, are in a language that the embedder cannot read."""
        readable = languages_read_by(self.settings.embedding.model)
        problem = unreadable_question(question, readable, self._languages)
        return (problem,) if problem else ()

    def _about_checking(self, outcome: Outcome, *, refused: bool) -> tuple[str, ...]:
        written = isinstance(self.answerer, ModelAnswerer) and outcome.asked and not refused
        return (BY_SIMILARITY,) if written and self.reader is None else ()

    def _bears_on(self, plan: QuestionPlan, evidence: Evidence, best: float | None) -> bool:
        """Whether the evidence bears on the question; `best` is the largest probability that a
        sentence answers it, where the reader read them.
        """
        if plan.is_overview or plan.intent == "count":
            return bool(evidence.chunks)
        answering = self.settings.answering
        score = evidence_score(plan.aspect, evidence.chunks, self._rarity, is_fact=plan.is_fact)
        if best is not None and not self.about_language(plan.question):
            if best < SURELY_ANSWERS and speaks_of_nothing_else(
                plan.aspect, self._catalogue, self._rarity
            ):
                return False
            return answerable(best, score, is_fact=plan.is_fact) >= answering.answerable
        floor = answering.fact_evidence_floor if plan.is_fact else answering.evidence_floor
        return score >= floor
