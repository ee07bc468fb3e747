"""How long does an answer take?"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from rag.evaluation.metrics.registry import AnswerMetric, QuestionResult


def _median(results: Sequence[QuestionResult]) -> float:
    return statistics.median(result.seconds for result in results) if results else 0.0


def _p95(results: Sequence[QuestionResult]) -> float:
    seconds = sorted(result.seconds for result in results)
    return seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))] if seconds else 0.0


MEDIAN = AnswerMetric(
    name="seconds_median",
    title="s per answer",
    meaning="median of the seconds from a question to its checked answer",
    larger_is_better=False,
    summarise=_median,
)
P95 = AnswerMetric(
    name="seconds_p95",
    meaning="seconds within which 95 of 100 questions have their checked answer",
    larger_is_better=False,
    summarise=_p95,
)
