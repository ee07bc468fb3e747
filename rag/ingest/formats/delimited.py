"""Rows of CSV and TSV files, however dirty."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from rag.ingest.formats.dialect import Dialect, sniff
from rag.ingest.formats.encoding import SAMPLE, detect, open_text
from rag.ingest.formats.records import Records, spans_in_words
from rag.ingest.formats.rows import DAMAGED, LONG_CELL, MAX_CELL, Format, Row, RowSource
from rag.ingest.formats.unpack import Packed

SURPLUS = "more cells than columns (quote a text that has the separator in it)"


class DelimitedSource(RowSource):
    """A file of separated cells."""

    def __init__(self, packed: Packed) -> None:
        self._packed = packed
        sample = packed.sample(SAMPLE)
        whole = len(sample) < SAMPLE
        self.encoding = detect(sample, whole=whole)
        self._newline = line_end(sample)
        with open_text(io.BytesIO(sample), self.encoding, self._newline) as text:
            lines = text.readlines()
        self.dialect: Dialect = sniff(
            lines if whole else lines[:-1] or lines, packed.ending, whole=whole
        )
        with packed.open() as raw:
            super().__init__(packed.name, self.dialect.describe(self.encoding.label), raw.total)

    def __iter__(self) -> Iterator[Row]:
        self.done, self.notes = 0, []
        dialect = self.dialect
        first = dialect.line + dialect.header.given
        with self._packed.open() as raw, io.BufferedReader(raw, 1 << 18) as stream:
            text = open_text(stream, self.encoding, self._newline)
            records = Records(text.readline, dialect.separation)
            broken = False
            for number, (line, cells, problem) in enumerate(records):
                if not number % 256:
                    self.done = raw.done
                if raw.damage and records.cut:
                    problem, broken = f"{DAMAGED} ({raw.damage})", True
                if line < first or not (problem or any(cell.strip() for cell in cells)):
                    continue
                yield _row(dialect, line, cells, problem, records)
            if raw.damage and not broken:
                yield Row(records.line, {}, f"{DAMAGED} ({raw.damage})", "")
        self.done = self.total
        self.lines = records.line - 1
        self.notes = spans_in_words(records.spans, records.longest)
        if records.plain:
            self.notes.append(
                f"{len(records.plain)} rows have a quotation mark that opens a cell and does not "
                f"close it; it was read as a plain character (first in line {records.plain[0]})."
            )


def line_end(sample: bytes) -> str:
    """What ends the lines: line feeds, unless there are more carriage returns without one."""
    feeds = sample.count(b"\n")
    if not sample.count(b"\r") > feeds:
        return "\n"
    alone = len(re.findall(rb"\r(?!\0{0,3}\n)", sample))
    return "\r" if alone > feeds else "\n"


def _row(dialect: Dialect, line: int, cells: list[str], problem: str, records: Records) -> Row:
    names = dialect.header.names
    surplus = cells[len(names) :]
    if surplus and any(cell.strip() for cell in surplus):
        if dialect.last_is_text:
            while not cells[-1].strip():
                cells.pop()
            cells[len(names) - 1 :] = [dialect.separation.separator.join(cells[len(names) - 1 :])]
        else:
            problem = problem or SURPLUS
    elif dialect.header.given and len(names) > 1 and tuple(cells[: len(names)]) == names:
        problem = "the header again"
    values: dict[str, Any] = dict(zip(names, cells, strict=False))
    if any(len(cell) > MAX_CELL for cell in cells):
        values = {name: cell for name, cell in values.items() if len(cell) <= MAX_CELL}
        problem = problem or LONG_CELL
    return Row(line, values, problem, records.raw if problem else "")


def _guess(packed: Packed) -> RowSource | None:
    source = DelimitedSource(packed)
    return source if source.dialect.sure else None


FORMAT = Format(
    "CSV, TSV",
    ("csv", "tsv", "tab", "psv"),
    lambda packed, table: [DelimitedSource(packed)],
    guess=_guess,
)
