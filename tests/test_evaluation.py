"""The metrics behind `reviewqa eval answers`, on answers made by hand, and the reading of question
sets.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rag.answering import prompt
from rag.answering.pipeline import Pipeline
from rag.config import Settings
from rag.evaluation.answers import (
    COLUMNS,
    AnswerReport,
    QuestionResult,
    evaluate_answers,
    markdown_table,
    summarise,
)
from rag.evaluation.questions import KINDS, SPLITS, Question, read_questions
from rag.generators.choice import ChosenGenerator
from rag.index import ReviewIndex
from rag.schema import GeneratorError, Message, ReviewFileError
from tests.fakes import CHUNK_TOKENS, REVIEWS, FakeEmbedder, FakeGenerator, build_fake_index
from tests.prompts import read_prompt

SAMPLE = Path(__file__).parent.parent / "rag" / "sample"


def result(**more: Any) -> QuestionResult:
    values: dict[str, Any] = {
        "id": "q",
        "kind": "opinion",
        "question": "?",
        "answer": ".",
        "answerable": True,
        "refused": False,
        "sentences": 1,
        "supported": 1,
        "citation_precision": 1.0,
        "citation_recall": 1.0,
        "key_points": 1.0,
        "dropped_markers": 0,
        "seconds": 1.0,
        **more,
    }
    return QuestionResult(**values)


REFUSED: dict[str, Any] = {
    "refused": True,
    "supported": 0,
    "citation_precision": None,
    "citation_recall": 0.0,
    "sentences": 0,
}


def test_means_leave_out_what_does_not_apply() -> None:
    report = summarise(
        "g",
        [
            result(
                sentences=1,
                supported=1,
                citation_precision=0.5,
                citation_recall=0.2,
                key_points=1.0,
                seconds=1.0,
            ),
            result(
                sentences=4,
                supported=2,
                citation_precision=1.0,
                citation_recall=0.4,
                key_points=None,
                seconds=2.0,
            ),
            result(**REFUSED, answerable=True, key_points=0.0, seconds=3.0),
            result(
                **{**REFUSED, "citation_recall": None},
                answerable=False,
                key_points=None,
                seconds=10.0,
            ),
        ],
    )
    assert (report.generator, report.questions) == ("g", 4)
    assert report.supported == pytest.approx(3 / 5)
    assert report.citation_precision == pytest.approx(0.75)
    assert report.citation_recall == pytest.approx(0.2)
    assert report.key_points == pytest.approx(0.5)
    assert (report.seconds_median, report.seconds_p95) == (2.5, 10.0)


@pytest.mark.parametrize(
    ("refused_rightly", "refused_wrongly", "answered_wrongly", "precision", "recall", "f1"),
    [
        (3, 1, 2, 3 / 4, 3 / 5, 2 / 3),
        (2, 0, 0, 1, 1, 1),
        (0, 2, 0, 0, 0, 0),
        (0, 0, 2, 0, 0, 0),
        (0, 0, 0, 0, 0, 0),
    ],
)
def test_refusals_are_measured_against_the_unanswerable(
    refused_rightly: int,
    refused_wrongly: int,
    answered_wrongly: int,
    precision: float,
    recall: float,
    f1: float,
) -> None:
    report = summarise(
        "g",
        [result(**REFUSED, answerable=False)] * refused_rightly
        + [result(**REFUSED, answerable=True)] * refused_wrongly
        + [result(answerable=False)] * answered_wrongly
        + [result()] * 5,
    )
    found = (report.refusal_precision, report.refusal_recall, report.refusal_f1)
    assert found == pytest.approx((precision, recall, f1))


def test_no_results_give_zeros() -> None:
    report = summarise("g", [])
    assert (
        report.questions == 0 and report.supported == report.refusal_f1 == report.seconds_p95 == 0
    )


def question(
    kind: str = "opinion", review_ids: Sequence[str] = ("pool",), key_points: Sequence[str] = ()
) -> Question:
    return Question(
        "q1",
        "Was the swimming pool warm and clean?",
        kind,
        "test",
        "pool",
        frozenset(review_ids),
        "",
        tuple(key_points),
    )


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("indexes")
    build_fake_index(folder / "hotel")
    return folder


def measure(
    indexes: Path, says: str, asked: Question, changes: Mapping[str, Any] | None = None
) -> QuestionResult:
    """`says` holds review ids in braces, for the numbers they have in the prompt."""

    def written(messages: Sequence[Message]) -> str:
        texts = {r.review_id: prompt.fence(r.text) for r in REVIEWS}
        _, sent = read_prompt(messages)
        return says.format(
            **{key: r.number for key, text in texts.items() for r in sent if r.text == text}
        )

    values: dict[str, Any] = {
        "index.chunk_tokens": CHUNK_TOKENS,
        "answering.evidence_floor": -1.0,
        "answering.fact_evidence_floor": -1.0,
        **(changes or {}),
    }
    pipeline = Pipeline(
        Settings().changed({"answering.support_threshold": 0.5, **values}),
        ReviewIndex.open(indexes / "hotel"),
        FakeEmbedder(),
        ChosenGenerator(FakeGenerator(written), ""),
    )
    report = evaluate_answers(pipeline, [asked], lambda done, total: None)
    assert report.questions == 1 and report.generator == FakeGenerator.name
    return report.results[0]


def test_support_and_citations_of_one_answer(indexes: Path) -> None:
    says = (
        f"{prompt.PRAISE_HEADING}\nThe swimming pool was warm and clean [{{pool}}]. "
        "The pool was made of gold bricks by elves [{pool}][{loud}]. Free unicorns [99]. Birds "
        "sing."
    )
    found = measure(indexes, says, question(review_ids=("pool", "desk", "gone")))
    assert (found.sentences, found.supported, found.dropped_markers) == (4, 1, 1)
    assert found.citation_precision == 0.5  # pool is gold, loud is not
    assert found.citation_recall == pytest.approx(1 / 3)


def test_recall_counts_no_more_gold_than_the_prompt_could_hold(indexes: Path) -> None:
    asked = question(review_ids=[r.review_id for r in REVIEWS])
    found = measure(
        indexes, "The swimming pool was warm and clean [{pool}].", asked, {"retrieval.top_k": 2}
    )
    assert (found.citation_precision, found.citation_recall) == (1.0, 0.5)


def test_an_answer_that_cites_nothing_has_no_precision(indexes: Path) -> None:
    found = measure(indexes, "The swimming pool was warm.", question())
    assert (found.supported, found.citation_precision, found.citation_recall) == (0, 0.0, 0.0)


def test_key_points_that_some_sentence_comes_close_to(indexes: Path) -> None:
    points = ("The pool was warm and clean", "Elephants may swim there on Sundays")
    says = "The swimming pool was warm and clean [{pool}]. Nobody slept."
    assert measure(indexes, says, question(key_points=points)).key_points == 0.5
    assert measure(indexes, says, question("count", key_points=points)).key_points is None
    assert measure(indexes, says, question(key_points=())).key_points is None
    assert measure(indexes, prompt.REFUSAL, question(key_points=points)).key_points == 0.0


def test_a_wrong_refusal_and_a_right_one(indexes: Path) -> None:
    wrong = measure(indexes, prompt.REFUSAL, question())
    assert wrong.refused and wrong.answerable and wrong.supported == 0
    assert (wrong.citation_precision, wrong.citation_recall) == (None, 0.0)
    right = measure(indexes, prompt.REFUSAL, question("unanswerable", review_ids=()))
    assert (
        right.refused and not right.answerable and right.key_points is right.citation_recall is None
    )


def test_an_unanswerable_question_that_is_answered_has_support_but_no_citation_marks(
    indexes: Path,
) -> None:
    found = measure(
        indexes, "The swimming pool was warm and clean [{pool}].", question("unanswerable", ())
    )
    assert found.supported == 1 and found.citation_precision is found.citation_recall is None


@pytest.mark.parametrize("down", [(2,), (1, 3), (1, 2, 3)])
def test_a_question_the_generator_fails_on_is_counted_and_the_rest_go_on(
    indexes: Path, down: tuple[int, ...]
) -> None:
    asked: list[int] = []

    def says(messages: Sequence[Message]) -> str:
        asked.append(len(asked) + 1)
        if asked[-1] in down:
            raise GeneratorError(f"down at {asked[-1]}")
        return "The pool was warm [1]."

    values: dict[str, Any] = {
        "index.chunk_tokens": CHUNK_TOKENS,
        "answering.evidence_floor": -1.0,
        "answering.fact_evidence_floor": -1.0,
    }
    pipeline = Pipeline(
        Settings().changed(values),
        ReviewIndex.open(indexes / "hotel"),
        FakeEmbedder(),
        ChosenGenerator(FakeGenerator(says), ""),
    )
    questions = [dataclasses.replace(question(), id=str(number)) for number in (1, 2, 3)]
    if len(down) == 3:
        with pytest.raises(GeneratorError, match="down at 1"):
            evaluate_answers(pipeline, questions, lambda done, total: None)
        return
    seen: list[int] = []
    report = evaluate_answers(pipeline, questions, lambda done, total: seen.append(done))
    assert seen == asked == [1, 2, 3]
    assert (report.failed, report.questions) == (len(down), 3 - len(down))
    assert [int(r.id) for r in report.results] == [
        number for number in (1, 2, 3) if number not in down
    ]


def test_the_table_has_a_row_a_generator_and_json_has_all() -> None:
    reports: list[AnswerReport] = [summarise(name, [result()]) for name in ("one", "two")]
    lines = markdown_table(reports).splitlines()
    assert (
        len(lines) == 4 and lines[2].startswith("| one | 1.00 |") and lines[3].startswith("| two |")
    )
    assert {line.count("|") for line in lines} == {len(COLUMNS) + 1}
    as_json = json.loads(json.dumps(reports[0].as_dict()))
    assert set(as_json) == {field.name for field in dataclasses.fields(AnswerReport)}
    assert as_json["results"][0]["id"] == "q"


# --- question sets


def write(folder: Path, *lines: object) -> Path:
    path = folder / "questions.jsonl"
    path.write_text(
        "\n".join(
            line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)
            for line in lines
        )
        + "\n",
        encoding="utf-8",
    )
    return path


GOOD: dict[str, Any] = {"id": "1", "question": "Is it good?", "review_ids": ["a"], "split": "dev"}


def test_questions_are_read_with_their_gold(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {**GOOD, "kind": "fact", "key_points": ["k"], "answer": "Yes.", "topic": "t"},
        "",
        {**GOOD, "id": 2},
    )
    first, second = read_questions(path)
    assert first == Question(
        "1", "Is it good?", "fact", "dev", "t", frozenset({"a"}), "Yes.", ("k",)
    )
    assert (second.id, second.kind, second.key_points, second.answerable) == (
        "2",
        "opinion",
        (),
        True,
    )


def test_a_split_can_be_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, {**GOOD, "id": "2", "split": "test"})
    assert [q.id for q in read_questions(path, "test")] == ["2"]
    with pytest.raises(ReviewFileError, match='no questions of the split "train"'):
        read_questions(path, "train")


def test_line_separators_inside_a_question_do_not_end_the_line(tmp_path: Path) -> None:
    (found,) = read_questions(write(tmp_path, {**GOOD, "question": "One\u2028two\x85three?"}))
    assert found.question == "One\u2028two\x85three?"


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "7",
        "null",
        '"text"',
        {"id": "2"},
        {**GOOD, "kind": "odd"},
        {**GOOD, "review_ids": "a"},
        {**GOOD, "review_ids": 7},
        {**GOOD, "id": "1"},
    ],
    ids=repr,
)
def test_a_bad_line_is_named(tmp_path: Path, line: object) -> None:
    with pytest.raises(ReviewFileError, match=r"questions\.jsonl, line 3: ") as error:
        read_questions(write(tmp_path, GOOD, "", line))
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe")
    (tmp_path / "empty.jsonl").write_text("")
    for name in ("missing.jsonl", "binary.jsonl", "empty.jsonl", "."):
        with pytest.raises(
            ReviewFileError, match=name.replace(".", r"\.") if name != "." else "Cannot read"
        ):
            read_questions(tmp_path / name)


def test_the_samples_questions_are_sound() -> None:
    questions = read_questions(SAMPLE / "questions.jsonl")
    known = {
        line.split(",")[0]
        for line in (SAMPLE / "reviews.csv").read_text(encoding="utf-8").splitlines()
    }
    assert {q.kind for q in questions} == set(KINDS) and {q.split for q in questions} == set(SPLITS)
    for q in questions:
        assert q.question.strip() and q.review_ids <= known, q.id
        assert q.answerable == bool(q.review_ids) == bool(q.key_points), q.id
