"""Parquet, Excel and SQLite files."""

from __future__ import annotations

import datetime as dt
import sqlite3
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.ingest.formats.registry import open_sources
from rag.ingest.formats.rows import Row
from rag.schema import ReviewFileError

REVIEWS: list[dict[str, Any]] = [
    {"id": "a", "text": "Loved it, all of it.", "rating": 9},
    {"id": "b", "text": "So\nwe ran. 최고예요 😍", "rating": 3},
    {"id": "c", "text": "Fine.", "rating": None},
]


def rows(path: Path) -> list[Row]:
    (source,) = open_sources(path)
    return list(source)


def parquet(path: Path, values: list[dict[str, Any]], **options: Any) -> Path:
    pq.write_table(pa.Table.from_pylist(values), path, **options)
    return path


def workbook(path: Path, sheets: dict[str, Sequence[Sequence[Any]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, lines in sheets.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(list(line))
    book.save(path)
    return path


def database(path: Path, *commands: str) -> Path:
    connection = sqlite3.connect(path)
    for command in commands:
        connection.execute(command)
    connection.commit()
    connection.close()
    return path


@pytest.mark.parametrize("name", ["a.parquet", "a.data", "b"])
def test_parquet_whatever_its_name(tmp_path: Path, name: str) -> None:
    found = rows(parquet(tmp_path / name, REVIEWS))
    assert [row.cells for row in found] == REVIEWS
    assert [row.line for row in found] == [1, 2, 3]


def test_what_parquet_can_hold_becomes_plain(tmp_path: Path) -> None:
    table = pa.table(
        {
            "when": pa.array([1_600_000_000_123_456_789], pa.timestamp("ns")),
            "day": pa.array([dt.date(2021, 3, 4)]),
            "midnight": pa.array([dt.datetime(2021, 3, 4)]),
            "cost": pa.array([Decimal("1.50")]),
            "count": pa.array([Decimal("7")]),
            "raw": pa.array([b"\xff\xfe"]),
            "words": pa.array([b"words"]),
            "tags": pa.array([["a", "b"]]),
            "style": pa.array([{"Size": "L", "more": {"Colour": "red"}}]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert rows(tmp_path / "a.parquet")[0].cells == {
        "when": "2020-09-13 12:26:40.123456",
        "day": "2021-03-04",
        "midnight": "2021-03-04",
        "cost": 1.5,
        "count": 7,
        "raw": None,
        "words": "words",
        "tags": "a\nb",
        "style.Size": "L",
        "style.more.Colour": "red",
    }


def test_a_long_cell_of_a_table_is_a_problem(tmp_path: Path) -> None:
    found = rows(
        parquet(
            tmp_path / "a.parquet",
            [{"id": "1", "text": "x" * (2**20 + 1)}, {"id": "2", "text": "x"}],
        )
    )
    assert [(row.cells["id"], row.problem) for row in found] == [
        ("1", "a cell of more than 1 MiB"),
        ("2", ""),
    ]


def test_an_excel_sheet(tmp_path: Path) -> None:
    lines: list[list[Any]] = [
        ["Reviews", None, None],
        [],
        ["id", "text", "rating", "when"],
        ["a", "Loved it", 9, dt.datetime(2021, 3, 4)],
    ]
    lines += [
        ["b", "Fine\nreally", 3.5, None],
        [],
        ["c", "Bad", None, None],
        ["d", "Odd", 4, None, "more"],
        *[["e", "Good", 4]] * 10,
    ]
    path = workbook(
        tmp_path / "a.xlsx", {"empty": [], "data": lines, "notes": [["about", "this"], ["x", "y"]]}
    )
    source, notes = open_sources(path)
    found = list(source)
    assert source.format == "Excel, sheet 'data', header in row 3" and not source.doubt
    assert notes.name == "a.xlsx/notes" and "'notes' looks less like reviews" in notes.doubt
    assert [(row.line, row.cells) for row in found[:3]] == [
        (4, {"id": "a", "text": "Loved it", "rating": 9, "when": "2021-03-04"}),
        (5, {"id": "b", "text": "Fine\nreally", "rating": 3.5}),
        (7, {"id": "c", "text": "Bad"}),
    ]
    assert found[3].problem == "more cells than columns" and "more" in found[3].raw


def test_sheets_with_one_header_are_all_read(tmp_path: Path) -> None:
    head = ["id", "text"]
    path = workbook(
        tmp_path / "a.xlsx",
        {"2020": [head, ["a", "x"]], "2021": [head, ["b", "y"]], "other": [["n"], [1]]},
    )
    sources = open_sources(path)
    assert [source.name for source in sources] == ["a.xlsx/2020", "a.xlsx/2021", "a.xlsx/other"]
    assert [bool(source.doubt) for source in sources] == [False, False, True]
    assert [row.cells["id"] for source in sources[:2] for row in source] == ["a", "b"]


def test_a_workbook_without_anything(tmp_path: Path) -> None:
    with pytest.raises(ReviewFileError, match=r"a\.xlsx has no rows"):
        open_sources(workbook(tmp_path / "a.xlsx", {"one": [], "two": []}))


def test_a_workbook_that_would_fill_the_memory(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", {"one": [["text"], ["x"]]})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/more.bin", bytes(60 * 2**20))
    with pytest.raises(ReviewFileError, match="unpacks to"):
        open_sources(path)


TABLES = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)",
    "INSERT INTO users VALUES (1, 'ann'), (2, 'bob')",
    'CREATE TABLE "the reviews" (id INTEGER PRIMARY KEY, "Review Text" TEXT, stars REAL, picture '
    "BLOB)",
    """INSERT INTO "the reviews" VALUES (7, 'A long text about it', 4.5, x'ff'), (9, 'Another one', NULL, NULL)""",
    "CREATE VIEW best AS SELECT * FROM 'the reviews' WHERE stars > 4",
)


def test_the_table_with_the_most_text(tmp_path: Path) -> None:
    path = database(tmp_path / "a.sqlite", *TABLES)
    before = path.read_bytes()
    (source,) = open_sources(path)
    found = list(source)
    assert source.format == "SQLite, table 'the reviews'" and source.total == source.done == 2
    assert [(row.line, row.cells) for row in found] == [
        (1, {"id": 7, "Review Text": "A long text about it", "stars": 4.5, "picture": None}),
        (2, {"id": 9, "Review Text": "Another one", "stars": None, "picture": None}),
    ]
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == [
        "a.sqlite"
    ]


@pytest.mark.parametrize(("table", "count"), [("users", 2), ("best", 1), ("the reviews", 2)])
def test_a_table_or_view_may_be_named(tmp_path: Path, table: str, count: int) -> None:
    database(tmp_path / "a.db", *TABLES)
    (source,) = open_sources(f"{tmp_path / 'a.db'}::{table}")
    assert len(list(source)) == count and source.name == "a.db"


def test_databases_that_cannot_be_read(tmp_path: Path) -> None:
    database(tmp_path / "a.db", *TABLES)
    with pytest.raises(ReviewFileError, match=r"no table 'films'.*'users'"):
        open_sources(f"{tmp_path / 'a.db'}::films")
    with pytest.raises(ReviewFileError, match=r"no table has text.*'t'"):
        open_sources(
            database(tmp_path / "b.db", "CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1)")
        )
    (tmp_path / "c.csv").write_text("text\nx\n")
    with pytest.raises(ReviewFileError, match="not an SQLite database"):
        open_sources(f"{tmp_path / 'c.csv'}::films")


def test_what_another_program_has_not_put_into_the_database_yet(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (text TEXT)")
    connection.execute("INSERT INTO t VALUES ('fresh words')")
    connection.commit()
    try:
        assert [row.cells for row in rows(tmp_path / "a.db")] == [{"text": "fresh words"}]
    finally:
        connection.close()


def valid(suffix: str, folder: Path) -> bytes:
    path = folder / f"valid.{suffix}"
    if suffix == "parquet":
        parquet(path, REVIEWS)
    elif suffix == "xlsx":
        workbook(path, {"one": [["id", "text"], ["a", "fine"], ["b", "bad"]]})
    else:
        database(path, *TABLES)
    data = path.read_bytes()
    path.unlink()
    return data


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    suffix=st.sampled_from(["parquet", "xlsx", "sqlite"]),
    changes=st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 255)), max_size=4),
    length=st.one_of(st.just(10**6), st.integers(1, 20_000)),
)
def test_a_damaged_table_gives_rows_or_a_review_file_error(
    tmp_path: Path, suffix: str, changes: list[tuple[int, int]], length: int
) -> None:
    data = bytearray(valid(suffix, tmp_path))
    for position, value in changes:
        data[position % len(data)] = value
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(data[:length])
    try:
        for source in open_sources(path):
            assert all(row.line > 0 for row in source)
    except ReviewFileError as error:
        assert "a." in str(error)


@pytest.mark.parametrize("suffix", ["parquet", "xlsx", "sqlite"])
def test_a_name_that_promises_too_much(tmp_path: Path, suffix: str) -> None:
    for data in (b"PAR1", b"text\nx\n", b"SQLite format 3\0", b"PK\x03\x04"):
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(data)
        with pytest.raises(ReviewFileError, match=rf"a\.{suffix}"):
            open_sources(path)


def test_a_table_in_an_archive_is_read_from_a_copy_that_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
    (tmp_path / "copies").mkdir()
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("parquet", "xlsx", "sqlite"):
            archive.writestr(f"deep/a.{name}", valid(name, tmp_path))
    sources = open_sources(path)
    assert [source.name for source in sources] == [
        f"all.zip/deep/a.{name}" for name in ("parquet", "xlsx", "sqlite")
    ]
    assert [len(list(source)) for source in sources] == [3, 2, 2]
    assert list((tmp_path / "copies").iterdir()) == []
