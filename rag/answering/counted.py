"""Answers that are counted: a headline, then the points that reviewers make, each with the number of
reviews that make it, in a reviewer's own words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from rag.answer import AnswerSentence, Breakdown
from rag.answering import headline, prompt
from rag.answering.base import BearsOn, Draft, as_text
from rag.answering.claims import Claim, asks_either, claim_of
from rag.answering.extractive import ExtractiveAnswerer, shortened
from rag.answering.fact_answer import FactAnswerer
from rag.answering.opinions import Opinions, opinions_on
from rag.answering.points import Members, PointFinder
from rag.answering.rewording import in_plain_words
from rag.answering.splits import breakdowns, of_best, told_apart
from rag.answering.statements import Statements
from rag.answering.summary import Sides, listed, summary, what_it_is_of
from rag.answering.tally import Tally
from rag.answering.wording import StatementWriter
from rag.generators.base import never_cancelled
from rag.index import ReviewIndex
from rag.reader import Reader
from rag.retrieval.evidence import Evidence
from rag.understanding.intent import wants_summary
from rag.understanding.plan import QuestionPlan
from rag.understanding.split import Split

_COMPARED = 6  # points of a comparison with what is not here


class CountingAnswerer:
    """Answers in the reviewers' own words, and counts them. Safe to share between threads."""

    def __init__(
        self,
        index: ReviewIndex,
        reader: Reader,
        quoting: ExtractiveAnswerer,
        bears_on: BearsOn,
        writer: StatementWriter | None = None,
    ) -> None:
        self._index = index
        self._reader = reader
        self._bears_on = bears_on
        self._quoting = quoting
        self._facts = FactAnswerer(index, reader, quoting, bears_on)
        self._finder = PointFinder(index, reader)
        self._writer = writer

    def worded_by(self, writer: StatementWriter) -> CountingAnswerer:
        """The same with a writer of its points."""
        return CountingAnswerer(self._index, self._reader, self._quoting, self._bears_on, writer)

    @property
    def name(self) -> str:
        """What people are shown."""
        return (
            f"counting, in the words of {self._writer.name}" if self._writer else self._quoting.name
        )

    def counts(self, plan: QuestionPlan) -> bool:
        """Whether opinions are counted for it, and not what is told of one fact."""
        return not (plan.is_fact or plan.intent == "fact")

    def answer(
        self,
        plan: QuestionPlan,
        evidence: Evidence,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Iterator[str | Draft]:
        """The headline, then one point at a time, quoted, each side under its heading; where a writer
        can word them, the draft tells how.
        """
        if not self.counts(plan):
            yield from self._facts.answer(plan, evidence, cancelled)
            return
        opinions = opinions_on(plan, self._index, self._reader, evidence.where)
        of_which = plan.split is not None and bool(plan.split.asks)  # "Which hotels have a pool?"
        bears_on = len(opinions) and self._bears_on(plan, evidence, opinions.best)
        claim: Claim | None = None
        of_claim: tuple[int, ...] = ()
        if of_which or bears_on:
            claim = claim_of(plan, opinions, self._index, self._reader)
        if claim is not None and of_which:
            of_claim = claim.count.places
        elif claim is not None and claim.decides(plan, opinions):
            of_claim = claim.places_of_all
        if not (of_claim if of_which else bears_on):
            yield prompt.REFUSAL
            yield Draft((prompt.REFUSED,), evidence.chunks)
            return
        spoken = counted = opinions
        groups: dict[prompt.Group, Members] | None = None
        judge = 0
        apart: tuple[Breakdown, ...] = ()
        if of_claim:  # whether something is so is told by those who say that it is or is not
            places = np.array(sorted(of_claim))
            spoken = counted = opinions.only(places)
            if claim is not None and plan.intent == "yes_no" and not of_which:
                spoken = replace(spoken, relevance=claim.surely[places])
                groups, judge = claim.who_says_what(places), claim.judge
        elif claim is not None and claim.places_of_all:  # a few do, and the others may matter
            groups = claim.who_says_what(np.arange(len(opinions)), others=True)
        elif plan.split is not None and plan.split.ranked:
            apart = breakdowns(self._index, opinions, where=evidence.where)
            spoken = of_best(self._index, opinions, plan.side, apart)
        points = self._finder.points(plan, spoken, cancelled, groups)
        of_all = points if spoken is opinions else ()  # places are among those who were spoken of
        tally = Tally.of(opinions, of_all)
        if not apart or of_all:
            apart = breakdowns(self._index, counted, of_all, evidence.where)
        told = self._headline(plan, opinions, tally, claim)
        first = next((point for _, of_side in points for point in of_side), None)
        if plan.intent == "why" and first is not None and first.count.number > 1:
            reason = shortened(spoken.texts[first.place])
            told = f"{headline.reason_given(reason, first.count.number)} {told}"
        if plan.split is not None and (more := told_apart(plan.split, apart, plan.side)):
            told = _with_split(told, more, plan.split)
        yield told + "\n"
        sentences = [AnswerSentence(told, supported=True, score=1.0, counted=True)]
        statements = Statements(self._index, spoken, evidence.chunks[0].number)
        of = judge or tally.speak
        sides: Sides = [
            (side, [statements.of_point(p.place, p.side, p.count, of) for p in of_side])
            for side, of_side in points
        ]
        # praise may be for the other, or tell nothing of whether it is so
        if of_which or (plan.intent == "comparison" and not plan.is_part):
            of_both = [statement for _, of_side in sides for statement in of_side]
            of_both = [statement for statement in of_both if statement.points[0].count]
            of_both.sort(key=lambda statement: -statement.points[0].count)
            sides = [("neutral", of_both[:_COMPARED])] if of_both else []
        in_prose = plan.is_overview and wants_summary(plan.question)
        what_it_is = what_it_is_of(opinions, statements, self._reader) if in_prose else None

        def composed(sides: Sides) -> list[AnswerSentence]:
            return summary(sides, what_it_is) if in_prose else listed(sides)

        made = composed(sides)
        for sentence in made:
            yield as_text(sentence)
        draft = Draft((*sentences, *made), tuple(statements.chunks), tally=tally, breakdowns=apart)
        if self._writer is not None and sides:
            known = (plan.question, self._index.name)
            reword = partial(in_plain_words, self._writer, known, draft, sides, composed)
            draft = replace(draft, rewording=reword)
        yield draft

    def _headline(
        self, plan: QuestionPlan, opinions: Opinions, tally: Tally, claim: Claim | None
    ) -> str:
        if plan.intent == "change":
            return headline.over_time(self._by_year(opinions))
        if plan.is_overview:
            return headline.of_everything(tally, self._ratings(opinions), plan.side)
        if plan.intent == "comparison" and not plan.is_part:
            return headline.speaking(tally)  # with what is not here; praise may be for the other
        if plan.intent == "count":
            if claim is not None:
                return headline.saying_so(claim.count, tally.asked)
            return headline.how_many(tally, plan.side)
        if plan.intent == "yes_no" and not asks_either(plan):
            return (
                claim.told(tally) if claim is not None else headline.of_an_aspect(tally, "neutral")
            )
        return headline.of_an_aspect(tally, plan.side)

    def _ratings(self, opinions: Opinions) -> list[float]:
        """Of each voice, the rating of its first review that has one."""
        rows = np.unique(self._index.sentence_review[opinions.rows])
        ratings: dict[int, float] = {}
        for row in rows.tolist():
            if (value := self._index.rating_fraction(row)) is not None:
                ratings.setdefault(int(self._index.voices[row]), value)
        return list(ratings.values())

    def _by_year(self, opinions: Opinions) -> dict[str, tuple[int, int]]:
        """Of each year, how many voices are for it, and how many for or against."""
        dates = self._index.reviews_table.column("date")
        days = [dates[int(row)].as_py() for row in self._index.sentence_review[opinions.rows]]
        years = np.array([day[:4] if day else "" for day in days])
        by_year: dict[str, tuple[int, int]] = {}
        for year in sorted(set(years.tolist()) - {""}):
            tally = Tally.of(opinions.only(years == year))
            by_year[year] = (tally.only_praise, tally.only_praise + tally.only_criticism)
        return by_year


def _with_split(told: str, more: str, split: Split) -> str:
    """The headline with what tells it apart: this alone where it is the answer, before it where it
    is what was asked first.
    """
    if split.asks:
        return more
    return f"{more} {told}" if split.ranked else f"{told} {more}"
