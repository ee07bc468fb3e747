"""Questions from files of SQuAD's shape, whose paragraphs are the reviews of an index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rag.evaluation.question_sets import RetrievalQuestion, Span
from rag.index import ReviewIndex
from rag.schema import ReviewFileError


def is_squad(path: Path) -> bool:
    """Whether a file has SQuAD's shape: `data`, paragraphs in it, and questions in these."""
    if path.suffix.lower() != ".json":
        return False
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(table, dict) and isinstance(table.get("data"), list)


def read_squad(path: Path, index: ReviewIndex) -> list[RetrievalQuestion]:
    """Its questions, those about a paragraph that is a review of the index: with the words that
    answer them.

    An answer is looked up by its words, since cleaning a review moves its characters;
    `is_impossible`, or no answer that is found, makes a question unanswerable from that review.
    Raises `ReviewFileError` where none is left.
    """
    by_text = {_plain(review.text): review for review in index.reviews()}
    try:
        paragraphs = [
            p
            for part in json.loads(path.read_text(encoding="utf-8"))["data"]
            for p in part["paragraphs"]
        ]
        found = []
        for paragraph in paragraphs:
            review = by_text.get(_plain(paragraph["context"]))
            if review is None:
                continue
            for one in paragraph["qas"]:
                spans = _spans(one, review.review_id, review.text)
                found.append(
                    RetrievalQuestion(
                        str(one["id"]),
                        str(one["question"]),
                        "squad",
                        "",
                        {review.review_id: 1},
                        review.item,
                        spans,
                    )
                )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        said = f"{type(error).__name__}: {error}"
        raise ReviewFileError(
            f"{path} is not a question file of SQuAD's shape ({said})."
        ) from error
    if not found:
        raise ReviewFileError(
            f'None of the paragraphs of {path} is a review of the index "{index.name}". Build the '
            "index from this file."
        )
    return found


def _spans(question: dict[str, Any], review_id: str, text: str) -> tuple[Span, ...]:
    if question.get("is_impossible"):
        return ()
    answers = {str(one["text"]) for one in question.get("answers", ()) if str(one["text"]).strip()}
    places = ((answer, text.find(answer)) for answer in sorted(answers))
    return tuple((review_id, start, start + len(answer)) for answer, start in places if start >= 0)


def _plain(text: str) -> str:
    return " ".join(text.split())
