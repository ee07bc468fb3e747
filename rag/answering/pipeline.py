"""The one way from a question to a checked answer: search, decide whether the reviews say, answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from rag.answer import Answer, AnswerSentence
from rag.answering import prompt
from rag.answering.answerers import make_answerer, readers
from rag.answering.base import Draft
from rag.answering.counted import CountingAnswerer
from rag.answering.grounding import is_refusal
from rag.answering.headline import Tally, comparison
from rag.answering.model import ModelAnswerer
from rag.answering.refusal import Rarity, answerable, evidence_score, rarity_of
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
from rag.understanding.names import NameFinder, item_name
from rag.understanding.plan import QuestionPlan, understand

_log = logging.getLogger(__name__)

CLOSEST = "These are the closest reviews; none of them seems to answer the question."
WROTE_NOTHING = "The generator wrote nothing; these are the closest reviews."
NOT_NEAR_ENOUGH = "no review came near enough to the question to ask one"
NO_SUCH_ITEM = "no review is of it"
COUNTED = "it was counted off the index"
NOT_A_COUNT = "These are examples, not a count: only the reviews shown were read for this answer."
BY_SIMILARITY = "No reader: the sentences are checked by similarity alone."
CUT_OFF = "The model stopped at the most it may write (generator.max_new_tokens)."
_ITEMS_NAMED = 5  # of the items there are, where the one asked about is not


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
        """Pieces of text as they are written, and at the end the checked `Answer`."""
        timer = _Timer()
        plan = self.plan(question, previous, without)
        outcome = _Outcome()
        for part in plan.parts:
            if outcome.asked and cancelled():
                break
            yield from self._answered(part, where, outcome, timer, cancelled)
        if compared := outcome.compared():
            yield f"\n{compared}\n"
        if plan.intent == "statistic" and not outcome.sentences and not plan.unknown_item:
            outcome.sentences = list(self._counted(plan, where))
            outcome.answered = True
            yield " ".join(sentence.text for sentence in outcome.sentences)
        refused = not outcome.answered
        told = outcome.refusal or prompt.REFUSED
        if refused and not outcome.asked:
            yield told.text
        yield Answer(
            question=question,
            searched_for="" if plan.question == question else plan.question,
            plan=plan.as_dict(),
            sentences=(told,) if refused else tuple(outcome.sentences),
            refused=refused,
            generator=self.answerer.name if outcome.asked else "no generator",
            generator_reason=self.reason if outcome.asked else outcome.reason,
            retrieved=tuple(outcome.retrieved),
            dropped_markers=0 if refused else outcome.dropped_markers,
            notes=(
                *self.about_language(question),
                *((f"Read as: {plan.read_as}",) if plan.read_as else ()),
                *_notes(plan, outcome, refused=refused),
                *dict.fromkeys(outcome.notes),
                *told_of_steering(outcome.retrieved, self.index),
                *self._about_checking(outcome, refused=refused),
            ),
            timings=timer.total(),
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
        outcome: _Outcome,
        timer: _Timer,
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
        if not self._counts(plan) and not self._bears_on(plan, evidence, evidence.best):
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

    def _about_checking(self, outcome: _Outcome, *, refused: bool) -> tuple[str, ...]:
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
            return answerable(best, score, is_fact=plan.is_fact) >= answering.answerable
        floor = answering.fact_evidence_floor if plan.is_fact else answering.evidence_floor
        return score >= floor


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


@dataclass(slots=True)
class _Outcome:
    """What the parts of a question come to."""

    sentences: list[AnswerSentence] = field(default_factory=list)
    retrieved: list[RetrievedChunk] = field(default_factory=list)
    dropped_markers: int = 0
    truncated: bool = False
    counted: bool = False  # the reviews, for a headline
    asked: bool = False  # something was asked to answer
    answered: bool = False
    told: bool = False  # and said something, if only that the reviews do not say
    reason: str = ""  # why nothing was
    refusal: AnswerSentence | None = None
    tallies: dict[str, Tally] = field(default_factory=dict)  # by item, where there are several
    notes: list[str] = field(default_factory=list)

    def compared(self) -> str:
        """How several items compare, where their reviews were counted; it now stands first."""
        if told := comparison(self.tallies):
            self.sentences.insert(0, AnswerSentence(told, supported=True, score=1.0, counted=True))
        return told

    def refuse(self, text: str, reason: str) -> None:
        """No answer, and what to say in its place."""
        self.refusal = AnswerSentence(text, supported=True, score=1.0)
        self.reason = reason

    def add(self, plan: QuestionPlan, draft: Draft) -> None:
        """A part's answer, under its item's name where there are several."""
        self.retrieved += draft.retrieved
        self.dropped_markers += draft.dropped_markers
        self.truncated = self.truncated or draft.truncated
        self.notes += draft.notes
        self.told = self.told or bool(draft.sentences)
        answered = bool(draft.sentences) and not is_refusal(draft.sentences)
        self.answered = self.answered or answered
        self.counted = self.counted or draft.tally is not None
        if plan.is_part and draft.tally is not None:
            self.tallies[plan.items[0].name] = draft.tally
        if plan.is_part:
            name = f"{plan.items[0].name}:"
            self.sentences.append(AnswerSentence(name, supported=True, score=1.0, heading=True))
            self.sentences += draft.sentences if answered else (prompt.REFUSED,)
        elif answered:
            self.sentences += draft.sentences


def no_reviews_of(name: str, catalogue: Catalogue) -> str:
    """What is said where a question names an item that no review is of."""
    there = [item_name(item) for item in list(catalogue.items)[:_ITEMS_NAMED]]
    more = ", and others" if len(catalogue.items) > len(there) else ""
    return f"No reviews of {name} are here. There are reviews of {', '.join(there)}{more}."


def none_meet(plan: QuestionPlan, catalogue: Catalogue) -> str:
    """What is said where no review meets what a question states."""
    text = (
        f"No review is {' and '.join(_in_words(condition, plan) for condition in plan.conditions)}."
    )
    if not any(condition.field == "date" for condition in plan.conditions):
        return text
    if not catalogue.dates:
        return f"{text} The reviews have no dates."
    first, last = catalogue.dates
    return f"{text} The reviews are from {first}{f' to {last}' if first != last else ''}."


def _in_words(condition: Condition, plan: QuestionPlan) -> str:
    values = " or ".join(condition.values)
    if condition.field == "item":
        named = (mention.name for mention in plan.items if mention.items == condition.values)
        return f"of {next(named, values)}"
    if condition.field == "date":
        before = {"=": "from", ">=": "from", ">": "later than", "<": "earlier than", "<=": "until"}
        later = " on" if condition.operator == ">=" else ""
        return f"{before.get(condition.operator, 'from')} {values}{later}"
    return f"rated {condition.operator.replace('=', '') or ''} {values}".replace("  ", " ")


def _notes(plan: QuestionPlan, outcome: _Outcome, *, refused: bool) -> tuple[str, ...]:
    """What an answer says of itself."""
    limits = [_in_words(condition, plan) for condition in plan.conditions]
    only = (f"Only reviews {' and '.join(limits)}.",) if limits else ()
    if not outcome.retrieved:
        return only
    if refused:
        nothing = outcome.asked and not outcome.sentences and not outcome.told
        return (*only, WROTE_NOTHING if nothing else CLOSEST)
    if outcome.counted:
        return only
    count = (NOT_A_COUNT,) if plan.intent == "count" else ()
    cut = (CUT_OFF,) if outcome.truncated else ()
    return (*only, mix_of(outcome.retrieved), *count, *cut)


def mix_of(retrieved: Sequence[RetrievedChunk]) -> str:
    """How the passages' reviews were rated, counted in code, in a sentence. High is the top third
    of the scale.
    """
    fractions = [chunk.review.rating_fraction for chunk in retrieved]
    rated = [value for value in fractions if value is not None]
    read = f"{len(fractions)} passage{'s' if len(fractions) != 1 else ''} read"
    if not rated:
        return f"{read}, none of them with a rating."
    high, low = sum(value >= 2 / 3 for value in rated), sum(value <= 1 / 3 for value in rated)
    return (
        f"{read}: {high} rated high, {low} rated low, "
        f"{len(rated) - high - low} in between, "
        f"{len(fractions) - len(rated)} without a rating."
    )
