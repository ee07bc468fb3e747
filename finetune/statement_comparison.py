"""Before and after, of a model that words points: the quotations themselves, and the words of the
base model, of the model with the adapter, and of the merged model.

All are asked the two tasks and every question of a question set, over the same index. What is said,
how often and on which side is counted in code and the same for all; a statement that fails the
checks is replaced by its quotation. So they differ in the statements that each writes first: the
share that the reader finds borne out; and in how many points are told so in the end.

"better": more of the first statements are borne out, by the paired test (p < .05), and key points
and balance of the answers are not lower by more than .02. "worse": fewer, by the same test. Else
"not better".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from finetune.comparison import (
    BASE,
    BETTER,
    MERGED,
    MOST_LOWER,
    NOT_BETTER,
    SIGNIFICANT,
    TUNED,
    WORSE,
    Compared,
    Contender,
    compared,
)
from finetune.exam import Exam, TaskAnswer, TaskPoints, counted_points, task_answer
from finetune.folders import ADAPTER, merged_folder, run_folder
from finetune.recipe import Recipe
from rag.answer import AnswerSentence, KeyPoint
from rag.answering.counted import CountingAnswerer
from rag.answering.pipeline import Pipeline
from rag.answering.statement_prompt import STATING
from rag.answering.templates import check_template, read_record
from rag.answering.wording import StatementWriter, Worded
from rag.config import Settings
from rag.evaluation.answers import AnswerReport, evaluate_answers
from rag.evaluation.metrics import QuestionResult
from rag.evaluation.metrics.worded import worded
from rag.evaluation.paired import difference
from rag.evaluation.questions import Question
from rag.generators.base import never_cancelled
from rag.generators.base_models import base_folder
from rag.generators.choice import ChosenGenerator
from rag.generators.completion import Completer, HeldCompleter, quick_dtype
from rag.generators.transformers import TransformersGenerator
from rag.progress import Progress, no_progress
from rag.reader import Reader, make_judge, make_reader
from rag.reader.verdict import verdicts
from rag.schema import ModelError
from rag.understanding.intent import TASKS, Task

QUOTED = "quoted"
_SECONDS = 60.0  # for the statements of an answer: nobody waits, and a busy machine must not decide


def compare_writers(
    recipe: Recipe, settings: Settings, exam: Exam, progress: Progress = no_progress
) -> Compared:
    """Let the base model, the adapter and the merged model word the same points. Raises
    `ModelError` where nothing was tuned, or no reader can judge.
    """
    folder, merged = run_folder(settings, recipe), merged_folder(settings, recipe)
    adapter = folder / ADAPTER
    record = read_record(adapter) or read_record(merged)
    reader = make_reader(settings)
    if not record or reader is None:
        raise ModelError(
            "Nothing can judge the statements: set reader.model."
            if record
            else f"There is neither an adapter in {adapter} nor a merged model in {merged}."
        )
    base = base_folder(recipe.base_model, settings)
    models = {QUOTED: ("", ""), BASE: (base, "")}
    if read_record(adapter):
        models[TUNED] = (base, str(adapter))
    if read_record(merged):
        models[MERGED] = (str(merged), "")
    points = counted_points(settings, exam, reader)
    contenders = [
        _contender(name, *model, recipe, settings, exam, reader, points, progress)
        for name, model in models.items()
    ]
    return compared(contenders, writers_verdict, exam, record, folder)


def writers_verdict(first: Contender, other: Contender) -> tuple[str, str]:
    """The rule in this module's docstring: the verdict, and why, in words."""
    true = difference(first.report, other.report, "true")
    if true is None:
        return NOT_BETTER, "no question has points that both put into words, so nothing tells"
    lower = {
        title: change.difference
        for title, metric in (("key points", "key_points"), ("balance", "balance"))
        if (change := difference(first.report, other.report, metric)) is not None
    }
    reason = f"first statements borne out {true.difference:+.3f} (p = {true.p_value:.3f})"
    reason += "".join(f", {title} {change:+.3f}" for title, change in lower.items())
    if true.p_value >= SIGNIFICANT:
        return NOT_BETTER, reason
    if true.difference < 0:
        return WORSE, reason
    kept = all(change >= -MOST_LOWER for change in lower.values())
    return (BETTER if kept else NOT_BETTER), reason


class _HeardWriter(StatementWriter):
    """Keeps what is written first, before any check."""

    def __init__(self, completer: Completer, reader: Reader, judge: Reader | None) -> None:
        super().__init__(completer, reader, judge)
        self.first: list[tuple[KeyPoint, str]] = []

    def worded(
        self,
        question: str,
        sentences: Sequence[AnswerSentence],
        known: Sequence[str] = (),
        cancelled: Callable[[], bool] = never_cancelled,
        seconds: float = _SECONDS,
    ) -> Worded:
        told = super().worded(question, sentences, known, cancelled, seconds)
        self.first += told.first
        return told

    def heard(self) -> list[tuple[KeyPoint, str]]:
        """What was written since the last call."""
        first, self.first = self.first, []
        return first


def _contender(
    name: str,
    model: str,
    adapter: str,
    recipe: Recipe,
    settings: Settings,
    exam: Exam,
    reader: Reader,
    points: TaskPoints,
    progress: Progress,
) -> Contender:
    quoting = settings.changed({"answering.wording": "off"})
    chosen = ChosenGenerator(None, "it is compared")
    pipeline = Pipeline(quoting, exam.index, exam.embedder, chosen, reader)
    writer = None
    if model:
        assert isinstance(pipeline.answerer, CountingAnswerer)
        completer = HeldCompleter(_load(model, adapter, recipe))
        writer = _HeardWriter(completer, reader, make_judge(settings, loaded=False))
        pipeline.answerer = pipeline.answerer.worded_by(writer)
    tasks = [_task(task, pipeline, writer, reader, points[task.name]) for task in TASKS]
    results = []
    for number, question in enumerate(exam.questions, 1):
        results.append(_result(question, pipeline, writer, reader))
        progress(name, number, len(exam.questions))
    report = AnswerReport(pipeline.answerer.name, results)
    return Contender(name, pipeline.answerer.name, report, tuple(tasks))


def _load(model: str, adapter: str, recipe: Recipe) -> TransformersGenerator:
    check_template(adapter or model, tuned_for=STATING)
    return TransformersGenerator(
        model, adapter=adapter, dtype=quick_dtype(), name=recipe.base_model if adapter else ""
    )


def _task(
    task: Task,
    pipeline: Pipeline,
    writer: _HeardWriter | None,
    reader: Reader,
    points: Sequence[str],
) -> TaskAnswer:
    answered = task_answer(task, pipeline, points)
    true = _borne_out(task.question, writer, reader, pipeline)
    return replace(answered, true=true, worded=worded(answered.answer))


def _result(
    question: Question, pipeline: Pipeline, writer: _HeardWriter | None, reader: Reader
) -> QuestionResult:
    (result,) = evaluate_answers(pipeline, [question], no_progress).results
    true = _borne_out(question.question, writer, reader, pipeline)
    return replace(result, values={**result.values, "true": true})


def _borne_out(
    question: str, writer: _HeardWriter | None, reader: Reader, pipeline: Pipeline
) -> float | None:
    """Of the statements written first since the last call, the share that the reader finds borne
    out by the quotation that stands for the point.
    """
    first = writer.heard() if writer else []
    if not first:
        return None
    pairs = [((point.said[0].quote,), statement) for point, statement in first]
    known = (question, pipeline.index.name)
    judged = verdicts(reader, pairs, known)
    return sum(verdict.borne_out and not verdict.opposite for verdict in judged) / len(judged)
