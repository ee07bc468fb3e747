"""A counted answer with its points in a model's plain words, where these are borne out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from rag.answer import AnswerSentence
from rag.answering.base import Draft, as_text
from rag.answering.summary import Sides
from rag.answering.wording import StatementWriter
from rag.schema import ReviewQAError

IN_PLAIN_WORDS = "\nIn plain words:\n"


def in_plain_words(
    writer: StatementWriter,
    known: tuple[str, str],
    draft: Draft,
    sides: Sides,
    composed: Callable[[Sides], list[AnswerSentence]],
    cancelled: Callable[[], bool],
) -> Iterator[str | Draft]:
    """What the writer words, then the whole answer with it, `composed` of its sides. `known` are the
    question and the index's name, whose words a statement may use.
    """
    sides, notes = _worded(writer, known, sides, cancelled)
    sentences = (draft.sentences[0], *composed(sides))
    worded = [s for s in sentences if any(not point.quoted for point in s.points)]
    if worded:
        yield IN_PLAIN_WORDS
    for sentence in worded:
        yield as_text(sentence)
    yield replace(draft, sentences=sentences, notes=notes, rewording=None)


def _worded(
    writer: StatementWriter,
    known: tuple[str, str],
    sides: Sides,
    cancelled: Callable[[], bool],
) -> tuple[Sides, tuple[str, ...]]:
    """The points in the writer's words, where these are borne out, and what to say of that. A writer
    that fails costs the words, and not the answer.
    """
    told = [statement for _, statements in sides for statement in statements]
    try:
        worded = writer.worded(known[0], told, known, cancelled)
    except ReviewQAError as error:
        return sides, (f"The points are quoted: {error}",)
    left = iter(worded.sentences)
    in_words = [(side, [next(left) for _ in statements]) for side, statements in sides]
    others = "" if worded.worded == worded.asked else "; the others are quoted"
    note = (
        f"{worded.worded} of {worded.asked} points are in the words of {writer.name}, checked "
        f"against their reviews{others}."
    )
    return in_words, (note,)
