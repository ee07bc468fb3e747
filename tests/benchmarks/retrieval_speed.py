"""From question to passages, by stage: ``python -m tests.benchmarks.retrieval_speed --index NAME
[--indexes FOLDER]``.

Warm, over the sample's questions. On one core and on all: the process is bound to one, and torch,
faiss and numpy get as many threads. Filtered: only the upper half of the ratings where there are
any, else every review of the commonest language. With eight askers, eight threads ask at once and
each answer's time is counted from its own question on.

    ... --index NAME --stand-in FILE --like OTHER

builds NAME first if it is missing, from the reviews of FILE with vectors that no model made:
mixtures of two of OTHER's and a little noise, so that they lie as real ones do. Everything else
about it is real, and 50,000 reviews take minutes and not an hour. It is good for measuring time;
what it finds means nothing.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from rag.config import Settings, load_settings
from rag.embedding import Embedder, Progress, Vectors, make_embedder, no_progress, query_vector
from rag.evaluation.questions import read_questions
from rag.filters import Condition, parse_where
from rag.index import ReviewIndex, build_index, index_folder, list_indexes
from rag.index.vectors import Mask
from rag.ingest import read_reviews
from rag.retrieval import Limits, Ranking, Retriever, retrieve
from rag.retrieval.fusion import Query
from rag.understanding.intent import content_words, wants_overview
from tests.benchmarks.vector_index import mixtures
from ui.cli.terminal import StageProgress

ASKERS = 8


class StandIn:
    """The embedder for everything but reviews, whose sentences get mixtures of another index's
    vectors.
    """

    def __init__(self, embedder: Embedder, like: ReviewIndex) -> None:
        self._embedder = embedder
        self._like = np.asarray(like.all_vectors)
        self._rng = np.random.default_rng(0)
        self.identity = embedder.identity
        self.dimension = embedder.dimension
        self.embed_queries = embedder.embed_queries
        self.count_tokens = embedder.count_tokens

    def embed_documents(self, texts: Sequence[str], *, progress: Progress = no_progress) -> Vectors:
        """(len(texts), dimension) unit vectors that have nothing to do with the texts."""
        progress(len(texts), len(texts))
        return mixtures(self._like, len(texts), self._rng)


def bind(cores: Sequence[int]) -> None:
    """Let all threads of this process, those that libraries have started too, run on these cores
    only.
    """
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), cores)


def timed(work: Callable[[str], object], questions: Sequence[str]) -> list[float]:
    """Milliseconds of each question, one after another."""
    spent = []
    for question in questions:
        begun = time.perf_counter()
        work(question)
        spent.append(1000 * (time.perf_counter() - begun))
    return spent


def timed_together(work: Callable[[str], object], questions: Sequence[str]) -> list[float]:
    """Milliseconds of each question, eight at a time."""
    with ThreadPoolExecutor(ASKERS) as askers:
        return [
            spent
            for some in askers.map(lambda question: timed(work, [question]), questions)
            for spent in some
        ]


def row(*cells: object) -> None:
    """A line of the table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def row_of(cores: int, filtered: str, stage: str, spent: Sequence[float]) -> None:
    """A line with p50 and p95."""
    row(
        cores, filtered, stage, f"{np.percentile(spent, 50):.1f}", f"{np.percentile(spent, 95):.1f}"
    )


def main() -> None:
    """Print the table."""
    import faiss
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--index", required=True)
    parser.add_argument("--indexes", type=Path, default=Path("indexes"))
    parser.add_argument(
        "--stand-in",
        type=Path,
        metavar="FILE",
        help="build the index from this, with made-up vectors",
    )
    parser.add_argument("--like", metavar="OTHER", help="the index whose vectors they resemble")
    arguments = parser.parse_args()
    settings = load_settings()
    embedder = make_embedder(settings)
    if arguments.stand_in is not None and arguments.index not in list_indexes(arguments.indexes):
        if arguments.like is None:
            parser.error("--stand-in needs --like")
        like = ReviewIndex.open(index_folder(arguments.indexes, arguments.like))
        with StageProgress() as progress:
            build_index(
                read_reviews(arguments.stand_in)[0],
                StandIn(embedder, like),
                index_folder(arguments.indexes, arguments.index),
                chunking=settings.index.chunking,
                chunk_tokens=settings.index.chunk_tokens,
                progress=progress,
            )
    index = ReviewIndex.open(index_folder(arguments.indexes, arguments.index))
    asked = [one.question for one in read_questions(Path("rag/sample/questions.jsonl"))]
    questions = [question for question in asked if not wants_overview(question)]
    rated = any(review.rating is not None for review in index.reviews(texts=False))
    conditions: dict[str, Sequence[Condition]] = {
        "all": [],
        "filtered": parse_where("rating >= 50%" if rated else "language = en"),
    }
    masks = {
        name: index.sentences_where(some) if some else None for name, some in conditions.items()
    }
    left = index.sentences_where(conditions["filtered"]).sum()
    print(
        f"{index.manifest.reviews} reviews, {index.manifest.sentences} sentences, {left} of them "
        "where filtered; "
        f"{len(questions)} questions\n"
    )
    row("cores", "reviews", "stage", "p50 ms", "p95 ms")
    row(*["---"] * 5)
    cores = sorted(os.sched_getaffinity(0))
    for count in sorted({1, len(cores)}):
        bind(cores[:count])
        torch.set_num_threads(count)
        faiss.omp_set_num_threads(count)
        threadpool_limits(count, user_api="blas")
        for name, where in conditions.items():
            measure(
                count,
                name,
                where,
                masks[name],
                settings,
                index,
                embedder,
                questions,
            )


def measure(
    cores: int,
    name: str,
    where: Sequence[Condition],
    mask: Mask | None,
    settings: Settings,
    index: ReviewIndex,
    embedder: Embedder,
    questions: Sequence[str],
) -> None:
    """The lines of one number of cores and one choice of reviews."""
    sentences = settings.retrieval.top_k * 16
    retriever = Retriever(settings, index, embedder)
    timed(retriever.retrieve, questions[:5])  # warm
    vectors = {question: query_vector(embedder, question) for question in questions}
    stages: dict[str, Callable[[str], object]] = {
        "embed the question": lambda question: query_vector(embedder, question),
        "nearest sentences": lambda question: index.search(
            vectors[question][None, :], sentences, mask
        ),
        "words": lambda question: index.word_scores(content_words(question)),
        "rank (embed, nearest, words, fuse)": lambda question: list(
            Query(index, embedder, question, Ranking.of(settings), mask).hits(sentences)
        ),
        "dense alone": lambda question: retrieve(
            index, embedder, question, Limits.of(settings), mask, ranking=Ranking("dense")
        ),
        "whole, 1 asker": lambda question: retriever.retrieve(question, where),
    }
    if where:
        stages["find what meets the conditions"] = lambda question: index.sentences_where(where)
    for stage, work in stages.items():
        row_of(cores, name, stage, timed(work, questions))
    row_of(
        cores, name, f"whole, {ASKERS} askers", timed_together(stages["whole, 1 asker"], questions)
    )


if __name__ == "__main__":
    main()
