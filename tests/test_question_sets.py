"""Reading question sets: our own layout, SubjQA's and BEIR's; every mistake with its line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rag.evaluation.question_sets import read_beir_corpus, read_question_set, without_shared
from rag.schema import ReviewFileError


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode())) if path.suffix == ".gz" else path.write_text(
        text, encoding="utf-8"
    )
    return path


def subjqa(number: int, split: str, gold: str, **more: Any) -> dict[str, Any]:
    return {
        "q_review_id": f"q{number}",
        "question": f"How is part {number}?",
        "item_id": "lamp",
        "gold_review_id": gold,
        "domain": "lamps",
        "split": split,
        "answerable": True,
        "annotations": [
            {"start": 4, "end": 9},
            {"start": 4, "end": 9},
            {"start": None, "end": None},
        ],
        **more,
    }


def test_our_own_layout(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "q.jsonl",
        [
            {
                "id": "a",
                "question": "Is it loud?",
                "kind": "fact",
                "split": "dev",
                "review_ids": ["r1", "r2"],
            },
            {
                "id": "b",
                "question": "Is it blue?",
                "kind": "unanswerable",
                "split": "test",
                "review_ids": [],
            },
        ],
    )
    first, second = read_question_set(path)
    assert (first.id, first.domain, first.relevance, first.item_id) == (
        "a",
        "fact",
        {"r1": 1, "r2": 1},
        "",
    )
    assert second.relevance == {} and [item.id for item in read_question_set(path, "test")] == ["b"]


def test_our_own_layout_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "questions.csv"
    path.write_text("question,kind,review_ids\nIs it loud?,fact,r1; r2\n", encoding="utf-8")
    (question,) = read_question_set(path)
    assert question.relevance == {"r1": 1, "r2": 1} and question.domain == "fact"


def test_subjqa_from_a_file_or_its_folder(tmp_path: Path) -> None:
    rows = [subjqa(1, "train", "r1"), subjqa(2, "dev", "r2", answerable=False, annotations=[])]
    path = write_lines(tmp_path / "lamps" / "questions.jsonl", rows)
    first, second = read_question_set(path)
    assert read_question_set(path.parent) == [first, second]
    assert (first.id, first.domain, first.item_id, first.split) == (
        "lamps/train/q1",
        "lamps",
        "lamp",
        "train",
    )
    assert first.relevance == {"r1": 1} and first.spans == (("r1", 4, 9),)
    assert second.relevance == {} and second.spans == ()


def test_what_shares_a_review_with_training_can_be_left_out(tmp_path: Path) -> None:
    rows = [subjqa(1, "train", "r1"), subjqa(2, "dev", "r1"), subjqa(3, "dev", "r2")]
    path = write_lines(tmp_path / "questions.jsonl", rows)
    asked = read_question_set(path, "dev")
    assert [item.id for item in without_shared(asked, path)] == ["lamps/dev/q3"]
    assert without_shared(read_question_set(path, "train"), path) == read_question_set(
        path, "train"
    )


@pytest.fixture(params=["", ".gz"])
def beir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "claims"
    write_lines(
        folder / f"corpus.jsonl{request.param}",
        [
            {"_id": "d1", "title": "On lamps", "text": "They glow."},
            {"_id": "d2", "title": "", "text": "They fall."},
            {"_id": "d3", "text": ""},
        ],
    )
    write_lines(
        folder / f"queries.jsonl{request.param}",
        [{"_id": "1", "text": "Do lamps glow?"}, {"_id": "2", "text": "Do they fall?"}],
    )
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\n1\td1\t2\n1\td2\t0\n2\td2\t1\n"
    )
    return folder


def test_beir(beir: Path) -> None:
    first, second = read_question_set(beir)
    assert (first.id, first.question, first.domain, first.relevance) == (
        "1",
        "Do lamps glow?",
        "claims",
        {"d1": 2},
    )
    assert second.relevance == {"d2": 1}
    assert [(item.review_id, item.text) for item in read_beir_corpus(beir)] == [
        ("d1", "On lamps They glow."),
        ("d2", "They fall."),
        ("d3", "-"),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1\td1", "line 2: not a query, a document and a score"),
        ("1\td1\tmuch", "line 2: not a query, a document and a score"),
        ("9\td1\t1", 'line 2: no query has the id "9"'),
    ],
)
def test_judgements_that_cannot_be_read_are_named(beir: Path, line: str, says: str) -> None:
    (beir / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{line}\n")
    with pytest.raises(ReviewFileError, match=says):
        read_question_set(beir)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "line 1: not JSON"),
        ("[1]", "line 1: not an object"),
        (
            json.dumps(subjqa(1, "dev", "r"))
            + "\n\n"
            + json.dumps({**subjqa(2, "dev", "r"), "question": None}),
            'line 3: .* it has no "question"',
        ),
        (
            json.dumps({**subjqa(1, "dev", "r"), "annotations": [{"start": 3}]}),
            "line 1: not a question of SubjQA",
        ),
        (
            json.dumps({**subjqa(1, "dev", "r"), "annotations": 7}),
            "line 1: not a question of SubjQA",
        ),
        (
            "\n".join(json.dumps(subjqa(1, "dev", "r")) for _ in range(2)),
            "1 ids name more than one question",
        ),
        ("", "has no questions"),
    ],
)
def test_lines_that_cannot_be_read_are_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "questions.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(ReviewFileError, match=says):
        read_question_set(tmp_path)


def test_what_is_not_there_is_named(tmp_path: Path, beir: Path) -> None:
    with pytest.raises(ReviewFileError, match=r"Cannot read the question file .*nothing\.jsonl"):
        read_question_set(tmp_path / "nothing.jsonl")
    with pytest.raises(ReviewFileError, match=r"Cannot read the question file .*dev\.tsv"):
        read_question_set(beir, "dev")
    path = write_lines(tmp_path / "q.jsonl", [subjqa(1, "dev", "r1")])
    with pytest.raises(ReviewFileError, match='no questions of the split "test"'):
        read_question_set(path, "test")
