"""Are the right reviews found? Asks the questions of a set and measures what is retrieved.

Measured is what the product does: a question goes through `Retriever`, one chunk a review, and the
ranking is of the chunks' reviews, each followed by those that were folded into it as copies. For
questions with gold answers the best chunks are taken as well, several of a review if they are the
best. What each number means stands in `rag.evaluation.metrics`.

Questions are resampled one by one for the intervals: several of one item count as independent,
which they are not quite, so that an interval is a little too narrow.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from rag.evaluation.metrics import RetrievalCase, retrieval_metrics
from rag.evaluation.question_sets import RetrievalQuestion
from rag.evaluation.significance import Comparison, Interval, interval, paired
from rag.index import ReviewIndex
from rag.progress import Progress, no_progress
from rag.retrieval import Retriever
from rag.schema import SettingsError
from rag.understanding.plan import item_condition

_DEPTH = 10
_MANY = 100  # chunks, and chunks of one review, when text is gathered for the spans


@dataclass(frozen=True, slots=True)
class RetrievalResult:
    """One question's numbers; `values` has None where a metric does not apply."""

    domain: str
    seconds: float  # until its reviews were found
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class RetrievalReport:
    """The results of one setting, by question id.

    `unanswerable` and `too_few` count questions left out: without gold, and about items with fewer
    reviews than were asked for.
    """

    name: str
    results: Mapping[str, RetrievalResult]
    unanswerable: int = 0
    too_few: int = 0

    @property
    def metrics(self) -> list[str]:
        """The metrics that have values."""
        return [metric for metric in retrieval_metrics if self.of(metric)]

    @property
    def domains(self) -> list[str]:
        """Of the questions, each once."""
        return sorted({result.domain for result in self.results.values()})

    @property
    def seconds_median(self) -> float:
        """Of finding the reviews for a question; 0 without any."""
        return statistics.median([r.seconds for r in self.results.values()] or [0.0])

    def of(self, metric: str, domain: str = "") -> dict[str, float]:
        """A metric's values by question id, of all questions to which it applies or those of a
        domain.
        """
        return {
            id: value
            for id, result in self.results.items()
            if domain in ("", result.domain) and (value := result.values.get(metric)) is not None
        }

    def interval(self, metric: str, domain: str = "") -> Interval:
        """Mean and interval, over all questions or those of a domain."""
        return interval(list(self.of(metric, domain).values()))

    def as_dict(self) -> dict[str, Any]:
        """For JSON: means, intervals and every question's values."""
        seconds = sorted(result.seconds for result in self.results.values()) or [0.0]
        metrics = self.metrics
        by_question: dict[str, dict[str, float | None]] = {}
        for id, result in self.results.items():
            by_question[id] = {metric: result.values.get(metric) for metric in metrics}
        return {
            "name": self.name,
            "questions": len(self.results),
            "unanswerable": self.unanswerable,
            "too_few_reviews": self.too_few,
            "means": {domain or "all": self._means(domain) for domain in ("", *self.domains)},
            "seconds_median": self.seconds_median,
            "seconds_p95": seconds[int(0.95 * (len(seconds) - 1))],
            "by_question": by_question,
        }

    def _means(self, domain: str) -> dict[str, list[float]]:
        return {metric: _rounded(self.interval(metric, domain)) for metric in self.metrics}


def evaluate_retrieval(
    retriever: Retriever,
    questions: Sequence[RetrievalQuestion],
    progress: Progress = no_progress,
    *,
    name: str = "",
    least_reviews: int = 1,
) -> RetrievalReport:
    """Ask every question that has gold, and measure what is found.

    `least_reviews`: questions about an item with fewer reviews in the index are left out. Raises
    `SettingsError` where no gold review is in the index: it is an index of something else.
    """
    in_item = Counter(review.item for review in retriever.index.reviews(texts=False))
    answerable = [question for question in questions if question.relevance]
    chosen = [
        question
        for question in answerable
        if not question.item_id or in_item[question.item_id] >= least_reviews
    ]
    _require_gold(retriever.index, chosen)
    results: dict[str, RetrievalResult] = {}
    for case, seconds in _cases(retriever, chosen):
        values = {
            name: metric.measure(case)
            for name, metric in retrieval_metrics.items()
            if metric.measure is not None
        }
        results[case.question.id] = RetrievalResult(case.question.domain, seconds, values)
        progress("asking", len(results), len(chosen))
    left_out = len(questions) - len(answerable), len(answerable) - len(chosen)
    return RetrievalReport(name, results, *left_out)


def _cases(
    retriever: Retriever, questions: Sequence[RetrievalQuestion]
) -> Iterator[tuple[RetrievalCase, float]]:
    """What is found for each question, and in how many seconds its reviews were."""
    ranking = _with(
        retriever, top_k=max(_DEPTH, retriever.settings.retrieval.top_k), chunks_per_review=1
    )
    many = _with(retriever, top_k=_MANY, chunks_per_review=_MANY)
    for question in questions:
        where = [item_condition([question.item_id])] if question.item_id else []
        start = time.perf_counter()
        chunks = ranking.retrieve(question.question, where)
        seconds = time.perf_counter() - start
        review_ids: list[str] = []
        for chunk in chunks:
            review_ids += [chunk.review.review_id, *chunk.also_in]
        best = many.retrieve(question.question, where) if question.spans else []
        ranked = list(dict.fromkeys(review_ids))
        yield RetrievalCase(question, ranked, best, retriever.embedder), seconds


def merged(name: str, reports: Sequence[RetrievalReport]) -> RetrievalReport:
    """One report over the questions of several indexes; ids that two of them share get their set's
    number.
    """
    results: dict[str, RetrievalResult] = {}
    for report in reports:
        results |= report.results
    if len(results) < sum(len(report.results) for report in reports):
        results = {}
        for number, report in enumerate(reports, 1):
            results |= {f"{number}/{id}": result for id, result in report.results.items()}
    unanswerable = sum(report.unanswerable for report in reports)
    return RetrievalReport(name, results, unanswerable, sum(report.too_few for report in reports))


def compare(
    baseline: RetrievalReport, other: RetrievalReport, metric: str, domain: str = ""
) -> Comparison:
    """How `other` differs from `baseline` on the same questions, all or those of a domain that has
    any.

    Raises `SettingsError` where they are not the same.
    """
    before, after = baseline.of(metric), other.of(metric)
    if before.keys() != after.keys() or not before:
        raise SettingsError(
            f'"{baseline.name}" and "{other.name}" cannot be compared by {metric}: they were not '
            f"measured on the same questions ({len(before)} and {len(after)}, "
            f"{len(before.keys() & after.keys())} of them in both)."
        )
    ids = baseline.of(metric, domain)
    return paired([before[id] for id in ids], [after[id] for id in ids])


def _with(retriever: Retriever, **limits: int) -> Retriever:
    changes = {f"retrieval.{name}": limit for name, limit in limits.items()}
    return Retriever(retriever.settings.changed(changes), retriever.index, retriever.embedder)


def _rounded(mean: Interval) -> list[float]:
    return [round(value, 4) for value in astuple(mean)]


def _require_gold(index: ReviewIndex, questions: Sequence[RetrievalQuestion]) -> None:
    gold = {review_id for question in questions for review_id in question.relevance}
    if gold.isdisjoint(index.reviews_table.column("review_id").to_pylist()):
        raise SettingsError(
            f"None of the {len(gold)} gold reviews of these questions is in the index "
            f'"{index.name}": it was built from other reviews, or their ids were made up on '
            "reading (see `reviewqa reviews check`)."
        )
