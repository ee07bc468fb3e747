"""Who speaks of a topic, for and against, by rating and over time; counted from what an index keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from rag.filters import Condition
from rag.index import ReviewIndex, tables
from rag.index.voices import Bools, Voices, slices_of
from rag.topics import Rise, Topic
from rag.topics.definition import Definition, Kept, Matcher
from rag.topics.following import question_about
from rag.topics.quotations import best_quotation

_RECENT = 0.2  # of the reviews
_CHANCE = 0.05  # that any topic of an index is told to rise without rising
_RISES = 1.25  # times the share it had, at least


def topics_of(index: ReviewIndex, kept: Kept, where: Sequence[Condition] = ()) -> tuple[Topic, ...]:
    """The topics of the reviews that meet all conditions, the most spoken of first; those of which
    none speaks are left out.
    """
    meets = tables.meeting(index.reviews_table, where)
    voices = Voices.of(index, meets)
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
    voices: Voices,
    index: ReviewIndex,
) -> _Tally:
    owner = voices.number[index.sentence_review[rows]]
    speaks, praises, criticises = np.zeros((3, len(voices)), dtype=np.bool_)
    speaks[owner] = True
    praises[owner[sides > 0]] = True
    criticises[owner[sides < 0]] = True
    return _Tally(definition, speaks, praises, criticises, rows, sides)


def _topic(
    tally: _Tally, voices: Voices, index: ReviewIndex, matcher: Matcher, used: set[int]
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
        by_rating=slices_of(voices.ratings, tally.speaks, praise, criticism),
        by_period=slices_of(voices.periods, tally.speaks, praise, criticism),
        rising=_rise(tally.speaks, voices.days, len(matcher.definitions)),
        best_praise=best_quotation(index, matcher, number, 1, tally.of_side(1), used),
        best_criticism=best_quotation(index, matcher, number, -1, tally.of_side(-1), used),
        question=question_about(tally.definition),
    )


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
