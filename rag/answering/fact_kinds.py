"""Kinds of facts that a question asks for, by its words, and how a sentence tells one: a price, a time, a
distance, a number, a name (English).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from rag.understanding.intent import EMPTY_WORDS

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
).split()
_NUMBER_OF = {word: float(number) for number, word in enumerate(_SMALL)} | {
    "thirty": 30.0,
    "forty": 40.0,
    "fifty": 50.0,
    "sixty": 60.0,
    "ninety": 90.0,
}
_TIMES = {"k": 1e3, "m": 1e6, "million": 1e6, "bn": 1e9, "billion": 1e9}
_DIGITS = r"\d[\d,]*(?:\.\d+)?"
_NUMBER = rf"(?:{_DIGITS}|\b(?:{'|'.join(_NUMBER_OF)})\b)"
_MONEY = re.compile(
    rf"(?P<sign>[$€£₩¥₹]) ?(?P<number>{_DIGITS})(?: ?(?P<times>k|m|bn|million|billion)\b)?"
    rf"|\b(?P<amount>{_DIGITS})(?: ?(?P<many>k|million|billion))?[ -]?"
    r"(?P<word>dollars?|bucks?|usd|euros?|eur|pounds?|gbp|quid|won|yen|rupees?)\b",
    re.IGNORECASE,
)
_SIGNS = {"d": "$", "b": "$", "u": "$", "e": "€", "p": "£", "g": "£", "q": "£", "w": "₩", "y": "¥"}
_UNITS = {  # as they are told, and as people write them
    "second": r"seconds?|secs?",
    "minute": r"minutes?|mins?",
    "hour": r"hours?|hrs?",
    "day": r"days?",
    "night": r"nights?",
    "week": r"weeks?",
    "month": r"months?",
    "year": r"years?|yrs?",
    "block": r"blocks?",
    "stop": r"stops?",
    "mile": r"miles?",
    "km": r"kms?|kilomet\w+",
    "metre": r"met(?:er|re)s?",
    "cm": r"cms?|centimet\w+",
    "foot": r"feet|foot|ft",
    "inch": r"inch(?:es)?|[\"”″]",
    "kg": r"kgs?|kilos?|kilograms?",
    "gram": r"g|grams?",
    "pound": r"lbs?|pounds?",
    "ounce": r"oz|ounces?",
}
_PLURAL = {"foot": "feet", "inch": "inches", "kg": "kg", "km": "km", "cm": "cm"}
_SPANS = ("second", "minute", "hour", "day", "night", "week", "month", "year")
_LENGTHS = ("cm", "metre", "foot", "inch")
_WAYS = ("second", "minute", "hour", "block", "stop", "mile", "km", "metre", "foot")
_WEIGHTS = ("kg", "gram", "pound", "ounce")
_CLOCK = re.compile(
    r"\b(?P<hour>1[0-2]|0?[1-9])(?:[:.](?P<minute>[0-5]\d))? ?(?P<half>[ap])\.?m\b"
    r"|\b(?P<hour24>[01]?\d|2[0-3]):(?P<minute24>[0-5]\d)\b|\b(?P<word>noon|midnight)\b",
    re.IGNORECASE,
)
_NEARBY = re.compile(
    r"\b(?:walking distance|(?:easy|short|quick|brief) walk|walkable|next door|around the corner"
    r"|across the (?:street|road)|(?:few|couple of) (?:blocks|minutes|steps))\b",
    re.IGNORECASE,
)
_PERSONS = re.compile(r"(?:people|persons?|players?|contestants?|participants?|competitors?)$")
_PART = r"[A-Z][\w.]*(?:[-’'][A-Za-z]\w+)*"
_NAME = re.compile(rf"{_PART}(?: (?:(?:de|van|von|le|la) )?{_PART})*")
_NO_NAMES = EMPTY_WORDS | frozenset(
    """he she his her him also even just only both those another director creator actor actress star
    season episode series show film movie every while although after before once since without yes
    no oh ok great good best here now then but so at of mr mrs ms dr""".split()
)


@dataclass(frozen=True, slots=True)
class Value:
    """What a sentence tells, from `start` on: `label` for people; equal values have the same `key`;
    `size` where they can be ordered.
    """

    key: str
    label: str
    size: float | None
    start: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fact. `noun`, with its article, is what people call it; `own` are the words of a
    question that ask for it, and are not its subject; `required`: a sentence that tells none does
    not answer. `units` of a measure; `counted`, the word for what is counted; `full`: a name of two
    words or more.
    """

    noun: str
    own: frozenset[str]
    required: bool = False
    units: tuple[str, ...] = ()
    counted: str = ""
    full: bool = False

    def values(self, text: str, question: str) -> Iterator[Value]:
        """What a sentence tells of this kind, in its order."""
        if self.noun == "a price":
            return _prices(text)
        if self.noun == "a time":
            return _times(text)
        if self.noun == "a name":
            return _names(text, question, full=self.full)
        if self.counted:
            return _numbers_of(text, self.counted)
        if self.noun == "a distance":
            return chain(_measures(text, self.units, aged=False), _nearby(text))
        return _measures(text, self.units, aged=self.noun == "an age")


def _kind(noun: str, own: str, *, required: bool = False, units: tuple[str, ...] = ()) -> Kind:
    return Kind(noun, frozenset(own.split()), required, units)


_ASKED: tuple[tuple[str, Kind], ...] = (
    (
        r"how heavy|how much (?:do|does|did) .+ weigh\b|what .+ weight\b",
        _kind("a weight", "heavy weigh weight", required=True, units=_WEIGHTS),
    ),
    (
        r"(?!.*\b(?:think|say|feel|like)\b)(?:how much (?:is|are|was|were)\b"
        r"|(?:how much|what)\b.+\b(?:cost|costs|pay|paid|charged?|spend|fees?|price|rate)\b)",
        _kind(
            "a price",
            "cost costs pay paid charge charged spend spent fee fees price prices rate money",
            required=True,
        ),
    ),
    (r"how long|how much time", _kind("a time span", "last lasts take takes", units=_SPANS)),
    (r"how far|how close|how near", _kind("a distance", "far close near walk away", units=_WAYS)),
    (
        r"how (?:tall|high|wide|deep|thick)",
        _kind("a measure", "tall high wide deep thick", required=True, units=_LENGTHS),
    ),
    (r"how (?:big|large)|what size", _kind("a measure", "big large size", units=_LENGTHS)),
    (r"how old|what age", _kind("an age", "old age", units=("year",))),
    (r"(?:at |from |until )?what time", _kind("a time", "time")),
)
_HOW_MANY = re.compile(  # what is counted is the last word before the verb
    r"how many ((?:[a-z][\w-]* ){0,3}?[a-z][\w-]*)(?= (?:is|are|was|were|do|does|did|have|has|had|can|could|will|would"
    r"|should|take|took|in|on|of|at|per|there)\b|\W*$)",
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
            return _kind("a measure", many[1], required=True, units=_LENGTHS)
        unit = next((unit for unit in _SPANS if re.fullmatch(_UNITS[unit], noun)), "")
        if unit:
            return Kind("a time span", frozenset({noun}), True, _SPANS)
        return Kind("a number", frozenset(), True, counted=noun)
    if _ACTED.match(asked):
        own = "actor actress play plays played director composer author writer singer"
        return Kind("a name", frozenset(own.split()), full=True)
    return None


def _number(text: str) -> float:
    word = text.casefold()
    return _NUMBER_OF[word] if word in _NUMBER_OF else float(word.replace(",", ""))


def _told(number: float) -> str:
    return f"{number:,.2f}".rstrip("0").rstrip(".")


def _prices(text: str) -> Iterator[Value]:
    for found in _MONEY.finditer(text):
        times = (found["times"] or found["many"] or "").casefold()
        number = _number(found["number"] or found["amount"])
        sign = found["sign"] or _SIGNS.get(found["word"][0].casefold(), "₹")
        amount = _told(number) if times else f"{number:,.2f}".removesuffix(".00")
        label = f"{sign}{amount}{' ' if len(times) > 2 else ''}{times}"
        yield Value(label, label, number * _TIMES.get(times, 1), found.start())


def _times(text: str) -> Iterator[Value]:
    for found in _CLOCK.finditer(text):
        if found["word"]:
            hour, minute = (12, 0) if found["word"].casefold() == "noon" else (0, 0)
        elif found["half"]:
            hour = int(found["hour"]) % 12 + 12 * (found["half"].casefold() == "p")
            minute = int(found["minute"] or 0)
        else:
            hour, minute = int(found["hour24"]), int(found["minute24"])
        half = "am" if hour < 12 else "pm"
        label = f"{(hour + 11) % 12 + 1}{f':{minute:02}' if minute else ''} {half}"
        yield Value(label, label, hour + minute / 60, found.start())


def _measures(text: str, units: tuple[str, ...], *, aged: bool) -> Iterator[Value]:
    for unit in units:
        pattern = (
            rf"({_NUMBER})(?:(?: ?[-–] ?| to | or )({_NUMBER}))?\+?[ -]?(?:{_UNITS[unit]})(?!\w)"
        )
        if aged:
            pattern = rf"({_NUMBER})()[ -]?(?:(?:{_UNITS[unit]})[ -]old\b|yo\b|y/o\b)"
        for found in re.finditer(pattern, text, re.IGNORECASE):
            number = _number(found[1])
            until = _number(found[2]) if found[2] else number
            amount = _told(number) + (f" to {_told(until)}" if until != number else "")
            name = unit if amount == "1" else _PLURAL.get(unit, f"{unit}s")
            yield Value(f"{amount} {unit}", f"{amount} {name}", None, found.start())


def _nearby(text: str) -> Iterator[Value]:
    for found in _NEARBY.finditer(text):
        yield Value("near", "a short walk", None, found.start())


def _numbers_of(text: str, counted: str) -> Iterator[Value]:
    """Numbers of what is counted: "456 cash-strapped players", "seasons 1 to 8"."""
    stem = re.escape(counted.removesuffix("s"))
    stem = _PERSONS.pattern.removesuffix("$") if _PERSONS.match(counted) else rf"{stem}(?:e?s)?"
    before = re.compile(rf"({_NUMBER})[ -](?:[\w’'-]+ ){{0,2}}?(?:{stem})\b", re.IGNORECASE)
    for found in before.finditer(text):
        number = _number(found[1])
        yield Value(_told(number), _told(number), number, found.start())
    through = rf"\b(?:{stem}) (?:1|one) ?(?:-|–|to|through|thru|until) ?({_NUMBER})"
    for found in re.finditer(through, text, re.IGNORECASE):
        number = _number(found[1])
        yield Value(_told(number), _told(number), number, found.start())


def _names(text: str, question: str, *, full: bool) -> Iterator[Value]:
    asked = set(re.findall(r"\w+", question.casefold()))
    for found in _NAME.finditer(text):
        words = [re.sub(r"['’]s?$", "", word) for word in found[0].split()]
        while words and words[0].casefold() in _NO_NAMES:
            words = words[1:]
        parts = {part for word in words for part in re.findall(r"\w+", word.casefold())}
        shouted = len(found[0]) > 3 and found[0].isupper()
        if len(words) < 1 + full or shouted or parts & asked or parts & _NO_NAMES:
            continue
        name = " ".join(words)
        yield Value("".join(re.findall(r"\w", name.casefold())), name, None, found.start())
