"""The table behind the retriever's defaults: BM25, dense, hybrid and reranked, on SubjQA and on SciFact.

    python -m tests.benchmarks.retrieval --data FOLDER --indexes FOLDER [--split dev] [--limit N]

`--data` holds `subjqa/<domain>/{reviews,questions}.jsonl` and `scifact_beir/`; indexes are built under `--indexes`
where they are missing, once with a vector for each sentence and once with one for each review or document, which
takes some 25 minutes on two cores. SubjQA: within items of at least five reviews, answerable questions. "dense whole"
on SciFact is the published set-up: all-MiniLM-L6-v2 has nDCG@10 .645 there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rag.config import Settings
from rag.embedding import make_embedder
from rag.evaluation.question_sets import (
    RetrievalQuestion,
    read_beir_corpus,
    read_question_set,
    without_shared,
)
from rag.evaluation.retrieval import RetrievalReport, evaluate_retrieval, merged
from rag.evaluation.retrieval_report import markdown_report
from rag.index import ReviewIndex, build_index, index_folder, list_indexes
from rag.retriever import Retriever
from rag.reviews import read_reviews
from ui.terminal import StageProgress

DOMAINS = ("electronics", "grocery", "restaurants", "tripadvisor")
PLAIN = Settings(balance="off")
SETTINGS = {
    "dense whole": replace(PLAIN, chunking="whole", retrieval="dense", content_words_weight=0.0),
    "BM25": replace(PLAIN, retrieval="lexical"),
    "dense sentences": replace(PLAIN, retrieval="dense"),
    "hybrid, reciprocal ranks": replace(PLAIN, fusion="rrf"),
    "hybrid": PLAIN,
    "hybrid, balanced": replace(PLAIN, balance="proportion"),
    "hybrid, diverse .3": replace(PLAIN, diversity=0.3),
    "hybrid + late interaction": replace(PLAIN, reranker="late-interaction", rerank_depth=30),
}


def index_of(settings: Settings, data: Path, indexes: Path, name: str) -> ReviewIndex:
    """The index of a domain for these settings; built if it is missing."""
    folder = index_folder(indexes, name + ("-whole" if settings.chunking == "whole" else ""))
    if folder.name not in list_indexes(indexes):
        beir = data / f"{name}_beir"
        reviews = read_beir_corpus(beir) if beir.is_dir() else read_reviews(data / "subjqa" / name / "reviews.jsonl")[0]
        with StageProgress() as progress:
            build_index(
                reviews, make_embedder(settings), folder,
                chunking=settings.chunking, chunk_tokens=settings.chunk_tokens, progress=progress,
            )  # fmt: skip
    return ReviewIndex.open(folder)


def table(
    data: Path, indexes: Path, sets: dict[str, Sequence[RetrievalQuestion]], chosen: Sequence[str], least: int
) -> list[RetrievalReport]:
    """Every setting measured on every set."""
    reports = []
    for name in chosen:
        settings = SETTINGS[name]
        embedder = make_embedder(settings)
        found = []
        for domain, questions in sets.items():
            retriever = Retriever(settings, index_of(settings, data, indexes, domain), embedder)
            with StageProgress() as progress:
                found.append(
                    evaluate_retrieval(
                        retriever, questions, lambda done, total: progress(f"{name}, {domain}", done, total),  # noqa: B023
                        name=name, least_reviews=least,
                    )
                )  # fmt: skip
        reports.append(merged(name, found))
    return reports


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--indexes", type=Path, required=True)
    parser.add_argument("--split", default="dev", help="of SubjQA")
    parser.add_argument("--limit", type=int, default=10_000, help="questions of each set")
    parser.add_argument(
        "--drop-shared", action="store_true", help="without questions on reviews that training asks about"
    )
    parser.add_argument("--settings", nargs="*", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--only", choices=["subjqa", "scifact"])
    arguments = parser.parse_args()
    sets: dict[str, dict[str, Sequence[RetrievalQuestion]]] = {"subjqa": {}, "scifact": {}}
    for domain in DOMAINS:
        path = arguments.data / "subjqa" / domain / "questions.jsonl"
        questions = read_question_set(path, arguments.split)
        sets["subjqa"][domain] = without_shared(questions, path) if arguments.drop_shared else questions
    sets["scifact"]["scifact"] = read_question_set(arguments.data / "scifact_beir")
    for name, some in sets.items():
        if arguments.only in (None, name):
            asked = {
                domain: questions[:: max(1, -(-len(questions) // arguments.limit))]
                for domain, questions in some.items()
            }
            print(f"\n## {name}\n")
            print(markdown_report(table(arguments.data, arguments.indexes, asked, arguments.settings, 5)), flush=True)


if __name__ == "__main__":
    main()
