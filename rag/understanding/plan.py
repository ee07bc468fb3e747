"""A question understood, before anything is searched: one plain record.

What is asked for (intent, side), of which reviews (items, times, ratings), and about what (aspect).
Names of what all reviews are about are dropped: in a corpus about one series its name is near to
every sentence, and swamps what the question is about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from rag.filters import Condition, where_text
from rag.schema import Side
from rag.understanding.asked import asked
from rag.understanding.aspect import distinguishing
from rag.understanding.catalogue import Catalogue
from rag.understanding.classifier import Embed, Floats, Intent, classifier_for
from rag.understanding.intent import asks_for_fact, content_words, wants_overview
from rag.understanding.limits import PlanLimit, leave_out, limits_in, name_key, side_limit
from rag.understanding.names import Mention, NameFinder, Names
from rag.understanding.side import asked_side, judges
from rag.understanding.split import Split
from rag.understanding.wanted import side_wanted, wanted

BOTH_SIDES = "Tell both what is praised and what is criticised."
_WORD = re.compile(r"\w")
_OF_ONE_THING = ("fact", "count", "statistic")  # also where no aspect is named


@dataclass(frozen=True, slots=True)
class QuestionPlan:
    """What a question asks.

    `question` is it for a reader, with what it takes from the question before in brackets; `read_as`
    it with its spelling mended, where that was needed.
    `query` is what is searched for: the question without the names, times and ratings that became
    conditions; `aspect` its content words, "" for everything. `vectors`, (2, dimension), are those
    of `query` and of `aspect`. `items` are the items to answer for, each of them for itself where
    there are several mentions; `unknown_item` a name that no review is of. `conditions` are
    what the times, the ratings and a lone item come to; for "change" the times are none, since what
    came before is wanted, too. `limits` are all of these in a few words each, and `removed` those
    that were left out: `question` then stands without their words. `split`: by what the answer is told apart.
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
    is_fact: bool = False  # asks for one fact, by its words
    read_as: str = ""
    is_part: bool = False  # of a question about several items
    limits: tuple[PlanLimit, ...] = ()
    removed: tuple[PlanLimit, ...] = ()
    split: Split | None = None

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
            "limits": [asdict(limit) for limit in self.limits],
            "removed": [asdict(limit) for limit in self.removed],
            "split": self.split.by if self.split else "",
        }

    @property
    def for_model(self) -> str:
        """The question as a language model is asked it: where its side was left out, its words for
        that side still stand in it, and more is said.
        """
        one_sided = any(limit.kind == "side" for limit in self.removed)
        return f"{self.question} {BOTH_SIDES}" if one_sided else self.question

    @property
    def is_overview(self) -> bool:
        """Whether it is about everything."""
        return self.intent == "overview" or not (self.aspect or self.intent in _OF_ONE_THING)


def item_condition(items: Sequence[str]) -> Condition:
    """The condition that a review is of one of these items."""
    return Condition("item", "=", tuple(items))


def understand(
    question: str,
    finder: NameFinder,
    catalogue: Catalogue,
    embed: Embed,
    identity: str,
    previous: Sequence[str] = (),
    without: Sequence[str] = (),
) -> QuestionPlan:
    """The plan for a question, with what it takes from `previous`, those before it, oldest first.
    Embeds once: what is searched for, the aspect, and what tells the intent; `identity` is the
    embedder's.

    `without` are keys of limits that it would have (`PlanLimit`) and shall not: it is understood as
    if their words had not been written. Those for a side stay, but both sides are wanted. Where no
    word would be left, all are searched for and limit nothing.
    """
    rest, removed = leave_out(question, without, finder, catalogue)
    earlier = [leave_out(text, without, finder, catalogue) for text in previous]
    removed = tuple(
        {limit.key: limit for _, gone in (*earlier, (rest, removed)) for limit in gone}.values()
    )
    if removed and not _WORD.search(rest):
        return replace(plain_plan(question, embed), removed=removed)
    said = asked(rest, finder, catalogue, [text for text, _ in earlier])
    if name_key(said.unknown_item) in without:  # its words could not be found as they were written
        said = replace(said, unknown_item="")
    aspect = distinguishing(content_words(said.query), catalogue)
    if said.items and all(map(judges, aspect.split())):
        aspect = ""  # "Is Ryanair worth it?" is about all that is said of it
    searched, words, form = embed([said.query, aspect or said.query, said.form])
    classifier = classifier_for(identity, embed)
    intent, aspect = wanted(said, aspect, classifier.intent(said.form, form), catalogue)
    several = len(said.items) > 1
    in_force = () if intent == "change" else said.limits
    conditions = [condition for limit in in_force for condition in limit.conditions]
    if said.items and not several:
        conditions.append(item_condition(said.items[0].items))
    side = side_wanted(said, intent, classifier.side(said.form, form))
    sides = () if side == "neutral" else (side_limit(side),)
    both_sides = "side" in without
    names = Names(said.items, said.unknown_item)
    return QuestionPlan(
        question=f"{rest.strip()} ({said.taken})" if said.taken else rest,
        intent=intent,
        side="neutral" if both_sides else side,
        query=said.query,
        aspect=aspect,
        vectors=np.stack([searched, words]),
        items=said.items,
        unknown_item=said.unknown_item,
        conditions=tuple(conditions),
        is_fact=said.is_fact and said.split is None,
        read_as="" if said.question == rest else said.question,
        limits=(*limits_in(names, in_force, catalogue.scale), *(() if both_sides else sides)),
        removed=(*removed, *(sides if both_sides else ())),
        split=said.split,
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
        is_fact=asks_for_fact(question),
    )
