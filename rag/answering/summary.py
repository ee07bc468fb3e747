"""Counted points in order: as two lists, or as a few sentences of prose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from rag.answer import AnswerSentence, Citation, KeyPoint
from rag.answering import prompt
from rag.answering.headline import about, in_a_row
from rag.answering.opinions import Opinions
from rag.answering.statements import Statements
from rag.reader import Reader
from rag.reader.stance import NEUTRAL_BAND

Sides = Sequence[tuple[prompt.Group, Sequence[AnswerSentence]]]
"""The points of each group as statements."""

_WHAT_IS_IT = "What is it about?"
_OF_ONESELF = re.compile(r"\b(?:i|i['’]\w+|my|me|we|our|u)\b|[?!]", re.IGNORECASE)
_TELLING, _TELLING_READ, _TELLS = (8, 35), 60, 0.8  # words, sentences read, probability
_IN_A_SENTENCE = 3
_LOWERED = frozenset("The A An Some Many Most Few No Its It They There Even".split())
_OPENINGS: dict[prompt.Group, tuple[str, str]] = {
    "praise": ("What is praised most:", "Also praised:"),
    "criticism": ("What is criticised most:", "Also criticised:"),
    "neutral": ("Reviewers say:", "And:"),
}


def listed(sides: Sides) -> list[AnswerSentence]:
    """Each group under its heading; what is on neither side, and what the headline has just said, needs
    none where nothing else is told.
    """
    if len(sides) == 1 and sides[0][0] in ("neutral", "agree", "differ"):
        return list(sides[0][1])
    sentences: list[AnswerSentence] = []
    for side, statements in sides:
        sentences.append(AnswerSentence(prompt.HEADING_OF[side], True, 1.0, heading=True))
        sentences += statements
    return sentences


def summary(sides: Sides, what_it_is: AnswerSentence | None) -> list[AnswerSentence]:
    """What is reviewed, where a reviewer says so, then a sentence or two of each side."""
    sentences = []
    if what_it_is is not None:
        text = f"One reviewer describes it so: {what_it_is.text}"
        sentences.append(AnswerSentence(text, True, 1.0, what_it_is.citations))
    for side, statements in sides:
        for number, start in enumerate(range(0, len(statements), _IN_A_SENTENCE)):
            opening = _OPENINGS[side][min(number, 1)]
            sentences.append(_joined(opening, statements[start : start + _IN_A_SENTENCE]))
    return sentences


def what_it_is_of(
    opinions: Opinions, statements: Statements, reader: Reader
) -> AnswerSentence | None:
    """What is reviewed, in a reviewer's words, where one says so."""
    lengths = np.array([len(text.split()) for text in opinions.texts])
    neutral = np.flatnonzero(
        (np.abs(opinions.stances) < NEUTRAL_BAND)
        & opinions.read_language
        & (lengths >= _TELLING[0])
        & (lengths <= _TELLING[1])
        & np.array([_could_tell(text) for text in opinions.texts], dtype=bool)
    )
    if not len(neutral):
        return None
    typical = opinions.vectors[neutral] @ opinions.vectors.mean(axis=0)
    neutral = neutral[np.argsort(-typical, kind="stable")[:_TELLING_READ]]
    tells = reader.answers(_WHAT_IS_IT, [opinions.texts[place] for place in neutral.tolist()])
    best = int(np.argmax(tells))
    return statements.quoted(int(neutral[best])) if tells[best] >= _TELLS else None


def _could_tell(text: str) -> bool:
    """Whether a sentence is written as one that says what something is."""
    return text[:1].isupper() and not _OF_ONESELF.search(text)


def _joined(opening: str, statements: Sequence[AnswerSentence]) -> AnswerSentence:
    points = tuple(point for statement in statements for point in statement.points)
    of = f" of {points[0].of:,} reviews" if points else ""
    parts = [
        f"{_in_prose(point)} ({about(point.count)}{of if not place else ''})"
        for place, point in enumerate(points)
    ]
    citations = _once(c for statement in statements for c in statement.citations[:2])
    return AnswerSentence(f"{opening} {in_a_row(parts)}.", True, 1.0, citations, points=points)


def _in_prose(point: KeyPoint) -> str:
    """A point inside a sentence: quoted, or as the statement that it is."""
    statement = point.statement.rstrip(".")
    if point.quoted:
        return f"“{statement}”"
    first, _, rest = statement.partition(" ")
    return f"{first.lower() if first in _LOWERED else first} {rest}"


def _once(citations: Iterable[Citation]) -> tuple[Citation, ...]:
    return tuple({citation.number: citation for citation in citations}.values())
