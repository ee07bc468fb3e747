"""What a question holds, where it asks how many say so or whether it is so, and who bears that out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.answering import headline
from rag.answering.counting import Count, count, read
from rag.answering.naming import without_places
from rag.answering.opinions import Opinions, Rows
from rag.answering.points import Members
from rag.answering.polar import NO, YES, read_polar
from rag.answering.prompt import Group
from rag.answering.tally import Tally
from rag.index import ReviewIndex
from rag.reader import Reader
from rag.reader.stance import side_of
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
_PAIRS = 200  # sentences read to count who says what the question holds
_SHOWN = 0.75  # probability from which a sentence may be quoted, where any is so sure,
_SHOWN_OF_FEW = 0.85  # and of the few against many, who are mostly misread
_FEW_BESIDE = 0.2  # times as many as say the opposite


@dataclass(frozen=True, slots=True)
class Claim:
    """Who bears out what a question holds. So many only `differ`, and so many say `both`; `of_a_view`:
    it is one, and no fact. `surely`, (sentences,), how surely each says yes or no.
    """

    count: Count
    differ: int
    both: int
    of_a_view: bool
    surely: NDArray[np.float32]

    def told(self, tally: Tally) -> str:
        """Whether it is so."""
        agree = max(self.count.number - self.both, 0)
        return headline.yes_or_no(tally, agree, self.differ, self.both, of_a_view=self.of_a_view)

    def decides(self, plan: QuestionPlan, opinions: Opinions) -> bool:
        """Whether it answers the question: how many say so, or whether it is so."""
        tally = Tally.of(opinions)
        return plan.intent == "count" or self.told(tally) != headline.speaking(tally)

    @property
    def judge(self) -> int:
        """Who says yes, no, or both."""
        return self.count.number + self.differ

    def who_says_what(self, places: Rows, *, others: bool = False) -> dict[Group, Members]:
        """Which of the sentences at these places say yes, and which no: the surest may be quoted; what
        more say first. With `others`, last which say neither.
        """
        agree, differ = self.count.places, self.count.opposed
        yes = Members(np.isin(places, agree), np.isin(places, self._surest(agree, differ)))
        no = Members(np.isin(places, differ), np.isin(places, self._surest(differ, agree)))
        groups: dict[Group, Members] = {"agree": yes, "differ": no}
        if len(differ) > len(agree):
            groups = dict(reversed(groups.items()))
        if others:
            neither = ~np.isin(places, self.places_of_all)
            groups["neutral"] = Members(neither, neither)
        return groups

    def _surest(self, places: Sequence[int], others: Sequence[int]) -> Rows:
        at = np.array(places, dtype=np.int64)
        surely = self.surely[at]
        few = len(places) < _FEW_BESIDE * len(others)
        floor = _SHOWN_OF_FEW if few else min(_SHOWN, surely.max(initial=0))
        return at[np.flatnonzero(surely >= floor)]

    @property
    def places_of_all(self) -> tuple[int, ...]:
        """Places of the sentences that bear it out or deny it, one a voice."""
        return (*self.count.places, *self.count.opposed)


def claim_of(
    plan: QuestionPlan, opinions: Opinions, index: ReviewIndex, reader: Reader
) -> Claim | None:
    """What the question asks the truth of, of one or of which items, or how many say it, and who
    bears it out; None where it asks none of these.
    """
    of_which = plan.split is not None and plan.split.asks
    statement = as_statement(of_which) if of_which else ""
    if plan.intent == "yes_no" and not plan.is_overview and not asks_either(plan):
        statement = statement_of(plan)
    elif plan.intent == "count":
        # a name that all reviews are about is dropped from the query, and may be its subject
        said = _SAYING.search(plan.query) or _SAYING.search(plan.question)
        statement = said[1] if said else ""
    if not statement or not len(opinions):
        return None
    if plan.intent == "count":
        reading = read(statement, plan.vectors[0], 0.0, opinions, reader, _PAIRS)
        counted, both, of_a_view = count(reading, opinions, of_asked=True), 0, False
    else:
        of_a_view = _is_a_view(statement, reader)
        reading = read_polar(statement, plan, opinions, index, reader, of_a_view=of_a_view)
        counted = count(reading, opinions, YES, NO, of_asked=True)
        both = len(_voices(reading.makes, YES, opinions) & _voices(reading.opposes, NO, opinions))
    surely = np.maximum(reading.makes, reading.opposes)
    differ = opinions.scaled(len(counted.opposed))
    return Claim(counted, differ, opinions.scaled(both), of_a_view, surely)


def _voices(values: NDArray[np.float32], floor: float, opinions: Opinions) -> set[int]:
    return set(opinions.voices[values >= floor].tolist())


def _is_a_view(statement: str, reader: Reader) -> bool:
    """Whether a statement is on a side: "the bar is loud" is a view, "there is a bar" a fact."""
    side = reader.stance([("", statement)])[0]
    return side_of(float(side[0] - side[1])) != "neutral"


def asks_either(plan: QuestionPlan) -> bool:
    """Whether it asks which of two is so, which is neither yes nor no: "Is it good or overpriced?"."""
    return re.search(r"\bor\b(?! (?:so|not)\b)", plan.query, re.IGNORECASE) is not None


def statement_of(plan: QuestionPlan) -> str:
    """What a question whether something is so asks the truth of; an item whose name was cut, and that
    is its subject, is "it": "Is (the Fox and Crown) quiet at night?".
    """
    query = without_places(plan, _ANYONE.sub(r"\1 we", plan.query))
    begin = plan.question[: plan.items[0].start] if plan.items else ""
    if asks := _ONLY_ASKS.fullmatch(begin):
        query = re.sub(rf"^(\W*{asks[1]})\b", r"\1 it", query, count=1, flags=re.IGNORECASE)
    return as_statement(query)
