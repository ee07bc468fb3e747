"""Question sets: the project's own layout, one JSON object a line; or a CSV file with the same
columns.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.schema import ReviewFileError

KINDS = ("opinion", "both_sides", "fact", "count", "unanswerable")
SPLITS = ("train", "dev", "test")
_NO_COLUMN = ("", "point_reviews")


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its gold: the reviews that bear on it, a good answer, and what that must
    contain.

    `review_ids` and `key_points` are empty for an unanswerable question. Where a set has them,
    `point_reviews` are the reviews that say each key point, and `item_id` is the item that the
    question is about.
    """

    id: str
    question: str
    kind: str
    split: str
    topic: str
    review_ids: frozenset[str]
    answer: str
    key_points: tuple[str, ...]
    point_reviews: tuple[frozenset[str], ...] = ()
    item_id: str = ""

    @property
    def answerable(self) -> bool:
        """Whether the reviews say."""
        return self.kind != "unanswerable"


def read_questions(path: Path, split: str | None = None) -> list[Question]:
    """The questions of a file, all or of one split. Raises `ReviewFileError` with the line of the
    first bad one.
    """
    questions: dict[str, Question] = {}
    for line, row in _csv_rows(path) if path.suffix.lower() == ".csv" else json_rows(path):
        try:
            question = _question(row)
        except ValueError as error:
            raise ReviewFileError(f"{path}, line {line}: not a question: {error}.") from error
        if question.id in questions:
            raise ReviewFileError(
                f'{path}, line {line}: a second question with the id "{question.id}".'
            )
        questions[question.id] = question
    chosen = [question for question in questions.values() if split in (None, question.split)]
    require_some(chosen, path, split)
    return chosen


def require_some(questions: Sequence[object], path: Path, split: str | None) -> None:
    """Raises `ReviewFileError` for a set of which nothing is left."""
    if not questions:
        of_split = f' of the split "{split}"' if split else ""
        raise ReviewFileError(f"{path} has no questions{of_split}.")


def json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON Lines file, with their lines. Raises `ReviewFileError`."""
    # not splitlines(): it splits at characters that a string in JSON may hold
    for number, line in enumerate(io.StringIO(read_text(path)), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ReviewFileError(f"{path}, line {number}: not JSON ({error}).") from error
        if not isinstance(row, dict):
            raise ReviewFileError(f"{path}, line {number}: not an object with named fields.")
        yield number, row


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, gzipped or not. Raises `ReviewFileError`."""
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ReviewFileError(f"Cannot read the question file {path}: {error}.") from error


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of a CSV file; of its columns only `question` must be there. Lists are separated by
    semicolons.
    """
    lines = io.StringIO(read_text(path), newline="")
    reader = csv.DictReader(lines, restval="", restkey="", strict=True)
    try:
        for cells in reader:
            # a list of lists has no place in a cell, and cells beyond the header no name
            texts = {name: cells[name].strip() for name in cells if name not in _NO_COLUMN}
            row: dict[str, Any] = {name: text for name, text in texts.items() if text}
            for name in ("review_ids", "key_points"):
                parts = map(str.strip, texts.get(name, "").split(";"))
                row[name] = [part for part in parts if part]
            yield reader.line_num, {"id": f"line-{reader.line_num}"} | row
    except csv.Error as error:
        raise ReviewFileError(f"{path}: not CSV after line {reader.line_num} ({error}).") from error


def _question(row: Mapping[str, Any]) -> Question:
    """Raises `ValueError` with what is wrong."""
    for name in ("id", "question", "review_ids"):
        if name not in row:
            raise ValueError(f'it has no "{name}"')
    for name in ("review_ids", "key_points", "point_reviews"):
        if not isinstance(row.get(name, []), list):
            raise ValueError(f"{name} is not a list")
    points, said_by = row.get("key_points", ()), row.get("point_reviews", ())
    lists = all(isinstance(review_ids, list) for review_ids in said_by)
    if said_by and (len(said_by) != len(points) or not lists):
        raise ValueError("point_reviews is not one list of reviews for each of key_points")
    kind = row.get("kind", "opinion")
    if kind not in KINDS:
        raise ValueError(f'kind "{kind}" is not one of {", ".join(KINDS)}')
    return Question(
        id=str(row["id"]),
        question=str(row["question"]),
        kind=kind,
        split=str(row.get("split", "test")),
        topic=str(row.get("topic", "")),
        review_ids=frozenset(map(str, row["review_ids"])),
        answer=str(row.get("answer", "")),
        key_points=tuple(map(str, points)),
        point_reviews=tuple(frozenset(map(str, review_ids)) for review_ids in said_by),
        item_id=str(row.get("item_id", "")),
    )
