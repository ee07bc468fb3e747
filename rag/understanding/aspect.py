"""Which words of a question tell what it is about, given what the reviews are of (English)."""

from __future__ import annotations

import re

from rag.understanding.catalogue import Catalogue
from rag.understanding.intent import content_words
from rag.understanding.names import is_kind
from rag.understanding.side import judges

_COMMON_SHARE = 0.5  # of the reviews; a word of more tells nothing apart
_FEWEST_COMMON = 20  # reviews that must have it
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
_NAME = re.compile(r"(?<=[\w,] )[A-Z][\w’'-]*(?: [A-Z][\w’'-]*)+")  # not the first word
_OF_ALL = frozenset(
    "audience experience film item movie place product purchase service stay".split()
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
        named = [word for word in words if not judges(word) and not _is_of_all(word, catalogue)]
        telling = named or telling
    return " ".join(telling or words)


def is_of_something(question: str, catalogue: Catalogue) -> bool:
    """Whether it asks what is thought of something that it names, and not of all."""
    asked_of = _THINK_OF.search(question)
    if asked_of is None:
        return False
    return any(
        word.islower()
        and not judges(word)
        and not _is_of_all(word, catalogue)
        and catalogue.reviews_with(word) > 0
        and not _is_common(word, catalogue)
        for word in content_words(asked_of[1]).split()
    )


def proper_names(question: str) -> list[str]:
    """Names of several words in it, such as "Front Man"; none where all is in capitals."""
    rest = _NAME.sub("", question).split()
    if not any(word.islower() and len(word) > 2 for word in rest[1:]):
        return []
    return _NAME.findall(question)


def tells_a_reason(aspect: str, catalogue: Catalogue, *, named: bool) -> bool:
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


def _is_of_all(word: str, catalogue: Catalogue) -> bool:
    """Whether a word is for what all reviews are of: "hotel", "experience"."""
    return is_kind(word.casefold(), catalogue) or word.casefold().removesuffix("s") in _OF_ALL


def _is_common(word: str, catalogue: Catalogue) -> bool:
    """Whether so many reviews have a word that it tells nothing apart."""
    most = max(_COMMON_SHARE * catalogue.reviews, _FEWEST_COMMON)
    return catalogue.reviews_with(word) > most
