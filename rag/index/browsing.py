"""Looking through an index's reviews: which have some words, in which order, and their copies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rag.filters import Condition
from rag.index import tables
from rag.index.snapshot import ReviewIndex

PAGE_SIZE = 20
SORTS = ("Newest", "Oldest", "Highest", "Lowest", "Most helpful", "Longest")


def of_words(index: ReviewIndex, words: str, conditions: Sequence[Condition] = ()) -> list[int]:
    """Rows of the reviews that meet all conditions and have any of the words, by BM25 over their
    texts and titles, the best first; without words all of them, in their order.
    """
    meets = tables.meeting(index.reviews_table, conditions)
    if not words.strip():
        return [int(row) for row in np.flatnonzero(meets)]
    scores = np.asarray(index.word_scores(words)[1])
    rows = np.flatnonzero(meets & (scores > 0))
    return [int(row) for row in rows[np.argsort(-scores[rows], kind="stable")]]


def sorted_rows(reviews: pa.Table, rows: Sequence[int], sort: str) -> list[int]:
    """The rows in one of the orders of `SORTS`; reviews that lack what counts come last, equal ones
    stay as they were.
    """
    picked = reviews.select(["date", "text", "helpful_votes", *tables.RATING_COLUMNS]).take(
        pa.array(rows, pa.int64())
    )
    if sort in ("Newest", "Oldest"):
        days = picked.column("date").to_pylist()
        order = sorted(
            (place for place in range(len(days)) if days[place]),
            key=lambda place: days[place],
            reverse=sort == "Newest",
        )
        order += [place for place in range(len(days)) if not days[place]]
        return [rows[place] for place in order]
    if sort in ("Highest", "Lowest"):
        values = tables.rating_fractions(picked)
        values = values if sort == "Lowest" else -values  # NaN sorts last either way
    elif sort == "Most helpful":
        values = -np.asarray(picked.column("helpful_votes").fill_null(0).to_numpy())
    else:
        values = -np.asarray(pc.utf8_length(picked.column("text")).to_numpy())
    return [rows[place] for place in np.argsort(values, kind="stable")]


def copies(index: ReviewIndex, row: int) -> list[int]:
    """Rows of the other reviews that are copies of the one at `row`, or nearly so."""
    return [int(other) for other in index.copies_of(row) if other != row]
