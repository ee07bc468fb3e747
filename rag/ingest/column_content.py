"""What is in the columns of a file's first rows, and what it cannot be for that."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rag.ingest.column_names import plain, words
from rag.ingest.dates import parse_date
from rag.ingest.values import parse_rating

FEW = 20  # cells, from which on a column's content says what it cannot be
_ASKED = ("question", "context", "description", "passage")
_ALL_ALIKE = 0.05  # share of different cells up to which these are what was asked, not answered
_EACH = 300  # characters of a cell looked at
_NOTHING = ("", "nan", "none", "null", "n/a", "na", "nat")


@dataclass(slots=True)
class Content:
    """What a column of the sample holds. Shares are of the cells that say something."""

    filled: int = 0
    different: float = 0
    median: int = 0  # characters
    wordy: float = 0  # share of cells with three words or more
    numbers: float = 0
    ratings: float = 0
    dates: float = 0


def is_nothing(value: Any) -> bool:
    """Whether a cell says nothing: None, NaN, blanks, or a word for them."""
    return value is None or value != value or str(value).strip().casefold() in _NOTHING


def is_no_text(value: Any) -> bool:
    """Whether a text is none: blank, or what programs write for one. "None" and "N/A" are what
    people write.
    """
    return value is None or value != value or str(value).strip().casefold() in ("", "nan", "null")


def content_of(cells: Sequence[Any]) -> Content:
    """What some cells of a column hold."""
    filled = [str(cell).strip()[:_EACH] for cell in cells if not is_nothing(cell)]
    count = len(filled)
    if not count:
        return Content()
    some = filled[:200]
    return Content(
        filled=count,
        different=len(set(filled)) / count,
        median=sorted(map(len, filled))[count // 2],
        wordy=sum(len(text.split()) >= 3 or _is_wide(text) for text in filled) / count,
        numbers=sum(bool(re.fullmatch(r"[-+]?[\d.,]+%?", text)) for text in filled) / count,
        ratings=sum(len(text) <= 40 and parse_rating(text) is not None for text in some)
        / len(some),
        dates=sum(bool(parse_date(text)) for text in some) / len(some),
    )


def _is_wide(text: str) -> bool:
    """Whether a text is written without blanks, as Chinese and Japanese are, and long enough to say
    something.
    """
    return len(re.findall(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]", text)) >= 6


def fits(name: str, column: str, content: Content) -> bool:
    """Whether what is in a column can be what its name says."""
    if not content.filled:
        return True
    match name:
        case "text":
            return content.filled < FEW or (
                content.numbers < 0.5
                and content.dates < 0.5
                and (content.different > _ALL_ALIKE or plain(column) not in _ASKED)
            )
        case "rating":
            average = re.search(r"\b(avg|average|mean)\b", words(column))
            return content.ratings >= 0.5 and content.median <= 40 and not average
        case "date":
            return content.dates >= 0.5
        case "review_id":
            # an id that most rows share is that of what is reviewed; a few copied rows are no
            # reason
            return content.filled < FEW or content.different >= 0.5
        case "helpful_votes":
            return content.wordy < 0.5 or content.ratings >= 0.5
        case "language":
            return content.median <= 20
        case _:
            return True
