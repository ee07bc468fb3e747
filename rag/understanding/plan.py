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
from rag.understanding.catalogue import Catalogue
from rag.understanding.classifier import Embed, Floats, Intent, classifier_for
from rag.understanding.intent import asks_for_fact, content_words, wants_overview
from rag.understanding.limits import PlanLimit, leave_out, limits_in, name_key, side_limit
from rag.understanding.names import Mention, NameFinder, Names, is_kind
from rag.understanding.side import asked_side, judges, sides_named
from rag.understanding.split import Split

BOTH_SIDES = "Tell both what is praised and what is criticised."
_WORD = re.compile(r"\w")
_COMMON_SHARE = 0.5  # of the reviews; a word of more tells nothing apart
_FEWEST_COMMON = 20  # reviews that must have it
_KEEPS_ITS_INTENT = ("statistic", "count", "why", "change")  # though two items are named
_OF_ONE_THING = ("fact", "count", "statistic")  # also where no aspect is named
_OUTCOMES = frozenset(
    """again back bring brought book booked buy bought cancel cancelled come coming finish finished go goes going
    went visit visits keep kept
    leave leaving left quit rent rented repurchase return returned returning returns send sending sent stay stayed
    stop stopped stopping uninstall uninstalled watching""".split()
)  # what people do since they like it or not
_THINK_OF = re.compile(
    r"\b(?:feel|think|thought|say|said|opinions?|thoughts?|views?) (?:\w+ ){0,2}?(?:about|of|on) (.+)",
    re.IGNORECASE,
)
_LASTS = re.compile(r"\blasts?\b(?! (?:\w+ )?(?:year|month|week|season)s?\b)", re.IGNORECASE)
_GETS = frozenset(
    "became become becoming gets getting got gotten gone grown lately recently".split()
)
_COME = re.compile(  # what people come for is what they like
    r"^\W*why (?:do|does|did|would|should) (?:\w+ ){0,3}?"
    r"(?:go|come|stay|visit|watch|buy|choose|play|read|eat|return)\b",
    re.IGNORECASE,
)
_ASKS_WHETHER = re.compile(
    r"^\W*(?:is|are|was|were|does|do|did|has|have|can|could) (?!you\b|people\b|we\b|i\b)",
    re.IGNORECASE,
)
_HOW_IT_IS = re.compile(
    r"^\W*(?:so |and |but )?how (?!many\b|much\b|often\b|long\b|far\b)\w+ (?:is|are|was|were)\b",
    re.IGNORECASE,
)
_IF = re.compile(r",? (?:if|when|although|even though|even if) .+$", re.IGNORECASE)
_OF_REVIEWS = re.compile(  # what is counted is who says something, and not told by a review
    r"\b(?:reviews?|ratings?|says?|said|mention\w*|complain\w*|calls?|report\w*|thinks?|feels?|finds?|agrees?)\b",
    re.IGNORECASE,
)
_OF_ALL = frozenset(
    "audience experience film item movie place product purchase service stay".split()
)
_ABOUT_EVERYTHING = ("opinion", "yes_no", "overview")  # where no aspect is named


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
    intent = said.intent or classifier.intent(said.form, form)
    if intent in _ABOUT_EVERYTHING and said.intent is None:
        # "And the pool?" after "What do guests complain about?" is about the pool
        adds_aspect = aspect and not content_words(said.form)
        intent = "opinion" if adds_aspect else intent if aspect else "overview"
    if intent == "overview" and said.intent is None and _is_of_something(said.form, catalogue):
        intent = "opinion"  # "How do people feel about the crates you can buy?"
    if intent == "overview" and said.intent is None and _ASKS_WHETHER.search(said.form):
        intent = "yes_no"  # "Is the packaging ok or does it come broken?"
    if intent == "fact" and not said.is_fact and _HOW_IT_IS.search(said.form):
        intent = "opinion"  # "How loud is the fan?"
    if intent == "count" and said.is_fact and not _OF_REVIEWS.search(said.form):
        intent = "fact"  # "How many players take part?"
    if intent == "why" and not _tells_a_reason(
        distinguishing(content_words(_IF.sub("", said.query)), catalogue),
        catalogue,
        named=bool(said.items),
    ):
        aspect = ""  # "Why do people return it?" asks for all that is held against it
    if intent == "change" and _LASTS.search(said.form):
        intent = "yes_no"  # "Does the polish really last 14 days?"
    if intent == "change" and all(judges(w) or w.casefold() in _GETS for w in aspect.split()):
        aspect = ""
    if said.split is not None and intent in ("comparison", "fact", "yes_no", "change"):
        if all(map(judges, aspect.split())):
            aspect = ""  # "Which lounge is the worst?" is about all that is said
        intent = "opinion" if aspect else "overview"  # "Which hotel has the best beds?"
    several = len(said.items) > 1
    if several and intent not in _KEEPS_ITS_INTENT:
        intent = "comparison"
    in_force = () if intent == "change" else said.limits
    conditions = [condition for limit in in_force for condition in limit.conditions]
    if said.items and not several:
        conditions.append(item_condition(said.items[0].items))
    side = said.side or classifier.side(said.form, form)
    if side == "neutral" and intent in ("count", "opinion", "why"):
        side = (
            "praise" if _COME.search(said.form) else asked_side(said.form)
        )  # where the classifier is not sure, its words say it
    elif intent == "overview" and not sides_named(said.form):
        side = "neutral"
    if side == "neutral" and said.split is not None and said.split.ranked:
        named = sides_named(said.question)
        side = named.pop() if len(named) == 1 else side
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


def distinguishing(aspect: str, catalogue: Catalogue) -> str:
    """The words of an aspect without those that half of all reviews have ("lounge" where lounges are
    reviewed): they are near to every sentence. All of them where none would be left.
    """
    words = aspect.split()
    telling = [word for word in words if not _is_common(word, catalogue)]
    judged = next((place for place, word in enumerate(words) if judges(word)), 0)
    before = [word for word in words[:judged] if not is_kind(word.casefold(), catalogue)]
    if not set(telling) & set(words[:judged]):
        telling = [*before, *telling]  # "Is the food good in Dubai?" is about the food
    if telling and all(map(judges, telling)):  # and so is "the best food"
        named = [word for word in words if not judges(word)]
        telling = [word for word in named if not is_kind(word.casefold(), catalogue)] or telling
    return " ".join(telling or words)


def _is_of_something(question: str, catalogue: Catalogue) -> bool:
    """Whether it asks what is thought of something that it names, and not of all."""
    asked_of = _THINK_OF.search(question)
    if asked_of is None:
        return False
    return any(
        word.islower()
        and not judges(word)
        and not is_kind(word, catalogue)
        and word.removesuffix("s") not in _OF_ALL
        and catalogue.reviews_with(word) > 0
        and not _is_common(word, catalogue)
        for word in content_words(asked_of[1]).split()
    )


def _tells_a_reason(aspect: str, catalogue: Catalogue, *, named: bool) -> bool:
    """Whether an aspect names more than what people do about all of it ("buy again"); capitals beside
    the name of an item are part of it ("American Airlines Admirals Club").
    """
    return any(
        not judges(word)
        and word.casefold() not in _OUTCOMES
        and not is_kind(word.casefold(), catalogue)
        and not (named and word[0].isupper())
        for word in aspect.split()
    )


def _is_common(word: str, catalogue: Catalogue) -> bool:
    """Whether so many reviews have a word that it tells nothing apart."""
    most = max(_COMMON_SHARE * catalogue.reviews, _FEWEST_COMMON)
    return catalogue.reviews_with(word) > most


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
