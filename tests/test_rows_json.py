"""JSON of every shape."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.ingest.formats.registry import open_sources
from rag.ingest.formats.rows import Row, RowSource
from rag.schema import ReviewFileError


def source(folder: Path, data: str | bytes, name: str = "a.json") -> RowSource:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    (found,) = open_sources(path)
    return found


def rows(folder: Path, data: str | bytes, name: str = "a.json") -> list[Row]:
    return list(source(folder, data, name))


def cells(folder: Path, data: str | bytes, name: str = "a.json") -> list[dict[str, Any]]:
    found = rows(folder, data, name)
    assert not [row.problem for row in found if row.problem]
    return [row.cells for row in found]


REVIEWS: list[dict[str, Any]] = [
    {"id": "a", "text": "Loved it, all of it.", "rating": 9, "when": "2021-10-02"},
    {"id": "b", "text": 'He said "run".\nSo we ran. 최고예요 😍', "rating": 3.5, "when": None},
    {"id": "c", "text": "Fine.", "rating": None, "when": "2021-10-04"},
]
SHAPES = {
    "array": json.dumps(REVIEWS),
    "indented array": json.dumps(REVIEWS, indent=2),
    "array of lines": "[\n" + ",\n".join(map(json.dumps, REVIEWS)) + "\n]\n",
    "lines": "\n".join(map(json.dumps, REVIEWS)) + "\n",
    "lines with carriage returns": "\r\n".join(map(json.dumps, REVIEWS)),
    "objects on one line": "".join(map(json.dumps, REVIEWS)),
    "indented objects": "\n".join(json.dumps(review, indent=1) for review in REVIEWS),
    "wrapped": json.dumps({"count": 3, "reviews": REVIEWS, "next": None}),
    "wrapped in lines": '{"reviews": [\n' + ",\n".join(map(json.dumps, REVIEWS)) + "\n]}",
    "wrapped twice": json.dumps(
        {"status": {"code": 200}, "data": {"items": REVIEWS, "users": [{"name": "x"}]}}, indent=1
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "reviews"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_shape_gives_the_same_rows(tmp_path: Path, shape: str, name: str, codec: str) -> None:
    found = cells(tmp_path, SHAPES[shape].encode(codec), name)
    own = [{key: cell for key, cell in row.items() if key in REVIEWS[0]} for row in found]
    assert own == REVIEWS
    assert all(key in REVIEWS[0] or key.startswith(("../", "/")) for row in found for key in row)


@pytest.mark.parametrize(
    ("shape", "label"),
    [("array", "JSON array"), ("lines", "JSON Lines"), ("wrapped twice", "data.items")],
)
def test_the_format_is_said_in_words(tmp_path: Path, shape: str, label: str) -> None:
    assert label in source(tmp_path, SHAPES[shape]).format


def test_tables_by_column_as_pandas_writes_them(tmp_path: Path) -> None:
    by_key = {
        name: {str(n): review[name] for n, review in enumerate(REVIEWS)} for name in REVIEWS[0]
    }
    by_list = {name: [review[name] for review in REVIEWS] for name in REVIEWS[0]}
    by_row = {review["id"]: review for review in REVIEWS}
    numbered = {str(n): review for n, review in enumerate(REVIEWS)}
    for table in (by_key, by_list, by_row, numbered):
        assert cells(tmp_path, json.dumps(table)) == REVIEWS
    assert source(tmp_path, json.dumps(by_key)).format == "JSON by columns, UTF-8"


def test_nested_objects_become_dotted_columns(tmp_path: Path) -> None:
    value = {
        "a": {"b": {"c": 1}, "d": "x"},
        "tags": ["p", 2, None, True],
        "images": [{"url": "u"}],
        "none": [],
    }
    assert cells(tmp_path, json.dumps([value])) == [{"a.b.c": 1, "a.d": "x", "tags": "p\n2\nTrue"}]


def test_questions_about_paragraphs_give_each_paragraph_once(tmp_path: Path) -> None:
    questions = [
        {"id": n, "question": "How is it?", "answers": [{"text": "good"}]} for n in range(3)
    ]
    paragraphs = [
        {"context": f"A long text about film {n}, which was good.", "qas": questions}
        for n in range(4)
    ]
    data = {
        "version": "1",
        "data": [
            {"title": "One", "paragraphs": paragraphs[:2]},
            {"title": "Two", "paragraphs": paragraphs[2:]},
        ],
    }
    found = cells(tmp_path, json.dumps(data))
    assert [row["context"] for row in found] == [paragraph["context"] for paragraph in paragraphs]
    assert [row["../title"] for row in found] == ["One", "One", "Two", "Two"]


def test_a_list_of_texts(tmp_path: Path) -> None:
    assert cells(tmp_path, '["good", "bad"]') == [{"text": "good"}, {"text": "bad"}]
    assert cells(tmp_path, '{"reviews": ["good", "bad"]}') == [
        {"reviews": "good"},
        {"reviews": "bad"},
    ]


def test_numbers_keep_their_kind(tmp_path: Path) -> None:
    data = '[{"text": "x", "a": 5, "b": 5.0, "c": 1e2, "d": NaN, "e": -Infinity, "f": true, "g": "NaN \\" Infinity"}]'
    (row,) = cells(tmp_path, data)
    assert row == {
        "text": "x",
        "a": 5,
        "b": 5.0,
        "c": 100.0,
        "d": None,
        "e": None,
        "f": True,
        "g": 'NaN " Infinity',
    }
    assert [type(row[name]) for name in "abc"] == [int, float, float]


def test_nan_far_inside_an_array_is_no_end_of_it(tmp_path: Path) -> None:
    one = '{"text": "It said \\"NaN\\" \\\\", "rating": NaN, "more": -Infinity}'
    found = cells(tmp_path, "[" + ", ".join([one] * 5000) + "]")
    assert found == [{"text": 'It said "NaN" \\', "rating": None, "more": None}] * 5000


def test_a_key_written_twice_keeps_its_last_value(tmp_path: Path) -> None:
    for data in ('[{"text": "x", "text": "y"}]', '{"text": "x", "text": "y"}\n{"text": "y"}\n'):
        assert cells(tmp_path, data)[0] == {"text": "y"}


def test_one_bad_line_is_one_problem(tmp_path: Path) -> None:
    data = '{"text": "a"}\n\n{"text": \n"words"\n{"text": "b"} {"text": "c"}\n[1]\n{"text": "d"}'
    found = rows(tmp_path, data)
    assert [(row.line, row.cells.get("text"), bool(row.problem)) for row in found] == [
        (1, "a", False),
        (3, None, True),
        (4, None, True),
        (5, "b", False),
        (5, "c", False),
        (6, None, True),
        (7, "d", False),
    ]
    assert found[1].problem.startswith("not valid JSON") and found[1].raw == '{"text":'
    assert found[2].problem == "not an object with named fields"


def test_a_tabulator_in_a_string_is_no_reason_to_lose_a_line(tmp_path: Path) -> None:
    assert cells(tmp_path, '{"text": "a\tb"}\n{"text": "c"}\n') == [{"text": "a\tb"}, {"text": "c"}]


def test_a_first_line_that_is_bad(tmp_path: Path) -> None:
    found = rows(tmp_path, '{"text": "a\n{"text": "b"}\n{"text": "c"}\n')
    assert [(row.line, bool(row.problem)) for row in found] == [(1, True), (2, False), (3, False)]


def test_lines_of_python_literals(tmp_path: Path) -> None:
    data = "{u'text': u'It\\'s good', 'rating': 5, 'ok': True}\n{'text': \"x\", 'rating': None, 'ok': False}\n"
    assert cells(tmp_path, data) == [
        {"text": "It's good", "rating": 5, "ok": True},
        {"text": "x", "rating": None, "ok": False},
    ]


def test_line_ends_that_only_python_knows_stay_in_the_text(tmp_path: Path) -> None:
    text = "one\u2028two\u2029three\x85four\x0cfive"
    data = "\n".join(json.dumps({"text": text, "n": n}, ensure_ascii=False) for n in range(3))
    assert [(row.line, row.cells["text"]) for row in rows(tmp_path, data)] == [
        (n, text) for n in (1, 2, 3)
    ]


@pytest.mark.parametrize("shape", ["array", "indented array", "array of lines", "wrapped twice"])
def test_a_file_that_breaks_off_keeps_what_came_before(tmp_path: Path, shape: str) -> None:
    whole = SHAPES[shape]
    found = rows(tmp_path, whole[: whole.index("Fine.")])
    own = [{key: row.cells[key] for key in REVIEWS[0]} for row in found[:2]]
    assert own == REVIEWS[:2]
    assert len(found) == 3 and "breaks off" in found[2].problem


def test_an_entry_that_is_no_object_is_a_problem(tmp_path: Path) -> None:
    found = rows(tmp_path, '[{"text": "x"}, 3, {"text": "y"}]')
    assert [(row.line, row.problem) for row in found] == [
        (1, ""),
        (2, "not an object with named fields"),
        (3, ""),
    ]


def test_long_cells_and_long_lines_are_problems(tmp_path: Path) -> None:
    long, line = "x" * (2**20 + 1), "y" * (9 * 2**20)
    found = rows(
        tmp_path,
        "\n".join(
            json.dumps({"id": n, "text": text}) for n, text in enumerate(["a", long, line, "b"])
        ),
    )
    assert [row.problem for row in found] == [
        "",
        "a cell of more than 1 MiB",
        "a cell of more than 1 MiB",
        "",
    ]
    assert found[1].cells == {"id": 1}
    found = rows(tmp_path, json.dumps([{"text": "a"}, {"text": long}, {"text": "b"}]))
    assert [row.problem for row in found] == ["", "a cell of more than 1 MiB", ""]


def test_a_string_without_an_end_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"text": "fine"}, {"text": "' + b"x" * 60_000_000)
    (found,) = open_sources(path)
    tracemalloc.start()
    seen = list(found)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [bool(row.problem) for row in seen] == [False, True]
    assert peak < 30_000_000


def test_an_array_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    review = json.dumps({"text": "some words " * 50, "rating": 5})
    path.write_text("[" + ",".join([review] * 40_000) + "]")
    (found,) = open_sources(path)
    tracemalloc.start()
    count = sum(1 for _ in found)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 40_000 and peak < 8_000_000 < path.stat().st_size


@pytest.mark.parametrize(
    "data",
    ["[" * 100_000, '{"a":' * 100_000, '[{"a": ' + "9" * 5000 + "}]", '[{"a": 1e999999999}]'],
)
def test_what_cannot_be_held_is_a_problem_and_no_crash(tmp_path: Path, data: str) -> None:
    for row in rows(tmp_path, data):
        assert row.problem or row.cells


def test_a_broken_table_by_columns_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReviewFileError, match=r"a\.json is not valid JSON"):
        rows(tmp_path, '{"text": {"0": "a", "1": "b"}, "rating": {"0": 1, "1"')


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"text": st.text(max_size=20), "rating": st.integers(-(2**70), 2**70)}
        ),
        min_size=2,
        max_size=6,
    )
)
def test_lines_and_arrays_of_anything_are_read_back(
    tmp_path: Path, reviews: list[dict[str, Any]]
) -> None:
    expected = json.loads(json.dumps(reviews).encode("utf-8", "replace"))
    for data in ("\n".join(map(json.dumps, reviews)), json.dumps(reviews, indent=1)):
        found = rows(tmp_path, data)
        assert [row.cells["rating"] for row in found] == [review["rating"] for review in expected]
        assert [row.cells["text"] for row in found] == [review["text"] for review in expected]


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.one_of(VALUES.map(json.dumps), st.lists(VALUES.map(json.dumps), max_size=4).map("\n".join)),
    st.data(),
)
def test_any_json_whole_or_cut_gives_rows_or_a_review_file_error(
    tmp_path: Path, text: str, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(text)))
    for content in (text, text[:cut], text[cut:]):
        try:
            found = rows(tmp_path, content)
        except ReviewFileError as error:
            assert "a.json" in str(error)
        else:
            assert all(isinstance(row.cells, dict) for row in found)


PIECES = st.sampled_from(
    [
        b"[",
        b"]",
        b"{",
        b"}",
        b'"',
        b'"text"',
        b":",
        b",",
        b"\n",
        b"\\",
        b"NaN",
        b"null",
        b"1e5",
        b"\xff",
        b"\0",
        b"-Infinity",
        b" ",
    ]
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.one_of(st.binary(max_size=100), st.lists(PIECES, max_size=40).map(b"".join)),
    st.sampled_from(["a.json", "a.jsonl"]),
)
def test_any_bytes_give_rows_or_a_review_file_error(tmp_path: Path, data: bytes, name: str) -> None:
    try:
        found = rows(tmp_path, data, name)
    except ReviewFileError as error:
        assert name in str(error)
    else:
        assert all(row.line > 0 for row in found)
