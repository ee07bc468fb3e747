"""The header of a table of cells: where it is, whether there is one, and the names of the columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_NUMBER = re.compile(r"[-+]?[\d.,   ]*\d\s*(?:%|/\s*\d+|[kKM])?")
_DATE = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ](?:\d{1,2}|[^\W\d]{3,9})[-/. ,]+\d{2,4}"
    r"|[^\W\d]{3,9}\.? \d{1,2},? \d{4})(?:[T ].*)?",
)
_USUAL = re.compile(  # a name among these is a header's, however the rows look
    r"reviews?|text|title|rating|score|stars?|date|id|body|content|comments?|author|user|username|name|summary|item|"
    r"product|label|sentiment|language|lang|overall|description|(?:review|user|product|item|listing)[_ ]?[a-z]+|"
    r"\w+[_ ]id",
    re.IGNORECASE,
)
_TEXT_NAMES = re.compile(
    r"(?:.*[\W_])?(?:text|reviews?|body|content|comments?|description|message|opinion|texto?e?|kommentar|bewertung|"
    r"avis|commentaire|comentario|reseña|recensione|recenzja|opinia|текст|отзыв|리뷰|レビュー|评论|評論)",
    re.IGNORECASE,
)
_MAX_TITLES = 10  # lines of title or comment that may stand before a header
LONG = 60


@dataclass(frozen=True, slots=True)
class Header:
    """Which record of the sample is the header, and what the columns are called."""

    at: int  # number of the header's record, from 0; where `given` is false, of the first row
    given: bool
    names: tuple[str, ...]


def trimmed(record: Sequence[str]) -> int:
    """How many cells a record has, not counting empty ones at its end."""
    length = len(record)
    while length and not record[length - 1].strip():
        length -= 1
    return length


def fit(records: Sequence[Sequence[str]], columns: int) -> float:
    """How well records go with so many columns: 1 where each has just as many; a short one counts a
    little.
    """
    score = 0.0
    for record in records:
        if trimmed(record) <= columns:
            score += 1.0 if len(record) >= columns else 0.25
    return score / max(1, len(records))


def find_header(records: Sequence[Sequence[str]]) -> Header:
    """The header of a table of which these are the first records, none of them blank."""
    at = header_at(records)
    if not records:
        return Header(0, True, ())
    first, rest = records[at], records[at + 1 :]
    given = is_header(first, rest)
    width = trimmed(first)
    if not given:
        lengths = sorted(trimmed(record) for record in records)
        width = max(1, lengths[int(0.9 * (len(lengths) - 1))])
        return Header(at, False, tuple(f"column_{number}" for number in range(1, width + 1)))
    nameless = sum(any(cell.strip() for cell in record[width : len(first)]) for record in rest)
    if nameless > 0.1 * len(rest):
        width = len(first)
    names = list(first[:width])
    wider = sum(trimmed(record) == width + 1 for record in rest)
    if (
        width > 1
        and len(first) == width
        and len(rest) > 2
        and wider == len(rest)
        and _counts([record[0] for record in rest])
        and not any(cell.startswith("“") for record in rest for cell in record)  # split at commas
    ):
        names.insert(0, "")  # the numbers of the rows, which R writes without a name
    return Header(at, True, column_names(names))


def header_at(records: Sequence[Sequence[str]]) -> int:
    """The number of the record that names the columns: the first one, unless titles or comments
    stand before it.
    """
    if len(records) < 4 or fit(records[1:], trimmed(records[0])) >= 0.5:
        return 0
    lengths = [trimmed(record) for record in records]
    for at in range(1, min(_MAX_TITLES, len(records) - 2)):
        enough = 0.8 if lengths[at] > 2 else 0.95
        if lengths[at] > max(lengths[:at]) and fit(records[at + 1 :], lengths[at]) >= enough:
            title = not has_usual_name(records[0]) or (
                lengths[0] == 1 and has_usual_name(records[at])
            )
            if not title or not is_header(records[at], records[at + 1 :]):
                return 0
            return at + _groups(records[at], records[at + 1], records[at + 2 :])
    return 0


def _groups(record: Sequence[str], below: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Whether a record names groups of columns, in merged cells, and the one below the columns."""
    gaps = any(not cell.strip() for cell in record[: trimmed(record)])
    fuller = _filled(below) > _filled(record)
    return gaps and fuller and not any(map(is_value, below)) and is_header(below, rest)


def _filled(record: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in record)


def is_header(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Whether a record names columns, or is a row like those that follow it."""
    cells = [cell.strip() for cell in first]
    if has_usual_name(first) or not any(cells) or not rest:
        return True
    like_rows = 0
    for number, cell in enumerate(cells):
        below = [
            record[number].strip()
            for record in rest
            if number < len(record) and record[number].strip()
        ]
        if not cell or not below:
            continue
        values = sum(is_value(other) for other in below) >= 0.8 * len(below)
        if values and not is_value(cell):
            return True
        prose = len(cell) > LONG and not cell.endswith(("?", ":")) and _middle(below) > LONG / 2
        if (values and len(below) > 1) or prose:
            like_rows += 1
        elif below.count(cell) > max(1, 0.05 * len(below)):
            like_rows += 1  # a label, such as "positive"
    return like_rows == 0


def column_names(cells: Sequence[str]) -> tuple[str, ...]:
    """Names for the cells of a header: unnamed ones get "column_3", repeated ones "text (2)"."""
    taken: set[str] = set()
    names = []
    for number, cell in enumerate(cells, 1):
        name = plain_name = " ".join(cell.split()) or f"column_{number}"
        again = 1
        while name in taken:
            again += 1
            name = f"{plain_name} ({again})"
        taken.add(name)
        names.append(name)
    return tuple(names)


def has_usual_name(record: Iterable[str]) -> bool:
    """Whether something is called as columns of reviews are."""
    return any(_USUAL.fullmatch(cell.strip()) for cell in record)


def names_text(name: str) -> bool:
    """Whether a column is called as one with reviews' texts is."""
    return bool(_TEXT_NAMES.fullmatch(name))


def is_word(cell: str) -> bool:
    """Whether a cell holds one short word, or nothing: what nobody takes for prose."""
    return len(cell) <= LONG and len(cell.split()) <= 1


def is_value(cell: str) -> bool:
    """Whether a cell holds a number or a date."""
    return bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell))


def _middle(cells: Sequence[str]) -> int:
    return sorted(map(len, cells))[len(cells) // 2]


def _counts(cells: Sequence[str]) -> bool:
    numbers = [int(cell) if cell.strip().isdecimal() else -1 for cell in cells]
    return numbers[0] in (0, 1) and all(after == before + 1 for before, after in pairwise(numbers))
