"""Rows of JSON files: lines, arrays, lists inside objects, tables by column; streamed, but for the
last.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import IO, Any

from rag.ingest.formats.encoding import SAMPLE, detect, open_text
from rag.ingest.formats.flatten import make_row, plain
from rag.ingest.formats.json_shape import Shape, TooLong, Utf8, decode_line, find_shape, walk
from rag.ingest.formats.rows import DAMAGED, LONG_CELL, MAX_CELL, MAX_RAW, Row
from rag.ingest.formats.unpack import Packed, Unpacked
from rag.schema import ReviewFileError

MAX_LINE = 8 * MAX_CELL
MAX_COLUMNS = 512 * 1024 * 1024  # bytes of a table by columns, which cannot be streamed
_NO_OBJECT = "not an object with named fields"


class JsonSource:
    """A file of JSON."""

    def __init__(self, packed: Packed) -> None:
        self._packed = packed
        sample = packed.sample(SAMPLE)
        whole = len(sample) < SAMPLE
        self._encoding = detect(sample, whole=whole)
        with open_text(io.BytesIO(sample), self._encoding) as text:
            self.shape: Shape = find_shape(text.read(), whole=whole)
        self.name = packed.name
        self.format = f"{self.shape.label}, {self._encoding.label}"
        with packed.open() as raw:
            self.total = raw.total
        self.done = 0

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

        number, reader = 0, Utf8(text)
        try:
            for parents, value in self._walk(reader):
                number += 1
                if isinstance(value, str) and self.shape.kind == "items":
                    value = {"text": value}
                yield _row(
                    number,
                    {**parents, **value} if parents and isinstance(value, dict) else value,
                    "",
                )
        except (ijson.JSONError, TooLong, ValueError, ArithmeticError, RecursionError) as error:
            why = raw.damage or str(error).split("\n")[0].strip() or "nested too deeply"
            yield Row(number + 1, {}, f"{DAMAGED} (not valid JSON: {why})")

    def _walk(self, reader: Utf8) -> Iterator[tuple[dict[str, Any], Any]]:
        """Each entry at the path, with the scalars of the objects that it is in."""
        import ijson

        path, nested = self.shape.path, self.shape.path.split(".").count("item") > 1
        by_key, key = self.shape.kind == "index", ""
        outer: list[dict[str, Any]] = []
        builder, depth = None, 0
        for prefix, event, value in walk(reader):
            if builder is not None:
                builder.event(event, value)
                depth += (event in ("start_map", "start_array")) - (
                    event in ("end_map", "end_array")
                )
                if not depth:
                    known = (
                        {"id": key}
                        if by_key
                        else {name: one for level in outer for name, one in level.items()}
                    )
                    yield known, builder.value
                    builder = None
            elif by_key and event == "map_key":
                key = value
            elif (len(outer) == 1 if by_key else prefix == path) and event in (
                "start_map",
                "start_array",
            ):
                builder, depth = ijson.ObjectBuilder(), 1
                builder.event(event, value)
                reader.since = 0
            elif prefix == path and event in ("string", "number", "boolean", "null"):
                yield {}, value
                reader.since = 0
            elif event == "start_map":
                outer.append({})
            elif event == "end_map":
                outer.pop()
            elif outer and nested and event in ("string", "number", "boolean"):
                outer[-1][".".join(part for part in prefix.split(".") if part != "item")] = value
            if builder is None:
                reader.since = 0

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
        columns = {
            name: cells
            if isinstance(cells, dict)
            else dict(enumerate(cells))
            if isinstance(cells, list)
            else {}
            for name, cells in table.items()
        }
        for number, key in enumerate(
            dict.fromkeys(key for cells in columns.values() for key in cells), 1
        ):
            yield make_row(
                number, {name: cells[key] for name, cells in columns.items() if key in cells}
            )


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
