"""Review files of every shape, dirty ones included."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rag.ingest import ReadOptions, clean_text, import_reviews, read_reviews
from rag.ingest.column_content import is_no_text
from rag.ingest.columns import recognise
from rag.ingest.formats.rows import Row
from rag.schema import Review, ReviewFileError

Rows = Sequence[Mapping[str, Any]]

ROWS = (
    {"id": "a", "text": "Loved it, all of it.", "rating": 9, "date": "2021-10-02", "author": "ann"},
    {
        "id": "b",
        "text": 'He said "run".\nSo we ran.',
        "rating": 3,
        "date": "2021-10-03",
        "author": "bob",
    },
    {"id": "c", "text": "최고예요 😍", "rating": None, "date": None, "author": None},
)


def delimited(rows: Rows, delimiter: str = ",") -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def tabbed(rows: Rows) -> bytes:
    return delimited(rows, "\t")


def array(rows: Rows) -> bytes:
    return json.dumps(rows, indent=1).encode()


def json_lines(rows: Rows) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def parquet(rows: Rows) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), out)
    return out.getvalue()


FORMATS: dict[str, Callable[[Rows], bytes]] = {
    "csv": delimited,
    "tsv": tabbed,
    "json": array,
    "jsonl": json_lines,
    "ndjson": json_lines,
    "parquet": parquet,
}


def write(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def read(
    folder: Path, name: str, data: bytes | str, mapping: Mapping[str, str] | None = None
) -> list[Review]:
    return read_reviews(write(folder, name, data), mapping=mapping)[0]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
def test_every_format_gives_the_same_reviews(tmp_path: Path, suffix: str, zipped: bool) -> None:
    data = FORMATS[suffix](ROWS)
    name = f"some.reviews.{suffix.upper()}" + (".gz" if zipped else "")
    reviews, report = read_reviews(write(tmp_path, name, gzip.compress(data) if zipped else data))
    assert [(r.review_id, r.text, r.rating, r.date, r.author) for r in reviews] == [
        ("a", "Loved it, all of it.", 9.0, "2021-10-02", "ann"),
        ("b", 'He said "run".\nSo we ran.', 3.0, "2021-10-03", "bob"),
        ("c", "최고예요 😍", None, "", ""),
    ]
    assert {r.source for r in reviews} == {name}
    assert (report.read, report.kept, report.dropped) == (3, 3, {})


def test_a_json_array_may_stand_in_a_jsonl_file_and_lines_in_a_json_file(tmp_path: Path) -> None:
    assert len(read(tmp_path, "a.jsonl", array(ROWS))) == 3
    assert len(read(tmp_path, "a.json", json_lines(ROWS))) == 3


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    for name, data in (
        ("a.csv", delimited(ROWS)),
        ("a.jsonl", json_lines(ROWS)),
        ("a.json", array(ROWS)),
    ):
        assert [r.review_id for r in read(tmp_path, name, codecs.BOM_UTF8 + data)] == [
            "a",
            "b",
            "c",
        ]


def test_a_windows_file_is_read(tmp_path: Path) -> None:
    (review,) = read(tmp_path, "a.csv", "text\nIt’s a “café” for 5 €\n".encode("cp1252"))
    assert review.text == "It’s a “café” for 5 €"


def test_bytes_that_no_encoding_knows_still_give_text(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", b"text\nna\xefve \x81 words\n")[0].text.startswith("naïve")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_are_where_a_row_begins(tmp_path: Path, newline: str) -> None:
    lines = ["id,text", 'a,"one', "", 'two"', "", "b,three", 'c,"four', 'five"', "d,six"]
    reviews = read(tmp_path, "a.csv", newline.join(lines))
    assert [(r.review_id, r.line) for r in reviews] == [("a", 2), ("b", 6), ("c", 7), ("d", 9)]
    assert reviews[0].text == "one\n\ntwo"


def test_blank_lines_before_the_header_are_no_header(tmp_path: Path) -> None:
    reviews = read(tmp_path, "a.csv", "\n,\n\nid,text\na,fine\n")
    assert [(r.review_id, r.text, r.line) for r in reviews] == [("a", "fine", 5)]


def test_lines_of_json_lines_count_blank_ones(tmp_path: Path) -> None:
    reviews = read(tmp_path, "a.jsonl", '{"text":"x"}\r\n\r\n{"text":"y"}\n')
    assert [r.line for r in reviews] == [1, 3]


def test_line_separators_inside_json_strings_do_not_end_a_line(tmp_path: Path) -> None:
    text = "one\u2028two\u2029three\x85four"
    reviews = read(tmp_path, "a.jsonl", json_lines([{"text": text}, {"text": "five"}]))
    assert [(r.text.split(), r.line) for r in reviews] == [
        (["one", "two", "three", "four"], 1),
        (["five"], 2),
    ]


@pytest.mark.parametrize(
    ("header", "field", "column"),
    [
        ("Review Text,Stars", "text", "Review Text"),
        ("review_body,x", "text", "review_body"),
        ("stars,COMMENT", "text", "COMMENT"),
        ("title,text,content", "text", "text"),
        ("summary,reviewText", "title", "summary"),
        ("Text,User Rating", "rating", "User Rating"),
        ("content,thumbs_up", "helpful_votes", "thumbs_up"),
        ("text,created-at", "date", "created-at"),
        ("body,reviewerName,asin", "item", "asin"),
        ("review_id,id,text", "review_id", "review_id"),
    ],
)
def test_columns_are_found_by_name(header: str, field: str, column: str) -> None:
    found = recognise(header.split(","), [], {}, "x.csv").columns
    assert found[field].name == column and "named like" in found[field].reason


def test_no_column_serves_two_fields() -> None:
    row = Row(2, {"summary": "a b c", "description": "d e f", "name": "g", "user": "h"})
    found = recognise(list(row.cells), [row], {"text": "summary"}, "x.csv").columns
    assert found["text"].name == "summary"
    assert len({choice.name for choice in found.values()}) == len(found)


def test_a_mapping_wins_over_the_names(tmp_path: Path) -> None:
    data = "text,Kommentar,film,title\nfilm text,Sehr gut,Dune,wrong\n"
    mapping = {"text": "Kommentar", "title": "film"}
    reviews, report = read_reviews(write(tmp_path, "a.csv", data), mapping=mapping)
    assert (reviews[0].text, reviews[0].title) == ("Sehr gut", "Dune")
    assert (report.columns["text"].name, report.columns["text"].reason) == (
        "Kommentar",
        "you said so",
    )


def test_a_mapping_that_cannot_be_is_explained(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,stars\nx,1\n")
    with pytest.raises(ReviewFileError, match=r"no column \"Body\".*'text', 'stars'"):
        read_reviews(path, mapping={"text": "Body"})
    with pytest.raises(ReviewFileError, match="helpful_votes"):
        read_reviews(path, mapping={"sterne": "stars"})


def test_a_single_column_is_the_text_whatever_its_name(tmp_path: Path) -> None:
    reviews = read(tmp_path, "a.csv", "What did you think?\nGood.\nBad.\n")
    assert [r.text for r in reviews] == ["Good.", "Bad."]


def test_without_a_text_column_the_message_names_the_columns_and_the_way_out(
    tmp_path: Path,
) -> None:
    with pytest.raises(ReviewFileError, match=r"'foo', 'bar'.*--map text='foo'") as error:
        read(tmp_path, "odd.csv", "foo,bar\n1,2\n")
    assert "odd.csv" in str(error.value)


def test_rows_of_uneven_length_are_read(tmp_path: Path) -> None:
    data = "text,rating\nshort\nlong,4,extra,cells\nblank,5, ,\n"
    reviews, report = read_reviews(write(tmp_path, "a.csv", data))
    assert [(r.text, r.rating) for r in reviews] == [("short", None), ("blank", 5.0)]
    assert (report.read, report.kept, sum(report.dropped.values())) == (3, 2, 1)
    assert report.examples[0].startswith("a.csv, line 3: more cells than columns")
    assert {choice.name for choice in report.columns.values()} == {"text", "rating"}


@pytest.mark.parametrize(("suffix", "cut"), [("csv", ","), ("tsv", "\t")])
def test_a_last_text_that_was_cut_is_put_together(tmp_path: Path, suffix: str, cut: str) -> None:
    lines = ["rating\ttext", "4\tWarm\t clean\t quiet.", "5\tshort"]
    reviews, report = read_reviews(
        write(tmp_path, f"a.{suffix}", "\n".join(lines).replace("\t", cut))
    )
    assert [r.text for r in reviews] == [
        "Warm, clean, quiet." if suffix == "csv" else "Warm clean quiet.",
        "short",
    ]
    assert report.dropped == {}


def test_a_file_of_rows_with_too_many_cells_says_so(tmp_path: Path) -> None:
    with pytest.raises(ReviewFileError, match=r"a\.csv, line 2: more cells than columns"):
        read(tmp_path, "a.csv", "text,rating\nlong,4,extra\n")


CELLS = st.one_of(
    st.sampled_from(
        ["", "  ", "<br />", "&nbsp;", "\n", "\x00", "fine", "I <3 it", 'a "b", c\nd', "좋아요"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(CELLS, min_size=1, max_size=12), suffix=st.sampled_from(list(FORMATS)))
@example(texts=["\x00", "\x08", "0\x1f"], suffix="csv")
@example(texts=["\x00", "\x1f", "\x08"], suffix="csv")
@example(texts=["fine", "\\"], suffix="csv")
def test_every_row_is_kept_or_counted_as_dropped(
    tmp_path: Path, texts: list[str], suffix: str
) -> None:
    rows = [{"id": f"r{number}", "text": text} for number, text in enumerate(texts)]
    path = write(tmp_path, f"a.{suffix}", FORMATS[suffix](rows))
    kept = [f"r{number}" for number, text in enumerate(texts) if not is_no_text(clean_text(text))]
    if not kept:
        with pytest.raises(ReviewFileError, match=r"has text in the column|no rows|no text"):
            read_reviews(path)
        return
    reviews, report = read_reviews(path)
    assert [review.review_id for review in reviews] == kept
    assert report.read == len(texts)
    assert report.kept == len(kept)
    assert report.kept + sum(report.dropped.values()) == report.read
    assert len(report.examples) == min(5, len(texts) - len(kept))


def test_dropped_rows_are_shown_with_file_and_line(tmp_path: Path) -> None:
    _, report = read_reviews(write(tmp_path, "a.csv", "id,text\na,fine\nb,\nc,<br/>\n"))
    assert report.dropped == {"no text": 2}
    assert report.examples == ["a.csv, line 3: no text", "a.csv, line 4: no text"]


@pytest.mark.parametrize(
    ("given_ids", "ids", "renamed"),
    [
        ("7 8", "7 8", 0),
        ("7 7", "7 7-2", 1),
        ("7 7 7", "7 7-2 7-3", 2),
        ("7 7 7-2", "7 7-3 7-2", 1),  # an id of one review alone stays
        ("7 - 8", "7 hash 8", 0),
        ("- -", "hash hash", 0),
    ],
)
def test_given_ids_stay_and_missing_ones_become_hashes(
    tmp_path: Path, given_ids: str, ids: str, renamed: int
) -> None:
    rows = [
        {"id": "" if i == "-" else i, "text": f"text {n}"} for n, i in enumerate(given_ids.split())
    ]
    reviews, report = read_reviews(write(tmp_path, "a.csv", delimited(rows)))
    found = [r.review_id for r in reviews]
    assert ["hash" if re.fullmatch("[0-9a-f]{12}", i) else i for i in found] == ids.split()
    assert len(set(found)) == len(found) and report.renamed == renamed


def test_ids_are_unique_over_all_files_of_an_import(tmp_path: Path) -> None:
    paths = [write(tmp_path, f"{name}.csv", delimited(ROWS)) for name in "xy"]
    imported = import_reviews(paths, tmp_path)
    assert [r.review_id for r in imported] == ["a", "b", "c", "a-2", "b-2", "c-2"]
    assert [report.renamed for report in imported.reports] == [0, 3]


def test_one_id_for_all_rows_takes_no_time_that_grows_with_their_square(tmp_path: Path) -> None:
    many = 20_000
    path = write(tmp_path, "a.csv", "id,text\n" + "same,x\n" * many)
    imported = import_reviews([path], tmp_path, ReadOptions(mapping={"review_id": "id"}))
    started = time.process_time()
    ids = [review.review_id for review in imported]
    assert ids[-1] == f"same-{many}" and time.process_time() - started < 10


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(["one", "two", "three", "four"]), min_size=1, max_size=10))
def test_hashed_ids_are_unique_and_do_not_depend_on_other_rows(
    tmp_path: Path, texts: list[str]
) -> None:
    def ids(texts: list[str]) -> list[str]:
        return [
            r.review_id
            for r in read(tmp_path, "a.jsonl", json_lines([{"text": text} for text in texts]))
        ]

    found = ids(texts)
    assert len(set(found)) == len(texts)
    assert ids(texts) == found
    assert sorted(ids(texts[::-1])) == sorted(found)
    assert found[0] == ids(texts[:1])[0]


def test_hashes_tell_reviews_with_one_text_apart(tmp_path: Path) -> None:
    reviews = read(tmp_path, "a.csv", "text,author\nGood.,ann\nGood.,bob\n")
    swapped = read(tmp_path, "b.csv", "text,author\nGood.,bob\nGood.,ann\n")
    assert {r.author: r.review_id for r in reviews} == {r.author: r.review_id for r in swapped}


@pytest.mark.parametrize(
    ("ratings", "scale", "fractions"),
    [
        (["1", "3", "5"], (1, 5), [0, 0.5, 1]),
        (["0", "3", "5"], (0, 5), [0, 0.6, 1]),
        (["1", "4", "10"], (1, 10), [0, 1 / 3, 1]),
        (["8/10", "N/A", "5/10"], (1, 10), [7 / 9, None, 4 / 9]),
        (["4/5", "5/5"], (1, 5), [0.75, 1]),
        (["-1", "1"], (-1, 1), [0, 1]),
        (["0", "1"], (0, 1), [0, 1]),
        (["0.25", "0.75"], (0, 1), [0.25, 0.75]),
        (["50", "100"], (0, 100), [0.5, 1]),
        (["100", "400"], (0, 400), [0.25, 1]),
    ],
)
def test_scale_is_inferred(
    tmp_path: Path, ratings: list[str], scale: tuple[float, float], fractions: list[float | None]
) -> None:
    reviews = read(
        tmp_path, "a.csv", "text,rating\n" + "".join(f"t{i},{r}\n" for i, r in enumerate(ratings))
    )
    assert {(r.rating_min, r.rating_max) for r in reviews} == {scale}
    assert [r.rating_fraction for r in reviews] == pytest.approx(fractions)


def test_half_an_emoji_in_a_name_can_still_be_stored(tmp_path: Path) -> None:
    (review,) = read(
        tmp_path, "a.jsonl", r'{"id": "\ud83d", "text": "ok \ud83d", "author": "ann \ud83d"}'
    )
    for value in (review.review_id, review.text, review.author):
        value.encode()


def test_helpful_votes_are_whole_numbers_or_absent(tmp_path: Path) -> None:
    rows = [
        {"text": "x", "votes": votes}
        for votes in ("12", "67 out of 144 found this helpful", "many", "9" * 400)
    ]
    assert [r.helpful_votes for r in read(tmp_path, "a.jsonl", json_lines(rows))] == [
        12,
        67,
        None,
        None,
    ]


def test_not_a_number_is_no_value(tmp_path: Path) -> None:
    (review,) = read(
        tmp_path, "a.jsonl", '{"text": "x", "rating": NaN, "title": NaN, "date": null}'
    )
    assert (review.rating, review.title, review.date) == (None, "", "")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.pdf", b"%PDF-1.7", r"a\.pdf.*PDF document"),
        ("a.gz", b"", r"a\.gz is empty"),
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", b"text\n", "no rows"),
        ("a.jsonl", b"{}\n", "no columns"),
        ("a.csv", b"text,id\n ,1\n", "none of the 1 rows has text in the column 'text'"),
        ("a.json", b"[" * 100_000, "a.json, line 1: .*nested too deeply"),
        (
            "a.json",
            b'[{"text": "x", "id": ' + b"9" * 5000 + b"}]",
            "a.json, line 1: .*not valid JSON",
        ),
        ("a.jsonl", b"", "a.jsonl is empty"),
        ("a.parquet", b"PAR1", "a.parquet"),
        ("a.csv.gz", b"\x1f\x8b\x08" + bytes(7) + b"\xff\xff", "Cannot read .*a.csv.gz"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    with pytest.raises(ReviewFileError, match=message):
        read(tmp_path, name, data)


@pytest.mark.parametrize(
    ("name", "data", "kept", "says"),
    [
        ("a.json", b'[{"text": "x"}, 3]', 1, "a.json, line 2: "),
        ("a.json", b'[{"text": "x"},', 1, "a.json, line 2: the file breaks off"),
        (
            "a.jsonl",
            b'{"text": "x"}\n\n{"text": \n{"text": "y"}\n',
            2,
            "a.jsonl, line 3: not valid JSON",
        ),
        ("a.jsonl", b'{"text": "x"}\n"just words"\n', 1, "a.jsonl, line 2: "),
        (
            "a.csv.gz",
            gzip.compress(b"text\nx\ny\n" * 2000, mtime=0)[:-9],
            None,
            "damaged from here on",
        ),
    ],
)
def test_what_is_wrong_with_a_row_costs_that_row_alone(
    tmp_path: Path, name: str, data: bytes, kept: int | None, says: str
) -> None:
    path = write(tmp_path, name, data)
    reviews, report = read_reviews(path)
    assert len(reviews) == report.kept > 0 and report.kept == (kept or report.kept)
    assert (
        report.kept + sum(report.dropped.values()) == report.read
        and sum(report.dropped.values()) >= 1
    )
    assert any(says in example for example in report.examples)
    with pytest.raises(ReviewFileError, match=r"line .*Mend that row"):
        import_reviews([path], tmp_path, ReadOptions(strict=True))


def test_a_file_that_is_missing_or_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name in ("missing.csv", "missing.parquet.gz", "folder.csv"):
        with pytest.raises(ReviewFileError, match=name):
            read_reviews(tmp_path / name)


PIECES = (
    b'text rating , \n " { } [ ] : 9 \xff \x00 \\ \t null 1e999 PAR1 \\ud800 \r \xc3\xa9'.split(
        b" "
    )
)
DIRT = st.one_of(
    st.binary(max_size=120), st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)
)
SUFFIXES = ("csv", "tsv", "json", "jsonl", "parquet", "csv.gz", "json.gz", "parquet.gz", "gz")


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=DIRT, suffix=st.sampled_from(SUFFIXES), whole=st.booleans())
def test_any_bytes_give_reviews_or_a_review_file_error(
    tmp_path: Path, data: bytes, suffix: str, whole: bool
) -> None:
    try:
        reviews = read(
            tmp_path,
            f"a.{suffix}",
            gzip.compress(data) if whole and suffix.endswith("gz") else data,
        )
    except ReviewFileError as error:
        assert "a." in str(error)
    else:
        assert all(review.text for review in reviews)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    suffix=st.sampled_from(["csv", "json", "jsonl", "parquet", "csv.gz"]),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=3),
    length=st.integers(1, 2000),
)
def test_a_damaged_file_gives_reviews_or_a_review_file_error(
    tmp_path: Path, suffix: str, changes: list[tuple[int, int]], length: int
) -> None:
    form, _, zipped = suffix.partition(".")
    data = bytearray(FORMATS[form](ROWS))
    if zipped:
        data = bytearray(gzip.compress(bytes(data), mtime=0))
    for position, value in changes:
        data[position % len(data)] = value
    try:
        reviews = read(tmp_path, f"a.{suffix}", bytes(data[:length]))
    except ReviewFileError as error:
        assert "a." in str(error)
    else:
        assert all(review.text for review in reviews)


def test_a_quotation_mark_that_is_never_closed_does_not_swallow_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "open.csv"
    file.write_text(
        'id,text\n1,"Fine."\n2,"Loud, all night.\n3,Quiet.\n4,Clean.\n', encoding="utf-8"
    )
    reviews, report = read_reviews(file)
    assert [review.text for review in reviews] == ["Fine.", "Quiet.", "Clean."] and report.kept == 3
    assert report.examples == ["open.csv, line 3: a quotation mark opened here is never closed"]
    file.write_text(
        'id,text\n1,"Fine."\n2,A 5" pipe\n3,"Two\nlines, ""quoted""."\n', encoding="utf-8"
    )
    assert [review.text for review in read_reviews(file)[0]] == [
        "Fine.",
        'A 5" pipe',
        'Two\nlines, "quoted".',
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "$"])
def test_a_csv_file_may_use_another_separator(tmp_path: Path, delimiter: str) -> None:
    reviews = read(tmp_path, "other.csv", delimited(ROWS, delimiter))
    assert [(review.review_id, review.text) for review in reviews] == [
        (row["id"], row["text"]) for row in ROWS
    ]
