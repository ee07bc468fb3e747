"""A review whose text stands in several columns: pros and cons, or the questions of a survey.

The columns are read as labelled parts of one text. Where a column says which side it is on, its
part keeps that.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag.ingest.cleaning import Cleaned, clean
from rag.schema import Part, Side

# Whole words of a column's name, in the languages of the other names.
_PRAISE = re.compile(
    r"\b(pros?|positives?|advantages?|likes?|liked|best|strengths?|loved?|enjoyed|well|plus|pluses"
    r"|vorteile|positiv|avantages|points forts|ventajas|vantaggi|pregi|vantagens|voordelen|pluspunten"
    r"|zalety|artılar|достоинства|плюсы|преимущества)\b|장점|良かった点|良い点|优点|優點"
)
_CRITICISM = re.compile(
    r"\b(cons?|negatives?|disadvantages?|dislikes?|disliked|least|worst|weakness(es)?|improved?"
    r"|improvements?|better|hated?|drawbacks?|missing|change|(?:not|\w+n t) (?:\w+ )?like|bad"
    r"|nachteile|negativ|inconvénients|points faibles|desventajas|contras|svantaggi|difetti"
    r"|desvantagens|nadelen|minpunten|wady|eksiler|недостатки|минусы)\b"
    r"|단점|아쉬운 점|悪かった点|気になった点|缺点|缺點"
)
_NO_SIDE = re.compile(r"\bsolv|\brecommend|\bother\b")
_FILLER = re.compile(
    r"(?:no (?:negatives?|positives?|pros|cons|comments?|complaints?)|n ?/? ?a|none|nothing|nil"
    r"|nan|null|no|nichts|keine?|rien|aucun|nada|ninguno|niente|nessuno|geen|brak|yok|нет|ничего"
    r"|없음|없어요|없습니다|(?:特に)?(?:なし|ない|ありません)|无|没有|無|[-–—.?/x]*)[\s.!。]*",
    re.IGNORECASE,
)
_LABELS: dict[Side | None, str] = {"praise": "Positive", "criticism": "Negative"}
_LONGEST_LABEL = 3  # words


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column that holds a review's text, or a part of it."""

    name: str
    label: str = ""
    side: Side | None = None  # None: the column does not say


def text_column(name: str) -> TextColumn:
    """A column as a part of the text: its label and its side, by its name."""
    plain = " ".join(re.sub(r"[\W_]+", " ", name.rpartition(".")[2]).split())
    side = side_of_name(name)
    label = re.sub(r"\b(?:my|your|user|customer)?\s*reviews?\b", "", plain, flags=re.I).strip()
    if not label or len(label.split()) > _LONGEST_LABEL or "?" in name:
        label = _LABELS.get(side, "Comment")
    return TextColumn(name, label[:1].upper() + label[1:], side)


def side_of_name(name: str) -> Side | None:
    """The side that a column's name says its text is on."""
    words = " ".join(re.sub(r"[\W_]+", " ", name).casefold().split())
    if _NO_SIDE.search(words):
        return None
    if _CRITICISM.search(words):
        return "criticism"
    return "praise" if _PRAISE.search(words) else None


def is_filler(text: str) -> bool:
    """Whether a part says only that there is nothing to say: "No Negative", "N/A", "none", "-"."""
    return _FILLER.fullmatch(text.strip()) is not None


def review_text(
    cells: Mapping[str, Any], columns: Sequence[TextColumn], steps: Collection[str]
) -> tuple[Cleaned, tuple[Part, ...]]:
    """The cleaned text of a row, and its parts where it has a side that is known.

    Several columns are joined as ``Label: text``, a paragraph each; fillers are left out.
    """
    texts = [cells.get(column.name) for column in columns]
    cleaned = [clean("" if text is None else str(text), steps) for text in texts]
    if len(columns) == 1:
        return cleaned[0], ()
    joined = ""
    parts = []
    for column, part in zip(columns, cleaned, strict=True):
        if is_filler(part.text):
            continue
        joined += "\n\n" if joined else ""
        start = len(joined)
        joined += f"{column.label}: {part.text}"
        if column.side is not None:
            parts.append(Part(start, len(joined), column.side))
    changed = tuple(dict.fromkeys(step for part in cleaned for step in part.changed))
    votes = next((part.votes for part in cleaned if part.votes is not None), None)
    return Cleaned(joined, changed, votes), tuple(parts)
