"""CSV and TSV files of every dialect, dirty ones included."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.ingest.formats.registry import open_sources
from rag.ingest.formats.rows import Row, RowSource
from rag.schema import ReviewFileError

UNCLOSED = "a quotation mark opened here is never closed"


def source(folder: Path, data: str | bytes, name: str = "a.csv") -> RowSource:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    (found,) = open_sources(path)
    return found


def rows(folder: Path, data: str | bytes, name: str = "a.csv") -> list[Row]:
    return list(source(folder, data, name))


def cells(folder: Path, data: str | bytes, name: str = "a.csv") -> list[list[str]]:
    found = rows(folder, data, name)
    assert not any(row.problem for row in found)
    return [list(row.cells.values()) for row in found]


TABLE = [
    ["id", "text", "rating", "date"],
    ["a1", "Loved it, all of it; really", "5", "2021-10-02"],
    ["a2", 'He said "run".\nSo we ran | fast', "3", "2021-10-03"],
    ["a3", "costs $5\tor so, 최고예요", "4", "2021-11-03"],
]


@pytest.mark.parametrize("separator", [*",;\t|$^~¦\x01\x1f，；｜"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_separator_is_found_with_any_line_end(
    tmp_path: Path, separator: str, newline: str
) -> None:
    out = io.StringIO()
    table = [[cell.replace("\n", newline) for cell in row] for row in TABLE]
    csv.writer(out, delimiter=separator, lineterminator=newline).writerows(table)
    found = source(tmp_path, out.getvalue())
    assert [list(row.cells.values()) for row in found] == table[1:]
    assert [row.line for row in found] == [2, 3, 5]
    assert list(next(iter(found)).cells) == TABLE[0]
    assert found.format.startswith("CSV separated by ") and found.format.endswith(
        "UTF-8, header in line 1"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name;score\nx;4,5\ny;3,5\n", [["x", "4,5"], ["y", "3,5"]]),
        ("item,price\nA,$5\nB,$6\nC,$7\n", [["A", "$5"], ["B", "$6"], ["C", "$7"]]),
        ("id\ttext\n1\tone, two\n2\tthree, four\n", [["1", "one, two"], ["2", "three, four"]]),
        ('id,text\n1,"a;b;c"\n2,"d;e;f"\n', [["1", "a;b;c"], ["2", "d;e;f"]]),
        ("sep=;\nid;text\n1;a,b\n", [["1", "a,b"]]),
        ('"sep=|"\r\nid|text\r\n1|a,b\r\n', [["1", "a,b"]]),
        ("text,id,\nfine,1,\ngood,2,\n", [["fine", "1"], ["good", "2"]]),
    ],
)
def test_the_separator_is_told_by_the_rows(
    tmp_path: Path, text: str, expected: list[list[str]]
) -> None:
    assert [[cell for cell in row] for row in cells(tmp_path, text)] == expected


def test_one_column_of_prose_is_one_column(tmp_path: Path) -> None:
    found = source(
        tmp_path, "What did you think?\nGood, but slow.\nBad\nSlow, long, dull; never again\n"
    )
    assert [row.cells for row in found] == [
        {"What did you think?": text}
        for text in ("Good, but slow.", "Bad", "Slow, long, dull; never again")
    ]
    assert found.format == "CSV of one column, UTF-8, header in line 1"


def test_a_header_of_one_column_over_rows_with_empty_cells(tmp_path: Path) -> None:
    text = (
        "\ufeffreview_text\r\nfine\r\n"
        + 'Great.,,,\r\n"Slow, but good",,,\r\nOdd, very odd.,,,,\r\n' * 5
    )
    texts = [row.cells["review_text"] for row in rows(tmp_path, text)]
    assert texts == ["fine", *["Great.", "Slow, but good", "Odd, very odd."] * 5]


@pytest.mark.parametrize(
    ("header", "row", "joined"),
    [
        ("rating,text", "4,Warm, clean, quiet.", "Warm, clean, quiet."),
        ("rating;review_body", "4;Warm; clean", "Warm; clean"),
        ("rating,beobachtungen", "4," + "sehr, " * 20 + "gut", "sehr, " * 20 + "gut"),
    ],
)
def test_a_last_text_cut_at_its_own_separators_is_rejoined(
    tmp_path: Path, header: str, row: str, joined: str
) -> None:
    text = "\n".join([header, row, row, row]) + "\n"
    assert [list(row.cells.values())[1] for row in rows(tmp_path, text)] == [joined] * 3


def test_a_surplus_that_no_column_can_have_is_a_problem(tmp_path: Path) -> None:
    first, second, third = rows(tmp_path, "text,rating\nshort\nlong,4,extra, cells\nblank,5, ,\n")
    assert (first.cells, first.problem) == ({"text": "short"}, "")
    assert second.problem == "more cells than columns (quote a text that has the separator in it)"
    assert (second.line, second.raw) == (3, "long,4,extra, cells")
    assert (third.cells, third.problem) == ({"text": "blank", "rating": "5"}, "")


def test_columns_without_a_name_or_with_the_same_one(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "id,text,,text,text\n1,a,b,c,d\n")
    assert row.cells == {"id": "1", "text": "a", "column_3": "b", "text (2)": "c", "text (3)": "d"}


def test_the_unnamed_row_numbers_of_r(tmp_path: Path) -> None:
    text = '"text","stars"\n"1","good",5\n"2","bad",1\n"3","fine",3\n'
    assert rows(tmp_path, text)[0].cells == {"column_1": "1", "text": "good", "stars": "5"}


LONG = "This was the best film that I have seen in years and I would see it again at once."


@pytest.mark.parametrize(
    "text",
    [
        f"1,{LONG},2021-01-02\n2,{LONG} Yes,2021-01-03\n3,{LONG} No,2021-01-04\n",
        f"{LONG},5\n{LONG} Really,4\n{LONG} Not,3\n",
        f"{LONG}\n{LONG} Really\n{LONG} Not\n",
        "good stuff,positive\nbad stuff,negative\nnice,positive\nfine,positive\nawful,negative\n",
    ],
)
def test_a_file_without_a_header(tmp_path: Path, text: str) -> None:
    found = source(tmp_path, text)
    assert found.format.endswith("no header")
    assert [row.line for row in found] == list(range(1, text.count("\n") + 1))
    assert set(next(iter(found)).cells) <= {"column_1", "column_2", "column_3"}


@pytest.mark.parametrize(
    "header",
    [
        "id,text,date",
        "1=recommended,your words about it,when",
        "2020,text,3",
        f"number,{LONG} Say why:,day",
    ],
)
def test_a_header_is_seen_as_one(tmp_path: Path, header: str) -> None:
    text = header + f"\n1,{LONG},2021-01-02\n2,{LONG} Yes,2021-01-03\n3,{LONG} No,2021-01-04\n"
    assert source(tmp_path, text).format.endswith("header in line 1")


@pytest.mark.parametrize(
    "before", ["\n\n", ",,\n \n", "Reviews of 2024\n", "# exported by a tool, on Monday\n\n"]
)
def test_lines_before_the_header(tmp_path: Path, before: str) -> None:
    text = before + "id,text,rating\n" + "".join(f'{n},"fine, {n}",4\n' for n in range(5))
    found = source(tmp_path, text)
    line = before.count("\n") + 1
    assert found.format.endswith(f"header in line {line}")
    assert [(row.line, row.cells["id"]) for row in found] == [
        (line + 1 + n, str(n)) for n in range(5)
    ]


def test_lines_count_as_an_editor_counts_them(tmp_path: Path) -> None:
    text = 'id,text\na,"one\n\ntwo"\n\nb,three\n"c","four\nfive"\nd,six'
    assert [(row.line, row.cells["id"]) for row in rows(tmp_path, text)] == [
        (2, "a"),
        (6, "b"),
        (7, "c"),
        (9, "d"),
    ]


def test_an_open_quotation_mark_costs_one_row(tmp_path: Path) -> None:
    text = 'id,text\n1,"Fine."\n2,"Loud, all night.\n3,Quiet.\n4,"Clean."\n5,"Two\nlines"\n6,"Not, ever\n7,End\n'
    found = rows(tmp_path, text)
    assert [(row.line, row.cells.get("id"), row.problem) for row in found] == [
        (2, "1", ""),
        (3, "2", UNCLOSED),
        (4, "3", ""),
        (5, "4", ""),
        (6, "5", ""),
        (8, "6", UNCLOSED),
        (9, "7", ""),
    ]
    assert found[1].raw == '2,"Loud, all night.'
    assert found[4].cells["text"] == "Two\nlines"


def test_an_open_quotation_mark_does_not_swallow_more_than_a_mebibyte(tmp_path: Path) -> None:
    many = 40_000
    text = 'id,text\n0,"open, never closed\n' + "".join(
        f"{n},a line of plain words without any quotation\n" for n in range(1, many)
    )
    found = rows(tmp_path, text)
    assert [row.line for row in found if row.problem] == [2]
    assert len(found) == many and found[-1].cells["id"] == str(many - 1)


def test_quotation_marks_in_odd_places_leave_the_row_whole(tmp_path: Path) -> None:
    text = 'id,text\n1,A 5" pipe\n2,"He said ""run"" twice"\n3,"Go" he said "now"\n4,fine\n'
    texts = [row.cells["text"] for row in rows(tmp_path, text)]
    assert texts[:2] == ['A 5" pipe', 'He said "run" twice'] and texts[3] == "fine"
    assert "Go" in texts[2] and "he said" in texts[2]


def test_quotation_marks_escaped_with_a_backslash(tmp_path: Path) -> None:
    text = 'id,text\n1,"He said \\"run, now\\", twice"\n2,"plain"\n3,"a \\"b\\""\n'
    assert [row.cells["text"] for row in rows(tmp_path, text)] == [
        'He said "run, now", twice',
        "plain",
        'a "b"',
    ]


def test_a_path_with_backslashes_keeps_them(tmp_path: Path) -> None:
    assert rows(tmp_path, 'id,text\n1,"C:\\new ""x"""\n')[0].cells["text"] == 'C:\\new "x"'


def test_a_lone_carriage_return_in_a_cell(tmp_path: Path) -> None:
    assert [row.cells for row in rows(tmp_path, "id,text\n1,one\rtwo\n2,three\n")] == [
        {"id": "1", "text": "one two"},
        {"id": "2", "text": "three"},
    ]


def test_nul_bytes_are_no_end(tmp_path: Path) -> None:
    found = rows(
        tmp_path,
        "id,text\n"
        + "".join(f"{n},some words to read here\n" for n in range(50))
        + "x,a\0b\ny,c\n",
    )
    assert [row.cells["text"] for row in found][-2:] == ["a\0b", "c"]


def test_a_cell_that_is_far_too_long_is_a_problem_of_its_row_alone(tmp_path: Path) -> None:
    long = "x" * (2**20 + 1)
    text = f"id,text\n1,{long}\n2,fine\n3,{long * 5}\n4,good\n" + f'5,"{long}\n"\n6,end\n'
    found = rows(tmp_path, text)
    assert [row.cells["id"] for row in found if not row.problem] == ["2", "4", "6"]
    assert [row.line for row in found if row.problem == "a cell of more than 1 MiB"] == [2, 4]
    assert all(len(row.raw) <= 2000 for row in found)
    assert found[0].cells == {"id": "1"}


def test_the_header_again_in_the_middle_is_no_row(tmp_path: Path) -> None:
    found = rows(tmp_path, "id,text\n1,a\nid,text\n2,b\n")
    assert [row.problem for row in found] == ["", "the header again", ""]


@pytest.mark.parametrize("line", ['x","', '"', 'a,"', '",b,"', '"a"b,"'])
def test_no_file_takes_for_ever(tmp_path: Path, line: str) -> None:
    found = source(tmp_path, "id,text,more\n" + f"{line}\n" * 60_000)
    started = time.process_time()
    assert sum(1 for _ in found) <= 60_000
    assert time.process_time() - started < 20


def test_progress_goes_from_nothing_to_all(tmp_path: Path) -> None:
    found = source(tmp_path, "id,text\n" + "1,some words\n" * 100_000)
    seen = [found.done for _ in found]
    assert seen == sorted(seen) and 0 < seen[len(seen) // 2] < found.total
    assert found.done == found.total == (tmp_path / "a.csv").stat().st_size
    assert len(list(found)) == 100_000  # and again


PRINTABLE = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\x85"),
    max_size=20,
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    table=st.lists(
        st.tuples(PRINTABLE, st.sampled_from(["", "a\nb", 'say "x"', ",", "fine"])),
        min_size=1,
        max_size=8,
    ),
    separator=st.sampled_from(",;\t|"),
)
def test_what_csv_writes_is_read_back(
    tmp_path: Path, table: list[tuple[str, str]], separator: str
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "text", "note"])
    writer.writerows([f"r{number}", *row] for number, row in enumerate(table))
    expected = [[f"r{number}", *row] for number, row in enumerate(table)]
    assert cells(tmp_path, out.getvalue()) == expected


PIECES = st.sampled_from(
    [
        b"id",
        b"text",
        b",",
        b";",
        b'"',
        b'""',
        b"\n",
        b"\r\n",
        b"\r",
        b"\\",
        b"\0",
        b"\xff",
        b"\xc3\xa9",
        b"5",
        b" ",
    ]
)
DIRT = st.one_of(st.binary(max_size=150), st.lists(PIECES, max_size=60).map(b"".join))


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=DIRT, name=st.sampled_from(["a.csv", "a.tsv"]))
def test_any_bytes_give_rows_or_a_review_file_error(tmp_path: Path, data: bytes, name: str) -> None:
    try:
        found = rows(tmp_path, data, name)
    except ReviewFileError as error:
        assert name in str(error)
        return
    lines = [row.line for row in found]
    assert lines == sorted(set(lines))
    assert all(row.raw == "" or row.problem for row in found)


@pytest.mark.parametrize("content", [",\t", ";,", "\t,\n\n", '"', "\n\n"])
def test_a_file_of_separators_alone_has_no_rows(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(content)
    (source,) = open_sources(tmp_path / "a.csv")
    assert list(source) == []
