"""What the benchmarks share: options, the sample, an index to measure, and tables."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from rag.config import Settings
from rag.evaluation.questions import read_questions
from rag.evaluation.report import markdown_table
from rag.index import ReviewIndex, index_folder
from rag.index.ingest import rebuild

SAMPLE = Path(__file__).parents[2] / "rag" / "sample"
REVIEWS, QUESTIONS = SAMPLE / "reviews.csv", SAMPLE / "questions.jsonl"
Item = TypeVar("Item")


def options(description: str | None, *, index: str | None = None) -> argparse.ArgumentParser:
    """A parser; with `index`, its options name an index, by default this one."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if index is not None:
        parser.add_argument("--index", default=index or None, required=not index)
        parser.add_argument("--indexes", type=Path, default=Settings().paths.indexes_dir)
    return parser


def chosen_index(arguments: argparse.Namespace) -> ReviewIndex:
    """The index that the options name."""
    return ReviewIndex.open(index_folder(arguments.indexes, arguments.index))


@contextmanager
def temporary_settings() -> Iterator[Settings]:
    """Settings whose indexes are in a folder that is removed in the end."""
    with TemporaryDirectory() as folder:
        yield Settings().changed({"paths.indexes_dir": Path(folder)})


def sample_index(settings: Settings) -> ReviewIndex:
    """The index of the sample, named "sample", built anew."""
    rebuild(settings, "sample", [REVIEWS], mode="new", progress=lambda *_: None)
    return ReviewIndex.open(index_folder(settings.paths.indexes_dir, "sample"))


def sample_questions() -> list[str]:
    """The words of all questions of the sample."""
    return [question.question for question in read_questions(QUESTIONS)]


def milliseconds(work: Callable[[Item], object], items: Sequence[Item]) -> list[float]:
    """Of each item, one after another."""
    spent = []
    for item in items:
        start = time.perf_counter()
        work(item)
        spent.append(1000 * (time.perf_counter() - start))
    return spent


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table under a line of text."""
    print(f"\n{title}\n\n{markdown_table(header, rows)}", flush=True)
