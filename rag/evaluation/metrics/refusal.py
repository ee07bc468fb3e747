"""Is "The reviews do not say" said where they do not?"""

from collections.abc import Callable, Sequence

from rag.evaluation.metrics.registry import Metric, QuestionResult


def _right_among(
    counted: Callable[[QuestionResult], int],
) -> Callable[[Sequence[QuestionResult]], float]:
    """Right refusals, of as many as `counted` adds up to."""
    return lambda results: (
        sum(result.refused and not result.answerable for result in results)
        / max(1, sum(map(counted, results)))
    )


PRECISION = Metric(
    name="refusal_precision",
    meaning="share of the refused questions that the reviews do not answer",
    summarise=_right_among(lambda result: result.refused),
)
RECALL = Metric(
    name="refusal_recall",
    title="refused rightly",
    meaning="share of the questions that the reviews do not answer that were refused",
    summarise=_right_among(lambda result: not result.answerable),
)
F1 = Metric(
    name="refusal_f1",
    title="refusal F1",
    meaning="harmonic mean of the precision and the recall of refusals",
    summarise=lambda results: (
        2 * _right_among(lambda result: result.refused + (not result.answerable))(results)
    ),
)
ANSWERED = Metric(
    name="answered",
    title="answered",
    meaning="share of the questions that the reviews answer that were answered",
    summarise=lambda results: (
        sum(not result.refused for result in results if result.answerable)
        / max(1, sum(result.answerable for result in results))
    ),
)
