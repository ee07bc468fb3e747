"""Do the topics cover what people found in the same reviews? ``python -m tests.benchmarks.topics QUESTIONS INDEX ...``

`QUESTIONS` is a file of questions with the points that people found, a line each: `corpus` (the
index's name) and `points` with the `words` (patterns) that find the reviews of each, how many `reviews`
of `of` make it, and how that was `counted`. A point is under a topic if at least half of the sentences
with one of its words speak of the topic. Counts are compared where people counted by reading, of all
reviews, the topic is no wider than the point, and this begins with "+" or "-": of the topic's reviews
those for, or against, it.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np

import rag
from rag.config import Settings
from rag.index.topics import computed_topics
from rag.topics import Topic
from rag.topics.counting import topics_of
from rag.topics.definition import Kept
from tests.benchmarks.measuring import options, show

COMMONEST = 10
COVERED = 0.5
ALIKE = 0.4  # from which a topic is no wider than the point, so that counts can be compared
NEAR = 0.25  # of a count that people made


def points_of(questions: Path, corpus: str) -> list[dict[str, Any]]:
    """The points that people found in a corpus, each once, the commonest first."""
    points: dict[str, dict[str, Any]] = {}
    for line in questions.read_text(encoding="utf-8").splitlines():
        question = json.loads(line)
        if question["corpus"] == corpus:
            for point in question.get("points", ()):
                if point["words"] and question["kind"].startswith("task"):
                    points.setdefault(point["point"], point)
    return sorted(points.values(), key=lambda point: -point["reviews"])


def covering(
    point: dict[str, Any], index: rag.Index, kept: Kept, topics: dict[str, Topic]
) -> tuple[Topic | None, float, float]:
    """The topic that speaks most as the point does, which share of the point's sentences has it, and
    how alike they are (common sentences of all); no topic where the share is under half.
    """
    pattern = re.compile("|".join(point["words"]), re.IGNORECASE)
    sentences = index.snapshot.sentences(np.arange(index.snapshot.manifest.sentences))
    having = {s.row for s in sentences if pattern.search(s.text)}
    best: tuple[Topic | None, float, float] = (None, 0.0, 0.0)
    for definition, rows in zip(kept.definitions, kept.rows, strict=True):
        speaking = set(rows.tolist())
        share = len(having & speaking) / max(len(having), 1)
        alike = len(having & speaking) / max(len(having | speaking), 1)
        if share >= COVERED and alike > best[2]:
            best = topics[definition.name], share, alike
    return best


def main() -> None:
    """Print the topics of each index and what they cover."""
    parser = options(__doc__)
    parser.add_argument("questions", type=Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--indexes", type=Path, default=Settings().paths.indexes_dir)
    arguments = parser.parse_args()
    settings = Settings().changed({"paths.indexes_dir": arguments.indexes})
    for name in arguments.names:
        index = rag.open(name, settings=settings)
        begun = time.perf_counter()
        kept = computed_topics(index.snapshot)  # whatever was kept
        seconds = time.perf_counter() - begun
        begun = time.perf_counter()
        topics = {topic.name: topic for topic in topics_of(index.snapshot, kept)}
        counting = time.perf_counter() - begun
        rows: list[tuple[object, ...]] = [
            (t.name, t.reviews, t.praise, t.criticism, t.mixed, t.neutral, ", ".join(t.terms[:8]))
            for t in topics.values()
        ]
        header = ("topic", "reviews", "for", "against", "both", "neither", "terms")
        speaking = set(
            index.snapshot.voices[
                index.snapshot.sentence_review[np.concatenate(kept.rows)]
            ].tolist()
        )
        share = len(speaking) / len(set(index.snapshot.voices.tolist()))
        show(
            f"{name}: found in {seconds:.2f} s, counted in {counting:.2f} s; {share:.0%} of the "
            "reviews speak of one",
            header,
            rows,
        )
        compare(points_of(arguments.questions, name), index, kept, topics)


def compare(
    points: list[dict[str, Any]], index: rag.Index, kept: Kept, topics: dict[str, Topic]
) -> None:
    """Print what people found, and the topic that it is under."""
    rows: list[tuple[object, ...]] = []
    covered, near, read = 0, 0, 0
    for place, point in enumerate(points):
        topic, share, alike = covering(point, index, kept, topics)
        covered += place < COMMONEST and topic is not None
        ours: int | str = ""
        sign = point["point"][:2]
        whole = point["of"] >= 0.95 * len(index)
        if point["counted"] == "reading" and whole and topic and sign in ("+ ", "- "):
            ours = topic.mixed + (topic.praise if sign == "+ " else topic.criticism)
            if alike >= ALIKE:
                read += 1
                near += abs(ours - point["reviews"]) <= NEAR * point["reviews"]
        rows.append(
            (
                point["point"][:60],
                point["reviews"],
                point["counted"],
                topic.name if topic else "-",
                f"{share:.2f}",
                f"{alike:.2f}",
                ours,
            )
        )
    show(
        f"Of the {min(COMMONEST, len(points))} commonest points {covered} are under a topic; of "
        f"{read} counts by reading of the same matter {near} are within a quarter",
        ("point", "reviews", "counted", "topic", "share", "alike", "ours"),
        rows,
    )


if __name__ == "__main__":
    main()
