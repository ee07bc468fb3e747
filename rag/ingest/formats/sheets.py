"""Rows of .xlsx workbooks."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from rag.ingest.formats.flatten import make_row, plain
from rag.ingest.formats.header import Header, find_header
from rag.ingest.formats.rows import DAMAGED, Row
from rag.ingest.formats.unpack import FREE_UNPACKED, Packed
from rag.schema import ReviewFileError

_SAMPLE = 200  # rows
_MAX_STRINGS = 1024**3  # bytes; openpyxl holds the strings of a workbook in memory


class SheetSource:
    """One sheet of a workbook."""

    def __init__(
        self, packed: Packed, sheet: str, header: Header, line: int, *, only: bool
    ) -> None:
        self._packed, self._sheet, self._header, self._line = packed, sheet, header, line
        self.name = packed.name if only else f"{packed.name}/{sheet}"
        given = f"header in row {line}" if header.given else "no header"
        self.format = f"Excel, sheet {sheet!r}, {given}"
        self.total = self.done = 0

    def __iter__(self) -> Iterator[Row]:
        self.done = number = 0
        first = self._line + self._header.given
        with _workbook(self._packed) as book:
            rows = book[self._sheet].iter_rows(values_only=True)
            while True:
                try:
                    cells = next(rows)
                except StopIteration:
                    return
                except Exception as error:  # openpyxl raises whatever its XML leads it to
                    yield Row(number + 1, {}, f"{DAMAGED} ({_short(error)})")
                    return
                number += 1
                self.done = number
                if number >= first and any(str(cell).strip() for cell in cells if cell is not None):
                    named = {
                        name: cell
                        for name, cell in zip(self._header.names, cells, strict=False)
                        if cell is not None
                    }
                    row = make_row(number, named)
                    if any(
                        str(cell).strip()
                        for cell in cells[len(self._header.names) :]
                        if cell is not None
                    ):
                        raw = "\t".join("" if cell is None else str(cell) for cell in cells)
                        row = Row(number, row.cells, "more cells than columns", raw[:2000])
                    yield row


def open_sheets(packed: Packed) -> list[SheetSource]:
    """The first sheet with anything in it, and all others with the same header. Raises
    `ReviewFileError`.
    """
    found: list[tuple[str, Header, int]] = []
    with _workbook(packed) as book:
        for sheet in book.worksheets:
            try:
                rows = [
                    (number, ["" if cell is None else str(plain(cell)) for cell in cells])
                    for number, cells in enumerate(
                        islice(sheet.iter_rows(values_only=True), _SAMPLE), 1
                    )
                ]
            except Exception as error:
                raise ReviewFileError(
                    f"Cannot read the sheet {sheet.title!r} of {packed.where}: {_short(error)}."
                ) from error
            filled = [
                (number, cells) for number, cells in rows if any(cell.strip() for cell in cells)
            ]
            if not filled:
                continue
            header = find_header([cells for _, cells in filled])
            if not found or (header.given and header.names == found[0][1].names):
                found.append((sheet.title, header, filled[header.at][0]))
    if not found:
        raise ReviewFileError(f"{packed.where} has no rows: all its sheets are empty.")
    return [SheetSource(packed, *one, only=len(found) == 1) for one in found]


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
        except (
            zipfile.BadZipFile,
            OSError,
            ValueError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise ReviewFileError(
                f"Cannot read {packed.where} as an Excel workbook: {_short(error)}."
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
                    f"Cannot read {packed.where} as an Excel workbook: {_short(error)}."
                ) from error
            try:
                yield book
            finally:
                book.close()


def _short(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:200].rstrip(".") or type(error).__name__
