"""Is "The reviews do not say" said where they do not?"""

from __future__ import annotations

from collections.abc import Sequence

from rag.evaluation.metrics.registry import AnswerMetric, QuestionResult


def _counts(results: Sequence[QuestionResult]) -> tuple[int, int, int]:
    """Refused rightly, refused, and to be refused."""
    return (
        sum(result.refused and not result.answerable for result in results),
        sum(result.refused for result in results),
        sum(not result.answerable for result in results),
    )


def _precision(results: Sequence[QuestionResult]) -> float:
    right, refused, _ = _counts(results)
    return right / max(1, refused)


def _recall(results: Sequence[QuestionResult]) -> float:
    right, _, unanswerable = _counts(results)
    return right / max(1, unanswerable)


def _f1(results: Sequence[QuestionResult]) -> float:
    right, refused, unanswerable = _counts(results)
    return 2 * right / max(1, refused + unanswerable)


PRECISION = AnswerMetric(
    name="refusal_precision",
    meaning="share of the refused questions that the reviews do not answer",
    summarise=_precision,
)
RECALL = AnswerMetric(
    name="refusal_recall",
    meaning="share of the questions that the reviews do not answer that were refused",
    summarise=_recall,
)
F1 = AnswerMetric(
    name="refusal_f1",
    title="refusal F1",
    meaning="harmonic mean of the precision and the recall of refusals",
    summarise=_f1,
)
