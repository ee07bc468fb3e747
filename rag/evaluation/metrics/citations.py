"""Are the right reviews cited?"""

from rag.evaluation.metrics.registry import AnswerCase, Metric


def _precision(case: AnswerCase) -> float | None:
    if not case.question.answerable or case.answer.refused:
        return None
    return len(case.cited & case.question.review_ids) / max(1, len(case.cited))


def _recall(case: AnswerCase) -> float | None:
    if not case.question.answerable:
        return None
    reachable = min(len(case.question.review_ids), len(case.answer.retrieved))
    return len(case.cited & case.question.review_ids) / max(1, reachable)


PRECISION = Metric(
    name="citation_precision",
    title="citation precision",
    meaning="share of the reviews an answer cites that are among the question's gold reviews",
    measure=_precision,
)
RECALL = Metric(
    name="citation_recall",
    title="citation recall",
    meaning="gold reviews cited, of as many as could be: the gold reviews or the chunks in the "
    "prompt, whichever are fewer",
    measure=_recall,
)
