"""A model that words points is judged by what it writes first, and by what is used of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from finetune.comparison import BETTER, NOT_BETTER, WORSE, Compared, Contender
from finetune.comparison_report import markdown_report, number_rows, task_rows
from finetune.exam import Exam, counted_points, task_answer
from finetune.recipe import load_recipe
from finetune.statement_comparison import (
    QUOTED,
    _borne_out,
    _HeardWriter,
    compare_writers,
    writers_verdict,
)
from rag.answering.counted import CountingAnswerer
from rag.answering.pipeline import Pipeline
from rag.config import Settings
from rag.evaluation.metrics import answer_metrics
from rag.evaluation.metrics.reading_ease import reading_ease
from rag.generators.choice import ChosenGenerator
from rag.index import build_index
from rag.schema import ModelError
from rag.understanding.intent import Task
from tests.asking import many
from tests.fakes import CHUNK_TOKENS, FakeEmbedder, FakeReader
from tests.test_counted import BAD, GOOD
from tests.test_finetune_compare import contender
from tests.test_wording import FakeCompleter, of_the_side


def writer_with(name: str, shares: list[float], points: float = 0.5) -> Contender:
    """A contender that got these shares of its first statements right."""
    plain = contender(name, [points] * len(shares))
    results = [
        replace(result, values={**result.values, "true": share, "balance": 1.0})
        for result, share in zip(plain.report.results, shares, strict=False)
    ]
    return replace(plain, report=replace(plain.report, results=results))


LOW, HIGH = [0.2, 0.4] * 10, [0.8, 1.0] * 10


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (writer_with("base", LOW), writer_with("merged", HIGH), BETTER),
        (writer_with("base", HIGH), writer_with("merged", LOW), WORSE),
        (writer_with("base", HIGH), writer_with("merged", HIGH), NOT_BETTER),
        (writer_with("base", LOW), writer_with("merged", HIGH, points=0.4), NOT_BETTER),
        (contender("base", [0.1]), contender("merged", [0.1]), NOT_BETTER),
    ],
)
def test_the_verdict_is_by_first_statements(
    before: Contender, after: Contender, expected: str
) -> None:
    assert writers_verdict(before, after)[0] == expected


def test_what_is_written_first_is_judged_and_what_is_used_is_counted(tmp_path: Path) -> None:
    index = build_index(
        many((20, GOOD), (5, BAD)),
        FakeEmbedder(),
        tmp_path / "hotel",
        chunking="sentences",
        chunk_tokens=CHUNK_TOKENS,
    )
    reader = FakeReader()
    settings = Settings().changed({"index.chunk_tokens": CHUNK_TOKENS})
    chosen = ChosenGenerator(None, "the test says so")
    pipeline = Pipeline(settings, index, FakeEmbedder(), chosen, reader)
    assert isinstance(pipeline.answerer, CountingAnswerer)
    says = of_the_side("The breakfast was good.", "The pool is cold.")
    writer = _HeardWriter(FakeCompleter(says), reader, None)
    pipeline.answerer = pipeline.answerer.worded_by(writer)
    task = Task("breakfast", "Breakfast", "How is the breakfast?")
    answered = task_answer(task, pipeline, [GOOD, "The lift is broken"])
    assert sorted(statement for _, statement in writer.first) == [
        "The breakfast was good.",
        "The pool is cold.",
    ]
    assert _borne_out(task.question, writer, reader, pipeline) == 0.5
    assert _borne_out(task.question, writer, reader, pipeline) is None  # heard once
    assert [point.quoted for point in answered.answer.points].count(False) == 1
    assert answered.reading_ease is not None and answered.key_points == 0.5
    quoted = counted_points(settings, Exam(index, FakeEmbedder()), reader)
    assert all(GOOD in points for points in quoted.values())
    assert counted_points(settings, Exam(index, FakeEmbedder()), None) == {}


def test_the_report_has_rows_only_for_what_was_measured() -> None:
    before, after = writer_with("base", LOW), writer_with("merged", HIGH)
    after = replace(after, tasks=tuple(replace(t, true=0.5, worded=0.25) for t in after.tasks))
    compared = Compared(
        (before, after), "base", "merged", BETTER, "reason", "hotel", 20, {}, Path()
    )
    titles = [row[0] for row in number_rows(compared)]
    assert "first statements borne out" in titles
    assert "points in the model's words" not in titles
    header, base, *_, merged = task_rows(compared)
    assert header[-2:] == ["first statements borne out", "points in the model's words"]
    assert (base[-2:], merged[-2:]) == (["-", "-"], ["0.50", "0.25"])
    assert "in the model" in markdown_report(compared)


def test_without_anything_tuned_nothing_is_compared(tmp_path: Path) -> None:
    settings = Settings().changed(
        {"paths.runs_dir": str(tmp_path / "runs"), "paths.models_dir": str(tmp_path / "models")}
    )
    index = build_index(
        many((2, GOOD)), FakeEmbedder(), tmp_path / "hotel", chunking="sentences", chunk_tokens=16
    )
    with pytest.raises(ModelError, match="neither an adapter in"):
        compare_writers(
            load_recipe("gemma-3-270m-statement"), settings, Exam(index, FakeEmbedder())
        )
    assert QUOTED == "quoted"


def test_short_plain_words_read_more_easily() -> None:
    plain = reading_ease(["The bar is loud.", "The food was good"])
    long = reading_ease(
        ["Unappetizing refreshments notwithstanding, accommodation facilities deteriorated"]
    )
    assert plain is not None and long is not None and plain > 90 > 30 > long
    assert reading_ease(["…", "10/10"]) is None and reading_ease([]) is None
    assert reading_ease(["One."]) == pytest.approx(206.835 - 1.015 - 84.6)
    assert {"reading_ease", "worded"} <= set(answer_metrics)
