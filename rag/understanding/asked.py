"""What a question states, and what a follow-up takes from the question before: words only, nothing
is embedded.

A follow-up is understood by itself. What it states (about what, of which items, times and ratings,
which side, what is wanted) replaces what was stated before; the rest it takes over. It is shown in
the user's own words with what was taken over in brackets, "And at Sue's? (the parking)": words put
into another sentence ("Is the drinks good?") often make no sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.schema import Side
from rag.understanding.catalogue import Catalogue
from rag.understanding.classifier import Intent, rule_intent
from rag.understanding.cut import asking, cut
from rag.understanding.follow_up import Lean, leaning, leant_on, own_words
from rag.understanding.intent import asks_for_fact, content_words, task_for
from rag.understanding.names import Mention, NameFinder, Names
from rag.understanding.period import Limit, limits_of
from rag.understanding.side import sides_named
from rag.understanding.spelling import spelt
from rag.understanding.split import Split, plainly, split_of
from rag.understanding.topic import PEOPLE, Topic

_BARE_YEAR = re.compile(
    r"^(\W*(?:(?:and|but|or|what|how|about)\b\s*)+)((?:[a-z]{3,9}\.? )?(?:19|20)\d\d\W*)$",
    re.IGNORECASE,
)
_GENERIC = re.compile(  # "the bad ones": which side, and nothing else
    rf"the|any|ones?|things?|points?|parts?|bits?|sides?|aspects?|experiences?|{PEOPLE}",
    re.IGNORECASE,
)
_ASKS_WHY = re.compile(r"^\W*(?:(?:and|but|so)\s+)?(?:why|how come)\b", re.IGNORECASE)
_ASKS_HOW_MANY = re.compile(r"^\W*(?:(?:and|but|so)\s+)?how many\W*$", re.IGNORECASE)
_COMPARES = re.compile(r"\b(?:than|compared|versus|vs)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question states, with what it took from the one before.

    `question` is it with its spelling mended, `taken` what it took, for a reader; `query` is what
    is searched for; `form` the whole question whose wording tells what is wanted and which side,
    unless `intent` or `side` do. `split`: the answer is to be told apart.
    """

    question: str
    query: str
    topic: Topic
    items: tuple[Mention, ...]
    unknown_item: str
    limits: tuple[Limit, ...]
    form: str
    is_fact: bool
    intent: Intent | None = None
    side: Side | None = None
    taken: str = ""
    split: Split | None = None


def asked(
    question: str, finder: NameFinder, catalogue: Catalogue, previous: Sequence[str] = ()
) -> Asked:
    """What `question` states, with what it takes from `previous`, those before it, oldest first."""
    question, *earlier = (spelt(text, catalogue) for text in (question, *previous))
    first, *others = (*leant_on(question, earlier), question)
    made = _alone(first, finder, catalogue)
    for text in others:
        lean = leaning(text)
        made = _after(made, text, lean, finder, catalogue) if lean else made
    return made


def _alone(question: str, finder: NameFinder, catalogue: Catalogue) -> Asked:
    names = finder.find(question)
    limits = limits_of(question, catalogue.dates, catalogue.scale)
    split = None if names.items else split_of(question, catalogue)
    query = asking(_without(question, names, limits, split)) or question
    if split is not None and split.ranked:
        query = plainly(query, catalogue.words)
    return Asked(
        question=question,
        query=query,
        topic=Topic.of(query),
        items=_distinct(names.items),
        unknown_item=names.unknown,
        limits=limits,
        form=query,
        is_fact=asks_for_fact(asking(question)),
        intent="overview" if task_for(question) is not None else None,
        split=split,
    )


def _after(
    before: Asked, question: str, lean: Lean, finder: NameFinder, catalogue: Catalogue
) -> Asked:
    """The follow-up, by itself, and then what it does not state."""
    stated = _BARE_YEAR.sub(r"\1in \2", question) if lean.how == "part" else question
    names = finder.find(stated)
    limits = limits_of(stated, catalogue.dates, catalogue.scale)
    split = None if names.items else split_of(stated, catalogue)
    own = _without(stated, names, limits, split)
    if split is not None and not content_words(own):  # "And by year?"
        made, kept = before, before.topic.shown
    elif lean.how in ("part", "whole"):
        made, kept = _with_part(before, own, lean)
    else:
        made, kept = _referring(before, question, own, lean)
    return replace(
        _with_reviews(made, before, names, limits, compares=_COMPARES.search(stated) is not None),
        question=question,
        taken=_taken(kept, before, names, limits),
        split=split,
    )


def _with_part(before: Asked, own: str, lean: Lean) -> tuple[Asked, str]:
    """A bare phrase in place of what it stands for, or a question for more of the same; and what
    of the topic was kept.
    """
    part = own_words(own)
    words = re.findall(r"[\w'’-]+", part)
    sides = set().union(*map(sides_named, words))
    if lean.how == "part" and len(sides) == 1 and all(map(_tells_only_a_side, words)):
        topic = before.topic.without_sides()
        made = replace(before, topic=topic, query=topic.words or before.query, side=sides.pop())
        return made, topic.shown
    if lean.how == "whole":
        intent: Intent | None = "why" if _ASKS_WHY.search(own) else rule_intent(own)
        intent = "count" if _ASKS_HOW_MANY.search(own) else intent
        is_fact = before.is_fact if intent else before.is_fact or asks_for_fact(own)
        query = f"{before.query} {own}"
        return replace(
            before, query=query, intent=intent or before.intent, is_fact=is_fact
        ), before.topic.shown
    if not content_words(part):
        return before, before.topic.shown
    topic, kept = before.topic.with_part(part)
    return replace(before, topic=topic, query=topic.words), kept.shown


def _referring(before: Asked, question: str, own: str, lean: Lean) -> tuple[Asked, str]:
    """A whole question with a word for what was asked about, or for all of it: it tells itself what
    is wanted.
    """
    about = before.topic.about if lean.how == "focus" else ""
    kept = about or (before.topic.shown if content_words(before.topic.words) else "")
    if about:
        pronoun = question[slice(*lean.pronoun)] if lean.pronoun else ""
        whole = re.sub(rf"\b{pronoun}\b", lambda _: about, own, count=1) if pronoun else own
        topic = Topic.around(whole, about)
        if topic.focus is None:
            topic = Topic((about, *topic.phrases), 0)
    else:
        topic = Topic((*before.topic.phrases, *Topic.of(own).phrases), before.topic.focus)
    query = f"{own} ({kept})" if kept else own
    made = replace(
        before,
        query=query,
        topic=topic,
        form=own,
        is_fact=asks_for_fact(question),
        intent=None,
        side=None,
    )
    return made, kept


def _with_reviews(
    made: Asked, before: Asked, names: Names, limits: tuple[Limit, ...], *, compares: bool
) -> Asked:
    """Of which reviews: the items, times and ratings that are named, else those of before."""
    fields = {condition.field for limit in limits for condition in limit.conditions}
    taken = [limit for limit in before.limits if fields.isdisjoint(_fields(limit))]
    items = names.items or (() if names.unknown else before.items)
    if compares and names.items:  # "Is it better than at Sue's?"
        items = (*before.items, *names.items)
    states_item = bool(names.items or names.unknown)
    return replace(
        made,
        items=_distinct(items),
        unknown_item=names.unknown if states_item else before.unknown_item,
        limits=(*taken, *limits),
    )


def _taken(kept: str, before: Asked, names: Names, limits: tuple[Limit, ...]) -> str:
    """What is taken over, for a reader: of the topic, the items, times and ratings."""
    fields = {condition.field for limit in limits for condition in limit.conditions}
    taken = [kept]
    if not (names.items or names.unknown):
        taken += [mention.name for mention in before.items] or [before.unknown_item]
    taken += [limit.words for limit in before.limits if fields.isdisjoint(_fields(limit))]
    return ", ".join(filter(None, taken))


def _fields(limit: Limit) -> set[str]:
    return {condition.field for condition in limit.conditions}


def _tells_only_a_side(word: str) -> bool:
    return bool(_GENERIC.fullmatch(word) or len(sides_named(word)) == 1)


def _without(
    question: str, names: Names, limits: Sequence[Limit], split: Split | None = None
) -> str:
    """The question without its names and without the words of its limits and its split, and without
    the prepositions that led to them.
    """
    spans = [*names.subjects, *((mention.start, mention.end) for mention in names.items)]
    words = [*(limit.words for limit in limits), names.unknown, split.words if split else ""]
    return cut(question, spans, filter(None, words))


def _distinct(mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    """One mention for the same items."""
    by_items: dict[tuple[str, ...], Mention] = {}
    for mention in mentions:
        by_items.setdefault(mention.items, mention)
    return tuple(by_items.values())
