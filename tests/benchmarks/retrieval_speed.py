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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.config import Settings, load_settings
from rag.embedding import Embedder, Vectors, make_embedder, query_vector
from rag.filters import Condition, parse_where
from rag.index import ReviewIndex, build_index, index_folder, list_indexes
from rag.ingest import read_reviews
from rag.progress import Progress, no_progress
from rag.retrieval import Limits, Ranking, Retriever, retrieve
from rag.retrieval.fusion import Query, SearchText
from rag.understanding.intent import content_words, wants_overview
from tests.benchmarks.measuring import chosen_index, milliseconds, options, sample_questions, show
from tests.benchmarks.vector_index import mixtures
from ui.cli.terminal import StageProgress

ASKERS = 8
WHOLE = "whole, 1 asker"
HEADER = ["cores", "reviews", "stage", "p50 ms", "p95 ms"]


class StandIn:
    """The embedder for everything but reviews, whose sentences get mixtures of another index's
    vectors.
    """

    def __init__(self, embedder: Embedder, like: ReviewIndex) -> None:
        self._like = np.asarray(like.all_vectors)
        self._rng = np.random.default_rng(0)
        self.identity = embedder.identity
        self.runtime = embedder.runtime
        self.dimension = embedder.dimension
        self.embed_queries = embedder.embed_queries
        self.count_tokens = embedder.count_tokens

    def embed_documents(self, texts: Sequence[str], *, progress: Progress = no_progress) -> Vectors:
        """(len(texts), dimension) unit vectors that have nothing to do with the texts."""
        progress("embedding", len(texts), len(texts))
        return mixtures(self._like, len(texts), self._rng)


def build_stand_in(arguments: argparse.Namespace, settings: Settings, embedder: Embedder) -> None:
    """Build the index that is measured, with made-up vectors."""
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


def use_cores(cores: Sequence[int]) -> None:
    """Let all threads of this process, those that libraries have started too, run on these cores
    only, and the libraries start no more than these.
    """
    import faiss
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), cores)
    torch.set_num_threads(len(cores))
    faiss.omp_set_num_threads(len(cores))
    threadpool_limits(len(cores), user_api="blas")


@dataclass(frozen=True)
class Setup:
    """What is asked, and of what."""

    settings: Settings
    index: ReviewIndex
    embedder: Embedder
    questions: Sequence[str]

    def stages(self, where: Sequence[Condition]) -> dict[str, Callable[[str], object]]:
        """Every part of the way from a question to its passages; the whole way is `WHOLE`."""
        index, embedder, sentences = self.index, self.embedder, self.settings.retrieval.top_k * 16
        retriever = Retriever(self.settings, index, embedder)
        ranking, limits = Ranking.of(self.settings), Limits.of(self.settings)
        mask = index.sentences_where(where) if where else None
        vectors = {question: query_vector(embedder, question) for question in self.questions}
        stages: dict[str, Callable[[str], object]] = {
            "embed the question": lambda question: query_vector(embedder, question),
            "nearest sentences": lambda question: index.search(
                vectors[question][None, :], sentences, mask
            ),
            "words": lambda question: index.word_scores(content_words(question)),
            "rank (embed, nearest, words, fuse)": lambda question: list(
                Query(index, SearchText.of(embedder, question, ranking), ranking, mask).hits(
                    sentences
                )
            ),
            "dense alone": lambda question: retrieve(
                index, embedder, question, limits, mask, ranking=Ranking("dense")
            ),
            WHOLE: lambda question: retriever.retrieve(question, where),
        }
        if where:
            stages["find what meets the conditions"] = lambda question: index.sentences_where(where)
        return stages

    def rows(self, cores: int, filtered: str, where: Sequence[Condition]) -> Iterator[list[object]]:
        """The lines of one number of cores and one choice of reviews."""
        stages = self.stages(where)
        milliseconds(stages[WHOLE], self.questions[:5])  # warm
        spent = {stage: milliseconds(work, self.questions) for stage, work in stages.items()}
        with ThreadPoolExecutor(ASKERS) as askers:
            alone = askers.map(lambda q: milliseconds(stages[WHOLE], [q])[0], self.questions)
            spent[f"whole, {ASKERS} askers"] = list(alone)
        for stage, times in spent.items():
            p50, p95 = np.percentile(times, [50, 95])
            yield [cores, filtered, stage, f"{p50:.1f}", f"{p95:.1f}"]


def main() -> None:
    """Print the table."""
    parser = options(__doc__, index="")
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
        build_stand_in(arguments, settings, embedder)
    index = chosen_index(arguments)
    questions = [question for question in sample_questions() if not wants_overview(question)]
    setup = Setup(settings, index, embedder, questions)
    rated = any(review.rating is not None for review in index.reviews(texts=False))
    filtered = parse_where("rating >= 50%" if rated else "language = en")
    rows: list[list[object]] = []
    cores = sorted(os.sched_getaffinity(0))
    for count in sorted({1, len(cores)}):
        use_cores(cores[:count])
        rows += setup.rows(count, "all", [])
        rows += setup.rows(count, "filtered", filtered)
    title = (
        f"{index.manifest.reviews} reviews, {index.manifest.sentences} sentences, "
        f"{index.sentences_where(filtered).sum()} of them where filtered; "
        f"{len(questions)} questions"
    )
    show(title, HEADER, rows)


if __name__ == "__main__":
    main()
