"""What an index's reviews can be limited by: which items, ratings, dates, languages and sources
they have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from rag.filters import Condition
from rag.index import tables
from rag.index.snapshot import ReviewIndex

MOST_VALUES = 500  # more different ones are not listed
FACET_COLUMNS = ("item", "language", "source", "date", *tables.RATING_COLUMNS)


@dataclass(frozen=True, slots=True)
class Values:
    """The different values of a field, empty ones left out: how many there are, and each with its
    number of reviews.

    The most frequent come first; none is listed where there are more than `MOST_VALUES`.
    """

    different: int
    listed: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Facets:
    """What there is to choose by.

    `ratings` are the lowest and the highest mark of the one scale that all rated reviews share,
    None where they have several scales; `rated` says how many have any, `whole_marks` that all are
    whole numbers. `dates` are the first and the last day, None where no review has one.
    """

    reviews: int
    items: Values
    languages: Values
    sources: Values
    rated: int
    ratings: tuple[float, float] | None
    whole_marks: bool
    dates: tuple[str, str] | None


def facets_of(index: ReviewIndex) -> Facets:
    """The facets of all reviews in an index."""
    return facets_in(index.reviews_table)


def facets_in(reviews: pa.Table) -> Facets:
    """The facets of reviews as they are stored; of their columns, `FACET_COLUMNS` are read."""
    rated = reviews.select(list(tables.RATING_COLUMNS)).filter(reviews.column("rating").is_valid())
    scales = rated.group_by(["rating_min", "rating_max"]).aggregate([]).to_pylist()
    days = [day for day in reviews.column("date").unique().to_pylist() if is_day(day)]
    marks = np.asarray(rated.column("rating").to_numpy(), dtype=np.float64)
    shared = (scales[0]["rating_min"], scales[0]["rating_max"]) if len(scales) == 1 else None
    return Facets(
        reviews=reviews.num_rows,
        items=_values(reviews.column("item")),
        languages=_values(reviews.column("language")),
        sources=_values(reviews.column("source")),
        rated=rated.num_rows,
        ratings=shared if shared and shared[0] < shared[1] else None,
        whole_marks=bool((marks == np.floor(marks)).all()),
        dates=(min(days), max(days)) if days else None,
    )


def frequent_languages(index: ReviewIndex) -> tuple[str, ...]:
    """The languages of at least a tenth of the reviews whose language is known."""
    listed = _values(index.reviews_table.column("language")).listed
    known = [(language, count) for language, count in listed if language != "unknown"]
    fewest = sum(count for _, count in known) / 10
    return tuple(language for language, count in known if count >= fewest)


def count_where(index: ReviewIndex, conditions: Sequence[Condition]) -> int:
    """How many reviews meet all conditions."""
    return int(tables.meeting(index.reviews_table, conditions).sum())


def is_day(text: str | None) -> bool:
    """Whether a text is a day as ISO 8601 writes it."""
    try:
        return bool(text) and date.fromisoformat(str(text)).isoformat() == text
    except ValueError:
        return False


def _values(column: pa.ChunkedArray) -> Values:
    # in Python: every question asks for it, and loading pyarrow's functions takes longer
    counts = Counter(column.to_pylist())
    counted = [(str(value), count) for value, count in counts.items() if value]
    few = len(counted) <= MOST_VALUES
    listed = sorted(counted, key=lambda row: (-row[1], row[0])) if few else []
    return Values(len(counted), tuple(listed))
