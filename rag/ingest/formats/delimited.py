"""Rows of CSV and TSV files, however dirty: Python's `csv` in strict mode, and what to do where it
objects.

A quoted cell may hold line ends. A quotation mark that is never closed costs the row it stands in,
and no other: the reader goes back to the next line. How much is read in vain that way is bounded,
so that no file takes for ever.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

from rag.ingest.formats.dialect import Dialect, lenient_cells, sniff
from rag.ingest.formats.encoding import SAMPLE, Encoding, detect, open_text
from rag.ingest.formats.rows import DAMAGED, LONG_CELL, MAX_CELL, MAX_RAW, Row
from rag.ingest.formats.unpack import Packed

MAX_LINE = 4 * MAX_CELL  # characters; a line may have many cells, but not for ever
UNCLOSED = "a quotation mark opened here is never closed"
SURPLUS = "more cells than columns (quote a text that has the separator in it)"


class DelimitedSource:
    """A file of separated cells."""

    def __init__(self, packed: Packed, suffix: str, encoding: Encoding | None = None) -> None:
        self._packed = packed
        sample = packed.sample(SAMPLE)
        self.encoding = encoding or detect(sample, whole=len(sample) < SAMPLE)
        self._newline = line_end(sample)
        with open_text(io.BytesIO(sample), self.encoding, self._newline) as text:
            lines = text.readlines()
        whole = len(sample) < SAMPLE
        self.dialect: Dialect = sniff(lines if whole else lines[:-1] or lines, suffix, whole=whole)
        self.name = packed.name
        self.format = self.dialect.describe(self.encoding.label)
        with packed.open() as raw:
            self.total = raw.total
        self.done = 0

    def __iter__(self) -> Iterator[Row]:
        csv.field_size_limit(2**31 - 1)  # lines are bounded here
        self.done = 0
        dialect = self.dialect
        names, first = dialect.header.names, dialect.line + dialect.header.given
        with self._packed.open() as raw, io.BufferedReader(raw, 1 << 18) as stream:
            records = Records(open_text(stream, self.encoding, self._newline), dialect)
            broken = False
            for number, (line, cells, problem) in enumerate(records):
                if not number % 256:
                    self.done = raw.done
                if raw.damage and records.cut:
                    problem, broken = f"{DAMAGED} ({raw.damage})", True
                if line < first or not (problem or any(cell.strip() for cell in cells)):
                    continue
                yield _row(dialect, names, line, cells, problem, records)
            if raw.damage and not broken:
                yield Row(records.line, {}, f"{DAMAGED} ({raw.damage})", "")
        self.done = self.total


def line_end(sample: bytes) -> str:
    """What ends the lines: line feeds, unless there are more carriage returns without one."""
    feeds = sample.count(b"\n")
    if not sample.count(b"\r") > feeds:
        return "\n"
    alone = len(re.findall(rb"\r(?!\0{0,3}\n)", sample))
    return "\r" if alone > feeds else "\n"


def _row(
    dialect: Dialect,
    names: tuple[str, ...],
    line: int,
    cells: list[str],
    problem: str,
    records: Records,
) -> Row:
    surplus = cells[len(names) :]
    if surplus and any(cell.strip() for cell in surplus):
        if dialect.last_is_text:
            while not cells[-1].strip():
                cells.pop()
            cells[len(names) - 1 :] = [dialect.separator.join(cells[len(names) - 1 :])]
        else:
            problem = problem or SURPLUS
    elif dialect.header.given and len(names) > 1 and tuple(cells[: len(names)]) == names:
        problem = "the header again"
    values: dict[str, Any] = dict(zip(names, cells, strict=False))
    if any(len(cell) > MAX_CELL for cell in cells):
        values = {name: cell for name, cell in values.items() if len(cell) <= MAX_CELL}
        problem = problem or LONG_CELL
    return Row(line, values, problem, records.raw if problem else "")


class Records:
    """(line, cells, problem) of each record of a text."""

    def __init__(self, text: io.TextIOWrapper, dialect: Dialect) -> None:
        self._text, self._dialect = text, dialect
        self._again: deque[str] = deque()  # lines to be read once more
        self._held: list[str] = []  # lines of the record being read
        self._size, self._limit = 0, MAX_CELL
        self._useful, self._wasted = 0, 0  # characters
        self.line = 1  # where the next record begins

    @property
    def raw(self) -> str:
        """The record last given, as it stood."""
        return "".join(islice(self._held, 100))[:MAX_RAW].rstrip("\r\n")

    @property
    def cut(self) -> bool:
        """Whether the record last given has no line end."""
        return not self._held[-1].endswith(("\n", "\r"))

    def __iter__(self) -> Iterator[tuple[int, list[str], str]]:
        reader = self._reader()
        while True:
            self._held, self._size = [], 0
            self._limit = min(MAX_CELL, 8 * MAX_CELL + 4 * self._useful - self._wasted)
            cells, problem = [], ""
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _Runaway) as error:
                cells, problem = self._mend(LONG_CELL if LONG_CELL in str(error) else UNCLOSED)
                reader = self._reader()
            begin, self.line = self.line, self.line + len(self._held)
            self._useful += self._size
            yield begin, cells, problem

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines(), strict=True, **self._dialect.csv_options)

    def _lines(self) -> Iterator[str]:
        """The lines for `csv.reader`, which are also held until the record is whole."""
        while line := self._again.popleft() if self._again else self._text.readline(MAX_LINE):
            if len(line) == MAX_LINE and line[-1] not in "\r\n":
                line = _LongLine(line[:MAX_RAW])
                while (piece := self._text.readline(MAX_LINE)) and piece[-1] not in "\r\n":
                    pass
            self._held.append(line)
            self._size += len(line)
            if isinstance(line, _LongLine):
                raise _Runaway(LONG_CELL)
            if len(self._held) > 1 and self._size > self._limit:
                raise _Runaway(UNCLOSED)
            yield line

    def _mend(self, problem: str) -> tuple[list[str], str]:
        """The first line alone, where `csv` objected to it or to what it began; the other lines are
        read again.
        """
        first, rest = self._held[0], self._held[1:]
        if problem == LONG_CELL and not rest:
            return [], LONG_CELL
        self._again.extendleft(reversed(rest))
        self._wasted += self._size - len(first)
        self._held, self._size = [first], len(first)
        if self._dialect.single and not (rest or first.count('"') % 2):
            return [first.strip()], ""  # a text that begins with a quotation and goes on
        cells = lenient_cells(first, self._dialect.csv_options)
        closed = not rest and first.count('"') % 2 == 0 and not (cells and cells[-1].endswith("\n"))
        return cells, "" if closed else UNCLOSED


class _LongLine(str):
    """The beginning of a line that is too long to be held."""

    __slots__ = ()


class _Runaway(Exception):
    """A record that does not end where it should."""
