"""Measure each of several in a process of its own, so that none is in another's memory or is timed
with another's models.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace

from rag.answering.pipeline import Pipeline
from rag.config import Settings
from rag.evaluation.answers import AnswerReport, evaluate_answers
from rag.evaluation.questions import Question
from rag.progress import Progress

ShowProgress = Callable[[], AbstractContextManager[Progress]]


def evaluate_here(
    settings: Settings, index: str, questions: Sequence[Question], show: ShowProgress
) -> AnswerReport:
    """Ask an index the questions as the settings say; with the most memory that this process took.
    Raises `ReviewQAError`.
    """
    pipeline = Pipeline.open(settings, index)
    with show() as progress:
        report = evaluate_answers(pipeline, questions, progress)
    return replace(report, peak_bytes=peak_memory())


def evaluate_apart(
    settings: Settings, index: str, questions: Sequence[Question], show: ShowProgress
) -> AnswerReport:
    """The same in a new process, to which `show` is sent by its name."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(evaluate_here, settings, index, questions, show).result()


def peak_memory() -> int:
    """The most bytes that this process has held; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
