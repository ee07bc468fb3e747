"""Rows: what every kind of review file is read as, and what a kind of file is.

    location (file, archive, folder, database, hf:NAME) -> RowSource (a file) -> Row (a review, not
    yet understood)

Nothing here knows what a column means. A row that cannot be read is still a row, with its
`problem`; a file that cannot be read at all is a `ReviewFileError`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rag.ingest.formats.unpack import Packed

# Characters. A longer cell is a sign of a file read wrongly, and would have to be held whole.
MAX_CELL = 1024 * 1024
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
    )  # by column; objects flattened ("style.Size"), and what encloses a row called "../name"
    problem: str = ""  # why it cannot be used; `cells` then hold what could be read
    raw: str = ""  # only with a problem: the row as it stood, cut at `MAX_RAW` characters


class RowSource(ABC):
    """The rows of one file. Each iteration reads the file anew, as a stream.

    `lines` and `notes` are complete when an iteration has ended.
    """

    def __init__(self, name: str, format: str = "", total: int = 0) -> None:
        self.name = name  # the file's base name; "a.zip/b.csv" inside an archive
        self.format = format  # in words: "CSV separated by ';', UTF-16, header in line 1"
        self.total = total  # bytes or rows in all, 0 where unknown
        self.done = 0  # how much of it the running iteration has read
        self.lines = 0  # lines of text, where rows may span several
        self.notes: list[str] = []  # what a reader must be told, in sentences
        self.doubt = ""  # why it seems to hold no reviews, while another part of its file does

    @abstractmethod
    def __iter__(self) -> Iterator[Row]: ...


def _never(packed: Packed, start: bytes) -> bool:
    return False


def _no_guess(packed: Packed) -> RowSource | None:
    return None


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of review file: how it is told, and how it is opened. See `registry.FORMATS`.

    `tells` says for certain from a file's first 4 KiB that it is of this kind; `guess` gives its
    source where the content may well be. Between the two, a name's ending decides.
    """

    label: str  # as messages call it: "Excel (.xlsx)"
    endings: tuple[str, ...]  # of names, in lower case, without the dot
    open: Callable[[Packed, str], list[RowSource]]  # of a file, and a table's name or ""
    tells: Callable[[Packed, bytes], bool] = _never
    guess: Callable[[Packed], RowSource | None] = _no_guess
