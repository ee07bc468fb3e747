"""Workbooks of several sheets: those with reviews are read, those left out are named."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from rag.ingest import ReadOptions, import_reviews, read_reviews
from rag.ingest.formats.registry import open_sources

TEXTS = [f"The bar was fine and the lift was slow, visit {n}." for n in range(8)]


def workbook(path: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, lines in sheets.items():
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append(line)
    book.save(path)
    return path


def table(*names: str, start: int = 0) -> list[list[Any]]:
    rows = [[2 + n % 3, TEXTS[n + start], *["web"] * (len(names) - 2)] for n in range(4)]
    return [list(names), *rows]


def test_sheets_of_other_columns_are_read_too_and_name_the_item(tmp_path: Path) -> None:
    sheets = {
        "North": table("Rating", "Review"),
        "South": table("Rating", "Review", "Channel", start=4),
    }
    imported = import_reviews([workbook(tmp_path / "a.xlsx", sheets)], tmp_path)
    assert [(review.item, review.text) for review in imported] == [
        ("North" if n < 4 else "South", text) for n, text in enumerate(TEXTS)
    ]


def test_sheets_that_hold_no_reviews_are_named_with_the_reason(tmp_path: Path) -> None:
    sheets: dict[str, list[list[Any]]] = {
        "Read me": [["Export of guest reviews"], ["Made on 2024-01-01"], ["Ratings are 1 to 5"]],
        "Summary": [["Guest feedback 2024"], ["Hotel", "Responses"], ["Fox and Crown", 30]],
        "Data": table("Rating", "Review"),
        "Empty": [],
    }
    imported = import_reviews([workbook(tmp_path / "a.xlsx", sheets)], tmp_path)
    assert [review.text for review in imported] == TEXTS[:4]
    assert {review.item for review in imported} == {""}  # of one sheet the name says nothing
    skipped = {report.file: report.skipped for report in imported.reports}
    assert skipped["a.xlsx/Data"] == ""
    assert "'Read me' looks less like reviews than 'Data'" in skipped["a.xlsx/Read me"]
    assert "'Summary' looks less like reviews" in skipped["a.xlsx/Summary"]


def test_a_sheet_left_out_can_be_asked_for(tmp_path: Path) -> None:
    sheets = {"Log": table("Version", "Comment"), "Odd": table("Mark", "Guest said it")}
    path = workbook(tmp_path / "a.xlsx", sheets)
    options = ReadOptions(mapping={"text": "Guest said it"})
    imported = import_reviews([path], tmp_path, options)
    assert [report.file for report in imported.reports if report.kept] == ["a.xlsx/Odd"]


def test_names_of_columns_stand_below_those_of_their_groups(tmp_path: Path) -> None:
    lines: list[list[Any]] = [
        ["Guest feedback - Fox and Crown"],
        ["Stay", None, "Scores", "Comments", None],
        ["Booking", "Guest", "Overall", "Comment", "Reply by hotel"],
        *[
            [1000 + n, f"Guest {n}", 3, text, "Thanks." if n % 4 == 0 else None]
            for n, text in enumerate(TEXTS)
        ],
    ]
    reviews, report = read_reviews(workbook(tmp_path / "a.xlsx", {"Fox": lines}))
    assert report.format == "Excel, sheet 'Fox', header in row 3"
    assert [review.text for review in reviews] == TEXTS


def test_a_sheet_without_a_header_goes_on_with_the_first(tmp_path: Path) -> None:
    sheets = {"1": table("Rating", "Review"), "2": table("Rating", "Review", start=4)[1:]}
    sources = open_sources(workbook(tmp_path / "a.xlsx", sheets))
    assert [row.cells["Review"] for source in sources for row in source] == TEXTS


def rewritten(path: Path, rows: str) -> Path:
    """A workbook of one sheet whose XML holds these rows."""
    name = "xl/worksheets/sheet1.xml"
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    with zipfile.ZipFile(workbook(path.with_name("plain.xlsx"), {"S": [["text"]]})) as whole:
        parts = {info.filename: whole.read(info) for info in whole.infolist()}
    parts[name] = f'<worksheet xmlns="{space}">{rows}</worksheet>'.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return path


def cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


@pytest.mark.parametrize(
    ("size", "row", "column", "problem"),
    [
        ("", 99_999_999_999, "A", "Excel's last"),
        ('<dimension ref="A1:ZZZ9999999"/>', 900_000, "ZZZ", "more cells than columns"),
        ('<dimension ref="A1:XFD1048576"/>', 1_048_576, "A", ""),
    ],
)
def test_what_a_file_says_of_its_size_costs_no_time(
    tmp_path: Path, size: str, row: int, column: str, problem: str
) -> None:
    rows = f'<row r="1">{cell("A1", "text")}{cell("B1", "rating")}</row>'
    rows += f'<row r="2">{cell("A2", "A fine stay")}{cell("B2", "5")}</row>'
    rows += f'<row r="{row}">{cell(f"{column}{row}", "A bad stay")}</row>'
    path = rewritten(tmp_path / "a.xlsx", f"{size}<sheetData>{rows}</sheetData>")
    started = time.process_time()
    (source,) = open_sources(path)
    found = list(source)
    assert time.process_time() - started < 20
    assert found[0].cells == {"text": "A fine stay", "rating": "5"} and len(found) == 2
    assert problem in found[1].problem and bool(found[1].problem) == bool(problem)
