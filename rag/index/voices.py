"""Who wrote the reviews, told apart by rating, time and item. Copies, and what one person wrote of one
item several times, are one voice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from rag.index import tables
from rag.index.facets import is_day
from rag.index.snapshot import ReviewIndex
from rag.schema import Slice

_MOST_MARKS = 11  # different ratings that are told apart
_YEARS_FROM = 730  # days between the first and the last review, from which years are told

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Voices:
    """Those who wrote the chosen reviews. `number`, (reviews of the index,), is the place of each
    review's voice, -1 where the review is not chosen; of each voice, `days`, `periods`, `ratings` and `items`
    are the date of its first review, the time that this is of, its rating and its item, as they are
    shown; "" where it has none.
    """

    number: NDArray[np.int64]
    days: NDArray[np.str_]
    periods: NDArray[np.str_]
    ratings: NDArray[np.str_]
    items: NDArray[np.str_]

    @classmethod
    def of(cls, index: ReviewIndex, meets: Bools) -> Voices:
        """The voices of the reviews that `meets`, (reviews of the index,), chooses."""
        chosen = np.flatnonzero(meets)
        _, first, place = np.unique(index.voices[chosen], return_index=True, return_inverse=True)
        number = np.full(len(meets), -1, dtype=np.int64)
        number[chosen] = place
        columns = ["date", "item", *tables.RATING_COLUMNS]
        table = tables.taken(index.reviews_table.select(columns), chosen[first])
        marks, low, high = (tables.numbers(table.column(name)) for name in tables.RATING_COLUMNS)
        rated = ~np.isnan(marks)
        if len(np.unique(np.stack([low, high])[:, rated], axis=1).T) != 1:
            marks = np.full_like(marks, np.nan)  # marks of several scales are no marks of one
        dates = table.column("date").to_pylist()
        sound = set(filter(is_day, dates))
        days = np.array([day if day in sound else "" for day in dates], dtype=np.str_)
        items = np.array([item or "" for item in table.column("item").to_pylist()], dtype=np.str_)
        return cls(number, days, _periods(days), _marks(marks), items)

    def __len__(self) -> int:
        return len(self.days)


def slices_of(
    labels: NDArray[np.str_], speaks: Bools, praises: Bools, criticises: Bools
) -> tuple[Slice, ...]:
    """A slice for each label but "", by size where all are numbers; each argument (voices,)."""
    values, place = np.unique(labels, return_inverse=True)
    counts = [
        np.bincount(place[mask], minlength=len(values))
        for mask in (
            speaks,
            praises & ~criticises,
            criticises & ~praises,
            np.ones_like(speaks),
        )
    ]
    slices = [
        Slice(str(label), *map(int, row))
        for label, row in zip(values, np.stack(counts, axis=1), strict=True)
        if label
    ]
    if slices and all(_is_number(each.label) for each in slices):
        slices.sort(key=lambda each: float(each.label))
    return tuple(slices)


def _marks(marks: NDArray[np.float64]) -> NDArray[np.str_]:
    """(voices,) the rating of each as it is shown, "" where it has none; whole numbers where there
    are many different ones, and none where there still are too many.
    """
    rated = ~np.isnan(marks)
    if len(np.unique(marks[rated])) > _MOST_MARKS:
        marks = np.round(marks)
    values = np.unique(marks[rated])
    if len(values) > _MOST_MARKS:
        return np.full(len(marks), "", dtype=np.str_)
    return np.array(
        [f"{mark:g}" if known else "" for mark, known in zip(marks, rated, strict=True)]
    )


def _periods(days: NDArray[np.str_]) -> NDArray[np.str_]:
    """(voices,) the year or month of each, "" where it has no date."""
    known = np.unique(days[days != ""])
    if not len(known):
        return days
    span = date.fromisoformat(str(known[-1])) - date.fromisoformat(str(known[0]))
    letters = 4 if span.days > _YEARS_FROM else 7
    return days.astype(f"<U{letters}")


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True
