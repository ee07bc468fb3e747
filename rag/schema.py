"""The frozen records that cross module boundaries, and the error tree. Standard library only.

Character offsets always count Python characters (code points) of `Review.text` as stored in the
index, half-open: ``review.text[start:end]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple


class ReviewQAError(Exception):
    """Something the user can mend. The message says what was wrong, where, and what to do next."""


class SettingsError(ReviewQAError):
    """A setting is unknown, of the wrong type, or out of range."""


class ReviewFileError(ReviewQAError):
    """A review or question file cannot be read, or a row of it is unusable."""


class IndexFileError(ReviewQAError):
    """An index is missing, damaged, or was built with another embedder."""


class ModelError(ReviewQAError):
    """Model weights are missing, damaged, or not what the settings say."""


class GeneratorError(ReviewQAError):
    """A generator could not produce an answer (server down, time-out, out of memory)."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its class where it has none."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def short_reason(error: BaseException) -> str:
    """An error's message as a part of a sentence: 200 characters of its first line at most, without
    a full stop.
    """
    return str(error).strip().split("\n")[0][:200].rstrip(".") or type(error).__name__


def well_formed(text: str) -> str:
    """`text` with each half of a surrogate pair that lacks the other as U+FFFD: nothing else can
    store or read it.
    """
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


Side = Literal["praise", "criticism", "neutral"]
"""A side of an opinion; neutral is neither, or too little to tell."""


class Part(NamedTuple):
    """A part of a review's text whose side the file told (its column is called "Cons")."""

    start: int
    end: int
    side: Side


@dataclass(frozen=True, slots=True)
class Slice:
    """The reviews of one rating, period or item that speak of something, out of the `of` that there
    are. Of them `praise` are for it and not against, and `criticism` against and not for it.

    `label` is the rating as the reviewers gave it ("4", "7.5"), the period ("2021", "2021-09"), or
    the item.
    """

    label: str
    reviews: int
    praise: int
    criticism: int
    of: int

    @property
    def share(self) -> float:
        """Of those on one side, the share that is for it; half where there are none."""
        judge = self.praise + self.criticism
        return self.praise / judge if judge else 0.5


@dataclass(frozen=True, slots=True)
class Review:
    """One review as stored.

    `rating` is as the reviewer gave it, on the scale `rating_min`..`rating_max`; `date` is ISO 8601
    (``YYYY-MM-DD``) or empty; `line` is the line (or row) of the source file where the review
    began. `parts` are the parts of the text whose side the file told, in order.
    """

    review_id: str
    text: str
    title: str = ""
    rating: float | None = None
    rating_min: float = 0.0
    rating_max: float = 10.0
    date: str = ""
    author: str = ""
    item: str = ""
    helpful_votes: int | None = None
    language: str = ""
    source: str = ""
    line: int = 0
    parts: tuple[Part, ...] = ()

    @classmethod
    def from_row(cls, values: Mapping[str, Any]) -> Review:
        """A review from a row of a table, whose parts are plain objects or missing."""
        parts = tuple(Part(**part) for part in values.get("parts") or ())
        return cls(**{**values, "parts": parts})

    def side_at(self, start: int) -> Side | None:
        """The side of the part that a sentence beginning at `start` is in; None outside parts."""
        return next((part.side for part in self.parts if part.start <= start < part.end), None)

    @property
    def rating_fraction(self) -> float | None:
        """The rating on a common 0..1 scale, or None."""
        return fraction_of_scale(self.rating, self.rating_min, self.rating_max)


def fraction_of_scale(rating: float | None, lowest: float, highest: float) -> float | None:
    """`rating` mapped linearly from lowest..highest to 0..1, clipped; None where there is no
    rating.
    """
    if rating is None or highest <= lowest:
        return None
    return min(1.0, max(0.0, (rating - lowest) / (highest - lowest)))


def rating_words(review: Review) -> str:
    """The rating as people write it: ``8/10``, or ``none``."""
    return "none" if review.rating is None else f"{review.rating:g}/{review.rating_max:g}"


@dataclass(frozen=True, slots=True)
class ReviewSentence:
    """One sentence of a review: the unit of evidence. `row` is its row in the index, and its
    vector's.
    """

    row: int
    review_id: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of whole sentences of one review; ``text == review.text[start:end]``."""

    chunk_id: str
    review_id: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class RetrievedChunk:
    """A chunk found for a question.

    `number` is what citations call it (from 1); `score` is what it was ranked by, larger is better,
    comparable only within one question; `cosine` is the largest of the question and one of the
    chunk's sentences; `side` is what it leans to; `sentences` are the chunk's sentences in reading
    order. `also_in` names other reviews whose chunk said the same and was folded into this one.
    """

    number: int
    chunk: Chunk
    review: Review
    score: float
    sentences: tuple[ReviewSentence, ...]
    also_in: tuple[str, ...] = ()
    cosine: float = 0.0
    side: Side = "neutral"


Message = Mapping[str, str]
"""A chat message: ``{"role": "system" | "user" | "assistant", "content": text}``."""
