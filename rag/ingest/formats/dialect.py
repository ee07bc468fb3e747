"""How a text of separated cells is written: its separator, its quotes, its header, told from a
sample.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag.ingest.formats.header import Header, find_header, fit, has_usual_name, header_at, trimmed

SEPARATORS = ",;\t|$^~¦\x01\x1f，；｜"
_SHOWN = {"\t": "tabs", "\x01": "U+0001", "\x1f": "U+001F"}
_RECORDS = 400
_TEXT_NAMES = re.compile(
    r"(?:.*[\W_])?(?:text|reviews?|body|content|comments?|description|message|opinion|texto?e?|kommentar|bewertung|"
    r"avis|commentaire|comentario|reseña|recensione|recenzja|opinia|текст|отзыв|리뷰|レビュー|评论|評論)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the cells of a file are told apart."""

    separator: str
    header: Header
    line: int  # of the header, or of the first row where there is none
    escaped: bool = False  # a quotation mark in a quoted cell is written \\" and not ""
    last_is_text: bool = False  # surplus cells can only be pieces of the last column
    single: bool = False  # one column
    sure: bool = False  # that these are columns, and no prose with commas in it

    @property
    def csv_options(self) -> dict[str, Any]:
        """For `csv.reader`."""
        escapes: dict[str, Any] = {"escapechar": "\\", "doublequote": False} if self.escaped else {}
        return {"delimiter": self.separator, **escapes}

    def describe(self, encoding: str) -> str:
        """ "CSV separated by ';', UTF-16, header in line 1"."""
        how = f"separated by {_SHOWN.get(self.separator) or repr(self.separator)}"
        names = f"header in line {self.line}" if self.header.given else "no header"
        return ", ".join(["CSV of one column" if self.single else f"CSV {how}", encoding, names])


def sniff(lines: Sequence[str], suffix: str = "", *, whole: bool = True) -> Dialect:
    """The dialect of a file with these first lines; `whole` says that they are all."""
    skip, forced = 0, ""
    match = re.match(r'"?sep=(.)"?\s*$', lines[0]) if lines else None
    if match:
        skip, forced = 1, match.group(1)
    lines = lines[skip:]
    choices = []
    for order, separator in enumerate(forced or SEPARATORS):
        if not forced and order and not any(separator in line for line in lines[:_RECORDS]):
            continue
        plain, escaped = (_records(lines, separator, escape, whole) for escape in (False, True))
        use = (
            escaped
            if plain.wrong > escaped.wrong and any('\\"' in line for line in lines)
            else plain
        )
        if not use.records:
            continue
        at = header_at(use.records)
        columns = trimmed(use.records[at])
        score = fit(use.records[at + 1 :], columns) if columns > 1 else 0.0
        if columns > 1 and len(use.records) == at + 1:
            score = 0.5
        score -= (
            0.2 * bool(at)
            + 0.3 * use.wrong / len(use.records)
            - 0.3 * (separator == "\t" and suffix == "tsv")
        )
        likely = score > 0.3 or (at == 0 and columns > 1)
        choices.append((likely, round(score, 2), columns, -order, separator, use, use is escaped))
    if not choices:
        return Dialect(forced or ",", Header(0, True, ()), skip + 1, single=True)
    likely, _, _, _, separator, found, is_escaped = max(choices, key=lambda choice: choice[:4])
    if not likely:  # one column; the separator is only there to be quoted
        separator = forced or ("\t" if suffix == "tsv" else ",")
        found = _records(lines, separator, False, whole)
        is_escaped = False
    if not found.records:
        return Dialect(separator, Header(0, True, ()), skip + 1, single=True)
    header = find_header(found.records)
    single = len(header.names) == 1
    rows = found.records[header.at + 1 :]
    sure = (
        not single
        and len(rows) > 1
        and header.given
        and fit(rows, len(header.names)) > 0.9
        and not found.wrong
    )
    prose = any(name.endswith((".", "!", "?")) for name in header.names)
    sure = sure and not prose and (separator != "," or has_usual_name(header.names))
    dialect = Dialect(
        separator, header, skip + found.lines[header.at], is_escaped, single=single, sure=sure
    )
    return replace(
        dialect, last_is_text=single or _last_is_text(header, found.records[header.at + 1 :])
    )


def lenient_cells(line: str, options: dict[str, Any]) -> list[str]:
    """The cells of a line that is not quite right. A last one that is quoted to the end of the line
    ends in one.
    """
    return next(
        csv.reader(
            [re.sub(r"[\r\n]+(?=.)", " ", line, flags=re.DOTALL).rstrip("\r\n ") + "\n"], **options
        ),
        [],
    )


@dataclass(frozen=True, slots=True)
class _Sample:
    records: list[list[str]]  # without blank ones
    lines: list[int]  # where each begins, from 1
    wrong: int  # times that a quotation mark was followed by what may not follow it


def _records(lines: Sequence[str], separator: str, escaped: bool, whole: bool) -> _Sample:
    """The first records; one that the end of the sample cuts is left out."""
    options = Dialect(separator, Header(0, True, ()), 1, escaped).csv_options
    records: list[list[str]] = []
    numbers, wrong, long, position = [], 0, 0, 0
    while position < len(lines) and len(records) < _RECORDS:
        reader = csv.reader(lines[position : position + 200], strict=True, **options)
        try:
            record = next(reader)
            used = reader.line_num
        except StopIteration:
            break
        except csv.Error as error:
            if not whole and "unexpected end" in str(error) and len(lines) - position <= 200:
                break  # the sample ends here, not the cell
            wrong += 1
            long += reader.line_num > 1
            if long > 10:
                break  # each time, the lines are read in vain
            used = 1
            record = lenient_cells(lines[position], options)
        if any(cell.strip() for cell in record):
            records.append(record)
            numbers.append(position + 1)
        position += used
    return _Sample(records, numbers, wrong)


def _last_is_text(header: Header, rows: Sequence[Sequence[str]]) -> bool:
    """Whether the last column is the one with the review's text, so that a surplus can only be a
    piece of it.
    """
    last = len(header.names) - 1
    if header.given and _TEXT_NAMES.fullmatch(header.names[last]):
        return True
    lengths = [
        sum(len(row[at]) for row in rows if at < len(row)) / max(1, len(rows)) for at in range(last)
    ]
    length = sum(len(cell) for row in rows for cell in row[last:]) / max(1, len(rows))
    return length > 20 and length >= 2 * max(lengths, default=0)
