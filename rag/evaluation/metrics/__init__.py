"""What answers and retrieval are measured by. A metric is a file of this folder and its line here.

Means over questions are over those to which a metric applies: citations and key points are of the
answerable questions, and one that was wrongly refused counts as 0 in recall and key points, and has
no precision.
"""

from rag.evaluation.metrics import (
    balance,
    citations,
    key_points,
    ranking,
    reading_ease,
    refusal,
    repeated,
    seconds,
    spans,
    supported,
    worded,
)
from rag.evaluation.metrics.registry import (
    AnswerCase,
    Metric,
    QuestionResult,
    RetrievalCase,
    answer_metrics,
    retrieval_metrics,
)

__all__ = [
    "AnswerCase",
    "Metric",
    "QuestionResult",
    "RetrievalCase",
    "answer_metrics",
    "retrieval_metrics",
]

answer_metrics.register(
    supported.SUPPORTED,
    citations.PRECISION,
    citations.RECALL,
    refusal.ANSWERED,
    refusal.PRECISION,
    refusal.RECALL,
    refusal.F1,
    key_points.KEY_POINTS,
    seconds.MEDIAN,
    seconds.P95,
    balance.BALANCE,
    repeated.REPEATED,
    reading_ease.READING_EASE,
    worded.WORDED,
)
retrieval_metrics.register(*ranking.METRICS, spans.SPANS)
