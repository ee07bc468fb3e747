"""The metrics behind `reviewqa eval answers`, on answers made by hand."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rag.answering import prompt
from rag.answering.fence import fence
from rag.answering.pipeline import Pipeline
from rag.config import Settings
from rag.evaluation.answers import AnswerReport, answer_table, evaluate_answers
from rag.evaluation.apart import evaluate_apart
from rag.evaluation.metrics import QuestionResult, answer_metrics
from rag.evaluation.questions import Question
from rag.generators.choice import ChosenGenerator
from rag.index import ReviewIndex
from rag.schema import GeneratorError, IndexFileError, Message
from tests.fakes import CHUNK_TOKENS, REVIEWS, FakeEmbedder, FakeGenerator, build_fake_index
from tests.prompts import read_prompt
from ui.cli.terminal import StageProgress


def result(**more: Any) -> QuestionResult:
    """A result with these facts; what is no fact is a metric's value."""
    facts: dict[str, Any] = {
        "id": "q",
        "kind": "opinion",
        "question": "?",
        "answer": ".",
        "answerable": True,
        "refused": False,
        "sentences": 1,
        "supported": 1,
        "dropped_markers": 0,
        "seconds": 1.0,
    }
    facts |= {name: more.pop(name) for name in list(more) if name in facts}
    return QuestionResult(**facts, values=more)


REFUSED: dict[str, Any] = {"refused": True, "supported": 0, "sentences": 0}


def test_means_leave_out_what_does_not_apply() -> None:
    report = AnswerReport(
        "g",
        [
            result(citation_precision=0.5, citation_recall=0.2, key_points=1.0),
            result(
                sentences=4, supported=2, citation_precision=1.0, citation_recall=0.4, seconds=2
            ),
            result(**REFUSED, citation_recall=0.0, key_points=0.0, seconds=3.0),
            result(**REFUSED, citation_recall=None, answerable=False, seconds=10.0),
        ],
    )
    assert (report.generator, len(report.results)) == ("g", 4)
    assert report.value("supported") == pytest.approx(3 / 5)
    assert report.value("citation_precision") == pytest.approx(0.75)
    assert report.value("citation_recall") == pytest.approx(0.2)
    assert report.value("key_points") == pytest.approx(0.5)
    assert (report.value("seconds_median"), report.value("seconds_p95")) == (2.5, 10.0)


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
    report = AnswerReport(
        "g",
        [result(**REFUSED, answerable=False)] * refused_rightly
        + [result(**REFUSED, answerable=True)] * refused_wrongly
        + [result(answerable=False)] * answered_wrongly
        + [result()] * 5,
    )
    assert report.value("refusal_precision") == pytest.approx(precision)
    assert report.value("refusal_recall") == pytest.approx(recall)
    assert report.value("refusal_f1") == pytest.approx(f1)


def test_no_results_give_zeros() -> None:
    report = AnswerReport("g", [])
    assert {report.value(name) for name in answer_metrics} == {0.0}
    assert report.as_dict()["questions"] == 0


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
        texts = {r.review_id: fence(r.text) for r in REVIEWS}
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
    report = evaluate_answers(pipeline, [asked], lambda *_: None)
    assert len(report.results) == 1 and report.generator == FakeGenerator.name
    return report.results[0]


def test_support_and_citations_of_one_answer(indexes: Path) -> None:
    says = (
        f"{prompt.PRAISE_HEADING}\nThe swimming pool was warm and clean [{{pool}}]. "
        "The pool was made of gold bricks by elves [{pool}][{loud}]. Free unicorns [99]. Birds "
        "sing."
    )
    outcome = measure(indexes, says, question(review_ids=("pool", "desk", "gone")))
    assert (outcome.sentences, outcome.supported, outcome.dropped_markers) == (4, 1, 1)
    assert outcome.values["citation_precision"] == 0.5  # pool is gold, loud is not
    assert outcome.values["citation_recall"] == pytest.approx(1 / 3)


def test_recall_counts_no_more_gold_than_the_prompt_could_hold(indexes: Path) -> None:
    asked = question(review_ids=[r.review_id for r in REVIEWS])
    outcome = measure(
        indexes, "The swimming pool was warm and clean [{pool}].", asked, {"retrieval.top_k": 2}
    )
    assert (outcome.values["citation_precision"], outcome.values["citation_recall"]) == (1.0, 0.5)


def test_an_answer_that_cites_nothing_has_no_precision(indexes: Path) -> None:
    outcome = measure(indexes, "The swimming pool was warm.", question())
    assert (
        outcome.supported,
        outcome.values["citation_precision"],
        outcome.values["citation_recall"],
    ) == (0, 0.0, 0.0)


def test_key_points_that_some_sentence_comes_close_to(indexes: Path) -> None:
    points = ("The pool was warm and clean", "Elephants may swim there on Sundays")
    says = "The swimming pool was warm and clean [{pool}]. Nobody slept."
    assert measure(indexes, says, question(key_points=points)).values["key_points"] == 0.5
    assert measure(indexes, says, question("count", key_points=points)).values["key_points"] is None
    assert measure(indexes, says, question(key_points=())).values["key_points"] is None
    assert measure(indexes, prompt.REFUSAL, question(key_points=points)).values["key_points"] == 0.0


def test_a_wrong_refusal_and_a_right_one(indexes: Path) -> None:
    wrong = measure(indexes, prompt.REFUSAL, question())
    assert wrong.refused and wrong.answerable and wrong.supported == 0
    assert (wrong.values["citation_precision"], wrong.values["citation_recall"]) == (None, 0.0)
    right = measure(indexes, prompt.REFUSAL, question("unanswerable", review_ids=()))
    assert (
        right.refused
        and not right.answerable
        and right.values["key_points"] is right.values["citation_recall"] is None
    )


def test_an_unanswerable_question_that_is_answered_has_support_but_no_citation_marks(
    indexes: Path,
) -> None:
    outcome = measure(
        indexes, "The swimming pool was warm and clean [{pool}].", question("unanswerable", ())
    )
    assert (
        outcome.supported == 1
        and outcome.values["citation_precision"] is outcome.values["citation_recall"] is None
    )


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
        Settings().changed({**values}),
        ReviewIndex.open(indexes / "hotel"),
        FakeEmbedder(),
        ChosenGenerator(FakeGenerator(says), ""),
    )
    questions = [dataclasses.replace(question(), id=str(number)) for number in (1, 2, 3)]
    if len(down) == 3:
        with pytest.raises(GeneratorError, match="down at 1"):
            evaluate_answers(pipeline, questions, lambda *_: None)
        return
    seen: list[int] = []
    report = evaluate_answers(pipeline, questions, lambda _, done, total: seen.append(done))
    assert seen == asked == [1, 2, 3]
    assert (report.failed, len(report.results)) == (len(down), 3 - len(down))
    assert [int(r.id) for r in report.results] == [
        number for number in (1, 2, 3) if number not in down
    ]


def test_the_table_has_a_row_a_generator_and_json_has_all() -> None:
    reports = [AnswerReport(name, [result(key_points=0.5)]) for name in ("one", "two")]
    lines = answer_table(reports).splitlines()
    assert len(lines) == 4
    assert lines[0] == (
        "| generator | sentences supported | citation precision | citation recall | answered "
        "| refused rightly | refusal F1 | key points | s per answer | reading ease "
        "| points in its words |"
    )
    assert lines[2].startswith("| one | 1.00 |") and lines[3].startswith("| two |")
    written = json.loads(json.dumps(reports[0].as_dict()))
    facts = {"generator", "questions", "failed", "peak_bytes", "results"}
    assert set(written) == facts | set(answer_metrics)
    assert written["results"][0]["id"] == "q" and written["results"][0]["key_points"] == 0.5


def test_each_of_several_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    settings = Settings().changed({"paths.indexes_dir": tmp_path})
    with pytest.raises(IndexFileError, match="missing"):
        evaluate_apart(settings, "missing", [question()], StageProgress)


def test_how_many_were_answered_and_how_much_memory_it_took() -> None:
    answered = [result(), result(**REFUSED), result(**REFUSED, answerable=False)]
    report = AnswerReport("g", answered, peak_bytes=3 * 2**29)
    assert (report.value("answered"), report.value("refusal_recall")) == (0.5, 1.0)
    header, _, row = answer_table([report]).splitlines()
    assert header.endswith("| GiB at most |") and row.endswith("| 1.50 |")
