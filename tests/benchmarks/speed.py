"""How fast is it here? `python -m tests.benchmarks.speed [--generator NAME ...] [REVIEW_FILE]`
prints two tables.

Index build in reviews per second, by stage; and from question to first words and to the checked
answer, warm, over the sample's test questions. The generators take turns question by question, so
that a busy moment hits them all.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.answer import Answer
from rag.answering.pipeline import Pipeline
from rag.config import Settings
from rag.embedding import make_embedder
from rag.evaluation.questions import read_questions
from rag.index.ingest import rebuild
from tests.benchmarks.measuring import (
    QUESTIONS,
    REVIEWS,
    options,
    sample_index,
    show,
    temporary_settings,
)

_MOST_QUESTIONS = 20


def show_build(settings: Settings, file: Path) -> None:
    """Build an index and print what each stage took."""
    embedder = make_embedder(settings)
    embedder.embed_queries(["warm up"])
    start = time.perf_counter()
    ends: dict[str, float] = {}

    def mark(stage: str, done: int, total: int) -> None:
        ends[stage] = time.perf_counter()

    built = rebuild(settings, "speed", [file], mode="new", progress=mark, embedder=embedder)
    ends["opening"] = time.perf_counter()
    rows = []
    for stage, end in ends.items():
        rows.append([stage, end - start, f"{built.reviews / max(end - start, 1e-9):.0f}"])
        start = end
    title = f"{built.reviews} reviews, {built.sentences} sentences from {file.name}"
    show(title, ["stage", "seconds", "reviews per second"], rows)


def answer_seconds(pipeline: Pipeline, question: str) -> tuple[float, float, float] | None:
    """To what was retrieved, the first words, and the whole answer; None for a refusal."""
    start = time.perf_counter()
    first = 0.0
    seconds = None
    for piece in pipeline.stream(question):
        first = first or time.perf_counter() - start
        if isinstance(piece, Answer) and not piece.refused:
            seconds = (piece.timings["retrieve_s"], first, piece.timings["total_s"])
    return seconds


def show_answers(settings: Settings, generators: Sequence[str]) -> None:
    """Ask the test questions and print the times."""
    embedder = make_embedder(settings)
    sample_index(settings)
    pipelines = {
        name: Pipeline.open(settings.changed({"generator.name": name}), "sample", embedder)
        for name in generators
    }
    questions = [q.question for q in read_questions(QUESTIONS, "test") if q.answerable]
    times: dict[str, list[tuple[float, float, float]]] = {name: [] for name in generators}
    for place, question in enumerate(questions[:_MOST_QUESTIONS]):
        for name, pipeline in pipelines.items():
            seconds = answer_seconds(pipeline, question)
            if seconds is not None and place:  # the first question warms up
                times[name].append(seconds)
    rows = []
    for name, spent in times.items():
        retrieval, first, total = np.median(spent, axis=0)
        p95 = np.percentile([whole for _, _, whole in spent], 95, method="lower")
        rows.append([name, len(spent), f"{retrieval:.3f}", float(first), float(total), float(p95)])
    header = ["generator", "answers", "retrieval p50 s", "first words p50 s"]
    show("Answers", [*header, "whole answer p50 s", "p95 s"], rows)


def main() -> None:
    """Print both tables."""
    parser = options(__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=REVIEWS)
    parser.add_argument("--generator", action="append", dest="generators")
    arguments = parser.parse_args()
    with temporary_settings() as settings:
        show_build(settings, arguments.file)
        show_answers(settings, arguments.generators or ["extractive"])


if __name__ == "__main__":
    main()
