"""Which columns the text of a review stands in, where names alone do not tell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rag.ingest.column_content import Content, content_of
from rag.ingest.column_names import is_any_text, rank, words
from rag.ingest.formats.rows import Row
from rag.ingest.text_parts import is_filler, side_of_name

WORDY = 0.3  # share of cells of three words or more from which on a column holds texts


def best_named(columns: Sequence[str], content: Mapping[str, Content]) -> list[str]:
    """Of columns named like a text, those that are one: "review" wins over what may be any text,
    and of the same kind the wordier one.
    """
    wordy = [column for column in columns if content[column].wordy >= WORDY] or columns
    certain = [column for column in wordy if not is_any_text(column)] or wordy
    longest = max((content[column].median for column in certain), default=0)
    return [column for column in certain if 2 * content[column].median >= longest]


def with_sides(
    columns: Sequence[str], content: Mapping[str, Content], sample: Sequence[Row]
) -> list[str]:
    """The columns of a review that has one for what is liked and one for what is not, with others
    that hold words of it; none where it has not both.
    """
    sides = {
        column: side
        for column in columns
        if (side := side_of_name(column)) and _is_part(column, sample)
    }
    if set(sides.values()) != {"praise", "criticism"}:
        return []
    return [
        column
        for column in columns
        if column in sides or (content[column].wordy >= WORDY and _is_comment(column))
    ]


def questions(columns: Sequence[str], content: Mapping[str, Content]) -> list[str]:
    """The columns of questions that were answered in words."""
    asks = r"what|how|why|which|please|tell"
    return [
        column
        for column in columns
        if content[column].wordy >= WORDY and ("?" in column or re.match(asks, words(column)))
    ]


def longest(columns: Sequence[str], content: Mapping[str, Content]) -> str:
    """The column of texts that are much longer than those of all others; "" where none is."""
    texts = [
        column
        for column in columns
        if content[column].wordy >= WORDY and content[column].different >= 0.2
    ]
    texts.sort(key=lambda column: -content[column].median)
    others = [1.5 * content[column].median for column in texts[1:]]
    return texts[0] if texts and content[texts[0]].median >= max(others, default=0) else ""


def _is_part(column: str, sample: Sequence[Row]) -> bool:
    cells = [row.cells.get(column) for row in sample]
    content = content_of([cell for cell in cells if not is_filler(str(cell))])
    single = len(words(column).split()) == 1
    return not content.filled or (content.ratings < 0.5 and (single or content.wordy >= WORDY))


def _is_comment(column: str) -> bool:
    others = r"overall$|(any |some )?(other|additional|further)\b"
    named = rank("text", column) is not None and not is_any_text(column)
    return "?" in column or named or re.match(others, words(column)) is not None
