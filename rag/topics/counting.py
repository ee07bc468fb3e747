"""Who speaks of a topic, for and against, by rating and over time; counted from what an index keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from rag.filters import Condition
from rag.index import ReviewIndex, tables
from rag.index.facets import is_day
from rag.topics import Rise, Slice, Topic
from rag.topics.definition import Definition, Kept, Matcher
from rag.topics.following import question_about
from rag.topics.quotations import best_quotation

_MOST_MARKS = 11  # different ratings that are told apart
_YEARS_FROM = 730  # days between the first and the last review, from which years are told
_RECENT = 0.2  # of the reviews
_CHANCE = 0.05  # that any topic of an index is told to rise without rising
_RISES = 1.25  # times the share it had, at least

Bools = NDArray[np.bool_]


def topics_of(index: ReviewIndex, kept: Kept, where: Sequence[Condition] = ()) -> tuple[Topic, ...]:
    """The topics of the reviews that meet all conditions, the most spoken of first; those of which
    none speaks are left out.
    """
    meets = tables.meeting(index.reviews_table, where)
    voices = _Voices.of(index, meets)
    matcher = Matcher(kept.definitions)
    tallies = []
    for definition, rows, sides in zip(kept.definitions, kept.rows, kept.sides, strict=True):
        chosen = meets[index.sentence_review[rows]]
        tallies.append(_tally(definition, rows[chosen], sides[chosen], voices, index))
    spoken = [tally for tally in tallies if tally.speaks.any()]
    spoken.sort(key=lambda tally: (-int(tally.speaks.sum()), tally.definition.name))
    used: set[int] = set()
    return tuple(_topic(tally, voices, index, matcher, used) for tally in spoken)


@dataclass(frozen=True, slots=True, eq=False)
class _Voices:
    """Those who wrote the chosen reviews. `number`, (reviews of the index,), is the place of each
    review's voice; of each voice, `days`, `periods` and `ratings` are the date of its first review,
    the time that this is of, and its rating, as they are shown.
    """

    number: NDArray[np.int64]
    days: NDArray[np.str_]
    periods: NDArray[np.str_]
    ratings: NDArray[np.str_]

    @classmethod
    def of(cls, index: ReviewIndex, meets: Bools) -> _Voices:
        chosen = np.flatnonzero(meets)
        _, first, place = np.unique(index.voices[chosen], return_index=True, return_inverse=True)
        number = np.full(len(meets), -1, dtype=np.int64)
        number[chosen] = place
        table = index.reviews_table.select(["date", *tables.RATING_COLUMNS]).take(chosen[first])
        marks, low, high = (
            np.asarray(table.column(name).to_numpy(), dtype=np.float64)
            for name in tables.RATING_COLUMNS
        )
        rated = ~np.isnan(marks)
        if len(np.unique(np.stack([low, high])[:, rated], axis=1).T) != 1:
            marks = np.full_like(marks, np.nan)  # marks of several scales are no marks of one
        dates = table.column("date").to_pylist()
        sound = set(filter(is_day, dates))
        days = np.array([day if day in sound else "" for day in dates], dtype=np.str_)
        return cls(number, days, _periods(days), _marks(marks))

    def __len__(self) -> int:
        return len(self.days)


@dataclass(frozen=True, slots=True, eq=False)
class _Tally:
    """Which voices speak of a topic, praise and criticise it, (voices,) each; and the rows and the
    sides of its sentences.
    """

    definition: Definition
    speaks: Bools
    praises: Bools
    criticises: Bools
    rows: NDArray[np.int32]
    sides: NDArray[np.int8]

    def of_side(self, side: int) -> NDArray[np.int32]:
        """Rows of the sentences on a side."""
        return np.asarray(self.rows[self.sides == side])


def _tally(
    definition: Definition,
    rows: NDArray[np.int32],
    sides: NDArray[np.int8],
    voices: _Voices,
    index: ReviewIndex,
) -> _Tally:
    owner = voices.number[index.sentence_review[rows]]
    speaks, praises, criticises = np.zeros((3, len(voices)), dtype=np.bool_)
    speaks[owner] = True
    praises[owner[sides > 0]] = True
    criticises[owner[sides < 0]] = True
    return _Tally(definition, speaks, praises, criticises, rows, sides)


def _topic(
    tally: _Tally, voices: _Voices, index: ReviewIndex, matcher: Matcher, used: set[int]
) -> Topic:
    number = matcher.definitions.index(tally.definition)
    praise, criticism = tally.praises, tally.criticises
    return Topic(
        name=tally.definition.name,
        terms=tally.definition.terms,
        reviews=int(tally.speaks.sum()),
        of=len(voices),
        praise=int((praise & ~criticism).sum()),
        criticism=int((criticism & ~praise).sum()),
        mixed=int((praise & criticism).sum()),
        neutral=int((tally.speaks & ~praise & ~criticism).sum()),
        by_rating=_slices(tally, voices.ratings),
        by_period=_slices(tally, voices.periods),
        rising=_rise(tally.speaks, voices.days, len(matcher.definitions)),
        best_praise=best_quotation(index, matcher, number, 1, tally.of_side(1), used),
        best_criticism=best_quotation(index, matcher, number, -1, tally.of_side(-1), used),
        question=question_about(tally.definition),
    )


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


def _slices(tally: _Tally, labels: NDArray[np.str_]) -> tuple[Slice, ...]:
    values, place = np.unique(labels, return_inverse=True)
    counts = [
        np.bincount(place[mask], minlength=len(values))
        for mask in (
            tally.speaks,
            tally.praises & ~tally.criticises,
            tally.criticises & ~tally.praises,
            np.ones_like(tally.speaks),
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


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True


def _rise(speaks: Bools, days: NDArray[np.str_], topics: int) -> Rise | None:
    """Whether more of the newest fifth of the reviews speak of it than of those before: by Fisher's
    exact test, one-sided, each of the `topics` having its part of the chance to err.
    """
    dated = days != ""
    if not dated.any():
        return None
    ordered = np.sort(days[dated])
    since = str(ordered[int((1 - _RECENT) * len(ordered))])
    recent = dated & (days >= since)
    recent_of, of = int(recent.sum()), int(dated.sum())
    if 2 * recent_of > of:
        return None  # most are of one day
    told, recently = int((speaks & dated).sum()), int((speaks & recent).sum())
    rise = Rise(since, recently, recent_of, told - recently, of - recent_of)
    chance = float(hypergeom.sf(recently - 1, of, told, recent_of))
    share, earlier = recently / recent_of, rise.earlier / rise.earlier_of
    return rise if chance < _CHANCE / topics and share >= _RISES * earlier else None
