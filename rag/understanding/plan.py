"""A question understood, before anything is searched: one plain record.

What is asked for (intent, side), of which reviews (items, times, ratings), and about what (aspect).
Names of what all reviews are about are dropped: in a corpus about one series its name is near to
every sentence, and swamps what the question is about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag.filters import Condition
from rag.schema import Side
from rag.understanding.catalogue import Catalogue
from rag.understanding.classifier import Embed, Floats, Intent, classifier_for, rule_intent
from rag.understanding.intent import content_words, task_for
from rag.understanding.names import Mention, NameFinder
from rag.understanding.period import Limit, limits_of
from rag.understanding.side import asked_side

_GAP = "\x00"  # where a name stood
_LED_TO_GAP = re.compile(
    r"(?:\b(?:at|in|of|on|for|from|about|with|to|by|during|inside|near)\s+)?(?:\bthe\s+)?\x00"
    r"(?:['’]s?)?",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"\s{2,}")
_SPACE_BEFORE_MARK = re.compile(r"\s+(?=[?.!,;:])")
_LEADING = re.compile(r"^[\s,:;–—-]+")
_KEEPS_ITS_INTENT = ("statistic", "count", "why", "change")  # though two items are named
_ABOUT_EVERYTHING = ("opinion", "yes_no", "overview")  # where no aspect is named


@dataclass(frozen=True, slots=True)
class QuestionPlan:
    """What a question asks.

    `query` is what is searched for: the question without the names, times and ratings that became
    conditions; `aspect` its content words, "" for everything. `vectors`, (2, dimension), are those
    of `query` and of `aspect`. `items` are the items to answer for, each of them for itself where
    there are several mentions; `unknown_item` a name that no review is of. `limits` are the times
    and ratings found, `conditions` what they and a lone item come to; for "change" the times are
    none, since what came before is wanted, too.
    """

    question: str
    intent: Intent
    side: Side
    query: str
    aspect: str
    vectors: Floats
    items: tuple[Mention, ...] = ()
    unknown_item: str = ""
    limits: tuple[Limit, ...] = ()
    conditions: tuple[Condition, ...] = ()

    @property
    def is_overview(self) -> bool:
        """Whether it is about everything."""
        return self.intent == "overview" or not self.aspect


def item_condition(items: Sequence[str]) -> Condition:
    """The condition that a review is of one of these items."""
    return Condition("item", "=", tuple(items))


def understand(
    question: str, finder: NameFinder, catalogue: Catalogue, embed: Embed, identity: str
) -> QuestionPlan:
    """The plan for a question that stands alone. Embeds once: the question, what is searched for,
    and the aspect; `identity` is the embedder's.
    """
    names = finder.find(question)
    limits = limits_of(question, catalogue.dates, catalogue.scale)
    spans = [*names.subjects, *((mention.start, mention.end) for mention in names.items)]
    query = _without(question, spans, [limit.words for limit in limits])
    aspect = content_words(query)
    asked, searched, words = embed([question, query or question, aspect or query or question])
    intent = rule_intent(question) or classifier_for(identity, embed).intent(asked)
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
        side=asked_side(question),
        query=query,
        aspect=aspect,
        vectors=np.stack([searched, words]),
        items=_distinct(names.items),
        unknown_item=names.unknown,
        limits=limits,
        conditions=tuple(conditions),
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
    kept = _SPACE_BEFORE_MARK.sub("", _BLANKS.sub(" ", kept))
    return _LEADING.sub("", kept).strip()


def _distinct(mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    """One mention for the same items."""
    by_items: dict[tuple[str, ...], Mention] = {}
    for mention in mentions:
        by_items.setdefault(mention.items, mention)
    return tuple(by_items.values())
