"""Question sets: the project's own layout, one JSON object a line; or a CSV file with the same
columns.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rag.schema import ReviewFileError

KINDS = ("opinion", "both_sides", "fact", "count", "unanswerable")
SPLITS = ("train", "dev", "test")


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
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReviewFileError(f"Cannot read the question file {path}: {error}.") from error
    questions: dict[str, Question] = {}
    for number, read in _csv_rows(text) if path.suffix.lower() == ".csv" else _json_rows(text):
        try:
            question = _question(read())
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ReviewFileError(
                f"{path}, line {number}: not a question ({type(error).__name__}: {error})."
            ) from error
        if question.id in questions:
            raise ReviewFileError(
                f'{path}, line {number}: a second question with the id "{question.id}".'
            )
        questions[question.id] = question
    found = [question for question in questions.values() if split in (None, question.split)]
    if not found:
        raise ReviewFileError(
            f"{path} has no questions" + (f' of the split "{split}".' if split else ".")
        )
    return found


def _json_rows(text: str) -> Iterator[tuple[int, Callable[[], Any]]]:
    for number, line in enumerate(
        io.StringIO(text), 1
    ):  # a string in JSON may hold what splitlines() splits at
        if line.strip():
            yield number, partial(json.loads, line)


def _csv_rows(text: str) -> Iterator[tuple[int, Callable[[], Any]]]:
    """Rows of a CSV file; of its columns only `question` must be there. Lists are separated by
    semicolons.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    for row in reader:
        yield reader.line_num, partial(_from_csv, row, reader.line_num)


def _from_csv(row: Mapping[str, str | None], line: int) -> dict[str, Any]:
    cells = {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}
    found: dict[str, Any] = {name: value for name, value in cells.items() if value}
    for name in ("review_ids", "key_points"):
        found[name] = [part.strip() for part in cells.get(name, "").split(";") if part.strip()]
    found.pop("point_reviews", None)  # a list of lists has no place in a cell
    if "question" not in found:
        raise ValueError("no question")
    return {"id": f"line-{line}"} | found


def _question(row: Mapping[str, Any]) -> Question:
    if not isinstance(row, dict):
        raise TypeError("not an object with named fields")
    for name in ("review_ids", "key_points", "point_reviews"):
        if not isinstance(row.get(name, []), list):
            raise TypeError(f"{name} is not a list")
    points, said_by = row.get("key_points", ()), row.get("point_reviews", ())
    if said_by and (
        len(said_by) != len(points) or not all(isinstance(ids, list) for ids in said_by)
    ):
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
        point_reviews=tuple(frozenset(map(str, ids)) for ids in said_by),
        item_id=str(row.get("item_id", "")),
    )
