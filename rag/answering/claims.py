"""What a question holds, where it asks how many say so or whether it is so, and who bears that out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from rag.answering import headline
from rag.answering.counting import MAKES, OPPOSES, Count, Reading, count, read
from rag.answering.naming import words_told
from rag.answering.opinions import Opinions
from rag.answering.tally import Tally
from rag.index import ReviewIndex
from rag.reader import Reader
from rag.reader.stance import side_of
from rag.schema import Side
from rag.understanding.intent import content_words
from rag.understanding.plan import QuestionPlan
from rag.understanding.statement import as_statement

_SAYING = re.compile(  # what is said, where it is a sentence of its own
    r"\b(?:say|think|feel|find|claim|believe|agree|state|write|report|complain)s? (?:that )?"
    r"((?:the|it['’]?s?|they|their|there|he|she|this|that|a|an|his|her)\b[^?]*)",
    re.IGNORECASE,
)
_ANYONE = re.compile(  # "Did anyone get bed bugs?" is asked of what happened, and not of a view
    r"^(\W*(?:did|does|do|has|have|had|was|were|is))(?:n['’]?t)? (?:anyone|anybody|someone|somebody)\b(?: here| else)?",
    re.IGNORECASE,
)
_ONLY_ASKS = re.compile(
    r"\W*(?:(?:so|and|but) )?(is|are|was|were|do|does|did|can|could|will|would|should|has|have)\s+(?:the\s+)?",
    re.IGNORECASE,
)
_DENIES = re.compile(
    r"\b(?:no|not|nor|never|without|lacks?|lacking|missing|wish|if)\b|n['’]t\b", re.IGNORECASE
)
_THERE_IS = re.compile(r"There (?:is|are|was|were) (.+)", re.IGNORECASE)
_PAIRS = 200  # sentences read for a statement that the question holds
_TRUE_OR_NOT = (0.5, 0.8)  # probabilities from which what is asked is borne out, and denied
_SURE = (
    0.6  # probability that a sentence bears out, or denies, what is asked, from which one is enough
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who bears out what a question holds, and whether one of them surely does."""

    count: Count
    is_sure: bool

    def decides(self, plan: QuestionPlan, opinions: Opinions) -> bool:
        """Whether it answers the question: how many say so, or whether it is so."""
        if plan.intent == "count":
            return True
        tally = Tally.of(opinions)
        told = headline.true_or_not(
            tally, self.count.number, len(self.count.opposed), sure=self.is_sure
        )
        return told != headline.speaking(tally)

    @property
    def places_of_all(self) -> tuple[int, ...]:
        """Places of the sentences that bear it out or deny it, one a voice."""
        return (*self.count.places, *self.count.opposed)


def claim_of(
    plan: QuestionPlan, opinions: Opinions, index: ReviewIndex, reader: Reader
) -> Claim | None:
    """What the question asks the truth of, of one or of which items, or how many say it, and who
    bears it out; None where it asks none of these, or a view: whether something is good is told by
    the sides.
    """
    of_which = plan.split is not None and plan.split.asks
    statement = as_statement(of_which) if of_which else ""
    if plan.intent == "yes_no" and not plan.is_overview and not asks_either(plan):
        statement = statement_of(plan)
        if side_of_statement(statement, reader) != "neutral" and not _ANYONE.search(plan.query):
            return None
    elif plan.intent == "count":
        # a name that all reviews are about is dropped from the query, and may be its subject
        said = _SAYING.search(plan.query) or _SAYING.search(plan.question)
        statement = said[1] if said else ""
    if not statement or not len(opinions):
        return None
    reading = read(statement, plan.vectors[0], 0.0, opinions, reader, _PAIRS)
    if thing := _THERE_IS.match(statement):
        reading = _presupposed(reading, thing[1], plan, opinions, index)
    is_sure = max(reading.makes.max(initial=0), reading.opposes.max(initial=0)) >= _SURE
    strict = plan.intent != "count" and not _ANYONE.search(plan.query)
    makes, opposes = _TRUE_OR_NOT if strict else (MAKES, OPPOSES)
    return Claim(count(reading, opinions, makes, opposes, of_asked=True), bool(is_sure))


def asks_either(plan: QuestionPlan) -> bool:
    """Whether it asks which of two is so, which is neither yes nor no: "Is it good or overpriced?"."""
    return re.search(r"\bor\b(?! (?:so|not)\b)", plan.query, re.IGNORECASE) is not None


def _presupposed(
    reading: Reading, thing: str, plan: QuestionPlan, opinions: Opinions, index: ReviewIndex
) -> Reading:
    """Who speaks of "the showers" takes it that there are some: what has all words for the thing that
    there may be, denies nothing, and is not read as the opposite, bears it out.
    """
    speaks = words_told(content_words(thing), plan, index, share=1.0)[opinions.rows]
    denies = np.array([_DENIES.search(text) is not None for text in opinions.texts], dtype=bool)
    taken = speaks & ~denies & (reading.opposes < _TRUE_OR_NOT[0])
    makes = np.where(taken, np.maximum(reading.makes, _SURE), reading.makes)
    return replace(reading, makes=makes.astype(np.float32))


def statement_of(plan: QuestionPlan) -> str:
    """What a question whether something is so asks the truth of; an item whose name was cut, and that
    is its subject, is "it": "Is (the Fox and Crown) quiet at night?".
    """
    query = _ANYONE.sub(r"\1 we", plan.query)
    begin = plan.question[: plan.items[0].start] if plan.items else ""
    if asks := _ONLY_ASKS.fullmatch(begin):
        query = re.sub(rf"^(\W*{asks[1]})\b", r"\1 it", query, count=1, flags=re.IGNORECASE)
    return as_statement(query)


def side_of_statement(statement: str, reader: Reader) -> Side:
    """The side that a statement is on: "the bar is loud" is criticism."""
    side = reader.stance([("", statement)])[0]
    return side_of(float(side[0] - side[1]))
