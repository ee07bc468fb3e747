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
    refusal,
    repeated,
    seconds,
    spans,
    supported,
)
from rag.evaluation.metrics.registry import (
    AnswerCase,
    AnswerMetric,
    Metric,
    QuestionResult,
    RetrievalCase,
    RetrievalMetric,
    answer_metrics,
    register,
    retrieval_metrics,
)

__all__ = [
    "AnswerCase",
    "AnswerMetric",
    "Metric",
    "QuestionResult",
    "RetrievalCase",
    "RetrievalMetric",
    "answer_metrics",
    "register",
    "retrieval_metrics",
]

register(supported.SUPPORTED)
register(citations.PRECISION, citations.RECALL)
register(refusal.PRECISION, refusal.RECALL, refusal.F1)
register(key_points.KEY_POINTS)
register(seconds.MEDIAN, seconds.P95)
register(balance.BALANCE)
register(repeated.REPEATED)
register(*ranking.METRICS)
register(spans.SPANS)
