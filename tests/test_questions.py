"""Reading question sets, and what is said about bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.evaluation.questions import KINDS, SPLITS, read_questions
from rag.schema import ReviewFileError

GOOD: dict[str, Any] = {"id": "q1", "question": "Is it good?", "review_ids": ["r1", "r2"]}


def write(folder: Path, *lines: str) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def row(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes}, ensure_ascii=False)


def test_a_full_question_is_read_as_written(tmp_path: Path) -> None:
    line = row(
        kind="both_sides", split="dev", topic="dub", answer="Some say so.", key_points=["a", "b"]
    )
    (question,) = read_questions(write(tmp_path, line))
    assert (question.id, question.question, question.kind) == ("q1", "Is it good?", "both_sides")
    assert (question.split, question.topic, question.answer) == ("dev", "dub", "Some say so.")
    assert question.review_ids == {"r1", "r2"}
    assert question.key_points == ("a", "b")
    assert question.answerable


def test_what_may_be_left_out(tmp_path: Path) -> None:
    (question,) = read_questions(write(tmp_path, row()))
    assert (question.kind, question.split) == ("opinion", "test")
    assert (question.topic, question.answer, question.key_points) == ("", "", ())


def test_numbers_as_ids_are_read_as_text(tmp_path: Path) -> None:
    (question,) = read_questions(write(tmp_path, row(id=7, review_ids=[1, 2])))
    assert question.id == "7"
    assert question.review_ids == {"1", "2"}


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_unanswerable_are_not_answerable(tmp_path: Path, kind: str) -> None:
    (question,) = read_questions(write(tmp_path, row(kind=kind, review_ids=[])))
    assert question.answerable == (kind != "unanswerable")


def test_a_split_can_be_chosen_and_blank_lines_do_not_matter(tmp_path: Path) -> None:
    lines = [row(id=f"q{number}", split=split) for number, split in enumerate([*SPLITS, *SPLITS])]
    path = write(tmp_path, "", *lines, "  ", "")
    assert [question.id for question in read_questions(path, "dev")] == ["q1", "q4"]
    assert len(read_questions(path)) == 6


def test_line_separators_inside_a_question_do_not_end_its_line(tmp_path: Path) -> None:
    questions = read_questions(
        write(tmp_path, row(question="One\u2028two\x85three?"), row(id="q2"))
    )
    assert [question.question for question in questions] == [
        "One\u2028two\x85three?",
        "Is it good?",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "q2"', "not JSON"),
        ("just words", "not JSON"),
        ("[1, 2]", "not an object with named fields"),
        ("3", "not an object with named fields"),
        ("null", "not an object with named fields"),
        ('{"question": "x", "review_ids": []}', 'it has no "id"'),
        ('{"id": "q2", "review_ids": []}', 'it has no "question"'),
        ('{"id": "q2", "question": "x"}', 'it has no "review_ids"'),
        (row(id="q2", kind="riddle"), "riddle"),
        (row(id="q2", kind=["fact"]), "fact"),
        (row(id="q2", review_ids=None), "review_ids"),
        (row(id="q2", review_ids="sq-001"), "review_ids"),
        (row(id="q2", key_points="one"), "key_points"),
        (row(), 'second question with the id "q1"'),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = write(tmp_path, row(), "", line, row(id="q3"))
    with pytest.raises(ReviewFileError) as error:
        read_questions(path)
    assert f"{path}, line 3" in str(error.value)
    assert said in str(error.value)


def test_files_without_questions_are_reported(tmp_path: Path) -> None:
    with pytest.raises(ReviewFileError, match="has no questions"):
        read_questions(write(tmp_path, "", " "))
    with pytest.raises(ReviewFileError, match='no questions of the split "dev"'):
        read_questions(write(tmp_path, row(split="train")), "dev")
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes(b'{"id": "caf\xe9"}')
    for path in (tmp_path / "missing.jsonl", tmp_path, latin):
        with pytest.raises(ReviewFileError, match="Cannot read") as error:
            read_questions(path)
        assert str(path) in str(error.value)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["fact", "q1", "dev"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "kind", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
KEYS = st.sampled_from(
    ["id", "question", "kind", "split", "topic", "review_ids", "answer", "key_points"]
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.one_of(JSON, st.dictionaries(KEYS, JSON).map(lambda changes: {**GOOD, **changes})))
def test_any_json_gives_a_question_or_an_error_with_its_line(tmp_path: Path, value: Any) -> None:
    path = write(tmp_path, json.dumps(value))
    try:
        (question,) = read_questions(path)
    except ReviewFileError as error:
        assert "line 1" in str(error)
    else:
        assert question.kind in KINDS


def test_a_csv_file_is_read_like_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "asked.csv"
    file.write_text(
        "question,answer,review_ids,key_points,split\n"
        '"Is it loud, at night?",Yes.,r1; r2,The lift hums.;Trams pass,train\n'
        "Is there a pool?,,,,\n",
        encoding="utf-8-sig",
    )
    first, second = read_questions(file)
    assert (first.id, first.question, first.answer) == ("line-2", "Is it loud, at night?", "Yes.")
    assert first.review_ids == {"r1", "r2"} and first.key_points == ("The lift hums.", "Trams pass")
    assert first.split == "train" and second.split == "test" and second.review_ids == frozenset()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("question,kind\nIs it loud?,opinion\n,opinion\n", "line 3: not a question"),
        ("question,kind\nIs it loud?,rant\n", 'line 2: not a question: .*"rant"'),
        ("id,question\na,Is it loud?\na,Is it?\n", "line 3: a second question"),
        ("question\n", "has no questions"),
        ('question\n"' + "x" * 140_000, "not CSV after line 1"),
    ],
)
def test_what_is_wrong_in_a_csv_file_is_said_with_its_line(
    text: str, says: str, tmp_path: Path
) -> None:
    file = tmp_path / "asked.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ReviewFileError, match=says):
        read_questions(file)


def test_the_reviews_of_each_key_point_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "asked.jsonl"
    row = {
        "id": "a",
        "question": "?",
        "review_ids": ["r1"],
        "key_points": ["x", "y"],
        "point_reviews": [["r1"]],
    }
    file.write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(ReviewFileError, match="point_reviews is not one list"):
        read_questions(file)
    file.write_text(
        json.dumps(row | {"point_reviews": [["r1"], []], "item_id": "i"}), encoding="utf-8"
    )
    (question,) = read_questions(file)
    assert question.point_reviews == (frozenset(["r1"]), frozenset()) and question.item_id == "i"
