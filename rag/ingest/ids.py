"""What tells reviews apart: the id that a file gives each of them, or a hash of its content.

Ids that only count the rows of a file, as a spreadsheet or a program numbers them, are no identity:
the next file counts from 1 again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Literal

from rag.ingest.cleaning import without_invisible
from rag.schema import Review

IdChoice = Literal["auto", "column", "content"]
"""column: the ids of the file; content: hashes; auto: the file's, unless they only count rows."""

_FEWEST = 3  # rows, from which on ids can be seen to count them
_LONGEST_ID = 200
_LEAST_SHARED = 0.5  # of their words, that two versions of one review share


def count_rows(ids: Sequence[Any]) -> bool:
    """Whether the first ids of a file are 1, 2, 3 or 0, 1, 2 and so on, in whatever order."""
    texts = [str(value).strip().removesuffix(".0") for value in ids]
    if len(texts) < _FEWEST or not all(re.fullmatch(r"\d{1,9}", text) for text in texts):
        return False
    numbers = sorted(map(int, texts))
    return numbers[0] in (0, 1) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def are_versions(text: str, other: str) -> bool:
    """Whether two texts share so many words that they may be versions of one review."""
    words, others = (set(re.findall(r"\w+", each.casefold())) for each in (text, other))
    return len(words & others) >= _LEAST_SHARED * max(1, min(len(words), len(others)))


def plain(text: str) -> str:
    """One line without control characters and what is invisible."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", without_invisible(text)).strip()


def plain_id(text: str) -> str:
    """An id as it is stored: one line, and of a length that can be shown."""
    text = plain(text)
    return text if len(text) <= _LONGEST_ID else hashlib.sha256(text.encode()).hexdigest()[:24]


def with_id(review: Review) -> Review:
    """The review with an id of its content, if it has none."""
    return review if review.review_id else replace(review, review_id=_content_hash(review))


def _content_hash(review: Review) -> str:
    content = json.dumps(
        [review.text, review.title, review.rating, review.date, review.author, review.item]
    )
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def unique_id(
    review: Review, taken: set[str], numbers: dict[str, int], given: Collection[str]
) -> str:
    """The review's own id, or a hash of its content; "-2" and so on where that is taken. `taken`
    grows.
    """
    key = name = with_id(review).review_id
    number = numbers.get(key, 1)
    while name in taken or (name != key and name in given):
        number += 1
        name = f"{key}-{number}"
    numbers[key] = number
    taken.add(name)
    return name
