"""The points of an answer: chosen on each side, counted, and those that repeat others left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rag.answering.counting import Count, count, read
from rag.answering.key_points import choose_points
from rag.answering.opinions import PROPOSED, Opinions
from rag.answering.prompt import Group
from rag.index import ReviewIndex
from rag.index.catalogue import index_catalogue
from rag.index.vectors import Mask
from rag.reader import Reader
from rag.reader.stance import NEUTRAL_BAND, side_of
from rag.schema import Side
from rag.understanding.intent import content_words
from rag.understanding.plan import QuestionPlan
from rag.understanding.side import judges, without_judgement

PAIRS = 600
"""Pairs of texts that the reader reads for a question; a few more where the points are many."""

_A_SIDE = 4  # points of each side where both are wanted,
_ASKED_SIDE, _OTHER_SIDE = 6, 2  # and where one is
_OF_NEITHER = 4
_MOSTLY_JUDGED = 0.6  # of those who speak, from which what is on neither side is left out
_SPARE = 2  # counted beyond those wanted, since some will repeat others
_FEWEST_PAIRS = 56  # for a point, whatever was read before: of some hundred sentences
_OVERLAP = 0.5  # of the reviews of two points, that make both, from which they are the same
_ENOUGH_READ = 6  # reviews that were read for both, to tell by these alone
_COMMON_SHARE, _FEWEST_COMMON = 0.25, 20
_STEM = 5
_CLEAR = 0.6  # stance of a sentence that stands for others


@dataclass(frozen=True, slots=True)
class Point:
    """A point: the place of its sentence among the opinions, its side, and its count."""

    place: int
    side: Side
    count: Count

    def voices(self, opinions: Opinions) -> set[int]:
        """Who makes it."""
        return {int(opinions.voices[place]) for place in (self.place, *self.count.places)}


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Which sentences are in a group, (sentences,), and which of these may be quoted."""

    all: Mask
    quotable: Mask


class PointFinder:
    """Finds the points that opinions make. Safe to share between threads."""

    def __init__(self, index: ReviewIndex, reader: Reader) -> None:
        self._index = index
        self._reader = reader

    def points(
        self,
        plan: QuestionPlan,
        opinions: Opinions,
        cancelled: Callable[[], bool],
        groups: Mapping[Group, Members] | None = None,
    ) -> list[tuple[Group, list[Point]]]:
        """The points of each side, the fuller side or that which was asked for first, each with the
        commonest first; fewer once `cancelled()` is true. Where `groups` of the sentences are given,
        those of each of these, in their order, and not of each side; a point is then made by members of
        its group only.
        """
        chosen = (
            self._chosen(plan, opinions) if groups is None else _grouped(plan, opinions, groups)
        )
        spent = 0 if plan.is_overview else PROPOSED + len(opinions)
        left = sum(len(places) for _, _, places in chosen)
        found: list[tuple[Group, list[Point]]] = []
        for group, most, places in chosen:
            counted = []
            for place in places:
                if cancelled():
                    break
                left -= 1
                pairs = max(_FEWEST_PAIRS, (PAIRS - spent) // (left + 1))
                among = None if groups is None else groups[group].all
                point, read_pairs = self._counted(place, opinions, pairs, among)
                spent += read_pairs
                counted.append(point)
            kept = _distinct(counted, opinions)[:most]
            asked = groups is not None or plan.side in ("neutral", group)
            if not asked:  # one against the many is mostly misread
                kept = [point for point in kept if point.count.number > 1]
            if kept:
                found.append((group, kept))
        return found

    def _chosen(self, plan: QuestionPlan, opinions: Opinions) -> list[tuple[Group, int, list[int]]]:
        """(side, points wanted, places of candidates)."""
        members: dict[Side, Mask] = {
            "praise": opinions.stances >= NEUTRAL_BAND,
            "criticism": opinions.stances <= -NEUTRAL_BAND,
            "neutral": np.abs(opinions.stances) < NEUTRAL_BAND,
        }
        speak = {side: len(np.unique(opinions.voices[chosen])) for side, chosen in members.items()}
        order: list[Side] = ["praise", "criticism"]
        if plan.side == "criticism" or (
            plan.side == "neutral" and speak["criticism"] > speak["praise"]
        ):
            order.reverse()
        wanted = dict.fromkeys(order, _A_SIDE)
        if plan.side != "neutral":
            other = 0 if plan.intent == "why" else _OTHER_SIDE
            wanted = {side: _ASKED_SIDE if side == plan.side else other for side in order}
        judge = len(np.unique(opinions.voices[~members["neutral"]]))
        everyone = len(np.unique(opinions.voices))
        if not plan.is_overview and plan.side == "neutral" and judge < _MOSTLY_JUDGED * everyone:
            wanted["neutral"] = _OF_NEITHER
        chosen: list[tuple[Group, int, list[int]]] = []
        for side, most in wanted.items():
            says_little = self._says_little if plan.is_overview else None
            places = choose_points(
                opinions, members[side], 2 * (most + _SPARE), naming_words(plan), says_little
            )
            chosen.append(
                (side, most, self._agreeing(plan, opinions, places, side)[: most + _SPARE])
            )
        return chosen

    @cached_property
    def _common(self) -> frozenset[str]:
        """Words that a quarter of the reviews have: what they are all about."""
        catalogue = index_catalogue(self._index)
        most = max(_COMMON_SHARE * catalogue.reviews, _FEWEST_COMMON)
        return frozenset(word for word, reviews in catalogue.words.items() if reviews > most)

    def _says_little(self, text: str) -> bool:
        """Whether a sentence only praises or blames, and names nothing in particular."""
        words = content_words(text).casefold().split()
        return not any(not judges(word) and word not in self._common for word in words)

    def _agreeing(
        self, plan: QuestionPlan, opinions: Opinions, places: Sequence[int], side: Side
    ) -> list[int]:
        """Those that the reader, too, finds to be on the side by themselves."""
        if not (plan.is_overview and places):
            return list(places)
        sides = self._reader.stance([("", opinions.texts[place]) for place in places])
        return [
            place
            for place, row in zip(places, sides, strict=True)
            if not opinions.read_language[place] or _clearly(float(row[0] - row[1]), side)
        ]

    def _counted(
        self, place: int, opinions: Opinions, pairs: int, among: Mask | None
    ) -> tuple[Point, int]:
        """The point, and how many pairs were read for it."""
        reading = read(
            opinions.texts[place],
            opinions.vectors[place],
            float(opinions.stances[place]),
            opinions,
            self._reader,
            pairs,
        )
        if among is not None:
            reading = replace(reading, makes=np.where(among, reading.makes, 0))
        side = side_of(float(opinions.stances[place]))
        return Point(place, side, count(reading, opinions)), reading.pairs


def _grouped(
    plan: QuestionPlan, opinions: Opinions, groups: Mapping[Group, Members]
) -> list[tuple[Group, int, list[int]]]:
    """(group, points wanted, places of candidates)."""
    return [
        (
            group,
            _A_SIDE,
            choose_points(opinions, members.quotable, _A_SIDE + _SPARE, naming_words(plan)),
        )
        for group, members in groups.items()
    ]


def _clearly(stance: float, side: Side) -> bool:
    """Whether a sentence is on the side beyond doubt."""
    return side_of(stance) == side and (side == "neutral" or abs(stance) >= _CLEAR)


def _distinct(points: Sequence[Point], opinions: Opinions) -> list[Point]:
    """The points, the commonest first, without those made by much the same reviews as one before,
    and without the rare where there are common ones.
    """
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: -point.count.number):
        if any(_say_the_same(point, other, opinions) for other in kept):
            continue
        if kept and point.count.number <= 1 < kept[0].count.number // 3:
            continue
        kept.append(point)
    return kept


def _say_the_same(point: Point, other: Point, opinions: Opinions) -> bool:
    """Whether two points are made by much the same reviews, by those that were read for both."""
    making, others = point.voices(opinions), other.voices(opinions)
    read = _read(point, opinions) & _read(other, opinions)
    if len((making | others) & read) >= _ENOUGH_READ:
        making, others = making & read, others & read
    return len(making & others) > _OVERLAP * len(making | others)


def _read(point: Point, opinions: Opinions) -> set[int]:
    return {int(opinions.voices[place]) for place in point.count.read}


def naming_words(plan: QuestionPlan) -> list[str]:
    """Beginnings of the words that name what is asked about, lower case."""
    return [word[:_STEM] for word in re.findall(r"\w+", without_judgement(plan.aspect).casefold())]
