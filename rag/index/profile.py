"""An index's reviews at a glance: how many there are, how they are rated, and when they were written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rag.filters import Condition
from rag.index import tables
from rag.index.facets import Facets, facets_in, is_day
from rag.index.snapshot import ReviewIndex

_MOST_MONTHS = 36  # from the first to the last; a longer time is counted by years
_MOST_YEARS = 60  # more come from a slip in a date: then only years with reviews are listed
_MOST_MARKS = 11  # whole marks that get a bar each; 0 to 10
_BINS = 10  # of ratings that have no few whole marks

Counts = tuple[tuple[str, int], ...]
"""Labels, each with its number of reviews."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What there is to see before anything is asked.

    `ratings` counts the `rated` reviews by mark, the lowest first; where the marks are many they
    are counted by tenths of the scale. `average` is on `scale`, (lowest, highest), which is 0 to
    100 (percent) where the reviews have several. `periods` counts by the month ("2021-09") or the
    year ("2021"), those without a review among them; `dates` are the first and the last day. Empty
    and None where no review has such a thing.
    """

    reviews: int
    rated: int
    average: float | None
    scale: tuple[float, float] | None
    percent: bool
    ratings: Counts
    dated: int
    dates: tuple[str, str] | None
    periods: Counts


def profile_of(index: ReviewIndex, where: Sequence[Condition] = ()) -> Profile:
    """The profile of the reviews in an index that meet all conditions; 50,000 take some hundredths
    of a second.
    """
    reviews = index.reviews_table
    if where:
        reviews = reviews.filter(pa.array(tables.meeting(reviews, where)))
    facets = facets_in(reviews)
    days = _days(reviews.column("date"))
    marks, scale, percent = _marks(reviews, facets)
    return Profile(
        reviews=reviews.num_rows,
        rated=len(marks),
        average=float(marks.mean()) if len(marks) else None,
        scale=scale,
        percent=percent,
        ratings=_by_mark(marks, scale, whole=facets.whole_marks and not percent) if scale else (),
        dated=days.total(),
        dates=facets.dates,
        periods=_by_period(days),
    )


def _marks(
    reviews: pa.Table, facets: Facets
) -> tuple[NDArray[np.float64], tuple[float, float] | None, bool]:
    """The ratings, the scale they are on, and whether that is percent."""
    if facets.ratings is not None:
        rated = reviews.column("rating").drop_null()
        return np.asarray(rated.to_numpy(), dtype=np.float64), facets.ratings, False
    fractions = tables.rating_fractions(reviews)
    marks = 100 * fractions[~np.isnan(fractions)]
    return marks, (0.0, 100.0) if len(marks) else None, True


def _by_mark(marks: NDArray[np.float64], scale: tuple[float, float], *, whole: bool) -> Counts:
    lowest, highest = scale
    if whole and lowest.is_integer() and highest.is_integer() and highest - lowest < _MOST_MARKS:
        counted = Counter(marks.tolist())
        return tuple(
            (f"{mark}", counted[float(mark)]) for mark in range(int(lowest), int(highest) + 1)
        )
    counts, edges = np.histogram(np.clip(marks, lowest, highest), _BINS, scale)
    labels = [f"{low:g} to {high:g}" for low, high in pairwise(edges.round(2).tolist())]
    return tuple(zip(labels, counts.tolist(), strict=True))


def _days(dates: pa.ChunkedArray) -> Counter[str]:
    """How many reviews each day has; what is no day is left out."""
    rows = pc.value_counts(dates).to_pylist()
    return Counter({row["values"]: row["counts"] for row in rows if is_day(row["values"])})


def _by_period(days: Counter[str]) -> Counts:
    if not days:
        return ()
    first, last = date.fromisoformat(min(days)), date.fromisoformat(max(days))
    months = range(12 * first.year + first.month - 1, 12 * last.year + last.month)
    labels: Iterable[str]
    if len(months) <= _MOST_MONTHS:
        length, labels = 7, [f"{month // 12}-{month % 12 + 1:02}" for month in months]
    else:
        length, labels = 4, [f"{year:04}" for year in range(first.year, last.year + 1)]
    counted: Counter[str] = Counter()
    for day, count in days.items():
        counted[day[:length]] += count
    if last.year - first.year > _MOST_YEARS:
        labels = sorted(counted)
    return tuple((label, counted[label]) for label in labels)
