"""Before and after: the base model, the model with the adapter, and the merged model, asked the
same.

They are asked the two tasks of the original comparison and every question of a question set, over
the same index, through the same pipeline, and their answers are checked in the same way. What the
original asserted is a number here: clarity is the share of sentences that repeat nothing, accuracy
the share of sentences that are borne out by what they cite and the key points that are recalled,
balance how evenly both sides are cited.

The verdict is by rule. "better": more key points recalled, by the paired test (p < .05), and
neither the share of supported sentences nor the F1 of refusals lower by more than .02. "worse":
fewer key points or fewer supported sentences, by the same test. Else "not better".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finetune.recipe import Recipe
from finetune.training.base import base_folder
from finetune.training.trainer import ADAPTER
from rag.answer import Answer
from rag.answering.pipeline import Pipeline
from rag.answering.templates import check_template, read_record
from rag.config import Settings
from rag.embedding import Embedder
from rag.evaluation.answers import AnswerReport, QuestionResult, balance, evaluate_answers, repeated
from rag.evaluation.questions import Question
from rag.evaluation.significance import Comparison, Interval, interval, paired
from rag.generators.base import Generator
from rag.generators.choice import ChosenGenerator, gpu_available
from rag.index import ReviewIndex
from rag.schema import ModelError
from rag.understanding.intent import TASKS, Task

BASE, TUNED, MERGED = "base", "adapter", "merged"
BETTER, NOT_BETTER, WORSE = "better", "not better", "worse"
SIGNIFICANT = 0.05
MOST_LOWER = 0.02

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""

METRICS: Mapping[str, tuple[str, Callable[[QuestionResult], float | None]]] = {
    "supported": (
        "sentences supported",
        lambda r: r.supported / r.sentences if r.sentences else None,
    ),
    "key_points": ("key points recalled", lambda r: r.key_points),
    "citation_precision": ("citation precision", lambda r: r.citation_precision),
    "citation_recall": ("citation recall", lambda r: r.citation_recall),
    "refusal": ("refused or answered rightly", lambda r: float(r.refused != r.answerable)),
    "balance": ("balance of both sides", lambda r: r.balance),
    "distinct": (
        "sentences that repeat nothing",
        lambda r: None if r.repeated is None else 1 - r.repeated,
    ),
    "seconds": ("seconds", lambda r: r.seconds),
}
"""Name -> (title, one question's value; None where it has none)."""


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """What one model made of one of the two tasks."""

    task: Task
    answer: Answer
    supported: float
    balance: float
    distinct: float


@dataclass(frozen=True, slots=True)
class Contender:
    """One model's numbers."""

    name: str  # BASE, TUNED or MERGED
    generator: str
    report: AnswerReport
    tasks: tuple[TaskAnswer, ...]

    def interval(self, metric: str) -> Interval:
        """The mean over the questions that have a value, with its 95% interval."""
        return interval(
            [v for one in self.report.results if (v := METRICS[metric][1](one)) is not None]
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """All of them; `verdict` is of `tuned` against `baseline`."""

    contenders: tuple[Contender, ...]
    baseline: str
    tuned: str
    verdict: str
    reason: str
    index: str
    questions: int
    record: Mapping[str, Any]

    def contender(self, name: str) -> Contender:
        """By name."""
        return next(one for one in self.contenders if one.name == name)


def difference(first: Contender, other: Contender, metric: str) -> Comparison | None:
    """Other less first, over the questions on which both have a value; None where there are none."""
    value = METRICS[metric][1]
    after = {one.id: value(one) for one in other.report.results}
    pairs = [
        (before, now)
        for one in first.report.results
        if (before := value(one)) is not None and (now := after.get(one.id)) is not None
    ]
    return paired([a for a, _ in pairs], [b for _, b in pairs]) if pairs else None


def verdict(first: Contender, other: Contender) -> tuple[str, str]:
    """The rule in this module's docstring: the verdict, and why, in words."""
    points, supported = (
        difference(first, other, "key_points"),
        difference(first, other, "supported"),
    )
    if points is None:
        return NOT_BETTER, "no question has key points, so nothing tells"
    said = f"key points {points.difference:+.3f} (p = {points.p_value:.3f})"
    lower = {
        "supported sentences": other.report.supported - first.report.supported,
        "F1 of refusals": other.report.refusal_f1 - first.report.refusal_f1,
    }
    said += "".join(f", {name} {change:+.3f}" for name, change in lower.items())
    for found in (points, supported):
        if found is not None and found.difference < 0 and found.p_value < SIGNIFICANT:
            return WORSE, said
    if (
        points.difference > 0
        and points.p_value < SIGNIFICANT
        and min(lower.values()) >= -MOST_LOWER
    ):
        return BETTER, said
    return NOT_BETTER, said


def compare_models(
    recipe: Recipe,
    run: Path,
    settings: Settings,
    index: ReviewIndex,
    embedder: Embedder,
    questions: Sequence[Question],
    *,
    progress: Progress = lambda stage, done, total: None,
) -> Compared:
    """Ask the base model, the adapter and the merged model.

    Base and adapter are held in 4 bits, as they were trained, on a GPU only. Raises `ModelError`
    where nothing was tuned.
    """
    merged = settings.models_dir / recipe.output
    record = read_record(run / ADAPTER)
    there = {TUNED: bool(record), MERGED: bool(read_record(merged))}
    if not any(there.values()):
        raise ModelError(
            f"There is neither an adapter in {run / ADAPTER} nor a merged model in {merged}."
        )
    quantization = "4bit" if recipe.quantization.load_in_4bit and gpu_available() else "none"
    wanted: list[tuple[str, Callable[[], Generator]]] = []

    def loaded(model: str, adapter: str, name: str) -> Generator:
        from rag.generators.transformers import TransformersGenerator

        check_template(adapter or model)
        return TransformersGenerator(model, adapter=adapter, quantization=quantization, name=name)

    base = base_folder(recipe.base_model, settings)
    wanted.append((BASE, lambda: loaded(base, "", recipe.base_model)))
    if there[TUNED]:
        wanted.append((TUNED, lambda: loaded(base, str(run / ADAPTER), recipe.base_model)))
    if there[MERGED]:
        wanted.append((MERGED, lambda: loaded(str(merged), "", recipe.output)))
    contenders = []
    for name, make in wanted:
        generator = make()
        pipeline = Pipeline(settings, index, embedder, ChosenGenerator(generator, "it is compared"))
        contenders.append(_contender(name, pipeline, questions, progress))
        del generator, pipeline  # the next model takes its room
    tuned = MERGED if there[MERGED] else TUNED
    result = Compared(tuple(contenders), BASE, tuned, "", "", index.name, len(questions), record)
    found, reason = verdict(result.contender(BASE), result.contender(tuned))
    return replace(result, verdict=found, reason=reason)


def _contender(
    name: str, pipeline: Pipeline, questions: Sequence[Question], progress: Progress
) -> Contender:
    tasks = tuple(_task(task, pipeline) for task in TASKS)
    report = evaluate_answers(pipeline, questions, lambda done, total: progress(name, done, total))
    return Contender(name, pipeline.generator.name, report, tasks)


def _task(task: Task, pipeline: Pipeline) -> TaskAnswer:
    answer = pipeline.ask(task.question)
    claims = [] if answer.refused else [one for one in answer.sentences if not one.heading]
    supported = sum(one.supported for one in claims) / len(claims) if claims else 0.0
    distinct = 1 - repeated([one.text for one in claims], pipeline) if claims else 0.0
    return TaskAnswer(task, answer, supported, balance(answer), distinct)
