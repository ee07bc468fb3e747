"""Are the gold reviews ranked high? Measured by ir_measures, as trec_eval does."""

from collections.abc import Callable

from rag.evaluation.metrics.registry import Metric, RetrievalCase


def _measured_by(name: str) -> Callable[[RetrievalCase], float]:
    """The measure that ir_measures calls `name`, of one question."""

    def value(case: RetrievalCase) -> float:
        import ir_measures

        measure = ir_measures.parse_measure(name)
        scores = {review_id: -float(place) for place, review_id in enumerate(case.ranking)}
        gold = {"question": dict(case.question.relevance)}
        return float(ir_measures.calc_aggregate([measure], gold, {"question": scores})[measure])

    return value


METRICS = (
    Metric(
        name="recall@5",
        meaning="share of the gold reviews among the first 5",
        measure=_measured_by("R@5"),
    ),
    Metric(
        name="recall@10",
        meaning="share of the gold reviews among the first 10",
        measure=_measured_by("R@10"),
    ),
    Metric(
        name="nDCG@10",
        meaning="gain of the first 10, less the lower it comes, of the most that could be",
        measure=_measured_by("nDCG@10"),
    ),
    Metric(
        name="MRR@10",
        meaning="1 over the place of the first gold review among the first 10",
        measure=_measured_by("RR@10"),
    ),
)
