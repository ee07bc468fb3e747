"""Rows of CSV, TSV, JSON, JSON Lines and Parquet files, plain or .gz, each with its line."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rag.schema import ReviewFileError

_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
SURPLUS = "\0surplus"  # under this name, the cells of a CSV row beyond the header's


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, row) pairs; the line is where the row begins, from 1, the header being a line of its own."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    zipped = suffixes[-1:] == [".gz"]
    suffix = suffixes[-2 if zipped else -1] if len(suffixes) > zipped else ""
    if suffix not in _SUFFIXES:
        raise ReviewFileError(f"{path}: files must end in one of {', '.join(_SUFFIXES)}, or one of these and .gz.")
    try:
        data = gzip.decompress(path.read_bytes()) if zipped else path.read_bytes()
    except FileNotFoundError as error:
        raise ReviewFileError(f"There is no file {path}.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise ReviewFileError(f"Cannot read {path}: {error}.") from error
    if suffix == ".parquet":
        yield from _parquet_rows(path, data)
        return
    text = _decode(data)
    if suffix in (".csv", ".tsv"):
        yield from _csv_rows(path, text, "\t" if suffix == ".tsv" else _delimiter(text))
    else:
        yield from _json_rows(path, text)


def _decode(data: bytes) -> str:
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _delimiter(text: str) -> str:
    """What separates the columns: of the usual characters, the one that the first non-blank line has most of."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t|$", key=header.count)  # the comma, where it has none


def _csv_rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(2**31 - 1)
    lines = io.StringIO(text, newline="").readlines()
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        header = next((cells for cells in reader if any(cell.strip() for cell in cells)), None)
        if header is None:
            return
        names = [name.strip() or f"column_{number}" for number, name in enumerate(header, 1)]
        begin = reader.line_num + 1
        for cells in reader:
            last = reader.line_num == len(lines)
            if last and begin < reader.line_num and "".join(lines[begin - 1 :]).count('"') % 2:
                raise ReviewFileError(
                    f'{path}, line {begin}: a quotation mark (") opened in this row is never closed, and would take '
                    f"{reader.line_num - begin} more lines into one review. Close it, or write it twice in a text."
                )
            if any(cell.strip() for cell in cells):
                row: dict[str, Any] = dict(zip(names, cells, strict=False))
                if any(cell.strip() for cell in cells[len(names) :]):
                    row[SURPLUS] = "".join(delimiter + cell for cell in cells[len(names) :])
                yield begin, row
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ReviewFileError(f"{path}, line {reader.line_num}: not valid CSV ({error}).") from error


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    if text.lstrip()[:1] == "[":
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ReviewFileError(f"{path} is not valid JSON: {error}.") from error
        numbered: Iterable[tuple[int, Any]] = enumerate(values, 1)
    else:
        lines = io.StringIO(text, newline=None)  # not splitlines(): a string in JSON may hold U+2028 or U+0085
        numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    for number, value in numbered:
        if isinstance(value, str) and text.lstrip()[:1] != "[":
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as error:
                raise ReviewFileError(f"{path}, line {number} is not valid JSON: {error}.") from error
        if not isinstance(value, dict):
            raise ReviewFileError(f"{path}, entry {number} is not an object with named fields.")
        yield number, value


def _parquet_rows(path: Path, data: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(io.BytesIO(data)).to_pylist()
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise ReviewFileError(f"{path} is not a Parquet file that can be read: {error}.") from error
    yield from enumerate(rows, 1)
