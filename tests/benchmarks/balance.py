"""Are both sides heard? ``python -m tests.benchmarks.balance``, and for items ``... --index NAME
--items``.

The first asks the sample's two-sided questions, whose reviews' stances are known: the share of
questions with a praising and a criticising review on their topic among the first k, and of the gold
reviews found. The second asks general questions of every item of an index with enough rated reviews
of which a tenth to a half are of the rarer side; there a side is a rating in the upper or lower
third of the scale.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from rag.config import load_settings
from rag.embedding import make_embedder
from rag.evaluation.questions import read_questions
from rag.index import ReviewIndex, index_folder
from rag.index.filters import Condition
from rag.retrieval import Retriever

GENERAL = (
    "Is the food any good?",
    "How are the staff?",
    "Is it clean?",
    "Is it comfortable?",
    "Is it crowded?",
    "How are the drinks?",
    "Are the seats good?",
    "Would you go again?",
)
_SIDES = ("praise", "criticism")
BALANCES = ("off", "proportion", "even")
Asked = tuple[str, list[Condition], frozenset[str], frozenset[str], frozenset[str]]


def sample_questions() -> Iterator[Asked]:
    """Question, no conditions, who praises, who criticises, gold."""
    folder = Path("rag/sample")
    stances: dict[tuple[str, str], set[str]] = defaultdict(set)
    with (folder / "topics.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for side in _SIDES if row["stance"] == "mixed" else (row["stance"],):
                stances[row["topic"], side].add(row["review_id"])
    for one in read_questions(folder / "questions.jsonl"):
        praising, criticising = (
            frozenset(stances[one.topic, side] & one.review_ids) for side in _SIDES
        )
        if one.kind == "both_sides" and praising and criticising:
            yield one.question, [], praising, criticising, one.review_ids


def item_questions(index: ReviewIndex, least: int = 20) -> Iterator[Asked]:
    """The general questions of each item with mixed ratings."""
    rated: dict[str, dict[str, set[str]]] = defaultdict(lambda: {"high": set(), "low": set()})
    for review in index.reviews(texts=False):
        fraction = review.rating_fraction
        if review.item and fraction is not None and (fraction >= 2 / 3 or fraction <= 1 / 3):
            rated[review.item]["high" if fraction >= 2 / 3 else "low"].add(review.review_id)
    for item, sides in sorted(rated.items()):
        sizes = sorted(map(len, sides.values()))
        if sum(sizes) >= least and sizes[0] / sum(sizes) >= 0.1:
            for question in GENERAL:
                yield (
                    question,
                    [Condition("item", "=", (item,))],
                    frozenset(sides["high"]),
                    frozenset(sides["low"]),
                    frozenset(),
                )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--index", default="squid-game")
    parser.add_argument("--indexes", type=Path, default=Path("indexes"))
    parser.add_argument("--items", action="store_true")
    arguments = parser.parse_args()
    index = ReviewIndex.open(index_folder(arguments.indexes, arguments.index))
    asked = list(item_questions(index)) if arguments.items else list(sample_questions())
    if not asked:
        parser.error(
            "no item of this index has twenty rated reviews of which at least a tenth are of the "
            "rarer side"
        )
    settings = load_settings()
    embedder = make_embedder(settings)
    print(
        f"{len(asked)} questions\n\n| k | balance | both sides heard | voices of the rarer side | "
        "gold found | mixes |"
    )
    print("|---|---|---|---|---|---|")
    for k in (5, 8, 12):
        for balance in BALANCES:
            retriever = Retriever(replace(settings, top_k=k, balance=balance), index, embedder)
            heard, rarer, found, mixes = [], [], [], Counter[str]()
            for question, where, praising, criticising, gold in asked:
                made = retriever.search(question, where)
                ids = [one.review.review_id for one in made.chunks]
                sides = [sum(name in side for name in ids) for side in (praising, criticising)]
                heard.append(min(sides) > 0)
                rarer.append(min(sides))
                found.append(
                    sum(name in gold for name in ids) / min(k, len(gold)) if gold else np.nan
                )
                mixes[made.mix] += 1
            share = "-" if np.isnan(found).all() else f"{np.nanmean(found):.3f}"
            told = ", ".join(f"{count} {mix}" for mix, count in mixes.most_common())
            print(
                f"| {k} | {balance} | {np.mean(heard):.3f} | {np.mean(rarer):.2f} | {share} | "
                f"{told} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
