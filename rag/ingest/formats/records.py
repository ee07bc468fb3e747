"""The records of a text of separated cells: Python's `csv` in strict mode, and what to do where it
objects.

A quoted cell may hold line ends. A quotation mark that opens a cell among lines that are rows each
by itself is a plain character. One that is never closed otherwise costs the row it stands in, and
no other: the reader goes back to the next line. How much is read in vain that way is bounded, so
that no file takes for ever.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rag.ingest.formats.header import is_value, is_word, trimmed
from rag.ingest.formats.rows import LONG_CELL, MAX_CELL, MAX_RAW

MAX_LINE = 4 * MAX_CELL  # characters; a line may have many cells, but not for ever
UNCLOSED = "a quotation mark opened here is never closed"
_LOOKED = 50  # lines of a record; if so many of them are rows by themselves, a mark joined them
_MOST = 0.9


@dataclass(frozen=True, slots=True)
class Separation:
    """How a line is separated into cells.

    `width` is how many cells most lines have; `values` are those that only numbers and dates stand
    in, `words` those that have one word at most: by these a line is known that is a row by itself.
    """

    separator: str
    mark: str = '"'  # around a cell with the separator in it; "" where there is none
    escaped: bool = (
        False  # a mark in a quoted cell (or a separator, without one) has a \\ before it
    )
    width: int = 0
    values: tuple[int, ...] = ()
    words: tuple[int, ...] = ()
    outer: str = ""  # the separator of cells that hold whole rows, quoted once more

    def parse(self, lines: Iterable[str], *, strict: bool) -> Iterator[list[str]]:
        """The records of lines. A strict one raises `csv.Error` for misplaced marks."""
        csv.field_size_limit(2**31 - 1)  # of the process; what is held is bounded here
        options: dict[str, Any] = {"delimiter": self.outer or self.separator, "strict": strict}
        if self.outer or self.mark:
            options |= {"quotechar": self.mark or '"', "doublequote": not self.escaped}
        else:
            options["quoting"] = csv.QUOTE_NONE
        if self.escaped:
            options["escapechar"] = "\\"
        return csv.reader(lines, **options)

    def lenient(self, line: str) -> list[str]:
        """The cells of a line that is not quite right. A last one that is quoted to the end of the
        line ends in one.
        """
        line = re.sub(r"[\r\n]+(?=.)", " ", line, flags=re.DOTALL).rstrip("\r\n ")
        return next(self.parse([line + "\n"], strict=False), [])

    def plain_cells(self, line: str) -> list[str]:
        """The cells of a line that is a row by itself if marks are plain characters; else none."""
        cells = line.rstrip("\r\n").split(self.separator)
        if len(cells) != self.width or self.width < (2 if self.values else 3):
            return []
        if not self.values and self.mark * 2 in line:
            return []  # so is a mark written in a quoted cell
        values, words = ([cells[at].strip() for at in each] for each in (self.values, self.words))
        fits = all(map(is_value, values)) and all(word and is_word(word) for word in words)
        return cells if fits else []

    def unwrapped(self, cells: list[str]) -> list[str]:
        """The cells of a row that is quoted whole."""
        if trimmed(cells) != 1:
            return cells
        inner = Separation(self.separator, self.mark, self.escaped)
        try:
            return next(inner.parse(io.StringIO(cells[0], newline=""), strict=True), [])
        except csv.Error:
            return inner.lenient(cells[0])


class Records:
    """(line, cells, problem) of each record of a text."""

    def __init__(self, readline: Callable[[int], str], separation: Separation) -> None:
        self._readline, self._separation = readline, separation
        self._again: deque[str] = deque()  # lines to be read once more
        self._held: list[str] = []  # lines of the record being read
        self._size, self._limit = 0, MAX_CELL
        self._useful, self._wasted = 0, 0  # characters
        self.line = 1  # where the next record begins
        self.ended = False  # whether the text has been read to its end
        self.spans: Counter[int] = Counter()  # lines of a record -> such records
        self.longest: list[tuple[int, int]] = []  # (lines, first line) of the three longest
        self.plain: list[int] = []  # lines in which a mark was found to be a plain character
        self.quoted = 0  # records with a cell that is quoted rightly
        self.wrong = self.in_vain = 0  # records with a misplaced mark; those that joined lines

    @property
    def raw(self) -> str:
        """The record last given, as it stood."""
        return "".join(islice(self._held, 100))[:MAX_RAW].rstrip("\r\n")

    @property
    def cut(self) -> bool:
        """Whether the record last given has no line end."""
        return not self._held[-1].endswith(("\n", "\r"))

    def __iter__(self) -> Iterator[tuple[int, list[str], str]]:
        separation = self._separation
        reader = separation.parse(self._lines(), strict=True)
        while True:
            self._held, self._size = [], 0
            self._limit = min(MAX_CELL, 8 * MAX_CELL + 4 * self._useful - self._wasted)
            problem = ""
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _Runaway) as error:
                cells = self._plain()
                if not cells:
                    cells, problem = self._mend(LONG_CELL if LONG_CELL in str(error) else UNCLOSED)
                reader = separation.parse(self._lines(), strict=True)
            else:
                cells = self._checked(cells)
            self._note_span()
            begin, self.line = self.line, self.line + len(self._held)
            self._useful += self._size
            yield begin, cells, problem

    def _checked(self, cells: list[str]) -> list[str]:
        """The cells of a record that `csv` had no objection to."""
        separation = self._separation
        if separation.outer:
            return separation.unwrapped(cells)
        if not separation.mark or separation.mark not in self._held[0]:
            return cells
        if len(self._held) > 1 or len(cells) != separation.width:
            plain = self._plain()
            if plain:
                return plain
        self.quoted += separation.separator.join(cells) != self._held[0].rstrip("\r\n")
        return cells

    def _plain(self) -> list[str]:
        """The first line alone, if it and most that were joined to it are rows by themselves."""
        separation = self._separation
        if not separation.mark or separation.outer:
            return []
        held = [line for line in self._held[:_LOOKED] if line.strip()]
        rows = sum(bool(separation.plain_cells(line)) for line in held)
        if rows < _MOST * len(held) or not separation.plain_cells(self._held[0]):
            return []
        self.plain.append(self.line)
        self._put_back()
        return separation.plain_cells(self._held[0])

    def _put_back(self) -> None:
        first, rest = self._held[0], self._held[1:]
        self._again.extendleft(reversed(rest))
        self._wasted += self._size - len(first)
        self._held, self._size = [first], len(first)

    def _note_span(self) -> None:
        span = len(self._held)
        self.spans[span] += 1
        if span > 1:
            self.longest = sorted([*self.longest, (span, self.line)], reverse=True)[:3]

    def _lines(self) -> Iterator[str]:
        """The lines for `csv.reader`, which are also held until the record is whole."""
        while line := self._again.popleft() if self._again else self._readline(MAX_LINE):
            if len(line) == MAX_LINE and line[-1] not in "\r\n":
                line = _LongLine(line[:MAX_RAW])
                while (piece := self._readline(MAX_LINE)) and piece[-1] not in "\r\n":
                    pass
            self._held.append(line)
            self._size += len(line)
            if isinstance(line, _LongLine):
                raise _Runaway(LONG_CELL)
            if len(self._held) > 1 and self._size > self._limit:
                raise _Runaway(UNCLOSED)
            yield line
        self.ended = True

    def _mend(self, problem: str) -> tuple[list[str], str]:
        """The first line alone, where `csv` objected to it or to what it began; the other lines are
        read again.
        """
        alone = len(self._held) == 1
        self.wrong += 1
        self.in_vain += not alone
        if problem == LONG_CELL and alone:
            return [], LONG_CELL
        self._put_back()
        first = self._held[0]
        odd = first.count(self._separation.mark or '"') % 2
        if self._separation.width == 1 and alone and not odd:
            return [first.strip()], ""  # a text that begins with a quotation and goes on
        cells = self._separation.lenient(first)
        closed = alone and not odd and not (cells and cells[-1].endswith("\n"))
        return cells, "" if closed else UNCLOSED


class _LongLine(str):
    """The beginning of a line that is too long to be held."""

    __slots__ = ()


class _Runaway(Exception):
    """A record that does not end where it should."""


def spans_in_words(spans: Counter[int], longest: Sequence[tuple[int, int]]) -> list[str]:
    """What a reader must be told of records that span far more lines than their neighbours do."""
    count, seen, usual = sum(spans.values()), 0, 1
    for usual in sorted(spans):
        seen += spans[usual]
        if seen >= 0.9 * count:
            break
    return [
        f"The row that begins in line {line} spans {span} lines, where most span "
        f"{'1' if usual == 1 else f'at most {usual}'}: see whether a quotation mark is missing."
        for span, line in longest
        if span > max(10, 5 * usual)
    ]
