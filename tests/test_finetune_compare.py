"""The verdict is by rule, and the report shows what was written as text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finetune.comparison import BETTER, NOT_BETTER, WORSE, Compared, Contender, verdict
from finetune.comparison_report import (
    html_report,
    json_report,
    loss_curve,
    markdown_report,
    write_report,
)
from finetune.exam import TaskAnswer
from rag.answer import Answer, AnswerSentence, Citation
from rag.evaluation.answers import AnswerReport
from rag.evaluation.metrics import QuestionResult
from rag.evaluation.metrics.balance import balance
from rag.evaluation.metrics.repeated import repeated
from rag.evaluation.paired import difference, difference_table
from rag.schema import Chunk, RetrievedChunk, Review, ReviewFileError
from rag.understanding.intent import TASKS
from tests.fakes import FakeEmbedder

NASTY = '<script>alert(1)</script> | `x` [link](javascript:y) "quoted"'


def result(
    number: int, points: float, *, supported: int = 2, refused: bool = False
) -> QuestionResult:
    return QuestionResult(
        id=f"q{number}",
        kind="opinion",
        question=f"Question {number}?",
        answer="It is.",
        answerable=True,
        refused=refused,
        sentences=2,
        supported=supported,
        dropped_markers=0,
        seconds=0.1,
        values={
            "citation_precision": 1.0,
            "citation_recall": 0.5,
            "key_points": points,
            "repeated": 0.0,
        },
    )


def contender(name: str, points: list[float], text: str = "It is.", **more: int) -> Contender:
    results = [
        result(n, value, supported=more.get("supported", 2)) for n, value in enumerate(points)
    ]
    unanswerable = QuestionResult(
        "u",
        "unanswerable",
        "And?",
        "",
        False,
        more.get("refuses", 1) == 1,
        0,
        0,
        0,
        0.1,
        {},
    )
    sentence = AnswerSentence(text, False, 0.1, (Citation(1, "r", "r:0", 0, 1, "x", 0.1, False),))
    answer = Answer(TASKS[0].question, (sentence,), False, name, "", ())
    tasks = tuple(TaskAnswer(task, answer, 0.0, 0.0, 1.0) for task in TASKS)
    return Contender(name, f"model {name}", AnswerReport(name, [*results, unanswerable]), tasks)


FEW, MANY = [0.1, 0.2] * 15, [0.5, 0.6] * 15


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (contender("a", FEW), contender("b", MANY), BETTER),
        (contender("a", MANY), contender("b", FEW), WORSE),
        (contender("a", MANY), contender("b", MANY), NOT_BETTER),
        (
            contender("a", [0.1] * 3),
            contender("b", [0.2] * 3),
            NOT_BETTER,
        ),  # three questions tell nothing
        (contender("a", FEW), contender("b", MANY, refuses=0), NOT_BETTER),  # it no longer refuses
        (
            contender("a", FEW),
            contender("b", MANY, supported=1),
            WORSE,
        ),  # half of what it says is unsupported
    ],
)
def test_the_verdict(before: Contender, after: Contender, expected: str) -> None:
    found, reason = verdict(before, after)
    assert found == expected
    assert "key points" in reason and "supported sentences" in reason and "p = " in reason


def test_differences_are_over_the_questions_that_both_answered() -> None:
    before, after = contender("a", FEW).report, contender("b", MANY[:10]).report
    found = difference(before, after, "key_points")
    assert found is not None and found.difference == pytest.approx(0.4)
    assert difference(before, after, "balance") is None
    header, _, *rows = difference_table(before, [after]).splitlines()
    assert header == f"| less {before.generator} | {after.generator} |"
    assert any(row.startswith("| key points recalled | +0.40 [") for row in rows)
    assert not any(row.startswith("| balance") for row in rows)


def compared(**more: object) -> Compared:
    log = [
        {"step": 0, "eval_loss": 4.0},
        {"step": 5, "loss": 2.0},
        {"step": 10, "loss": 1.5},
        {"step": 10, "eval_loss": 1.2},
    ]
    return Compared(
        (contender("base", FEW, NASTY), contender("merged", MANY, NASTY)),
        "base",
        "merged",
        BETTER,
        "reason",
        str(more.get("index", "hotel")),
        31,
        {"log": log},
        Path(str(more.get("folder", "."))),
    )


def test_the_report_shows_models_beside_each_other_and_escapes_what_they_wrote() -> None:
    page = html_report(compared(index="<b>"))
    assert "<script" not in page and "&lt;script&gt;" in page and "<b>" not in page
    assert page.count('class="side"') == 2 + 20
    assert 'class="unsupported"' in page and "[1]" in page
    assert "held out: 4.00 at step 0, 1.20 at step 10" in page
    text = markdown_report(compared())
    assert text.startswith("# merged against base: better")
    assert "<script" not in text.replace("\\<script", "") and "| key points recalled |" in text
    assert "\\[link\\](javascript" in text


def test_it_is_written_in_three_forms_and_the_numbers_can_be_read_again(tmp_path: Path) -> None:
    write_report(compared(folder=tmp_path / "run"))
    assert json.loads((tmp_path / "run" / "report.json").read_text()) == json.loads(
        json.dumps(json_report(compared()))
    )
    (tmp_path / "taken").write_text("")
    with pytest.raises(ReviewFileError, match="Cannot write the report"):
        write_report(compared(folder=tmp_path / "taken"))


def test_without_losses_there_is_no_curve() -> None:
    assert loss_curve([]) == "" and loss_curve([{"step": 1, "loss": 2.0}]) == ""


def answer_citing(*numbers: int) -> Answer:
    review = Review("r", "It was.")
    sides = ("praise", "praise", "criticism", "neutral")
    retrieved = tuple(
        RetrievedChunk(n, Chunk(f"r:{n}", "r", 0, 7, "It was."), review, 1.0, (), side=side)  # type: ignore[arg-type]
        for n, side in enumerate(sides, 1)
    )
    citations = tuple(Citation(n, "r", f"r:{n}", 0, 7, "It was.", 1.0, True) for n in numbers)
    return Answer("?", (AnswerSentence("It was.", True, 1.0, citations),), False, "", "", retrieved)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [((1, 3), 1.0), ((1, 2, 3), 2 / 3), ((1, 2), 0.0), ((4,), 0.0), ((), 0.0)],
)
def test_balance_is_how_evenly_both_sides_are_cited(
    numbers: tuple[int, ...], expected: float
) -> None:
    assert balance(answer_citing(*numbers)) == pytest.approx(expected)


def test_repetition_counts_sentences_that_say_what_one_before_said() -> None:
    said = ["The soup was hot.", "The waiter left.", "the SOUP was hot!", "The soup was hot."]
    assert repeated(said, FakeEmbedder()) == 0.5
    assert repeated([], FakeEmbedder()) == 0.0
