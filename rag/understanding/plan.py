"""A question understood, before anything is searched: one plain record.

What is asked for (intent, side), of which reviews (items, times, ratings), and about what (aspect).
Names of what all reviews are about are dropped: in a corpus about one series its name is near to
every sentence, and swamps what the question is about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.filters import Condition
from rag.schema import Side
from rag.understanding.catalogue import Catalogue
from rag.understanding.classifier import Embed, Floats, Intent, classifier_for, rule_intent
from rag.understanding.intent import content_words
from rag.understanding.names import Mention, NameFinder
from rag.understanding.period import Limit, limits_of
from rag.understanding.side import asked_side

_PREPOSITIONS = r"(?:at|in|of|on|for|from|about|with|to|by|during|inside|near)"
_DANGLING = re.compile(rf"\s*\b{_PREPOSITIONS}\s+(?:the\s+)?(?=[?.!,;:]|$)", re.IGNORECASE)
_BLANKS = re.compile(r"\s+(?=[?.!,;:])|\s{2,}")
_LEADING = re.compile(r"^[\s,:;–—-]+")
_SINGLE = ("overview", "why", "change")


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
    intent = rule_intent(question) or _intent(
        question, aspect, asked, classifier_for(identity, embed).intent
    )
    several = len({mention.items for mention in names.items}) > 1
    if several and intent not in _SINGLE:
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
        vectors=_pair(searched, words),
        items=_distinct(names.items),
        unknown_item=names.unknown,
        limits=limits,
        conditions=tuple(conditions),
    )
