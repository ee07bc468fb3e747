"""A question understood, before anything is searched: one plain record.

What is asked for (intent, side), of which reviews (items, times, ratings), and about what (aspect).
Names of what all reviews are about are dropped: in a corpus about one series its name is near to
every sentence, and swamps what the question is about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rag.filters import Condition, where_text
from rag.schema import Side
from rag.understanding.catalogue import Catalogue
from rag.understanding.classifier import Embed, Floats, Intent, classifier_for
from rag.understanding.intent import content_words, task_for, wants_overview
from rag.understanding.names import Mention, NameFinder
from rag.understanding.period import limits_of
from rag.understanding.side import asked_side

_GAP = "\x00"  # where a name stood
_LED_TO_GAP = re.compile(
    r"(?:\b(?:at|in|of|on|for|from|about|with|to|by|during|inside|near)\s+)?(?:\bthe\s+)?\x00"
    r"(?:['’]s?)?(?:,? (?:and|or|vs\.?|versus) \x00)?",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"\s{2,}")
_SPACE_BEFORE_MARK = re.compile(r"\s+(?=[?.!,;:])")
_LEFT_OVER = re.compile(r"[,\s]*(?:\b(?:or|and|vs\.?|versus)\s*)?(?=[?.!]*$)", re.IGNORECASE)
_LEADING = re.compile(r"^[\s,:;–—-]+")
_KEEPS_ITS_INTENT = ("statistic", "count", "why", "change")  # though two items are named
_OF_ONE_THING = ("fact", "count", "statistic")  # also where no aspect is named
_ABOUT_EVERYTHING = ("opinion", "yes_no", "overview")  # where no aspect is named


@dataclass(frozen=True, slots=True)
class QuestionPlan:
    """What a question asks.

    `query` is what is searched for: the question without the names, times and ratings that became
    conditions; `aspect` its content words, "" for everything. `vectors`, (2, dimension), are those
    of `query` and of `aspect`. `items` are the items to answer for, each of them for itself where
    there are several mentions; `unknown_item` a name that no review is of. `conditions` are
    what the times, the ratings and a lone item come to; for "change" the times are none, since what
    came before is wanted, too.
    """

    question: str
    intent: Intent
    side: Side
    query: str
    aspect: str
    vectors: Floats
    items: tuple[Mention, ...] = ()
    unknown_item: str = ""
    conditions: tuple[Condition, ...] = ()
    is_part: bool = False  # of a question about several items

    @property
    def parts(self) -> tuple[QuestionPlan, ...]:
        """A plan for each item to answer for; itself where there is one at most."""
        if len(self.items) < 2:
            return (self,)
        return tuple(
            replace(
                self,
                items=(mention,),
                is_part=True,
                conditions=(*self.conditions, item_condition(mention.items)),
            )
            for mention in self.items
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "intent": self.intent,
            "side": self.side,
            "query": self.query,
            "aspect": self.aspect,
            "items": {mention.name: list(mention.items) for mention in self.items},
            "unknown_item": self.unknown_item,
            "conditions": where_text(self.conditions),
        }

    @property
    def is_overview(self) -> bool:
        """Whether it is about everything."""
        return self.intent == "overview" or not (self.aspect or self.intent in _OF_ONE_THING)


def item_condition(items: Sequence[str]) -> Condition:
    """The condition that a review is of one of these items."""
    return Condition("item", "=", tuple(items))


def understand(
    question: str, finder: NameFinder, catalogue: Catalogue, embed: Embed, identity: str
) -> QuestionPlan:
    """The plan for a question that stands alone. Embeds once: what is searched for and the aspect;
    `identity` is the embedder's.
    """
    names = finder.find(question)
    limits = limits_of(question, catalogue.dates, catalogue.scale)
    spans = [*names.subjects, *((mention.start, mention.end) for mention in names.items)]
    query = _without(question, spans, [limit.words for limit in limits])
    aspect = content_words(query)
    asked = query or question
    searched, words = embed([asked, aspect or asked])
    classifier = classifier_for(identity, embed)
    intent = classifier.intent(asked, searched)
    if task_for(question) is not None or (not aspect and intent in _ABOUT_EVERYTHING):
        intent = "overview"
    several = len({mention.items for mention in names.items}) > 1
    if several and intent not in _KEEPS_ITS_INTENT:
        intent = "comparison"
    conditions = [] if intent == "change" else [c for limit in limits for c in limit.conditions]
    if names.items and not several:
        conditions.append(item_condition(names.items[0].items))
    return QuestionPlan(
        question=question,
        intent=intent,
        side=classifier.side(asked, searched),
        query=asked,
        aspect=aspect,
        vectors=np.stack([searched, words]),
        items=_distinct(names.items),
        unknown_item=names.unknown,
        conditions=tuple(conditions),
    )


def plain_plan(question: str, embed: Embed) -> QuestionPlan:
    """The plan for a question taken as it stands, by rules alone: no names, times or ratings."""
    aspect = content_words(question)
    return QuestionPlan(
        question=question,
        intent="overview" if wants_overview(question) else "opinion",
        side=asked_side(question),
        query=question,
        aspect=aspect,
        vectors=embed([question, aspect or question]),
    )


def _without(question: str, spans: Sequence[tuple[int, int]], limits: Sequence[str]) -> str:
    """The question without the names at `spans` and without the words of its limits, and without
    the prepositions that led to them.
    """
    kept, done = "", 0
    for start, end in sorted(spans):
        kept += question[done:start] + _GAP
        done = max(done, end)
    kept += question[done:]
    for words in limits:
        kept = kept.replace(words, _GAP, 1)
    kept = _LED_TO_GAP.sub(" ", kept).replace(_GAP, " ")
    kept = _LEFT_OVER.sub("", _SPACE_BEFORE_MARK.sub("", _BLANKS.sub(" ", kept)))
    return _LEADING.sub("", kept).strip()


def _distinct(mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    """One mention for the same items."""
    by_items: dict[tuple[str, ...], Mention] = {}
    for mention in mentions:
        by_items.setdefault(mention.items, mention)
    return tuple(by_items.values())
