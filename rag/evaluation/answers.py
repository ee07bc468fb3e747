"""How good are the answers? Asks the questions of a set and measures what comes back.

What each number means stands in `rag.evaluation.metrics`, and `reviewqa eval metrics` prints it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rag.answering.pipeline import Pipeline
from rag.evaluation.metrics import AnswerCase, QuestionResult, answer_metrics
from rag.evaluation.questions import Question
from rag.evaluation.report import markdown_table
from rag.progress import Progress
from rag.schema import GeneratorError


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """One generator's results; `failed` questions, on which it raised an error, are not in them.
    `peak_bytes` is the most memory of the process that measured it, 0 where nobody looked.
    """

    generator: str
    results: Sequence[QuestionResult]
    failed: int = 0
    peak_bytes: int = 0

    def value(self, metric: str) -> float:
        """A metric's number over all results."""
        return answer_metrics[metric].over(self.results)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: every metric, and every question's answer and numbers."""
        return {
            "generator": self.generator,
            "questions": len(self.results),
            **{name: self.value(name) for name in answer_metrics},
            "failed": self.failed,
            "peak_bytes": self.peak_bytes,
            "results": [result.as_dict() for result in self.results],
        }


def answer_table(reports: Sequence[AnswerReport]) -> str:
    """A Markdown table of the metrics that have a title, one row a generator; with the memory of
    each where it was measured.
    """
    shown = {name: metric.title for name, metric in answer_metrics.items() if metric.title}
    rows = [[report.generator, *map(report.value, shown)] for report in reports]
    header = ["generator", *shown.values()]
    if any(report.peak_bytes for report in reports):
        header.append("GiB at most")
        for row, report in zip(rows, reports, strict=True):
            row.append(report.peak_bytes / 2**30)
    return markdown_table(header, rows)


def evaluate_answers(
    pipeline: Pipeline, questions: Sequence[Question], progress: Progress
) -> AnswerReport:
    """Ask every question and measure the answers. A question the generator fails on is counted, and
    the rest go on.

    Raises `GeneratorError` when it fails on all of them.
    """
    results, failures = [], []
    for number, question in enumerate(questions, 1):
        try:
            results.append(_result(question, pipeline))
        except GeneratorError as error:
            failures.append(error)
        progress("asking", number, len(questions))
    if failures and not results:
        raise failures[0]
    return AnswerReport(pipeline.answerer.name, results, len(failures))


def _result(question: Question, pipeline: Pipeline) -> QuestionResult:
    answer = pipeline.ask(question.question)
    sentences = () if answer.refused else answer.sentences
    claims = [sentence for sentence in sentences if not (sentence.heading or sentence.counted)]
    cited = frozenset(citation.review_id for claim in claims for citation in claim.citations)
    threshold = pipeline.settings.answering.support_threshold
    case = AnswerCase(question, answer, claims, cited, pipeline.embedder, threshold)
    return QuestionResult(
        id=question.id,
        kind=question.kind,
        question=question.question,
        answer=answer.text,
        answerable=question.answerable,
        refused=answer.refused,
        sentences=len(claims),
        supported=sum(claim.supported for claim in claims),
        dropped_markers=answer.dropped_markers,
        seconds=round(answer.timings["total_s"], 3),
        values={
            name: metric.measure(case)
            for name, metric in answer_metrics.items()
            if metric.measure is not None
        },
    )
