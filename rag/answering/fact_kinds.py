"""Kinds of facts that a question asks for, by its words (English)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from rag.answering.fact_values import (
    LENGTHS,
    SPANS,
    UNITS,
    WEIGHTS,
    Value,
    ages,
    amounts,
    distances,
    measures,
    names,
    numbers,
    prices,
    times,
)

Values = Callable[[str, str], Iterator[Value]]
"""What a sentence tells, in its order, given the sentence and the question."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fact. `noun`, with its article, is what people call it; `own` are the words of a
    question that ask for it, and are not its subject; `required`: a sentence that tells none does
    not answer.
    """

    noun: str
    values: Values
    own: frozenset[str]
    required: bool = False


def _kind(noun: str, values: Values, own: str, *, required: bool = False) -> Kind:
    return Kind(noun, values, frozenset(own.split()), required)


_ASKED: tuple[tuple[str, Kind], ...] = (
    (
        r"how heavy|how much (?:do|does|did) .+ weigh\b|what .+ weight\b",
        _kind("a weight", partial(measures, units=WEIGHTS), "heavy weigh weight", required=True),
    ),
    (
        r"(?!.*\b(?:think|say|feel|like)\b)(?:how much (?:is|are|was|were)\b"
        r"|(?:how much|what)\b.+\b(?:cost|costs|pay|paid|charged?|spend|fees?|price|rate)\b)",
        _kind(
            "a price",
            prices,
            "cost costs pay paid charge charged spend spent fee fees price prices rate money",
            required=True,
        ),
    ),
    (
        r"how long|how much time",
        _kind("a time span", partial(measures, units=SPANS), "last lasts take takes"),
    ),
    (r"how far|how close|how near", _kind("a distance", distances, "far close near walk away")),
    (
        r"how (?:tall|high|wide|deep|thick)",
        _kind(
            "a measure",
            partial(measures, units=LENGTHS),
            "tall high wide deep thick",
            required=True,
        ),
    ),
    (
        r"how (?:big|large)|what size",
        _kind("a measure", partial(measures, units=LENGTHS), "big large size"),
    ),
    (r"how old|what age", _kind("an age", ages, "old age")),
    (r"(?:at |from |until )?what time", _kind("a time", times, "time")),
)
_HOW_MANY = re.compile(  # what is counted is the last word before the verb
    r"how many ((?:[a-z][\w-]* ){0,3}?[a-z][\w-]*)(?= (?:is|are|was|were|do|does|did|have|has|had|can|could|will|would"
    r"|should|take|took|in|on|of|at|per|there)\b|\W*$)",
    re.IGNORECASE,
)
_HOW_MUCH = re.compile(
    r"how much (?!(?:time|better|worse|more|less|\w+er)\b)([a-z][\w-]*) (?:is|are|does|do|has|have|comes?)\b",
    re.IGNORECASE,
)
_ACTED = re.compile(
    r"(?:who|which act(?:or|ress)|what act(?:or|ress))\b.+?\b(?:play(?:s|ed)?|voice[sd]?|star\w*|direct\w*|compose\w*"
    r"|wr[io]te\w*|written|sang|sings)\b|who(?:'s| is| was) the (?:director|composer|author|writer|singer)\b",
    re.IGNORECASE,
)


def kind_of_fact(question: str) -> Kind | None:
    """What kind of fact is asked for; None for one that no pattern can tell from other words."""
    asked = " ".join(question.casefold().split())
    asked = re.sub(r"^\W*(?:(?:and|so|exactly|about|roughly) )*", "", asked)
    for pattern, kind in _ASKED:
        if re.match(pattern, asked):
            return kind
    if many := _HOW_MANY.match(asked):
        noun = many[1].split()[-1]
        if noun in ("inches", "feet"):
            return _kind("a measure", partial(measures, units=LENGTHS), many[1], required=True)
        unit = next((unit for unit in SPANS if re.fullmatch(UNITS[unit], noun)), "")
        if unit:
            return _kind("a time span", partial(measures, units=SPANS), noun, required=True)
        return _kind("a number", partial(numbers, counted=noun), "", required=True)
    if much := _HOW_MUCH.match(asked):
        return _kind("an amount", partial(amounts, of=much[1]), "contain contains inside")
    if _ACTED.match(asked):
        own = "actor actress play plays played director composer author writer singer"
        return _kind("a name", names, own)
    return None
