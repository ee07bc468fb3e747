"""Questions from files of SQuAD's shape, whose paragraphs are the reviews of an index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rag.evaluation.question_sets import RetrievalQuestion, Span
from rag.index import ReviewIndex
from rag.schema import Review, ReviewFileError


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
    questions = []
    try:
        for document in json.loads(path.read_text(encoding="utf-8"))["data"]:
            for paragraph in document["paragraphs"]:
                review = by_text.get(_plain(paragraph["context"]))
                if review is not None:
                    questions += [_question(row, review) for row in paragraph["qas"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReviewFileError(
            f"{path} is not a question file of SQuAD's shape ({type(error).__name__}: {error})."
        ) from error
    if not questions:
        raise ReviewFileError(
            f'None of the paragraphs of {path} is a review of the index "{index.name}". Build the '
            "index from this file."
        )
    return questions


def _question(row: dict[str, Any], review: Review) -> RetrievalQuestion:
    return RetrievalQuestion(
        id=str(row["id"]),
        question=str(row["question"]),
        domain="squad",
        split="",
        relevance={review.review_id: 1},
        item_id=review.item,
        spans=_spans(row, review),
    )


def _spans(row: dict[str, Any], review: Review) -> tuple[Span, ...]:
    if row.get("is_impossible"):
        return ()
    answers = sorted({str(answer["text"]) for answer in row.get("answers", ())})
    starts = {answer: review.text.find(answer) for answer in answers if answer.strip()}
    return tuple(
        (review.review_id, start, start + len(answer))
        for answer, start in starts.items()
        if start >= 0
    )


def _plain(text: str) -> str:
    return " ".join(text.split())
