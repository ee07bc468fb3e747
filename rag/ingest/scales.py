"""The scale of a file's ratings: what a mark is out of, and why that is thought."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rag.ingest.column_names import words
from rag.ingest.values import parse_rating
from rag.schema import ReviewFileError

USUAL_TOPS = (1.0, 5.0, 10.0, 100.0)
MOST_STRAYS = 0.05  # share of marks that may lie outside a scale
_FEWEST_AT_TOP = 3  # times as many marks at the top as strays above it
_ENOUGH = 30  # marks, from which on their distribution says more than a weak sign
_AVERAGE = re.compile(
    r"\b(avg|average|mean)\b|\b(show|movie|film|product|hotel|game) (rating|score)$"
)


@dataclass(frozen=True, slots=True)
class Scale:
    """Lowest and highest mark, and why. A `weak` one gives way to what many marks show."""

    lowest: float
    highest: float
    reason: str = ""
    weak: bool = False

    def __str__(self) -> str:
        return f"{self.lowest:g}..{self.highest:g}"

    def __contains__(self, rating: float) -> bool:
        return self.lowest <= rating <= self.highest


def parse_scale(text: str) -> tuple[float, float]:
    """``"1..10"`` as numbers. Raises `ReviewFileError` where it is no scale."""
    match = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*(?:\.\.|-|–|to)\s*(\d+(?:\.\d+)?)\s*", text)
    if match is None or float(match[1]) >= float(match[2]):
        raise ReviewFileError(f'"{text}" is no scale: write its lowest and highest mark as 1..10.')
    return float(match[1]), float(match[2])


def named_scale(column: str) -> Scale | None:
    """The scale that a column's name tells: "How was it? (1-5)", "Out of 10", "Stars"."""
    name = re.sub(r"[_\s]+", " ", column.casefold())
    reason = f'the column is called "{column}"'
    if ends := re.search(r"(?<!\d)([01])\s?(?:-|–|to|bis|à|\.\.)\s?(5|7|10|100)(?!\d)", name):
        return Scale(float(ends[1]), float(ends[2]), reason)
    if top := re.search(r"(?:out of|/|von|sur|su) ?(5|10|20|100)(?!\d)", name):
        return Scale(1.0 if top[1] in ("5", "10") else 0.0, float(top[1]), reason)
    if re.search(r"\bpercent|%", name):
        return Scale(0.0, 100.0, reason)
    if re.search(r"\bstars?\b", name):
        return Scale(1.0, 5.0, reason)
    return None


def scale_beside(column: str, cells: Iterable[Any]) -> Scale | None:
    """The scale that another column tells: an average out of ten, or IMDb's own id."""
    if "imdb" in column.casefold():
        return Scale(1.0, 10.0, "IMDb has marks from 1 to 10", weak=True)
    if not _AVERAGE.search(words(column)):
        return None
    marks = [mark[0] for mark in map(parse_rating, cells) if mark]
    if not 5 < max(marks, default=0) <= 10:
        return None
    return Scale(1.0, 10.0, f'"{column}" has marks out of 10', weak=True)


class Ratings:
    """The ratings of one column, counted as they are read."""

    def __init__(self) -> None:
        self._marks: Counter[float] = Counter()  # without a total of their own
        self._written: Counter[tuple[float, float]] = Counter()  # "8/10"

    def see(self, rating: float, total: float | None) -> None:
        """Take note of a rating, and of the total that is written with it."""
        if total is None:
            self._marks[rating] += 1
        else:
            self._written[rating, total] += 1

    def __len__(self) -> int:
        return self._marks.total() + self._written.total()

    def outside(self, scale: Scale) -> dict[float, int]:
        """The marks without a total of their own that do not lie on the scale, and how often."""
        return {mark: count for mark, count in self._marks.items() if mark not in scale}

    def scale(self, given: Scale | None, hints: Iterable[Scale]) -> Scale:
        """The scale they are on: the `given` one, else the first hint that fits, else what they
        show.
        """
        found = given or self._written_scale() or self._hinted(hints) or self._shown()
        if found.lowest > 0 and self._marks[0.0]:
            return replace(found, reason=f"{found.reason}; 0 is taken for not rated")
        return found

    def _written_scale(self) -> Scale | None:
        totals: Counter[float] = Counter()
        for (_, total), count in self._written.items():
            totals[total] += count
        if totals.total() <= self._marks.total():
            return None
        top = totals.most_common(1)[0][0]
        marks = [mark for mark, total in self._written if total == top]
        return Scale(_lowest(marks, top), top, f"most are written out of {top:g}")

    def _hinted(self, hints: Iterable[Scale]) -> Scale | None:
        total = self._marks.total()
        for hint in hints:
            if hint.weak and total >= _ENOUGH and max(self._marks) >= 5:
                continue
            unrated = self._marks[0.0] if hint.lowest > 0 else 0
            if any(0 < mark < hint.lowest for mark in self._marks):
                continue  # half a star is a mark
            if sum(self.outside(hint).values()) - unrated <= MOST_STRAYS * total:
                return hint
        return None

    def _shown(self) -> Scale:
        """The smallest usual scale that all marks are on, but for a few strays outside."""
        total = self._marks.total()
        below = sum(count for mark, count in self._marks.items() if mark < 0)
        strays = below <= MOST_STRAYS * total
        marks = [mark for mark in self._marks if mark >= 0 or not strays]
        for top in (*USUAL_TOPS, max(marks)):
            above = sum(count for mark, count in self._marks.items() if mark > top)
            lowest = _lowest([mark for mark in marks if mark <= top], top)
            if not above:
                return Scale(lowest, top, f"no mark is above {top:g}{self._doubt(lowest, top)}")
            if above <= MOST_STRAYS * total and self._marks[top] > _FEWEST_AT_TOP * above:
                return Scale(
                    lowest, top, f"{1 - above / total:.1%} of the marks are {top:g} or less"
                )
        raise AssertionError("no mark is above the highest one")

    def _doubt(self, lowest: float, top: float) -> str:
        """What else the marks could be, for the user to say."""
        if top == 5 and self._marks.total() >= _ENOUGH and max(self._marks) < 5:
            return ", but none is 5 either; give the scale if they are out of more"
        if top == 5 and lowest == 0 and self._marks[0.0]:
            return "; give 1..5 as the scale if 0 means not rated"
        return ""


def _lowest(marks: Collection[float], top: float) -> float:
    """Stars and marks out of ten begin at one, unless a mark is lower."""
    begins = 1.0 if top in (5.0, 10.0) else 0.0
    return begins if min(marks, default=1.0) >= begins else min(0.0, *marks)


def earlier_scale(record: Mapping[str, Any] | None) -> Scale | None:
    """The scale that an earlier import of the same kind of file had, from the manifest."""
    try:
        lowest, highest = parse_scale(str(record["rating_scale"])) if record else (0.0, 0.0)
    except (KeyError, ReviewFileError):
        return None
    return Scale(lowest, highest, "as in the earlier import of such a file") if highest else None
