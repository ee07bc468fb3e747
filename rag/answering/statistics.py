"""Answers that are counted off the index: numbers of reviews, ratings, dates. No quotation says them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from rag.answer import AnswerSentence
from rag.filters import Condition
from rag.index import ReviewIndex, tables

_ASKS_FOR_DATES = re.compile(
    r"\b(?:when|date|first|last|latest|oldest|newest|earliest|recent|since|until|period)\b", re.I
)
_ASKS_HOW_MANY = re.compile(r"\b(?:how many|number of|count)\b", re.IGNORECASE)


def statistics_of(
    question: str, index: ReviewIndex, where: Sequence[Condition]
) -> tuple[AnswerSentence, ...]:
    """How many reviews, how they are rated and from when to when; what is asked for comes first."""
    table = index.reviews_table
    chosen = table.filter(tables.meeting(table, where))
    total = chosen.num_rows
    count = f"{total:,} review{'s' if total != 1 else ''}."
    ratings = _ratings(chosen.column("rating").to_numpy(zero_copy_only=False), chosen)
    dates = _dates([day for day in chosen.column("date").to_pylist() if day])
    if _ASKS_FOR_DATES.search(question):
        lines = [*dates, count, *ratings]
    elif _ASKS_HOW_MANY.search(question):
        lines = [count, *ratings, *dates]
    else:
        lines = [*ratings, count, *dates]
    return tuple(
        AnswerSentence(line, supported=True, score=1.0, counted=number == 0)
        for number, line in enumerate(lines)
    )


def _ratings(marks: np.ndarray, chosen: object) -> list[str]:
    rated = marks[~np.isnan(marks.astype(np.float64))].astype(np.float64)
    if not len(rated):
        return ["The reviews have no ratings."]
    import pyarrow.compute as pc

    highest = pc.max(chosen.column("rating_max")).as_py()  # type: ignore[attr-defined]
    share = "" if len(rated) == len(marks) else f", of {len(rated):,} rated reviews"
    values, counts = np.unique(rated, return_counts=True)
    lines = [f"{rated.mean():.1f} of {highest:g} on average{share}."]
    if len(values) <= 11:
        parts = [
            f"{value:g}: {number:,} ({number / len(rated):.0%})"
            for value, number in zip(values[::-1], counts[::-1], strict=True)
        ]
        lines.append(f"By rating, {'; '.join(parts)}.")
    return lines


def _dates(days: Sequence[str]) -> list[str]:
    if not days:
        return ["The reviews have no dates."]
    first, last = min(days), max(days)
    if first == last:
        return [f"{'It is' if len(days) == 1 else 'All are'} of {first}."]
    return [f"The first is of {first}, the last of {last}."]
