"""Quotation marks that quote, and those that are plain characters: told by what the lines bear out."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rag.ingest import import_reviews, read_reviews
from rag.ingest.formats.registry import open_sources
from rag.ingest.formats.rows import RowSource

HEADER = ["review_id", "product", "stars", "headline", "body", "date"]


def source(folder: Path, text: str, name: str = "a.csv", codec: str = "utf-8") -> RowSource:
    path = folder / name
    path.write_bytes(text.encode(codec))
    (opened,) = open_sources(path)
    return opened


def plain_table(separator: str, changes: dict[int, str], rows: int = 30) -> str:
    """A table whose marks are plain characters; `changes` are the bodies of some rows."""
    lines = [separator.join(HEADER)]
    for number in range(1, rows + 1):
        body = changes.get(number, f"Words about part {number} of it.")
        cells = [f"R{number}", "Screen", str(number % 5 + 1), f"Line {number}", body, "2015-08-01"]
        lines.append(separator.join(cells))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("separator", "\t|;,")
@pytest.mark.parametrize(
    "changes",
    [
        {5: '"Nice for the price but it wobbles.', 22: 'Too small: I wanted 27"'},
        {5: '"Good enough" it says', 9: '"So so', 20: 'a 5" pipe'},
        {2: '"Never closed'},
        {30: '"The last line'},
        {3: '"One', 4: '"Two', 5: '"Three'},
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_plain_quotation_marks_join_no_rows(
    tmp_path: Path, separator: str, changes: dict[int, str], name: str
) -> None:
    opened = source(tmp_path, plain_table(separator, changes), name)
    found = list(opened)
    assert [row.line for row in found] == list(range(2, 32))
    assert not [row for row in found if row.problem]
    assert {n: found[n - 1].cells["body"] for n in changes} == changes
    assert opened.lines == 31


@pytest.mark.parametrize("early", ["Nothing is quoted", '"Quoted rightly, with a ; in it"'])
def test_a_plain_mark_far_behind_the_first_rows_joins_none(tmp_path: Path, early: str) -> None:
    changes = {3: early, 2500: '"Odd', 2520: 'the 27" one'}
    text = plain_table(";", changes, rows=3000)
    opened = source(tmp_path, text)
    found = list(opened)
    assert len(found) == 3000 and opened.lines == 3001
    assert found[2].cells["body"] == early.strip('"')
    assert found[2499].cells["body"] == '"Odd' and found[2519].cells["body"] == 'the 27" one'
    assert opened.notes == [
        "1 rows have a quotation mark that opens a cell and does not close it; it was read as a "
        "plain character (first in line 2501)."
    ]


def test_a_mark_that_closes_in_another_cell_of_its_line_joins_no_cells(tmp_path: Path) -> None:
    text = plain_table("\t", {}).replace("Line 7\tWords about part 7 of it.", '"Ha\tha"')
    assert list(source(tmp_path, text))[6].cells["headline"] == '"Ha'


def test_texts_of_several_lines_stay_whole(tmp_path: Path) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "text", "stars"])
    texts = [
        f"Line one of {n}.\nGood, 5\nand, so, on" if n % 2 else f"Short {n}" for n in range(40)
    ]
    writer.writerows((f"r{n}", text, n % 5) for n, text in enumerate(texts))
    opened = source(tmp_path, out.getvalue())
    assert [row.cells["text"] for row in opened] == texts
    assert opened.lines == 1 + 20 + 3 * 20 and opened.notes == []


def test_a_row_of_far_more_lines_than_its_neighbours_is_reported(tmp_path: Path) -> None:
    text = "id,text\n" + "".join(f"a{n},Fine.\n" for n in range(30))
    text += 'b,"' + "words, and\n more words, here\n" * 12 + '"\nc,Good.\n'
    _, report = read_reviews(_written(tmp_path, text))
    assert report.lines == 57 and report.read == 32
    assert report.notes == [
        "The row that begins in line 32 spans 25 lines, where most span 1: see whether a quotation "
        "mark is missing."
    ]


def _written(folder: Path, text: str, name: str = "a.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("outer", [",", ";"])
@pytest.mark.parametrize("head", ["plain", "quoted", "padded"])
def test_rows_quoted_whole_are_unwrapped(tmp_path: Path, outer: str, head: str) -> None:
    rows = [
        [f"b{n}", f'The "{n}" Rivers, part {n}', str(n % 5), f"Read it,\nliked it ({n})"]
        for n in range(25)
    ]
    padding = outer * 3 if head == "padded" else ""
    names = "id,Title,My Rating,My Review"
    lines = [f'"{names}"{padding}' if head == "quoted" else names + padding]
    for row in rows:
        inner = io.StringIO()
        csv.writer(inner, lineterminator="").writerow(row)
        lines.append('"' + inner.getvalue().replace('"', '""') + '"' + padding)
    opened = source(tmp_path, "\n".join(lines) + "\n")
    assert [list(row.cells.values()) for row in opened] == rows
    assert "each row quoted whole" in opened.format


def test_one_column_of_quoted_prose_is_not_unwrapped(tmp_path: Path) -> None:
    texts = [f"Nice, good, and number {n}, too" for n in range(20)]
    opened = source(tmp_path, "text\n" + "".join(f'"{text}"\n' for text in texts))
    assert [row.cells for row in opened] == [{"text": text} for text in texts]


WORDS = st.text(st.sampled_from("ab é'\"5.!"), min_size=1, max_size=12).map(str.strip)
WORDS = WORDS.filter(lambda text: '""' not in text and "''" not in text)  # else it is quoted
LINES = st.text(st.sampled_from("ab é\"'5.,;|\t\n!"), min_size=1, max_size=16).map(str.strip)
STYLES: dict[str, dict[str, Any]] = {
    "all": {"quoting": csv.QUOTE_ALL},
    "needed": {"quoting": csv.QUOTE_MINIMAL},
    "texts": {"quoting": csv.QUOTE_NONNUMERIC},
    "escaped": {"quoting": csv.QUOTE_ALL, "doublequote": False, "escapechar": "\\"},
}


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.lists(LINES, min_size=3, max_size=10),
    style=st.sampled_from(sorted(STYLES)),
    separator=st.sampled_from(",;\t|"),
    mark=st.sampled_from("\"'"),
    newline=st.sampled_from(["\n", "\r\n"]),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_every_way_of_quoting_is_read_back(
    tmp_path: Path,
    texts: list[str],
    style: str,
    separator: str,
    mark: str,
    newline: str,
    codec: str,
) -> None:
    # an apostrophe quotes for sure only where it keeps a separator from separating
    assume(mark == '"' or style != "needed" or all(separator in text for text in texts))
    out = io.StringIO()
    writer = csv.writer(
        out, delimiter=separator, quotechar=mark, lineterminator=newline, **STYLES[style]
    )
    rows = [[f"r{n}", text, n % 5, "2021-03-04"] for n, text in enumerate(texts)]
    writer.writerows([["id", "text", "stars", "date"], *rows])
    opened = source(tmp_path, out.getvalue(), codec=codec)
    assert [row.cells["text"] for row in opened] == texts
    assert [row.cells["id"] for row in opened] == [row[0] for row in rows]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.lists(WORDS, min_size=3, max_size=12),
    separator=st.sampled_from(",;\t|"),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_unquoted_tables_keep_each_line_a_row(
    tmp_path: Path, texts: list[str], separator: str, newline: str, codec: str
) -> None:
    texts = ["Some plain words.", "More of them.", "And more.", *texts]
    lines = [separator.join(["id", "text", "stars", "date"])]
    lines += [separator.join([f"r{n}", text, "4", "2021-03-04"]) for n, text in enumerate(texts)]
    opened = source(tmp_path, newline.join(lines) + newline, codec=codec)
    found = [(row.cells["id"], row.cells["text"].strip("\"'")) for row in opened]
    assert found == [(f"r{n}", text.strip("\"'")) for n, text in enumerate(texts)]


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
def test_separators_and_line_ends_behind_a_backslash_are_text(
    tmp_path: Path, separator: str
) -> None:
    texts = [f"One{separator} two\nand three, {n}" if n % 2 else f"Short {n}" for n in range(12)]
    lines = [separator.join(["id", "text", "stars"])]
    for n, text in enumerate(texts):
        escaped = text.replace(separator, f"\\{separator}").replace("\n", "\\\n")
        lines.append(separator.join([f"r{n}", escaped, "4"]))
    assert [row.cells["text"] for row in source(tmp_path, "\n".join(lines) + "\n")] == texts


def test_curly_marks_do_not_shift_columns(tmp_path: Path) -> None:
    text = "id,text,stars\n" + "".join(f"{n},“Good, really {n}”,4\n" for n in range(1, 9))
    found = list(source(tmp_path, text))
    assert [row.cells["id"] for row in found] == [str(n) for n in range(1, 9)]
    assert all("more cells than columns" in row.problem for row in found)


def test_lines_rows_and_drops_add_up(tmp_path: Path) -> None:
    text = plain_table("\t", {4: '"odd', 9: ""}) + "\n\nR90\ttoo\tfew\n"
    imported = import_reviews([_written(tmp_path, text, "a.tsv")], tmp_path)
    report = imported.reports[0]
    assert (report.lines, report.read, report.kept) == (34, 31, 29)
    assert sum(report.dropped.values()) == 2
