"""What people say of answers: a file, one JSON object a line, and the questions that it makes.

Each line holds the answer as it was shown, so that it is of use when the index has changed. An
answer that was found good is an example: its question, what a good answer says, and the reviews
that say it. `Feedback` about one answer may be given again; the last counts.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from rag.answer import Answer
from rag.files import append_line
from rag.schema import SettingsError

FEEDBACK_FILE = "feedback.jsonl"  # in `runs_dir`
Reason = Literal["", "untrue", "incomplete", "off", "counts", "answerable", "unanswerable"]
"""Why an answer is bad: it says what is not so; leaves out what matters; answers something else;
its numbers are wrong; the reviews do answer; they do not, and it should have said so.
"""
_KINDS = {"fact": "fact", "count": "count", "statistic": "count"}


@dataclass(frozen=True, config={"strict": True})
class Feedback:
    """What somebody says of one answer. `reviews` are the ids of those who bear the answer out,
    `points` its key points with the ids of those who make each. `comment` is in their own words.
    """

    id: str
    question: str
    where: str
    index: str
    kind: str
    answer: str
    refused: bool
    reviews: list[str]
    points: dict[str, list[str]]
    generator: str
    good: bool
    reason: Reason
    comment: str
    time: str


def feedback_on(
    answer: Answer,
    index: str,
    where: str,
    *,
    good: bool,
    time: str,
    reason: Reason = "",
    comment: str = "",
) -> Feedback:
    """The record of what is said of `answer`, which `index` gave under the conditions `where`."""
    question = answer.searched_for or answer.question
    points = {point.statement: [said.review_id for said in point.said] for point in answer.points}
    cited = [chunk.review.review_id for chunk in answer.cited]
    reviews = dict.fromkeys([*cited, *(name for ids in points.values() for name in ids)])
    intent, both = answer.plan.get("intent", ""), not answer.plan.get("side")
    usual = "both_sides" if intent == "overview" and both else "opinion"
    told = "\n".join((question, where, index, answer.generator, answer.text))
    return Feedback(
        id=hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:12],
        question=question,
        where=where,
        index=index,
        kind="unanswerable" if answer.refused else _KINDS.get(intent, usual),
        answer=answer.text,
        refused=answer.refused,
        reviews=[] if answer.refused else list(reviews),
        points=points,
        generator=answer.generator,
        good=good,
        reason=reason,
        comment=comment,
        time=time,
    )


def add_feedback(file: Path, feedback: Feedback) -> None:
    """Append it. Raises `SettingsError` where the file cannot be written."""
    line = json.dumps(asdict(feedback), ensure_ascii=False).encode("utf-8", "backslashreplace")
    try:
        append_line(file, line)
    except OSError as error:
        raise SettingsError(
            f"What you said was not kept: cannot write {file} ({error.strerror or error}). "
            "Make room, or set runs_dir to a folder that can be written to."
        ) from error


def read_feedback(file: Path) -> tuple[list[Feedback], int]:
    """The last feedback about each answer, oldest first, and how many lines could not be read; none
    where there is no file. Raises `SettingsError` where it cannot be read at all.
    """
    try:
        lines = [line for line in file.read_bytes().splitlines() if line.strip()]
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise SettingsError(f"Cannot read {file}: {error.strerror}.") from error
    last: dict[str, Feedback] = {}
    broken = 0
    for line in lines:
        with contextlib.suppress(ValueError, TypeError):  # pydantic's and Unicode's errors are such
            feedback = Feedback(**json.loads(line))
            last.pop(feedback.id, None)
            last[feedback.id] = feedback
            continue
        broken += 1
    return list(last.values()), broken


def as_questions(given: Iterable[Feedback]) -> list[Mapping[str, Any]]:
    """Questions to train with, as `rag.evaluation.questions` reads them: of answers that were found
    good, and of those where the reviews were found not to say. Other bad answers tell nothing of a
    good one. A question that is asked under conditions on the reviews is another question to all of
    them, and left out.
    """
    rows: list[Mapping[str, Any]] = []
    for feedback in given:
        unanswerable = feedback.reason == "unanswerable"
        if feedback.where or not (feedback.good or unanswerable):
            continue
        silent = unanswerable or feedback.refused
        rows.append(
            {
                "id": f"feedback-{feedback.id}",
                "question": feedback.question,
                "kind": "unanswerable" if silent else feedback.kind,
                "split": "train",
                "topic": "",
                "review_ids": [] if silent else feedback.reviews,
                "answer": "" if silent else feedback.answer,
                "key_points": [] if silent else list(feedback.points),
                "point_reviews": [] if silent else list(feedback.points.values()),
            }
        )
    return rows
