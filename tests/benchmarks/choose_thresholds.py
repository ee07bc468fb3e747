"""Where the thresholds of `rag.config` come from: `python -m tests.benchmarks.choose_thresholds`.

Prints, over the sample's questions: how well a similarity tells a supported statement from an
unsupported one, and what each pair of evidence floors refuses rightly and wrongly. Chosen on train
and dev; test is only reported.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from rag.answering.refusal import evidence_score
from rag.config import Settings
from rag.embedding import make_embedder
from rag.evaluation.questions import SPLITS, Question, read_questions
from rag.index import ReviewIndex, index_folder
from rag.index.ingest import rebuild
from rag.retrieval import Retriever
from rag.understanding.intent import asks_for_fact

SAMPLE = Path(__file__).parents[2] / "rag" / "sample"


def open_sample(settings: Settings) -> tuple[ReviewIndex, list[Question]]:
    """The sample's index, built anew, and its questions."""
    rebuild(settings, "sample", [SAMPLE / "reviews.csv"], mode="new", progress=lambda *_: None)
    return ReviewIndex.open(index_folder(settings.paths.indexes_dir, "sample")), read_questions(
        SAMPLE / "questions.jsonl"
    )


def support_table(settings: Settings, index: ReviewIndex, questions: list[Question]) -> None:
    """Key points against their own gold reviews (supported) and against another topic's (not
    supported).
    """
    embedder = make_embedder(settings)
    rows_of: dict[str, list[int]] = {}
    for row in range(index.manifest.sentences):
        rows_of.setdefault(index.sentences([row])[0].review_id, []).append(row)
    print(
        "\nSupport: a statement against the reviews it rests on, and against another topic's "
        "reviews"
    )
    print(
        "| split | threshold | supported, passed | unsupported, passed | balanced accuracy "
        "|\n|---|---|---|---|---|"
    )
    for split in SPLITS:
        asked = [q for q in questions if q.split == split and q.answerable and q.kind != "count"]
        scores: dict[bool, list[float]] = {True: [], False: []}
        for place, question in enumerate(asked):
            points = embedder.embed_documents(question.key_points)
            other = next(q for q in asked[place + 1 :] + asked if q.topic != question.topic)
            for own, review_ids in (
                (True, question.review_ids),
                (False, other.review_ids - question.review_ids),
            ):
                rows = [row for review_id in review_ids for row in rows_of[review_id]]
                if rows:
                    scores[own].extend((index.vectors(rows) @ points.T).max(axis=0))
        for threshold in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6):
            passed = {
                own: float(np.mean(np.array(values) >= threshold)) for own, values in scores.items()
            }
            balanced = (passed[True] + 1 - passed[False]) / 2
            print(
                f"| {split} | {threshold} | {passed[True]:.2f} | {passed[False]:.2f} | "
                f"{balanced:.2f} |"
            )


def floor_table(settings: Settings, index: ReviewIndex, questions: list[Question]) -> None:
    """Refusal F1 and wrong refusals for pairs of floors."""
    retriever = Retriever(settings, index, make_embedder(settings))
    score = np.array(
        [evidence_score(q.question, retriever.retrieve(q.question)) for q in questions]
    )
    fact = np.array([asks_for_fact(q.question) for q in questions])
    unanswerable = np.array([not q.answerable for q in questions])
    split = np.array([q.split for q in questions])
    print("\nEvidence floors: refusal F1 (wrong refusals of answerable questions) by split")
    print("| floor | fact floor | train | dev | test |\n|---|---|---|---|---|")
    for floor in (0.46, 0.50, 0.54, 0.58):
        for fact_floor in (floor, 0.64, 0.68, 0.72, 0.76, 0.80, 0.84):
            refused = score < np.where(fact, fact_floor, floor)
            cells = []
            for name in SPLITS:
                here = split == name
                right = int((refused & unanswerable & here).sum())
                f1 = 2 * right / max(1, int((refused & here).sum() + (unanswerable & here).sum()))
                cells.append(f"{f1:.2f} ({int((refused & ~unanswerable & here).sum())})")
            print(f"| {floor:.2f} | {fact_floor:.2f} | {' | '.join(cells)} |")


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings().changed({"paths.indexes_dir": Path(folder)})
        index, questions = open_sample(settings)
        support_table(settings, index, questions)
        floor_table(settings, index, questions)


if __name__ == "__main__":
    main()
