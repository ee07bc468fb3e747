"""How fast is it here? `python -m tests.benchmarks.speed [--generator NAME ...] [REVIEW_FILE]`
prints two tables.

Index build in reviews per second, by stage; and from question to first words and to the checked
answer, warm, over the sample's test questions. The generators take turns question by question, so
that a busy moment hits them all.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from rag.answer import Answer
from rag.answering import pipeline
from rag.config import Settings
from rag.embedding import make_embedder
from rag.evaluation.questions import read_questions
from rag.index.ingest import rebuild

SAMPLE = Path(pipeline.__file__).parents[1] / "sample"


def build_table(settings: Settings, file: Path) -> None:
    """Build an index and print what each stage took."""
    embedder = make_embedder(settings)
    embedder.embed_queries(["warm up"])
    begun = time.perf_counter()
    marks: dict[str, float] = {}

    def mark(stage: str, done: int, total: int) -> None:
        marks[stage] = time.perf_counter()

    made = rebuild(settings, "speed", [file], mode="new", progress=mark, embedder=embedder)
    marks["opening"] = time.perf_counter()
    print(f"\n{made.reviews} reviews, {made.sentences} sentences from {file.name}")
    print("| stage | seconds | reviews per second |\n|---|---|---|")
    for stage, ended in marks.items():
        print(f"| {stage} | {ended - begun:.2f} | {made.reviews / max(ended - begun, 1e-9):.0f} |")
        begun = ended


def answer_table(settings: Settings, generators: list[str]) -> None:
    """Ask the test questions and print the times."""
    embedder = make_embedder(settings)
    rebuild(
        settings,
        "sample",
        [SAMPLE / "reviews.csv"],
        mode="new",
        progress=lambda *_: None,
        embedder=embedder,
    )
    settings_of = {
        name: Settings().changed(
            {"paths.indexes_dir": settings.paths.indexes_dir, "generator.name": name}
        )
        for name in generators
    }
    pipelines = {
        name: pipeline.Pipeline.open(chosen, "sample", embedder)
        for name, chosen in settings_of.items()
    }
    times: dict[str, list[tuple[float, float, float]]] = {name: [] for name in generators}
    questions = [
        q.question for q in read_questions(SAMPLE / "questions.jsonl", "test") if q.answerable
    ]
    for place, question in enumerate(questions[:20]):
        for name, opened in pipelines.items():
            begun = time.perf_counter()
            first = 0.0
            for piece in opened.stream(question):
                first = first or time.perf_counter() - begun
                if (
                    isinstance(piece, Answer) and place and not piece.refused
                ):  # the first question warms up
                    times[name].append(
                        (piece.timings["retrieve_s"], first, piece.timings["total_s"])
                    )
    print(
        "\n| generator | answers | retrieval p50 s | first words p50 s | whole answer p50 s | p95 "
        "s |\n"
        "|---|---|---|---|---|---|"
    )
    for name, rows in times.items():
        retrieval, first_words, total = (sorted(column) for column in zip(*rows, strict=True))
        print(
            f"| {name} | {len(rows)} | {statistics.median(retrieval):.3f} | "
            f"{statistics.median(first_words):.2f} "
            f"| {statistics.median(total):.2f} | {total[int(0.95 * (len(total) - 1))]:.2f} |"
        )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=SAMPLE / "reviews.csv")
    parser.add_argument("--generator", action="append", dest="generators")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings().changed({"paths.indexes_dir": Path(folder)})
        build_table(settings, chosen.file)
        answer_table(settings, chosen.generators or ["extractive"])


if __name__ == "__main__":
    main()
