"""How long does an answer take?"""

import statistics

from rag.evaluation.metrics.registry import Metric

MEDIAN = Metric(
    name="seconds_median",
    title="s per answer",
    meaning="median of the seconds from a question to its checked answer",
    larger_is_better=False,
    summarise=lambda results: statistics.median(result.seconds for result in results),
)
P95 = Metric(
    name="seconds_p95",
    meaning="seconds within which 95 of 100 questions have their checked answer",
    larger_is_better=False,
    summarise=lambda results: sorted(result.seconds for result in results)[
        int(0.95 * len(results))
    ],
)
