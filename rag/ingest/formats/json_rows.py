"""Rows of JSON files: lines, arrays, lists inside objects, tables by column; streamed, but for the
last.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any

from rag.ingest.formats.encoding import SAMPLE, detect, open_text
from rag.ingest.formats.flatten import make_row, plain
from rag.ingest.formats.json_shape import Shape, TooLong, Utf8, decode_line, find_shape
from rag.ingest.formats.json_walk import Entries
from rag.ingest.formats.rows import (
    DAMAGED,
    LONG_CELL,
    MAX_CELL,
    MAX_RAW,
    Format,
    Row,
    RowSource,
)
from rag.ingest.formats.unpack import Packed, Unpacked
from rag.schema import ReviewFileError

MAX_LINE = 8 * MAX_CELL
MAX_COLUMNS = 512 * 1024 * 1024  # bytes of a table by columns, which cannot be streamed
_NO_OBJECT = "not an object with named fields"


class JsonSource(RowSource):
    """A file of JSON."""

    def __init__(self, packed: Packed) -> None:
        self._packed = packed
        sample = packed.sample(SAMPLE)
        whole = len(sample) < SAMPLE
        self._encoding = detect(sample, whole=whole)
        with open_text(io.BytesIO(sample), self._encoding) as text:
            self.shape: Shape = find_shape(text.read(), whole=whole)
        with packed.open() as raw:
            label = f"{self.shape.label}, {self._encoding.label}"
            super().__init__(packed.name, label, raw.total)

    def __iter__(self) -> Iterator[Row]:
        self.done = 0
        with self._packed.open() as raw, io.BufferedReader(raw, 1 << 18) as stream:
            text = open_text(stream, self._encoding)
            rows = {
                "lines": self._lines,
                "columns": self._columns,
                "items": self._entries,
                "values": self._entries,
                "index": self._entries,
            }[self.shape.kind](text, raw)
            for number, row in enumerate(rows):
                if not number % 256:
                    self.done = raw.done
                yield row
        self.done = self.total

    def _lines(self, text: IO[str], raw: Unpacked) -> Iterator[Row]:
        number, line, broken = 0, "", False
        while line := text.readline(MAX_LINE):
            number += 1
            if len(line) == MAX_LINE and line[-1] != "\n":
                while (piece := text.readline(MAX_LINE)) and piece[-1] != "\n":
                    pass
                yield Row(number, {}, LONG_CELL, line[:MAX_RAW])
                continue
            if not line.strip("\ufeff \t\r\n\x1a\0"):
                continue
            try:
                values = decode_line(line)
            except ValueError as error:
                broken = bool(raw.damage) and line[-1] != "\n"
                problem = f"{DAMAGED} ({raw.damage})" if broken else f"not valid JSON ({error})"
                yield Row(number, {}, problem, line[:MAX_RAW].rstrip())
                continue
            for value in values:
                yield _row(number, value, line)
        if raw.damage and not broken:
            yield Row(number + 1, {}, f"{DAMAGED} ({raw.damage})")

    def _entries(self, text: IO[str], raw: Unpacked) -> Iterator[Row]:
        import ijson

        number = 0
        try:
            for value, parents in Entries(self.shape, Utf8(text)):
                number += 1
                if isinstance(value, str) and self.shape.kind == "items":
                    value = {"text": value}
                row = _row(number, value, "")
                yield replace(row, cells=row.cells | parents) if parents else row
        except (ijson.JSONError, TooLong, ValueError, ArithmeticError, RecursionError) as error:
            why = raw.damage or str(error).split("\n")[0].strip() or "nested too deeply"
            yield Row(number + 1, {}, f"{DAMAGED} (not valid JSON: {why})")

    def _columns(self, text: IO[str], raw: Unpacked) -> Iterator[Row]:
        where = self._packed.where
        content = text.read(MAX_COLUMNS + 1)
        if len(content) > MAX_COLUMNS:
            raise ReviewFileError(
                f"{where} is a table by columns of more than {MAX_COLUMNS // 2**20} MiB, which can "
                "only be read whole. "
                'Save it by rows, for example with pandas: to_json(..., orient="records", '
                "lines=True)."
            )
        try:
            table = json.loads(content.lstrip("\ufeff"))
        except (ValueError, RecursionError) as error:
            raise ReviewFileError(f"{where} is not valid JSON: {raw.damage or error}.") from error
        del content
        columns = {name: _by_key(cells) for name, cells in table.items()}
        keys = dict.fromkeys(key for cells in columns.values() for key in cells)
        for number, key in enumerate(keys, 1):
            yield make_row(
                number, {name: cells[key] for name, cells in columns.items() if key in cells}
            )


def _by_key(cells: Any) -> dict[Any, Any]:
    if isinstance(cells, list):
        return dict(enumerate(cells))
    return cells if isinstance(cells, dict) else {}


def _row(number: int, value: Any, raw: str) -> Row:
    if isinstance(value, dict):
        try:
            row = make_row(number, value)
        except RecursionError:
            return Row(number, {}, "nested too deeply")
        return (
            Row(number, row.cells, row.problem, (raw or row.raw)[:MAX_RAW].rstrip())
            if row.problem
            else row
        )
    return Row(
        number,
        {},
        _NO_OBJECT,
        (raw or str(plain(value) if not isinstance(value, list) else value))[:MAX_RAW],
    )


def _guess(packed: Packed) -> RowSource | None:
    sample = packed.sample(4096)
    with open_text(io.BytesIO(sample), detect(sample, whole=False)) as text:
        if text.read().lstrip("\ufeff \t\r\n")[:1] not in ("{", "["):
            return None
    source = JsonSource(packed)
    first = next(iter(source), None)
    return source if first is not None and not first.problem else None


FORMAT = Format(
    "JSON, JSON Lines",
    ("json", "jsonl", "ndjson"),
    lambda packed, table: [JsonSource(packed)],
    guess=_guess,
)
