"""The registry of metrics: one registration brings a metric into tables and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.answering.pipeline import Pipeline
from rag.config import Settings
from rag.evaluation.answers import answer_table, evaluate_answers
from rag.evaluation.metrics import Metric, answer_metrics, retrieval_metrics
from rag.evaluation.metrics.registry import Registry
from rag.evaluation.question_sets import RetrievalQuestion
from rag.evaluation.questions import Question
from rag.evaluation.report import escape_markdown, markdown_table
from rag.evaluation.retrieval import evaluate_retrieval
from rag.evaluation.retrieval_report import json_report, markdown_report
from rag.generators.choice import ChosenGenerator
from rag.index import ReviewIndex
from rag.retrieval import Retriever
from tests.fakes import CHUNK_TOKENS, FakeEmbedder, FakeGenerator, build_fake_index


@pytest.fixture
def index(tmp_path: Path) -> ReviewIndex:
    return build_fake_index(tmp_path / "hotel")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leaves the registry as it was."""
    before = dict(answer_metrics), dict(retrieval_metrics)
    yield
    for metrics, earlier in zip((answer_metrics, retrieval_metrics), before, strict=True):
        metrics.clear()
        metrics.update(earlier)


def test_an_answer_metric_is_added_in_one_call(index: ReviewIndex) -> None:
    answer_metrics.register(
        Metric(
            name="words",
            title="words per answer",
            meaning="words of an answer",
            measure=lambda case: len(case.answer.text.split()),
        )
    )
    settings = Settings().changed(
        {
            "index.chunk_tokens": CHUNK_TOKENS,
            "answering.evidence_floor": -1,
            "answering.fact_evidence_floor": -1,
        }
    )
    generator = ChosenGenerator(FakeGenerator("The pool was warm [1]."), "")
    pipeline = Pipeline(settings, index, FakeEmbedder(), generator)
    question = Question("q", "Was the pool warm?", "opinion", "test", "", frozenset(), "", ())
    report = evaluate_answers(pipeline, [question], lambda *_: None)
    header, _, row = answer_table([report]).splitlines()
    assert header.endswith("| words per answer |") and row.endswith("| 4.00 |")
    assert report.as_dict()["words"] == report.as_dict()["results"][0]["words"] == 4


def test_a_retrieval_metric_is_added_in_one_call(index: ReviewIndex) -> None:
    retrieval_metrics.register(
        Metric(
            name="found",
            meaning="reviews found",
            measure=lambda case: float(len(case.ranking)),
        )
    )
    retriever = Retriever(Settings().changed({"retrieval.top_k": 3}), index, FakeEmbedder())
    question = RetrievalQuestion("q", "Was the pool warm?", "pool", "test", {"pool": 1})
    report = evaluate_retrieval(retriever, [question])
    text = markdown_report([report])
    assert "| MRR@10 | found | ms |" in text
    (written,) = json_report([report])["settings"]
    assert written["by_question"]["q"]["found"] == written["means"]["all"]["found"][0] > 0


@pytest.mark.parametrize("registry", [answer_metrics, retrieval_metrics])
def test_every_metric_says_what_it_is_and_its_name_is_taken(registry: Registry) -> None:
    for metric in list(registry.values()):
        assert metric.meaning
        with pytest.raises(ValueError, match=f'There is a metric "{metric.name}" already'):
            registry.register(metric)


def test_a_cell_cannot_leave_its_row() -> None:
    assert markdown_table(["a|b", "n"], [["x\n| y", 1.5], ["z", 2]]) == (
        "| a\\|b | n |\n|---|---|\n| x \\| y | 1.50 |\n| z | 2 |"
    )
    table = markdown_table(["a"], [["<b> [x](y)"]], escape_markdown)
    assert table.endswith("| \\<b\\> \\[x\\](y) |")
