"""The registry of metrics: what one is, what it is measured on, and which there are."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rag.answer import Answer, AnswerSentence
from rag.embedding import Embedder
from rag.evaluation.question_sets import RetrievalQuestion
from rag.evaluation.questions import Question
from rag.schema import RetrievedChunk


@dataclass(frozen=True, slots=True)
class AnswerCase:
    """A question and its answer, for a metric to measure.

    `claims` are the answer's sentences, headings aside, none of a refusal; `cited` are the ids of
    the reviews that they cite; two texts say the same from a cosine of `support_threshold` on.
    """

    question: Question
    answer: Answer
    claims: Sequence[AnswerSentence]
    cited: frozenset[str]
    embedder: Embedder
    support_threshold: float


@dataclass(frozen=True, slots=True)
class RetrievalCase:
    """A question and what was found for it, for a metric to measure.

    `ranking` has review ids, best first, one chunk a review. `chunks` are the best ones whatever
    their reviews, and are empty for a question without gold answers.
    """

    question: RetrievalQuestion
    ranking: Sequence[str]
    chunks: Sequence[RetrievedChunk]
    embedder: Embedder


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """One question's answer and numbers; `values` has None where a metric does not apply."""

    id: str
    kind: str
    question: str
    answer: str
    answerable: bool
    refused: bool
    sentences: int
    supported: int
    dropped_markers: int
    seconds: float
    values: Mapping[str, float | None]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the values beside the rest."""
        facts: dict[str, Any] = asdict(self)
        values: dict[str, float | None] = facts.pop("values")
        return facts | values


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number, by its `name`, that tells how good answers or retrieval are.

    `measure` takes an `AnswerCase` or a `RetrievalCase` and gives that question's value, or None
    where the metric does not apply. `summarise` makes one number of all answers' results: without
    it, the mean of the values that there are. An answer metric with a `title` stands in the table,
    one without in JSON only.
    """

    name: str
    meaning: str
    measure: Callable[[Any], float | None] | None = None
    summarise: Callable[[Sequence[QuestionResult]], float] | None = None
    title: str = ""
    larger_is_better: bool = True

    def over(self, results: Sequence[QuestionResult]) -> float:
        """The number over all results; 0 where it applies to none."""
        if self.summarise is not None:
            return self.summarise(results) if results else 0.0
        values = [result.values.get(self.name) for result in results]
        return statistics.fmean([v for v in values if v is not None] or [0.0])


class Registry(dict[str, Metric]):
    """Metrics by name, in the order of the tables."""

    def register(self, *metrics: Metric) -> None:
        """Add metrics to every table and JSON file. Raises `ValueError` for a taken name."""
        for metric in metrics:
            if metric.name in self:
                raise ValueError(f'There is a metric "{metric.name}" already: take another name.')
            self[metric.name] = metric


answer_metrics, retrieval_metrics = Registry(), Registry()
