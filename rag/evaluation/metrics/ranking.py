"""Are the gold reviews ranked high? Measured by ir_measures, as trec_eval does."""

from __future__ import annotations

from collections.abc import Callable

from rag.evaluation.metrics.registry import RetrievalCase, RetrievalMetric


def _measured_by(measure: str) -> Callable[[RetrievalCase], float]:
    """`measure` as ir_measures names it."""

    def value(case: RetrievalCase) -> float:
        import ir_measures

        parsed = ir_measures.parse_measure(measure)
        scores = {review_id: -float(place) for place, review_id in enumerate(case.ranking)}
        gold = {"question": dict(case.question.relevance)}
        return float(ir_measures.calc_aggregate([parsed], gold, {"question": scores})[parsed])

    return value


METRICS = (
    RetrievalMetric(
        name="recall@5",
        meaning="share of the gold reviews among the first 5",
        measure=_measured_by("R@5"),
    ),
    RetrievalMetric(
        name="recall@10",
        meaning="share of the gold reviews among the first 10",
        measure=_measured_by("R@10"),
    ),
    RetrievalMetric(
        name="nDCG@10",
        meaning="gain of the first 10, less the lower it comes, of the most that could be",
        measure=_measured_by("nDCG@10"),
    ),
    RetrievalMetric(
        name="MRR@10",
        meaning="1 over the place of the first gold review among the first 10",
        measure=_measured_by("RR@10"),
    ),
)
