"""Whether a question wants its answer told apart: by rating, over time, or by item; and which item is best
(English).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rag.understanding.catalogue import Catalogue
from rag.understanding.names import is_kind

Facet = Literal["rating", "time", "item"]
"""What reviews are told apart by."""

_TIMES = "years?|months?|dates?|time"
_RATINGS = "(?:star )?ratings?|stars?|scores?|marks?"
_THINGS = "items?|products?|brands?|models?|versions?|ones?"
_ITEMS = (
    f"{_THINGS}|airlines?|airways|apartments?|apps?|books?|cafes?|clubs?|compan(?:y|ies)|films?|flats?|games?|hosts?|hotels?"
    "|hostels?|houses?|inns?|lounges?|listings?|movies?|museums?|phones?|places?|pubs?|resorts?|restaurants?|series|shops?"
    "|shows?|stores?"
)
_BY = re.compile(
    rf",?\s*\b(?:(?:split|broken down|grouped|sorted|separately|told apart) )?"
    rf"(?:by|per|for (?:each|every)|(?:in|at|of) (?:each|every)|across(?: (?:the|all|different))*)\s+"
    rf"(?:of the )?(?:(?P<rating>{_RATINGS})|(?P<time>{_TIMES})|(?P<item>{_ITEMS}))\b",
    re.IGNORECASE,
)
_WHICH = re.compile(
    rf"^\W*(?:(?:so|and|but) )?(?:(?:at|in|of|on|for) )?(?:which|what)\s+(?:of the (?:\w+ )?)?(?P<item>{_ITEMS})\b"
    r"(?:\s+(?=(?:is|are|was|were|has|have|had|do|does|did|should|would|gets?|comes?|offers?|serves?)\b))?",
    re.IGNORECASE,
)
_SUPERLATIVE = re.compile(
    r"\b(?!best|worst|most|least|rest|test|guest|west|east|chest|fest)\w{2,}est\b", re.IGNORECASE
)
_BEST_FOR = re.compile(  # "best thing for thin hair?"
    rf"^\W*(?:(?:so|and|but) )?(?:(?:what['’]?s|which['’]?s|(?:what|which)(?: one)? (?:is|are|would be)) )?(?:the )?"
    rf"(?:best|worst) (?P<item>things?|{_ITEMS})\b(?= (?:for|to|if|with|in|at)\b)",
    re.IGNORECASE,
)
_ASKS_OF_ALL = re.compile(r"\s*(?:are (?:there|reviewed|here)|do you have)\b", re.IGNORECASE)
_NAMED = 0.15  # of the items' names that have a word for what they are
_BEST = re.compile(r"\b(?:best|better|worst|worse|most|least|more|less|\w{3,}est)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Split:
    """By what an answer is told apart, and the `words` of the question that say so. Where it asks
    which items something is so of, `asks` is that question of one of them; where it asks which is
    best, or worst, they are `ranked`.
    """

    by: Facet
    words: str
    ranked: bool = False
    asks: str = ""


def split_of(question: str, catalogue: Catalogue) -> Split | None:
    """How a question wants its answer split; None where it does not, or the reviews cannot be told
    apart so.
    """
    several = len(catalogue.items) > 1
    if several and (found := _WHICH.match(question)) and _names_items(found["item"], catalogue):
        rest = question[found.end() :]
        if rest.strip(" ?.!") and not _ASKS_OF_ALL.match(rest):
            ranked = _BEST.search(rest) is not None
            asks = "" if ranked else _of_one(found["item"].casefold(), rest.strip())
            return Split("item", found[0], ranked, asks)
    found = _BEST_FOR.match(question) if several else None
    if found and (found["item"].startswith("thing") or _names_items(found["item"], catalogue)):
        return Split("item", found[0], ranked=True)
    for found in _BY.finditer(question):
        if found["rating"] and catalogue.scale is not None:
            return Split("rating", found[0])
        if found["time"] and catalogue.dates is not None:
            return Split("time", found[0])
        if found["item"] and several and _names_items(found["item"], catalogue):
            return Split("item", found[0])
    return None


def _names_items(word: str, catalogue: Catalogue) -> bool:
    """Whether a word is for what is reviewed here."""
    word = word.casefold()
    if re.fullmatch(_THINGS, word) or is_kind(word, catalogue):
        return True
    stem = word.removesuffix("s")
    named = sum(stem in item.casefold() for item in catalogue.items)
    return named >= _NAMED * len(catalogue.items)


def _of_one(word: str, rest: str) -> str:
    """The question whether it is so of one item: "have a pool?" is "Does the hotel have a pool?"."""
    thing = re.sub(r"ies$", "y", word) if word != "series" else word
    thing = "it" if re.fullmatch(_THINGS, word) else f"the {re.sub(r'(?<=[^sy])s$', '', thing)}"
    first, _, more = rest.partition(" ")
    verb = first.casefold()
    if verb in ("is", "are", "was", "were"):
        return f"{'Is' if verb in ('is', 'are') else 'Was'} {thing} {more}"
    if verb in ("do", "does", "did", "should"):
        return ""  # "Which hotels do families like?" asks for no property of theirs
    if verb in ("can", "could", "will", "would"):
        return f"{first.capitalize()} {thing} {more}"
    return f"Does {thing} {'have' if verb in ('has', 'had') else first.removesuffix('s')} {more}"


def plainly(query: str, words: Mapping[str, int]) -> str:
    """A question that asks for the extreme, as it asks how things are: "the quietest" is quiet, where
    the reviews have that word.
    """

    def plain(found: re.Match[str]) -> str:
        stem = found[0][:-3].casefold()
        forms = (stem, f"{stem}e", re.sub("i$", "y", stem), re.sub(r"(.)\1$", r"\1", stem))
        return next((form for form in forms if form in words), found[0])

    return _SUPERLATIVE.sub(plain, query)
