"""The table behind the retriever's defaults: BM25, dense, hybrid and reranked, on SubjQA and on
SciFact.

    python -m tests.benchmarks.retrieval --data FOLDER --indexes FOLDER [--split dev]
    [--keep-shared] [--limit N]

`--data` holds `subjqa/<domain>/{reviews,questions}.jsonl` and `scifact_beir/`; indexes are built
under `--indexes` where they are missing, once with a vector for each sentence and once with one for
each review or document, which takes some 25 minutes on two cores. SubjQA: within items of at least
five reviews, answerable questions, without those whose review is also that of a training question,
since the weights were chosen on these (dev: 152 questions; 375 with `--keep-shared`). "dense whole"
on SciFact is the published set-up: all-MiniLM-L6-v2 has nDCG@10 .645 there.

Other embedders and cross-encoders are measured too: those of `EMBEDDERS` and `RERANKERS` that are
in the hub's cache on this machine, and those named with `--embedder` and `--reranker`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rag.config import BUNDLED_EMBEDDER, Settings
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
from rag.ingest import read_reviews
from rag.retrieval import Retriever
from tests.benchmarks.measuring import options
from ui.cli.terminal import StageProgress

DOMAINS = ("electronics", "grocery", "restaurants", "tripadvisor")
LEAST_REVIEWS = 5
SETTINGS = {
    "dense whole": Settings().changed(
        {
            "index.chunking": "whole",
            "retrieval.method": "dense",
            "retrieval.content_words_weight": 0.0,
        }
    ),
    "BM25": Settings().changed({"retrieval.method": "lexical"}),
    "dense sentences": Settings().changed({"retrieval.method": "dense"}),
    "hybrid": Settings(),
}
EMBEDDERS = (
    "BAAI/bge-small-en-v1.5",
    "thenlper/gte-small",
    "google/embeddinggemma-300m",
    "intfloat/multilingual-e5-small",
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
)
RERANKERS = ("cross-encoder/ms-marco-MiniLM-L6-v2", "BAAI/bge-reranker-base")


def present(names: Iterable[str]) -> list[str]:
    """Those of the models that are in the hub's cache on this machine."""
    from huggingface_hub import try_to_load_from_cache

    return [name for name in names if isinstance(try_to_load_from_cache(name, "config.json"), str)]


def with_models(embedders: Iterable[str], rerankers: Iterable[str]) -> dict[str, Settings]:
    """The settings with other models."""
    settings: dict[str, Settings] = {}
    for name in embedders:
        settings[f"dense sentences, {name}"] = Settings().changed(
            {"retrieval.method": "dense", "embedding.model": name}
        )
        settings[f"hybrid, {name}"] = Settings().changed({"embedding.model": name})
    for name in rerankers:
        settings[f"hybrid + {name}"] = Settings().changed(
            {"retrieval.reranker": name, "retrieval.rerank_depth": 30}
        )
    return settings


def index_of(settings: Settings, data: Path, domain: str) -> ReviewIndex:
    """The index of a domain for these settings; built if it is missing."""
    kind = "-whole" if settings.index.chunking == "whole" else ""
    if settings.embedding.model != BUNDLED_EMBEDDER:
        kind += "-" + re.sub(r"[^a-z0-9]+", "-", settings.embedding.model.lower()).strip("-")
    folder = index_folder(settings.paths.indexes_dir, domain + kind)
    if folder.name not in list_indexes(settings.paths.indexes_dir):
        beir = data / f"{domain}_beir"
        reviews = (
            read_beir_corpus(beir)
            if beir.is_dir()
            else read_reviews(data / "subjqa" / domain / "reviews.jsonl")[0]
        )
        with StageProgress() as progress:
            build_index(
                reviews,
                make_embedder(settings),
                folder,
                chunking=settings.index.chunking,
                chunk_tokens=settings.index.chunk_tokens,
                progress=progress,
            )
    return ReviewIndex.open(folder)


def report(
    name: str, settings: Settings, data: Path, sets: Mapping[str, Sequence[RetrievalQuestion]]
) -> RetrievalReport:
    """One setting measured on every set."""
    embedder = make_embedder(settings)
    reports = []
    for domain, questions in sets.items():
        retriever = Retriever(settings, index_of(settings, data, domain), embedder)
        with StageProgress() as progress:
            reports.append(
                evaluate_retrieval(
                    retriever, questions, progress, name=name, least_reviews=LEAST_REVIEWS
                )
            )
    return merged(name, reports)


def question_sets(
    arguments: argparse.Namespace,
) -> dict[str, dict[str, Sequence[RetrievalQuestion]]]:
    """Set -> domain -> questions."""
    sets: dict[str, dict[str, Sequence[RetrievalQuestion]]] = {"subjqa": {}, "scifact": {}}
    for domain in DOMAINS:
        path = arguments.data / "subjqa" / domain / "questions.jsonl"
        questions = read_question_set(path, arguments.split)
        kept = questions if arguments.keep_shared else without_shared(questions, path)
        sets["subjqa"][domain] = kept
    sets["scifact"]["scifact"] = read_question_set(arguments.data / "scifact_beir")
    return {name: sets[name] for name in sets if arguments.only in (None, name)}


def main() -> None:
    """Print the tables."""
    parser = options(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--indexes", type=Path, required=True)
    parser.add_argument("--split", default="dev", help="of SubjQA")
    parser.add_argument("--limit", type=int, default=10_000, help="questions of each set")
    parser.add_argument(
        "--keep-shared",
        action="store_true",
        help="ask on reviews that SubjQA's training questions are about, too",
    )
    parser.add_argument("--settings", nargs="*", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument(
        "--embedder", action="append", default=[], help="a name or folder; may be repeated"
    )
    parser.add_argument(
        "--reranker", action="append", default=[], help="a cross-encoder's name or folder"
    )
    parser.add_argument("--only", choices=["subjqa", "scifact"])
    arguments = parser.parse_args()
    chosen = {name: SETTINGS[name] for name in arguments.settings} | with_models(
        [*arguments.embedder, *present(EMBEDDERS)], [*arguments.reranker, *present(RERANKERS)]
    )
    for title, sets in question_sets(arguments).items():
        asked = {
            domain: questions[:: max(1, -(-len(questions) // arguments.limit))]
            for domain, questions in sets.items()
        }
        reports = [
            report(
                name,
                settings.changed({"paths.indexes_dir": arguments.indexes}),
                arguments.data,
                asked,
            )
            for name, settings in chosen.items()
        ]
        print(f"\n## {title}\n\n{markdown_report(reports)}", flush=True)


if __name__ == "__main__":
    main()
