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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.exam import Exam, TaskAnswer, TaskPoints, counted_points, task_answer
from finetune.folders import ADAPTER, merged_folder, run_folder
from finetune.recipe import Recipe
from rag.answering.pipeline import Pipeline
from rag.answering.templates import check_template, read_record
from rag.config import Settings
from rag.evaluation.answers import AnswerReport, evaluate_answers
from rag.evaluation.paired import METRICS, difference
from rag.evaluation.questions import Question
from rag.evaluation.significance import Interval, interval
from rag.generators import Generator
from rag.generators.base_models import base_folder
from rag.generators.choice import ChosenGenerator, gpu_available
from rag.progress import Progress, no_progress
from rag.reader import make_reader
from rag.schema import ModelError
from rag.understanding.intent import TASKS, Task

BASE, TUNED, MERGED = "base", "adapter", "merged"
BETTER, NOT_BETTER, WORSE = "better", "not better", "worse"
SIGNIFICANT = 0.05
MOST_LOWER = 0.02


@dataclass(frozen=True, slots=True)
class Contender:
    """One model's numbers."""

    name: str  # BASE, TUNED or MERGED
    generator: str
    report: AnswerReport
    tasks: tuple[TaskAnswer, ...]

    def interval(self, metric: str) -> Interval:
        """The mean over the questions that have a value, with its 95% interval."""
        value_of = METRICS[metric][1]
        values = [value_of(result) for result in self.report.results]
        return interval([value for value in values if value is not None])

    def answer_to(self, task: Task) -> TaskAnswer:
        """What it made of this task."""
        return next(answer for answer in self.tasks if answer.task == task)


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
    folder: Path  # where its report is

    def __str__(self) -> str:
        from finetune.comparison_report import HTML_FILE, markdown_report

        return f"{markdown_report(self)}\nThe report is in {self.folder / HTML_FILE}."

    @property
    def first(self) -> Contender:
        """The one that the others are compared with."""
        return self.contender(self.baseline)

    def contender(self, name: str) -> Contender:
        """By name."""
        return next(contender for contender in self.contenders if contender.name == name)


def verdict(first: Contender, other: Contender) -> tuple[str, str]:
    """The rule in this module's docstring: the verdict, and why, in words."""
    points = difference(first.report, other.report, "key_points")
    supported = difference(first.report, other.report, "supported")
    if points is None:
        return NOT_BETTER, "no question has key points, so nothing tells"
    lower = {
        name: other.report.value(metric) - first.report.value(metric)
        for name, metric in (("supported sentences", "supported"), ("F1 of refusals", "refusal_f1"))
    }
    reason = f"key points {points.difference:+.3f} (p = {points.p_value:.3f})"
    reason += "".join(f", {name} {change:+.3f}" for name, change in lower.items())
    for change in (points, supported):
        if change is not None and change.difference < 0 and change.p_value < SIGNIFICANT:
            return WORSE, reason
    rose = points.difference > 0 and points.p_value < SIGNIFICANT
    better = rose and min(lower.values()) >= -MOST_LOWER
    return (BETTER if better else NOT_BETTER), reason


def compare_models(
    recipe: Recipe, settings: Settings, exam: Exam, progress: Progress = no_progress
) -> Compared:
    """Ask the base model, the adapter and the merged model.

    Base and adapter are held in 4 bits, as they were trained, on a GPU only. Raises `ModelError`
    where nothing was tuned.
    """
    folder, merged = run_folder(settings, recipe), merged_folder(settings, recipe)
    adapter = folder / ADAPTER
    record = read_record(adapter)
    is_merged = bool(read_record(merged))
    if not record and not is_merged:
        raise ModelError(
            f"There is neither an adapter in {adapter} nor a merged model in {merged}."
        )
    quantization = "4bit" if recipe.quantization.load_in_4bit and gpu_available() else "none"
    base = base_folder(recipe.base_model, settings)
    models = {BASE: (base, "", recipe.base_model)}
    if record:
        models[TUNED] = (base, str(adapter), recipe.base_model)
    if is_merged:
        models[MERGED] = (str(merged), "", recipe.output)
    points = counted_points(settings, exam, make_reader(settings))
    contenders = []
    for name, (model, on_it, called) in models.items():
        pipeline = _pipeline(settings, exam, _load(model, on_it, quantization, called))
        contenders.append(_contender(name, pipeline, exam.questions, points, progress))
        del pipeline  # the next model takes its room
    return compared(contenders, verdict, exam, record, folder)


def compared(
    contenders: Sequence[Contender],
    judged: Callable[[Contender, Contender], tuple[str, str]],
    exam: Exam,
    record: Mapping[str, Any],
    folder: Path,
) -> Compared:
    """The record of a comparison: what was tuned, merged where it was, `judged` against the base."""
    by_name = {contender.name: contender for contender in contenders}
    tuned = MERGED if MERGED in by_name else TUNED
    outcome, reason = judged(by_name[BASE], by_name[tuned])
    return Compared(
        contenders=tuple(contenders),
        baseline=BASE,
        tuned=tuned,
        verdict=outcome,
        reason=reason,
        index=exam.index.name,
        questions=len(exam.questions),
        record=record,
        folder=folder,
    )


def _load(model: str, adapter: str, quantization: str, name: str) -> Generator:
    from rag.generators.transformers import TransformersGenerator

    check_template(adapter or model)
    return TransformersGenerator(model, adapter=adapter, quantization=quantization, name=name)


def _pipeline(settings: Settings, exam: Exam, generator: Generator) -> Pipeline:
    chosen = ChosenGenerator(generator, "it is compared")
    # without a reader: it costs half a second a question, and both would be judged by it alike
    return Pipeline(settings, exam.index, exam.embedder, chosen)


def _contender(
    name: str,
    pipeline: Pipeline,
    questions: Sequence[Question],
    points: TaskPoints,
    progress: Progress,
) -> Contender:
    tasks = tuple(task_answer(task, pipeline, points.get(task.name, ())) for task in TASKS)
    report = evaluate_answers(
        pipeline, questions, lambda _, done, total: progress(name, done, total)
    )
    return Contender(name, pipeline.answerer.name, report, tasks)
