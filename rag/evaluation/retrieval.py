"""Are the right reviews found? The metrics behind `reviewqa eval retrieval`.

Measured is what the product does: a question goes through `Retriever`, one chunk a review, and the
ranking is of the chunks' reviews, each followed by those that were folded into it as copies.
Recall, nDCG and reciprocal rank are ir_measures' (trec_eval's). Beside them, where a question has
gold answers: the share of their words' spans that lie wholly inside the retrieved chunks, taken
best first, several of a review if they are the best, until `SPAN_TOKENS` of the embedder's tokens
are used up.

Questions are resampled one by one for the intervals: several of one item count as independent,
which they are not quite, so that an interval is a little too narrow.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag.embedding import Embedder
from rag.evaluation.question_sets import RetrievalQuestion
from rag.evaluation.significance import Comparison, Interval, interval, paired
from rag.filters import Condition
from rag.index import ReviewIndex
from rag.retrieval import Retriever
from rag.schema import RetrievedChunk, SettingsError

METRICS = ("recall@5", "recall@10", "nDCG@10", "MRR@10")
SPAN_TOKENS = 1024
SPANS = f"spans@{SPAN_TOKENS}"
_DEPTH = 10
_MANY = 100  # chunks, and chunks of one review, when text is gathered for the spans

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class RetrievalReport:
    """Values by question of one setting.

    `values` maps a metric to values by question id; `SPANS` has only the questions with gold
    answers. `unanswerable` and `too_few` count questions left out: without gold, and about items
    with fewer reviews than were asked for.
    """

    name: str
    domains: Mapping[str, str]  # of each question
    values: Mapping[str, Mapping[str, float]]
    seconds: Mapping[str, float]
    unanswerable: int = 0
    too_few: int = 0

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that have values."""
        return tuple(metric for metric in (*METRICS, SPANS) if self.values.get(metric))

    def interval(self, metric: str, domain: str = "") -> Interval:
        """Mean and interval, over all questions or those of a domain."""
        return interval(
            [v for q, v in self.values[metric].items() if domain in ("", self.domains[q])]
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON: means, intervals and every question's values."""
        domains = ["", *sorted(set(self.domains.values()))]
        found = {
            domain or "all": {
                metric: _triple(self.interval(metric, domain)) for metric in self.metrics
            }
            for domain in domains
        }
        spent = sorted(self.seconds.values())
        return {
            "name": self.name,
            "questions": len(self.domains),
            "unanswerable": self.unanswerable,
            "too_few_reviews": self.too_few,
            "means": found,
            "seconds_median": statistics.median(spent) if spent else 0.0,
            "seconds_p95": spent[int(0.95 * (len(spent) - 1))] if spent else 0.0,
            "by_question": {
                question: {metric: self.values[metric].get(question) for metric in self.metrics}
                for question in self.domains
            },
        }


def evaluate_retrieval(
    retriever: Retriever,
    questions: Sequence[RetrievalQuestion],
    progress: Progress = lambda done, total: None,
    *,
    name: str = "",
    least_reviews: int = 1,
) -> RetrievalReport:
    """Ask every question that has gold, and measure what is found.

    `least_reviews`: questions about an item with fewer reviews in the index are left out. Raises
    `SettingsError` where no gold review is in the index: it is an index of something else.
    """
    import ir_measures

    in_item = Counter(review.item for review in retriever.index.reviews(texts=False))
    answerable = [one for one in questions if one.relevance]
    asked = [one for one in answerable if not one.item_id or in_item[one.item_id] >= least_reviews]
    _require_gold(retriever.index, asked)
    measures = {
        "recall@5": ir_measures.R @ 5,
        "recall@10": ir_measures.R @ 10,
        "nDCG@10": ir_measures.nDCG @ 10,
        "MRR@10": ir_measures.RR @ 10,
    }
    ranking_retriever = _with(
        retriever,
        {"top_k": max(_DEPTH, retriever.settings.retrieval.top_k), "chunks_per_review": 1},
    )
    span_retriever = _with(retriever, {"top_k": _MANY, "chunks_per_review": _MANY})
    run: dict[str, dict[str, float]] = {}
    seconds: dict[str, float] = {}
    spans: dict[str, float] = {}
    for number, one in enumerate(asked, 1):
        where = [Condition("item", "=", (one.item_id,))] if one.item_id else []
        begun = time.perf_counter()
        found = ranking_retriever.retrieve(one.question, where)
        seconds[one.id] = time.perf_counter() - begun
        ranked = dict.fromkeys(
            name for chunk in found for name in (chunk.review.review_id, *chunk.also_in)
        )
        run[one.id] = {review_id: -float(place) for place, review_id in enumerate(ranked)}
        if one.spans:
            spans[one.id] = _span_share(
                one, span_retriever.retrieve(one.question, where), retriever.embedder
            )
        progress(number, len(asked))
    qrels = {one.id: dict(one.relevance) for one in asked}
    values: dict[str, dict[str, float]] = {metric: dict.fromkeys(qrels, 0.0) for metric in METRICS}
    names = {measure: metric for metric, measure in measures.items()}
    for value in ir_measures.iter_calc(list(names), qrels, run):
        values[names[value.measure]][value.query_id] = float(value.value)
    return RetrievalReport(
        name,
        {one.id: one.domain for one in asked},
        {**values, SPANS: spans},
        seconds,
        len(questions) - len(answerable),
        len(answerable) - len(asked),
    )


def merged(name: str, reports: Sequence[RetrievalReport]) -> RetrievalReport:
    """One report over the questions of several indexes; ids that two of them share get their set's
    number.
    """
    ids = Counter(question for report in reports for question in report.domains)
    if ids and max(ids.values()) > 1:
        reports = [_renamed(report, f"{number}/") for number, report in enumerate(reports, 1)]
    metrics = {metric for report in reports for metric in report.values}
    return RetrievalReport(
        name,
        {question: domain for report in reports for question, domain in report.domains.items()},
        {
            metric: {q: v for r in reports for q, v in r.values.get(metric, {}).items()}
            for metric in metrics
        },
        {question: spent for report in reports for question, spent in report.seconds.items()},
        sum(report.unanswerable for report in reports),
        sum(report.too_few for report in reports),
    )


def _renamed(report: RetrievalReport, prefix: str) -> RetrievalReport:
    return replace(
        report,
        domains={prefix + question: domain for question, domain in report.domains.items()},
        values={
            metric: {prefix + q: v for q, v in of.items()} for metric, of in report.values.items()
        },
        seconds={prefix + question: spent for question, spent in report.seconds.items()},
    )


def compare(
    baseline: RetrievalReport, other: RetrievalReport, metric: str, domain: str = ""
) -> Comparison:
    """How `other` differs from `baseline` on the same questions, all or those of a domain that has
    any.

    Raises `SettingsError` where they are not the same.
    """
    first, second = baseline.values[metric], other.values[metric]
    if first.keys() != second.keys() or not first:
        raise SettingsError(
            f'"{baseline.name}" and "{other.name}" cannot be compared by {metric}: they were not '
            "measured on the same "
            f"questions ({len(first)} and {len(second)}, {len(first.keys() & second.keys())} of "
            "them in both)."
        )
    asked = [question for question in first if domain in ("", baseline.domains[question])]
    return paired([first[question] for question in asked], [second[question] for question in asked])


def _with(retriever: Retriever, values: dict[str, int]) -> Retriever:
    changes = {f"retrieval.{key}": value for key, value in values.items()}
    return Retriever(retriever.settings.changed(changes), retriever.index, retriever.embedder)


def _require_gold(index: ReviewIndex, questions: Sequence[RetrievalQuestion]) -> None:
    gold = {review_id for one in questions for review_id in one.relevance}
    known = set(index.reviews_table.column("review_id").to_pylist())
    if not gold & known:
        raise SettingsError(
            f"None of the {len(gold)} gold reviews of these questions is in the index "
            f'"{index.name}": '
            "it was built from other reviews, or their ids were made up on reading (see `reviewqa "
            "reviews check`)."
        )


def _span_share(
    question: RetrievalQuestion, found: Sequence[RetrievedChunk], embedder: Embedder
) -> float:
    """Share of the gold spans inside the chunks that fit into the tokens."""
    covered: dict[str, list[tuple[int, int]]] = {}
    left = SPAN_TOKENS
    for chunk, tokens in zip(
        found, embedder.count_tokens([one.chunk.text for one in found]), strict=True
    ):
        left -= tokens
        if left < 0:
            break
        covered.setdefault(chunk.review.review_id, []).append((chunk.chunk.start, chunk.chunk.end))
    texts = {one.review.review_id: one.review.text for one in found}
    joined = {
        review_id: _joined(sorted(parts), texts[review_id]) for review_id, parts in covered.items()
    }
    inside = [
        any(first <= start and end <= last for first, last in joined.get(review_id, ()))
        for review_id, start, end in question.spans
    ]
    return sum(inside) / len(inside)


def _joined(parts: Sequence[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Neighbouring parts as one, where only blanks lie between."""
    joined: list[tuple[int, int]] = []
    for start, end in parts:
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _triple(found: Interval) -> list[float]:
    return [round(value, 4) for value in (found.mean, found.low, found.high)]
