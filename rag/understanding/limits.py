"""What limits or directs an answer: items, times, ratings, a side. Each has a key, by which it can be
left out of the question (English).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from rag.filters import Condition
from rag.schema import Side
from rag.understanding.catalogue import Catalogue
from rag.understanding.cut import cut, with_joint
from rag.understanding.names import Mention, NameFinder, Names
from rag.understanding.period import Limit, limits_of

Kind = Literal["item", "name", "date", "rating", "side"]
"""A "name" is one that no review is of."""

_TIMES = {"=": "{}", ">=": "from {} on", ">": "after {}", "<": "before {}", "<=": "until {}"}
_MARKS = {"=": "{}", ">=": "at least {}", ">": "over {}", "<": "under {}", "<=": "at most {}"}
_MOST_STARS = 5


@dataclass(frozen=True, slots=True)
class PlanLimit:
    """One thing that limits an answer. `key` is what `without` calls it: "item:british-airways",
    "name:Hilton", "date", "rating" or "side"; `label` says it shortly: "British Airways", "2021",
    "1 star". A label may hold what a review file calls an item: escape it.
    """

    key: str
    kind: Kind
    label: str


def limits_in(
    names: Names, stated: Sequence[Limit], scale: tuple[float, float] | None
) -> Iterator[PlanLimit]:
    """What the names, times and ratings of a question limit it to; all times are one limit, and so
    are all ratings. `scale` is that of the ratings.
    """
    named: dict[str, str] = {}
    for mention in names.items:
        named.setdefault(_item_key(mention), mention.name)
    yield from (PlanLimit(key, "item", name) for key, name in named.items())
    if names.unknown:
        yield PlanLimit(name_key(names.unknown), "name", names.unknown)
    dates = [_time(one.conditions) for one in stated if _kind(one) == "date"]
    ratings = [_rating(one.conditions, scale) for one in stated if _kind(one) == "rating"]
    if dates:
        yield PlanLimit("date", "date", " and ".join(dict.fromkeys(dates)))
    if ratings:
        yield PlanLimit("rating", "rating", " and ".join(dict.fromkeys(ratings)))


def side_limit(side: Side) -> PlanLimit:
    """That only praise, or only criticism, is wanted."""
    return PlanLimit("side", "side", side)


def name_key(name: str) -> str:
    """The key of a name that no review is of."""
    return f"name:{name}"


def leave_out(
    question: str, without: Collection[str], finder: NameFinder, catalogue: Catalogue
) -> tuple[str, tuple[PlanLimit, ...]]:
    """The question as if the limits with these keys had not been written in it, and those limits.
    Keys that it has no limit for do nothing.
    """
    removed: dict[str, PlanLimit] = {}
    for _ in without:  # a name left out may bring another one to light
        names = finder.find(question)
        stated = limits_of(question, catalogue.dates, catalogue.scale)
        found = {limit.key: limit for limit in limits_in(names, stated, catalogue.scale)}
        gone = {key: limit for key, limit in found.items() if key in without}
        if not gone:
            break
        removed |= gone
        spans = [(m.start, m.end) for m in names.items if _item_key(m) in gone]
        others = [(m.start, m.end) for m in names.items if _item_key(m) not in gone]
        words = [one.words for one in stated if _kind(one) in gone]
        if names.unknown and name_key(names.unknown) in gone:
            words.append(names.unknown)
        question = cut(question, [with_joint(question, span, others) for span in spans], words)
    return question, tuple(removed.values())


def _item_key(mention: Mention) -> str:
    return f"item:{' | '.join(mention.items)}"


def _kind(stated: Limit) -> str:
    return stated.conditions[0].field


def _time(conditions: Sequence[Condition]) -> str:
    times = [_when(condition.values[0]) for condition in conditions]
    if len(times) == 2:
        return " to ".join(times)
    return _TIMES[conditions[0].operator].format(times[0])


def _when(stamp: str) -> str:
    """A date cut short in words: "2021", "March 2023", "2 May 2023"."""
    parts = stamp.count("-")
    if parts == 0:
        return stamp
    day = date.fromisoformat(stamp if parts == 2 else f"{stamp}-01")
    return f"{day:%-d %B %Y}" if parts == 2 else f"{day:%B %Y}"


def _rating(conditions: Sequence[Condition], scale: tuple[float, float] | None) -> str:
    marks = [condition.values[0] for condition in conditions]
    operator = conditions[0].operator
    if marks[0].endswith("%"):
        return "low ratings" if operator == "<=" else "high ratings"
    said = " to ".join(marks) if len(marks) == 2 else _MARKS[operator].format(marks[0])
    if scale is not None and scale[1] != _MOST_STARS:
        return f"{said} of {scale[1]:g}"
    return f"{said} star" if marks == ["1"] else f"{said} stars"
