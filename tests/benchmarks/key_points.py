"""Do our points say what people found in the same comments? ``python -m tests.benchmarks.key_points DIR``

`DIR` holds AmazonKP (QQSUM, Tang et al., ACL 2025): `comments.jsonl.gz` (review_id, item, text) and
`questions.jsonl` (id, item, question, points with how many comments match each). For each question,
cosines of our points and the annotators': soft precision is the mean over our points of the best,
soft recall over theirs; matched is the share of theirs with a point of ours of its own at .6 or more.
The first eight questions are to choose on, the others to report.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr

import rag
from rag.config import load_settings
from rag.embedding import make_embedder

CHOSEN_ON = 8
MATCHED = 0.6


@dataclass(frozen=True, slots=True)
class Score:
    """Of one question: soft precision and recall, the share matched, and pairs of counts (theirs,
    ours) of the points that match.
    """

    precision: float
    recall: float
    matched: float
    counts: tuple[tuple[int, int], ...]


def score(
    ours: np.ndarray, theirs: np.ndarray, counts: Sequence[int], found: Sequence[int]
) -> Score:
    """`ours` and `theirs` are unit vectors, a row a point; `counts` are of theirs, `found` of ours."""
    if not len(ours):
        return Score(0.0, 0.0, 0.0, ())
    cosine = ours @ theirs.T
    rows, columns = linear_sum_assignment(-cosine)
    pairs = [(i, j) for i, j in zip(rows, columns, strict=True) if cosine[i, j] >= MATCHED]
    return Score(
        float(cosine.max(axis=1).mean()),
        float(cosine.max(axis=0).mean()),
        len(pairs) / len(theirs),
        tuple((counts[j], found[i]) for i, j in pairs),
    )


def main() -> None:
    """Build an index of the comments in a temporary folder, ask, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--indexes", type=Path, help="Keep the index here.")
    parser.add_argument("--show", action="store_true", help="Print the points.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.indexes or Path(temporary)
        settings = load_settings(
            environ={},
            overrides={"paths.indexes_dir": folder, "generator.name": "extractive"},
        )
        if not (folder / "amazonkp").exists():
            comments = folder / "amazonkp.jsonl"
            with gzip.open(arguments.folder / "comments.jsonl.gz", "rb") as packed:
                comments.write_bytes(packed.read())
            rag.build(comments, name="amazonkp", settings=settings)
        index = rag.open("amazonkp", settings=settings)
        embedder = make_embedder(settings)
        scores = []
        lines = (arguments.folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
        for row in map(json.loads, lines):
            answer = index.ask(row["question"], where=f"item = {row['item']}")
            texts = [point.statement for point in answer.points]
            theirs = embedder.embed_documents([point["point"] for point in row["points"]])
            scores.append(
                score(
                    embedder.embed_documents(texts) if texts else np.zeros((0, theirs.shape[1])),
                    theirs,
                    [point["count"] for point in row["points"]],
                    [point.count for point in answer.points],
                )
            )
            if arguments.show:
                print(f"\n{row['question']}\n  {answer.text if not texts else answer.headline}")
                for point in answer.points:
                    print(f"   {point.stance[:4]} {point.count:4d}  {point.statement}")
                print(f"   {scores[-1]}")
    for name, part in (
        ("chosen on", scores[:CHOSEN_ON]),
        ("reported", scores[CHOSEN_ON:]),
        ("all", scores),
    ):
        precision = float(np.mean([each.precision for each in part]))
        recall = float(np.mean([each.recall for each in part]))
        matched = float(np.mean([each.matched for each in part]))
        counts = [pair for each in part for pair in each.counts]
        rank = spearmanr(*zip(*counts, strict=True)).statistic if len(counts) > 2 else float("nan")
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        print(
            f"{name:10} n {len(part):2d}  soft F1 {f1:.2f} (precision {precision:.2f}, recall "
            f"{recall:.2f})  matched {matched:.0%}  counts rank {rank:.2f} (n {len(counts)})"
        )


if __name__ == "__main__":
    main()
