"""What the models of a comparison are asked, and what they make of the two tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.answer import Answer
from rag.answering.pipeline import Pipeline
from rag.answering.prompt import write_marker
from rag.config import Settings
from rag.embedding import Embedder
from rag.evaluation.metrics.balance import balance
from rag.evaluation.metrics.key_points import recalled
from rag.evaluation.metrics.reading_ease import reading_ease
from rag.evaluation.metrics.repeated import repeated
from rag.evaluation.questions import Question
from rag.generators.choice import ChosenGenerator
from rag.index import ReviewIndex
from rag.reader import Reader
from rag.understanding.intent import TASKS, Task

TaskPoints = Mapping[str, Sequence[str]]
"""A task's name -> what an answer to it should cover."""


@dataclass(frozen=True, slots=True)
class Exam:
    """What the models are asked: the two tasks and these questions, over an index."""

    index: ReviewIndex
    embedder: Embedder
    questions: Sequence[Question] = ()


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """What one model made of one of the two tasks. `key_points` is the share covered of the points
    that counting finds, None where nothing can count. Of a model that words points, `true` is the share
    of what it wrote first that is borne out, and `worded` the share of points told in its words.
    """

    task: Task
    answer: Answer
    supported: float
    balance: float
    distinct: float
    reading_ease: float | None = None
    true: float | None = None
    worded: float | None = None
    key_points: float | None = None

    @property
    def lines(self) -> list[str]:
        """The sentences, with what they cite."""
        lines = []
        for sentence in self.answer.sentences:
            marker = write_marker(citation.number for citation in sentence.citations)
            line = f"{sentence.text} {marker}".rstrip()
            lines.append(line if sentence.supported else f"{line} (not supported)")
        return lines


def counted_points(settings: Settings, exam: Exam, reader: Reader | None) -> TaskPoints:
    """What answers to the tasks should cover: the points that the reader counts, each in a reviewer's
    words. Empty without a reader.
    """
    if reader is None:
        return {}
    quoting = settings.changed({"answering.wording": "off"})
    chosen = ChosenGenerator(None, "it is what the others are measured against")
    pipeline = Pipeline(quoting, exam.index, exam.embedder, chosen, reader)
    return {
        task.name: [point.statement for point in pipeline.ask(task.question).points]
        for task in TASKS
    }


def task_answer(task: Task, pipeline: Pipeline, key_points: Sequence[str] = ()) -> TaskAnswer:
    """Ask a task and measure what comes back."""
    answer = pipeline.ask(task.question)
    claims = [
        sentence for sentence in answer.sentences if not (sentence.heading or sentence.counted)
    ]
    refused = answer.refused or not claims
    texts = [] if refused else [claim.text for claim in claims]
    points = [] if refused else [point.statement for point in answer.points]
    threshold = pipeline.settings.answering.support_threshold
    return TaskAnswer(
        task,
        answer,
        supported=sum(claim.supported for claim in claims) / len(claims) if texts else 0.0,
        balance=balance(answer),
        distinct=1 - repeated(texts, pipeline.embedder) if texts else 0.0,
        reading_ease=reading_ease(points or texts),
        key_points=recalled(key_points, [*texts, *points], pipeline.embedder, threshold)
        if key_points
        else None,
    )
