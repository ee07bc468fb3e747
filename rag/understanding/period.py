"""Times and ratings that a question names, as conditions of the same kind as `--where` (English)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from rag.filters import Condition

_MONTHS = (
    "january february march april may june july august september october november december".split()
)
_MONTH = "(?:" + "|".join(f"{month}|{month[:3]}" for month in _MONTHS) + r")\b\.?"
_YEAR = r"(?:19|20)\d\d"
_WHEN = rf"(?:(?P<month>{_MONTH}) )?(?P<year>{_YEAR})"
_PERIOD = re.compile(
    rf"\b(?P<how>in|during|from|of|since|after|before|until|up to|by) (?:the )?"
    rf"(?:(?:year|summer|winter|spring|autumn|fall|[\w-]+(?: [\w-]+)?) (?:in|of) )?(?:early |late )?"
    rf"{_WHEN}\b",
    re.IGNORECASE,
)
_BETWEEN = re.compile(
    rf"\b(?:between|from) (?P<first>{_YEAR}) (?:and|to|until) (?P<last>{_YEAR})\b", re.IGNORECASE
)
_LATELY = re.compile(
    r"\b(?:lately|recently|nowadays|these days|most recent(?:ly)?|(?:in )?recent (?:reviews|times|months)|"
    r"the (?:latest|newest|most recent) reviews)\b",
    re.IGNORECASE,
)
_LAST = re.compile(
    r"\b(?:in|over|during|for) the (?:last|past) (?P<count>\d+ |few |couple of )?"
    r"(?P<unit>day|week|month|year)s?\b",
    re.IGNORECASE,
)
_NUMBERS = {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10}
_NUMBER = rf"(?:{'|'.join(_NUMBERS)}|\d{{1,2}})"
_MOST_STARS = 10
_STARS = re.compile(
    rf"\b(?:(?P<bound>at least|at most|more than|less than|under|over|below|above) )?"
    rf"(?P<low>{_NUMBER})(?:(?: |-)?(?:or|and|to|-)(?: |-)?(?P<high>{_NUMBER}))?[ -]?stars?\b(?! (?:trek|wars)\b)"
    r"(?:[ -](?:reviews?|ratings?|reviewers?))?",
    re.IGNORECASE,
)
_NEGATIVE = re.compile(
    r"\b(?:(?:in|of|from|among) (?:the )?)?(?P<side>low|high|badly|highly|poorly)[- ]rated reviews?\b",
    re.IGNORECASE,
)
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
_LATELY_DAYS = 365


@dataclass(frozen=True, slots=True)
class Limit:
    """Conditions that a part of a question stands for: the part, ``in 2021``, and what it means."""

    words: str
    conditions: tuple[Condition, ...]


_OPERATORS = {"since": ">=", "after": ">", "before": "<", "until": "<=", "up to": "<=", "by": "<="}


def limits_of(
    question: str,
    dates: tuple[str, str] | None = None,
    scale: tuple[float, float] | None = None,
) -> tuple[Limit, ...]:
    """The times and ratings that a question names.

    `dates` are the first and the last day of the reviews: "lately" is the year before the last.
    `scale` is that of the ratings: stars are of five, and are read on it.
    """
    limits = [*_periods(question), *_ratings(question, scale)]
    if dates is not None:
        limits += _recent(question, date.fromisoformat(dates[1]))
    return tuple(limits)


def _periods(question: str) -> list[Limit]:
    limits: list[Limit] = []
    taken: list[tuple[int, int]] = []
    for match in _BETWEEN.finditer(question):
        conditions = (_date(">=", match["first"]), _date("<=", match["last"]))
        limits.append(Limit(match.group(), conditions))
        taken.append(match.span())
    for match in _PERIOD.finditer(question):
        if any(start < match.end() and match.start() < end for start, end in taken):
            continue
        operator = _OPERATORS.get(match["how"].casefold(), "=")
        when = _stamp(match["year"], match["month"])
        limits.append(Limit(match.group(), (_date(operator, when),)))
    return limits


def _recent(question: str, last: date) -> list[Limit]:
    limits: list[Limit] = []
    for match in _LAST.finditer(question):
        stated = (match["count"] or "1").strip()
        count = int(stated) if stated.isdigit() else 3 if stated == "few" else 2
        first = last - timedelta(days=count * _DAYS[match["unit"].casefold()])
        limits.append(Limit(match.group(), (_date(">=", first.isoformat()),)))
    for match in _LATELY.finditer(question):
        first = last - timedelta(days=_LATELY_DAYS)
        limits.append(Limit(match.group(), (_date(">=", first.isoformat()),)))
    return limits


def _ratings(question: str, scale: tuple[float, float] | None) -> list[Limit]:
    limits: list[Limit] = []
    for match in _STARS.finditer(question):
        low = _number(match["low"])
        high = _number(match["high"]) if match["high"] else low
        bound = (match["bound"] or "").casefold()
        if max(low, high) > _MOST_STARS:
            continue
        limits.append(Limit(match.group(), _stars(low, high, bound, scale)))
    for match in _NEGATIVE.finditer(question):
        low_side = match["side"].casefold() in ("low", "badly", "poorly")
        condition = Condition("rating", "<=" if low_side else ">=", ("40%" if low_side else "70%",))
        limits.append(Limit(match.group(), (condition,)))
    return limits


def _stars(
    low: int, high: int, bound: str, scale: tuple[float, float] | None
) -> tuple[Condition, ...]:
    """Stars of five on the reviews' scale: on one to ten, one star is a mark of 1 or 2. More than five
    are of ten.
    """
    wide = scale is not None and scale[1] == 10 and max(low, high) <= 5
    lowest, highest = (2 * low - 1, 2 * high) if wide else (low, high)
    if bound in ("at least", "more than", "over", "above"):
        operator = ">=" if bound == "at least" else ">"
        return (_rating(operator, lowest if operator == ">=" else highest),)
    if bound in ("at most", "less than", "under", "below"):
        operator = "<=" if bound == "at most" else "<"
        return (_rating(operator, highest if operator == "<=" else lowest),)
    if lowest == highest:
        return (_rating("=", lowest),)
    return (_rating(">=", lowest), _rating("<=", highest))


def _rating(operator: str, mark: int) -> Condition:
    return Condition("rating", operator, (str(mark),))


def _date(operator: str, when: str) -> Condition:
    return Condition("date", operator, (when,))


def _stamp(year: str, month: str | None) -> str:
    if not month:
        return year
    place = next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(month[:3].casefold()))
    return f"{year}-{place:02d}"


def _number(text: str) -> int:
    return int(text) if text.isdigit() else _NUMBERS[text.casefold()]
