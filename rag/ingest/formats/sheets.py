"""Rows of .xlsx workbooks: each sheet with anything in it is a source of its own."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from rag.ingest.formats.flatten import make_row, plain
from rag.ingest.formats.header import Header, find_header, has_usual_name, names_text
from rag.ingest.formats.rows import DAMAGED, MAX_RAW, Format, Row, RowSource
from rag.ingest.formats.unpack import FREE_UNPACKED, UNREADABLE, ZIP, Packed, open_zip
from rag.schema import ReviewFileError, short_reason

SHEET = "../sheet"  # the column with the sheet's name, where several hold reviews
_SAMPLE = 200  # rows
_MAX_ROW = 1_048_576  # of Excel
_MAX_STRINGS = 1024**3  # bytes; openpyxl holds the strings of a workbook in memory
_ENDINGS = ("xlsx", "xlsm")


class SheetSource(RowSource):
    """One sheet of a workbook."""

    def __init__(self, packed: Packed, sheet: str, header: Header, line: int) -> None:
        given = f"header in row {line}" if header.given else "no header"
        super().__init__(f"{packed.name}/{sheet}", f"Excel, sheet {sheet!r}, {given}")
        self._packed, self.sheet, self.header, self._line = packed, sheet, header, line
        self.named = False  # whether rows have the sheet's name

    @property
    def rank(self) -> int:
        """How little it looks like reviews: 0 where a column is called as reviews' texts are, 1
        where any is called as in tables of reviews, 2 for other tables, 3 for one column.
        """
        names = self.header.names
        if len(names) == 1:
            return 3
        return 0 if any(map(names_text, names)) else 1 if has_usual_name(names) else 2

    def __iter__(self) -> Iterator[Row]:
        self.done = number = 0
        first = self._line + self.header.given
        with _workbook(self._packed) as book:
            rows = _rows(book[self.sheet])
            while True:
                try:
                    cells = next(rows)
                except StopIteration:
                    return
                except Exception as error:  # openpyxl raises whatever its XML leads it to
                    yield Row(number + 1, {}, f"{DAMAGED} ({short_reason(error)})")
                    return
                number += 1
                self.done = number
                if number > _MAX_ROW:
                    problem = f"a row after {_MAX_ROW:,}, which is Excel's last"
                    yield Row(number, {}, f"{DAMAGED} ({problem})")
                    return
                if number >= first and any(cells):
                    yield self._row(number, cells)

    def _row(self, number: int, cells: list[Any]) -> Row:
        names = self.header.names
        named = dict(zip(names, cells, strict=False))
        if self.named:
            named[SHEET] = self.sheet
        row = make_row(number, {name: cell for name, cell in named.items() if cell is not None})
        if not any(map(_filled, cells[len(names) :])):
            return row
        raw = "\t".join("" if cell is None else str(cell) for cell in cells)
        return Row(number, row.cells, "more cells than columns", raw[:MAX_RAW])


def _filled(cell: Any) -> bool:
    return cell is not None and bool(str(cell).strip())


def _rows(sheet: Any) -> Iterator[list[Any]]:
    """The cells of each row, up to the last that holds anything; none of a row that is missing."""
    sheet.reset_dimensions()  # what a file says of its size may be anything
    for cells in sheet.iter_rows(values_only=True):
        row = list(cells)
        while row and not _filled(row[-1]):
            row.pop()
        yield row


def open_sheets(packed: Packed) -> list[SheetSource]:
    """All sheets with anything in them; those that look most like reviews come first.

    A sheet without a header that is as wide as the first goes on with that one's columns. Raises
    `ReviewFileError`.
    """
    tables: list[tuple[str, Header, int]] = []
    with _workbook(packed) as book:
        for sheet in book.worksheets:
            try:
                rows = list(enumerate(islice(_rows(sheet), _SAMPLE), 1))
            except Exception as error:
                raise ReviewFileError(
                    f"Cannot read the sheet {sheet.title!r} of {packed.where}: {short_reason(error)}."
                ) from error
            width = max((len(cells) for _, cells in rows), default=0)
            filled = [(number, _texts(cells, width)) for number, cells in rows if cells]
            if not filled:
                continue
            header = find_header([cells for _, cells in filled])
            if tables and not header.given and len(header.names) == len(tables[0][1].names):
                header = Header(header.at, False, tables[0][1].names)
            tables.append((sheet.title, header, filled[header.at][0]))
    if not tables:
        raise ReviewFileError(f"{packed.where} has no rows: all its sheets are empty.")
    sources = [SheetSource(packed, *table) for table in tables]
    if len(sources) == 1:
        sources[0].name = packed.name
    sources.sort(key=lambda source: source.rank)
    likely = [source for source in sources if source.rank == sources[0].rank]
    for source in sources:
        source.named = len(likely) > 1
        if source not in likely:
            source.doubt = (
                f"the sheet {source.sheet!r} looks less like reviews than {likely[0].sheet!r} does"
            )
    return sources


def _texts(cells: list[Any], width: int) -> list[str]:
    texts = ["" if cell is None else str(plain(cell)) for cell in cells]
    return texts + [""] * (width - len(texts))


@contextmanager
def _workbook(packed: Packed) -> Iterator[Any]:
    import openpyxl

    with packed.spool(".xlsx") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                infos = archive.infolist()
            packed_size = sum(info.compress_size for info in infos)
            unpacked = sum(info.file_size for info in infos)
            strings = sum(info.file_size for info in infos if "sharedStrings" in info.filename)
        except UNREADABLE as error:
            raise ReviewFileError(
                f"Cannot read {packed.where} as an Excel workbook: {short_reason(error)}."
            ) from error
        if unpacked > max(FREE_UNPACKED, packed.ratio * packed_size) or strings > _MAX_STRINGS:
            raise ReviewFileError(
                f"{packed.where} unpacks to {unpacked:,} bytes, which is too much. Save it as CSV."
            )
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that do not matter here
            try:
                book = openpyxl.load_workbook(
                    file, read_only=True, data_only=True, keep_links=False
                )
            except Exception as error:  # openpyxl raises whatever its XML leads it to
                raise ReviewFileError(
                    f"Cannot read {packed.where} as an Excel workbook: {short_reason(error)}."
                ) from error
            try:
                yield book
            finally:
                book.close()


def _tells(packed: Packed, start: bytes) -> bool:
    if not start.startswith(ZIP):
        return False
    if packed.member or packed.packing:
        return packed.ending in _ENDINGS
    return any(name.startswith("xl/") for name in open_zip(packed.path, packed.ratio)[1])


def _open(packed: Packed, table: str) -> list[RowSource]:
    if not packed.sample(4).startswith(ZIP):
        raise ReviewFileError(
            f"{packed.where} cannot be read: it is no .{packed.ending} file, though its name says "
            "so. Save it as .xlsx or CSV."
        )
    return [*open_sheets(packed)]


FORMAT = Format("Excel (.xlsx)", _ENDINGS, _open, tells=_tells)
