"""What a question wants and which side, where words tell it better than the classifiers do (English)."""

from __future__ import annotations

import re

from rag.schema import Side
from rag.understanding.asked import Asked
from rag.understanding.aspect import (
    distinguishing,
    is_of_something,
    proper_names,
    tells_a_reason,
)
from rag.understanding.catalogue import Catalogue
from rag.understanding.classifier import Intent
from rag.understanding.intent import content_words, wants_summary
from rag.understanding.side import asked_side, judges, sides_named

_KEEPS_ITS_INTENT = ("statistic", "count", "why", "change")  # though two items are named
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
    r"^\W*(?:is|are|was|were|does|do|did|has|have|can|could) (?!you\b|people\b|we\b|i\b|there\b)",
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
_FEW_SPEAK = 0.05  # share of the reviews; what more of them name may be what all are of
_ABOUT_EVERYTHING = ("opinion", "yes_no", "overview")  # where no aspect is named


def wanted(
    said: Asked, aspect: str, classified: Intent, catalogue: Catalogue
) -> tuple[Intent, str]:
    """What is wanted, and the aspect that it is wanted of, "" for everything; `classified` is what the
    classifier takes it for.
    """
    intent = said.intent or _of_the_whole(said, aspect, classified, catalogue)
    if intent == "fact" and not said.is_fact and _HOW_IT_IS.search(said.form):
        intent = "opinion"  # "How loud is the fan?"
    if intent == "count" and said.is_fact and not _OF_REVIEWS.search(said.form):
        intent = "fact"  # "How many players take part?"
    if intent == "change" and _LASTS.search(said.form):
        intent = "yes_no"  # "Does the polish really last 14 days?"
    if _asks_of_all(said, aspect, intent, catalogue):
        aspect = ""
    if said.split is not None and intent in ("comparison", "fact", "yes_no", "change"):
        intent = "opinion" if aspect else "overview"  # "Which hotel has the best beds?"
    if len(said.items) > 1 and intent not in _KEEPS_ITS_INTENT:
        intent = "comparison"
    return intent, aspect


def _of_the_whole(said: Asked, aspect: str, intent: Intent, catalogue: Catalogue) -> Intent:
    """Whether all of it is asked about, or one thing."""
    if intent in _ABOUT_EVERYTHING:
        # "And the pool?" after "What do guests complain about?" is about the pool
        adds_aspect = aspect and not content_words(said.form)
        intent = "opinion" if adds_aspect else intent if aspect else "overview"
    if intent == "overview" and is_of_something(said.form, catalogue):
        intent = "opinion"  # "How do people feel about the crates you can buy?"
    if intent == "overview" and _names_another(said.form, catalogue):
        intent = "opinion"  # "How good is Meryl Streep?"
    if intent == "overview" and aspect and _ASKS_WHETHER.search(said.form):
        intent = "yes_no"  # "Is the packaging ok or does it come broken?"
    return intent


def _names_another(question: str, catalogue: Catalogue) -> bool:
    """Whether reviews are of several things, and it names what is none of them, by several words, and
    few speak of.
    """
    names = proper_names(question)
    if len(catalogue.items) < 2 or not names or wants_summary(question):
        return False
    few = _FEW_SPEAK * catalogue.reviews
    return all(catalogue.reviews_with(name.split()[-1]) < few for name in names)


def _asks_of_all(said: Asked, aspect: str, intent: Intent, catalogue: Catalogue) -> bool:
    """Whether its words name no part of what is reviewed, though there are some."""
    words = aspect.split()
    if intent == "why":  # "Why do people return it?" asks for all that is held against it
        reason = distinguishing(content_words(_IF.sub("", said.query)), catalogue)
        return not tells_a_reason(reason, catalogue, named=bool(said.items))
    if intent == "change":
        return all(judges(word) or word.casefold() in _GETS for word in words)
    return said.split is not None and all(map(judges, words))  # "Which lounge is the worst?"


def side_wanted(said: Asked, intent: Intent, classified: Side) -> Side:
    """The side that is asked for; where the classifier is not sure, the words say it."""
    side = said.side or classified
    if side == "neutral" and intent in ("count", "opinion", "why"):
        side = "praise" if _COME.search(said.form) else asked_side(said.form)
    elif intent == "overview" and not sides_named(said.form):
        side = "neutral"
    if side == "neutral" and said.split is not None and said.split.ranked:
        named = sides_named(said.question)
        side = named.pop() if len(named) == 1 else side
    return side
