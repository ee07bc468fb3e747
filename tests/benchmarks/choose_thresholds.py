"""Where the thresholds of `rag.config` come from: `python -m tests.benchmarks.choose_thresholds`.

Prints, over the sample's questions: how well a similarity tells a supported statement from an
unsupported one, and what each pair of evidence floors refuses rightly and wrongly. Chosen on train
and dev; test is only reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from rag.answering.pipeline import Pipeline
from rag.answering.refusal import evidence_score, rarity_of
from rag.embedding import Embedder, make_embedder
from rag.evaluation.questions import SPLITS, Question, read_questions
from rag.generators.choice import ChosenGenerator
from rag.index import ReviewIndex
from rag.index.catalogue import index_catalogue
from rag.understanding.intent import asks_for_fact
from tests.benchmarks.measuring import QUESTIONS, options, sample_index, show, temporary_settings

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
FLOORS = (0.50, 0.52, 0.54, 0.56, 0.58, 0.60)
FACT_FLOORS = (0.76, 0.80, 0.82, 0.84, 0.86, 0.88)


def similarities(
    index: ReviewIndex, embedder: Embedder, questions: Sequence[Question]
) -> tuple[list[float], list[float]]:
    """Key points against their own gold reviews (supported), and against another topic's (not
    supported).
    """
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, sentence in enumerate(index.sentences(range(index.manifest.sentences))):
        rows_of[sentence.review_id].append(row)
    supported: list[float] = []
    unsupported: list[float] = []
    for place, question in enumerate(questions):
        points = embedder.embed_documents(question.key_points)
        after = [*questions[place + 1 :], *questions]
        other = next(later for later in after if later.topic != question.topic)
        others = other.review_ids - question.review_ids
        for scores, review_ids in ((supported, question.review_ids), (unsupported, others)):
            rows = sorted(row for review_id in review_ids for row in rows_of[review_id])
            if rows:
                scores.extend((index.vectors(rows) @ points.T).max(axis=0))
    return supported, unsupported


def show_support(index: ReviewIndex, embedder: Embedder, questions: Sequence[Question]) -> None:
    """What each threshold passes."""
    table = []
    for split in SPLITS:
        asked = [q for q in questions if q.split == split and q.answerable and q.kind != "count"]
        supported, unsupported = similarities(index, embedder, asked)
        for threshold in THRESHOLDS:
            right = float(np.mean(np.array(supported) >= threshold))
            wrong = float(np.mean(np.array(unsupported) >= threshold))
            table.append([split, str(threshold), right, wrong, (right + 1 - wrong) / 2])
    show(
        "Support: a statement against the reviews it rests on, and against another topic's reviews",
        ["split", "threshold", "supported, passed", "unsupported, passed", "balanced accuracy"],
        table,
    )


def show_floors(pipeline: Pipeline, questions: Sequence[Question]) -> None:
    """Refusal F1 and wrong refusals for pairs of floors, of the questions that search."""
    plans = [pipeline.plan(q.question) for q in questions]
    searches = [not plan.is_overview and plan.intent != "statistic" for plan in plans]
    questions = [q for q, search in zip(questions, searches, strict=True) if search]
    plans = [plan for plan, search in zip(plans, searches, strict=True) if search]
    rarity = rarity_of(index_catalogue(pipeline.index))
    fact = np.array([asks_for_fact(q.question) for q in questions])
    score = np.array(
        [
            evidence_score(
                plan.aspect, pipeline.retriever.evidence(plan).chunks, rarity, is_fact=bool(is_fact)
            )
            for plan, is_fact in zip(plans, fact, strict=True)
        ]
    )
    unanswerable = np.array([not q.answerable for q in questions])
    split = np.array([q.split for q in questions])
    table = []
    for floor in FLOORS:
        for fact_floor in (floor, *FACT_FLOORS):
            refused = score < np.where(fact, fact_floor, floor)
            cells = []
            for name in SPLITS:
                inside = split == name
                right = int((refused & unanswerable & inside).sum())
                both = int((refused & inside).sum() + (unanswerable & inside).sum())
                wrong = int((refused & ~unanswerable & inside).sum())
                cells.append(f"{2 * right / max(1, both):.2f} ({wrong})")
            table.append([floor, fact_floor, *cells])
    show(
        "Evidence floors: refusal F1 (wrong refusals of answerable questions) by split",
        ["floor", "fact floor", *SPLITS],
        table,
    )


def main() -> None:
    """Print both tables."""
    options(__doc__).parse_args()
    questions = read_questions(QUESTIONS)
    with temporary_settings() as settings:
        index, embedder = sample_index(settings), make_embedder(settings)
        show_support(index, embedder, questions)
        show_floors(Pipeline(settings, index, embedder, ChosenGenerator(None, "")), questions)


if __name__ == "__main__":
    main()
