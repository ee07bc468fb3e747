"""What a question holds, where it asks how many say so or whether it is so, and who bears that out."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.answering import headline
from rag.answering.counting import Count, Reading, count, read
from rag.answering.naming import words_told
from rag.answering.opinions import Opinions, Rows
from rag.answering.prompt import Group
from rag.answering.quoting import plain_words
from rag.answering.tally import Tally
from rag.index import ReviewIndex
from rag.index.vectors import Mask
from rag.reader import Reader
from rag.reader.stance import NEUTRAL_BAND
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
_DOUBTS = re.compile(r" (?:if|whether|wish|hope|thought|not|never|nor|\w+n t) ")
_DENIES = re.compile(
    r"\b(?:no|not|nor|never|without|lacks?|lacking|missing|wish|if)\b|n['’]t\b", re.IGNORECASE
)
_THERE_IS = re.compile(r"There (?:is|are|was|were) (.+)", re.IGNORECASE)
_DEFINITE = r"\b(?:the|its|it['’]s|their|our|built[- ]in) (?:[\w-]+ ){{0,2}}{0}"
_PAIRS = 200  # sentences read to count who says what the question holds
YES, NO = 0.5, 0.7  # probabilities of support and contradiction, from which a sentence says so
_IN_OTHER_WORDS = 0.75  # of support, of a sentence without
_HALF = 0.5  # of the words that the statement has
_STEM = 5
_DEGREES = frozenset(("too", "very", "really", "enough"))
_SHOWN = 0.75  # and from which it may be quoted, where any is so sure


@dataclass(frozen=True, slots=True)
class Claim:
    """Who bears out what a question holds. Of who says yes and who says no, so many say `both`;
    `of_a_view`: it is one, and no fact. `surely`, (sentences,), how surely each says yes or no.
    """

    count: Count
    both: int
    of_a_view: bool
    surely: NDArray[np.float32]

    def told(self, tally: Tally) -> str:
        """Whether it is so."""
        agree = max(self.count.number - self.both, 0)
        return headline.yes_or_no(
            tally,
            agree,
            len(self.count.opposed),
            self.both,
            of_a_view=self.of_a_view,
        )

    def decides(self, plan: QuestionPlan, opinions: Opinions) -> bool:
        """Whether it answers the question: how many say so, or whether it is so."""
        tally = Tally.of(opinions)
        return plan.intent == "count" or self.told(tally) != headline.speaking(tally)

    def who_says_what(self, places: Rows, *, others: bool = False) -> dict[Group, Mask]:
        """Which of the sentences at these places may be quoted for a yes, and which for a no: the
        surest; what more say first. With `others`, last which say neither.
        """
        agree, differ = self.count.places, self.count.opposed
        groups: dict[Group, Mask] = {"agree": np.isin(places, self._surest(agree))}
        groups["differ"] = np.isin(places, self._surest(differ))
        if len(differ) > len(agree):
            groups = dict(reversed(groups.items()))
        if others:
            groups["neutral"] = ~np.isin(places, self.places_of_all)
        return groups

    def _surest(self, places: Sequence[int]) -> Rows:
        at = np.array(places, dtype=np.int64)
        surely = self.surely[at]
        return at[np.flatnonzero(surely >= min(_SHOWN, surely.max(initial=0)))]

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
        counted, both = count(reading, opinions, of_asked=True), 0
    else:
        reading = _read_polar(statement, plan, opinions, index, reader)
        counted = count(reading, opinions, YES, NO, of_asked=True)
        both = len(_voices(reading.makes, YES, opinions) & _voices(reading.opposes, NO, opinions))
    surely = np.maximum(reading.makes, reading.opposes)
    return Claim(counted, opinions.scaled(both), _is_a_view(statement, reader), surely)


def _voices(values: NDArray[np.float32], floor: float, opinions: Opinions) -> set[int]:
    return set(opinions.voices[values >= floor].tolist())


def _is_a_view(statement: str, reader: Reader) -> bool:
    """Whether a statement is on a side: "the bar is loud" is a view, "there is a bar" a fact."""
    side = reader.stance([("", statement)])[0]
    return abs(float(side[0] - side[1])) >= NEUTRAL_BAND


def asks_either(plan: QuestionPlan) -> bool:
    """Whether it asks which of two is so, which is neither yes nor no: "Is it good or overpriced?"."""
    return re.search(r"\bor\b(?! (?:so|not)\b)", plan.query, re.IGNORECASE) is not None


def _read_polar(
    statement: str, plan: QuestionPlan, opinions: Opinions, index: ReviewIndex, reader: Reader
) -> Reading:
    """How surely each sentence says that the statement is so, or is not. What is in a language that the
    reader does not read says neither.
    """
    makes = np.zeros(len(opinions), dtype=np.float32)
    opposes = np.zeros_like(makes)
    places = np.flatnonzero(opinions.read_language)
    texts = [opinions.texts[place] for place in places.tolist()]
    supports = reader.support([((text,), statement) for text in texts])
    makes[places] = [support.entailed for support in supports]
    opposes[places] = [support.contradicted for support in supports]
    makes[[_word_for_word(statement, text) for text in opinions.texts]] = 1
    yes = says_yes(statement, opinions.texts, makes)
    if thing := _THERE_IS.match(statement):
        taken = _takes_it_to_be(thing[1], plan, opinions, index) & (opposes < NO)
        makes[taken] = np.maximum(makes[taken], YES)
        yes |= taken
    return Reading(np.where(yes, makes, 0), np.where(yes, 0, opposes))


def says_yes(statement: str, texts: Sequence[str], entailed: NDArray[np.float32]) -> Mask:
    """(sentences,) Which bear a statement out surely enough: those in other words must do so more
    surely, since the reader takes much for support that only is of the same kind of thing. What
    denies something ("it works without Wi-Fi") is not said without naming that.
    """
    words = content_words(statement).casefold().split()
    stems = [word[:_STEM] for word in words if word not in _DEGREES]
    in_other_words = math.inf if _DENIES.search(statement) else _IN_OTHER_WORDS
    needed = _HALF if in_other_words < 1 else 1.0
    floors = [YES if _share_told(stems, text) >= needed else in_other_words for text in texts]
    return np.asarray(entailed >= np.array(floors))


def _share_told(stems: Sequence[str], text: str) -> float:
    """How much of the words a text has, in any form."""
    words = plain_words(text).split()
    told = [any(word.startswith(stem) for word in words) for stem in stems]
    return sum(told) / len(told) if told else 1.0


def _word_for_word(statement: str, text: str) -> bool:
    """Whether a text has the statement as it stands, and does not doubt or deny it: the reader takes
    little notice of the first half of "The room was clean, but breakfast was cold."
    """
    before, found, _ = _plain(text).partition(_plain(statement))
    return bool(found) and not _DOUBTS.search(before)


def _plain(text: str) -> str:
    return f" {plain_words(text)} "


def _takes_it_to_be(thing: str, plan: QuestionPlan, opinions: Opinions, index: ReviewIndex) -> Mask:
    """(sentences,) Who speaks of "the showers" takes it that there are some: who has all words for
    the thing that there may be, and denies nothing. Of one thing it is "the remote" or "its remote",
    since "a remote" may be any.
    """
    words = content_words(thing)
    speaks = words_told(words, plan, index, share=1.0)[opinions.rows]
    denies = np.array([_DENIES.search(text) is not None for text in opinions.texts], dtype=bool)
    if re.match(r"an?\b", thing, re.IGNORECASE) and words:
        definite = re.compile(_DEFINITE.format(re.escape(words.split()[-1][:5])), re.IGNORECASE)
        speaks &= np.array([definite.search(text) is not None for text in opinions.texts], bool)
    return np.asarray(speaks & ~denies)


def statement_of(plan: QuestionPlan) -> str:
    """What a question whether something is so asks the truth of; an item whose name was cut, and that
    is its subject, is "it": "Is (the Fox and Crown) quiet at night?".
    """
    query = _ANYONE.sub(r"\1 we", plan.query)
    begin = plan.question[: plan.items[0].start] if plan.items else ""
    if asks := _ONLY_ASKS.fullmatch(begin):
        query = re.sub(rf"^(\W*{asks[1]})\b", r"\1 it", query, count=1, flags=re.IGNORECASE)
    return as_statement(query)
