"""What sentences tell as facts: prices, times, measures, distances, ages, numbers, names (English)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

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
UNITS = {  # as they are told, and as people write them
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
    "mg": r"mgs?|milligrams?",
    "GB": r"gbs?|gigs?|gigabytes?",
    "MB": r"mbs?|megabytes?",
}
_PLURAL = {
    "foot": "feet",
    "inch": "inches",
    "kg": "kg",
    "km": "km",
    "cm": "cm",
    "mg": "mg",
    "GB": "GB",
    "MB": "MB",
}
_SIZES: dict[str, float] = {  # of the units that measure the same thing, to put them in order
    **{"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "night": 86_400},
    **{"week": 604_800, "month": 2_630_000, "year": 31_600_000},
    **{"mg": 0.001, "gram": 1, "ounce": 28.35, "pound": 453.6, "kg": 1_000},
    **{"MB": 1, "GB": 1_000},
    **{"cm": 1, "inch": 2.54, "foot": 30.48, "metre": 100},
}
SPANS = ("second", "minute", "hour", "day", "night", "week", "month", "year")
LENGTHS = ("cm", "metre", "foot", "inch")
WAYS = ("second", "minute", "hour", "block", "stop", "mile", "km", "metre", "foot")
WEIGHTS = ("kg", "gram", "pound", "ounce")
AMOUNTS = ("mg", "gram", "ounce", "GB", "MB")  # of what is in something
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


def _number(text: str) -> float:
    word = text.casefold()
    return _NUMBER_OF[word] if word in _NUMBER_OF else float(word.replace(",", ""))


def _told(number: float) -> str:
    return f"{number:,.2f}".rstrip("0").rstrip(".")


def prices(text: str, _: str) -> Iterator[Value]:
    """Sums of money: "$5", "1.5k dollars"."""
    for found in _MONEY.finditer(text):
        times = (found["times"] or found["many"] or "").casefold()
        number = _number(found["number"] or found["amount"])
        sign = found["sign"] or _SIGNS.get(found["word"][0].casefold(), "₹")
        amount = _told(number) if times else f"{number:,.2f}".removesuffix(".00")
        label = f"{sign}{amount}{' ' if len(times) > 2 else ''}{times}"
        yield Value(label, label, number * _TIMES.get(times, 1), found.start())


def times(text: str, _: str) -> Iterator[Value]:
    """Times of day: "5:30 pm", "noon"."""
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


def measures(text: str, _: str, *, units: tuple[str, ...]) -> Iterator[Value]:
    """Numbers of some units: "2 to 3 hours"."""
    until = rf"(?:(?: ?[-–] ?| to | or )({_NUMBER}))?\+?"
    for unit in units:
        yield from _measured(text, unit, rf"({_NUMBER}){until}[ -]?(?:{UNITS[unit]})(?!\w)")


def amounts(text: str, _: str, *, of: str) -> Iterator[Value]:
    """How much of something there is: "7 grams of plain sugar"; where it is said so nowhere, "sugar: 7
    g".
    """
    stem = re.escape(of.removesuffix("s"))
    before = rf" ?(?:of |from |are |is |in )?(?:[\w-]+ ){{0,3}}?{stem}(?:e?s)?\b"
    after = rf"\b{stem}(?:e?s)?\b[^\d.;]{{0,40}}?"
    for ahead, behind in ((r"", before), (after, r"(?! ?of\b)")):
        values = [
            value
            for unit in AMOUNTS
            for value in _measured(
                text, unit, rf"{ahead}({_NUMBER})()[ -]?(?:{UNITS[unit]})(?!\w){behind}"
            )
        ]
        if values:
            yield from values
            return


def ages(text: str, _: str) -> Iterator[Value]:
    """Ages of people: "my 6-year-old", "7 yo"."""
    years = rf"(?:{UNITS['year']})[ -]old\b|yo\b|y/o\b"
    return _measured(text, "year", rf"({_NUMBER})()[ -]?(?:{years})")


def distances(text: str, question: str) -> Iterator[Value]:
    """How far something is: "two blocks", "around the corner"."""
    yield from measures(text, question, units=WAYS)
    for found in _NEARBY.finditer(text):
        yield Value("near", "a short walk", None, found.start())


def _measured(text: str, unit: str, pattern: str) -> Iterator[Value]:
    for found in re.finditer(pattern, text, re.IGNORECASE):
        number = _number(found[1])
        until = _number(found[2]) if found[2] else number
        amount = _told(number) + (f" to {_told(until)}" if until != number else "")
        name = unit if amount == "1" else _PLURAL.get(unit, f"{unit}s")
        size = (number + until) / 2 * _SIZES[unit] if unit in _SIZES else None
        yield Value(f"{amount} {unit}", f"{amount} {name}", size, found.start())


def numbers(text: str, _: str, *, counted: str) -> Iterator[Value]:
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


def names(text: str, question: str) -> Iterator[Value]:
    """Names of two words or more, that the question does not have."""
    asked = set(re.findall(r"\w+", question.casefold()))
    for found in _NAME.finditer(text):
        words = [re.sub(r"['’]s?$", "", word) for word in found[0].split()]
        while words and words[0].casefold() in _NO_NAMES:
            words = words[1:]
        parts = {part for word in words for part in re.findall(r"\w+", word.casefold())}
        shouted = len(found[0]) > 3 and found[0].isupper()
        if len(words) < 2 or shouted or parts & asked or parts & _NO_NAMES:
            continue
        name = " ".join(words)
        yield Value("".join(re.findall(r"\w", name.casefold())), name, None, found.start())
