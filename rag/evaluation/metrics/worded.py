"""How much of an answer is told in a model's own words?"""

from rag.answer import Answer
from rag.evaluation.metrics.registry import Metric


def worded(answer: Answer) -> float | None:
    """The share of an answer's points that are told in a model's words; None without any."""
    points = answer.points
    return sum(not point.quoted for point in points) / len(points) if points else None


WORDED = Metric(
    name="worded",
    title="points in its words",
    meaning="share of an answer's points that are told in a model's words in place of a quotation",
    measure=lambda case: worded(case.answer),
)
