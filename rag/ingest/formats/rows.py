"""Rows: what every kind of review file is read as, and the one function that opens them all.

    location (file, archive, folder, database, hf:NAME) -> RowSource (a file) -> Row (a review, not
    yet understood)

Nothing here knows what a column means. A row that cannot be read is still a row, with its
`problem`; a file that cannot be read at all is a `ReviewFileError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

MAX_CELL = (
    1024 * 1024
)  # characters; a longer cell is a sign of a file read wrongly, and would have to be held whole
MAX_RAW = 2000
DAMAGED = "the file breaks off or is damaged from here on"
LONG_CELL = "a cell of more than 1 MiB"


@dataclass(frozen=True, slots=True)
class Row:
    """One row as the file has it."""

    # where the row begins, from 1; the entry's number in JSON arrays, the row's in sheets and
    # tables
    line: int
    cells: dict[str, Any] = field(
        default_factory=dict
    )  # by column; objects flattened ("style.Size")
    problem: str = ""  # why it cannot be used; `cells` then hold what could be read
    raw: str = ""  # only with a problem: the row as it stood, cut at `MAX_RAW` characters


class RowSource(Protocol):
    """The rows of one file. Each iteration reads the file anew, as a stream."""

    name: str  # the file's base name; "a.zip/b.csv" inside an archive
    format: str  # in words: "CSV separated by ';', UTF-16, header in line 1"
    total: int  # bytes or rows in all, 0 where unknown
    done: int  # how much of it the running iteration has read

    def __iter__(self) -> Iterator[Row]: ...


def open_sources(location: str | Path, *, max_unpack_ratio: float = 200.0) -> list[RowSource]:
    """The sources of rows at `location`: a file, archive, folder, database's table
    ("a.sqlite::table") or "hf:NAME".

    Raises `ReviewFileError` where nothing there can be read as reviews; also while iterating, where
    a file breaks off.
    """
    from rag.ingest.formats.registry import open_location

    return open_location(str(location), max_unpack_ratio)
