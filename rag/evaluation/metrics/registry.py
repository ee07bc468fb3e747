"""The registry of metrics: what one is, what it is measured on, and which there are."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rag.embedding import Embedder
from rag.evaluation.question_sets import RetrievalQuestion
from rag.evaluation.questions import Question
from rag.schema import Answer, AnswerSentence, RetrievedChunk


@dataclass(frozen=True, slots=True)
class AnswerCase:
    """A question and its answer, for a metric to measure."""

    question: Question
    answer: Answer
    embedder: Embedder
    support_threshold: float  # cosine from which two texts say the same

    @property
    def claims(self) -> tuple[AnswerSentence, ...]:
        """The answer's sentences, headings aside; none of a refusal."""
        if self.answer.refused:
            return ()
        return tuple(sentence for sentence in self.answer.sentences if not sentence.heading)

    @property
    def cited(self) -> set[str]:
        """The ids of the reviews that the claims cite."""
        return {citation.review_id for claim in self.claims for citation in claim.citations}


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
    values: Mapping[str, float | None] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the values beside the rest."""
        facts = {name: getattr(self, name) for name in self.__slots__ if name != "values"}
        return {**facts, **self.values}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerMetric:
    """A number that tells how good answers are.

    `measure` gives one question's value, or None where the metric does not apply; `summarise` makes
    one number of all results: without it, the mean of the values that there are. A metric with a
    `title` stands in the table, one without in JSON only.
    """

    name: str
    meaning: str
    title: str = ""
    larger_is_better: bool = True
    measure: Callable[[AnswerCase], float | None] | None = None
    summarise: Callable[[Sequence[QuestionResult]], float] | None = None

    def over(self, results: Sequence[QuestionResult]) -> float:
        """The number over all results; 0 where it applies to none."""
        if self.summarise is not None:
            return self.summarise(results)
        values = [result.values.get(self.name) for result in results]
        present = [value for value in values if value is not None]
        return statistics.fmean(present) if present else 0.0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalMetric:
    """A number that tells whether the right reviews are found; `measure` gives one question's
    value, or None where the metric does not apply.
    """

    name: str
    meaning: str
    measure: Callable[[RetrievalCase], float | None]
    larger_is_better: bool = True


Metric = AnswerMetric | RetrievalMetric

answer_metrics: dict[str, AnswerMetric] = {}
"""By name, in the order of the table."""

retrieval_metrics: dict[str, RetrievalMetric] = {}
"""By name, in the order of the table."""


def register(*metrics: Metric) -> None:
    """Add metrics to every table and JSON file. Raises `ValueError` for a name that is taken."""
    for metric in metrics:
        if metric.name in answer_metrics or metric.name in retrieval_metrics:
            raise ValueError(f'There is a metric "{metric.name}" already: take another name.')
        if isinstance(metric, AnswerMetric):
            answer_metrics[metric.name] = metric
        else:
            retrieval_metrics[metric.name] = metric
