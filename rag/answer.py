"""An answer: sentences that can be checked, each with the reviews that it rests on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rag.schema import RetrievedChunk, Side, Slice, rating_words

NO_GENERATOR = "no generator"
"""The generator of an answer for which none was asked."""

QUOTING = "extractive (no language model)"
"""And of one that quotes the reviews, and counts them."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A marker in an answer, resolved: ``quote == review.text[start:end]`` is what supports the
    sentence best.

    `score` is the support this span alone gives (0..1); `supports` is whether that passes the
    threshold.
    """

    number: int
    review_id: str
    chunk_id: str
    start: int
    end: int
    quote: str
    score: float
    supports: bool

    @classmethod
    def of(
        cls, source: RetrievedChunk, start: int, end: int, score: float, *, supports: bool
    ) -> Citation:
        """A citation of a span of a retrieved chunk's review."""
        return cls(
            number=source.number,
            review_id=source.review.review_id,
            chunk_id=source.chunk.chunk_id,
            start=start,
            end=end,
            quote=source.review.text[start:end],
            score=round(score, 4),
            supports=supports,
        )


@dataclass(frozen=True, slots=True)
class Said:
    """What one reviewer says: ``quote == review.text[start:end]``."""

    review_id: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class KeyPoint:
    """A point that reviewers make, and how many do.

    `statement` is a reviewer's own sentence if it is `quoted`. Of `of` reviews that speak of what
    was asked about, `count` make the point; it is between `low` and `high`, by what is known of the
    reader's errors (90% interval). `about`: not all of them were read. `said` is what those
    reviewers say, the surest first, and `citations` the numbers of those whose chunks the answer
    cites; `opposed` what those say who say the opposite. One person's
    reviews, and copies, count as one.
    """

    statement: str
    quoted: bool
    stance: Side
    count: int
    of: int
    low: int
    high: int
    about: bool
    said: tuple[Said, ...]
    citations: tuple[int, ...] = ()
    opposed: tuple[Said, ...] = ()

    @property
    def how_many(self) -> str:
        """In words: "about 38 of 160 reviews"."""
        number = f"about {self.count:,}" if self.about else f"{self.count:,}"
        return f"{number} of {self.of:,} review{'' if self.of == 1 else 's'}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "statement": self.statement,
            "quoted": self.quoted,
            "stance": self.stance,
            "for": self.count,
            "against": len(self.opposed),
            "of": self.of,
            "interval": [self.low, self.high],
            "about": self.about,
            "citations": list(self.citations),
            "reviews": [said.review_id for said in self.said],
            "opposed_by": [said.review_id for said in self.opposed],
        }


@dataclass(frozen=True, slots=True)
class Breakdown:
    """What was counted, told apart by rating, over time or by item. `points` has, for each key point
    of the answer, in their order, how many of the reviews found to make it are in each slice.
    """

    by: Literal["rating", "time", "item"]
    slices: tuple[Slice, ...]
    points: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """One sentence of an answer, markers removed, with the reviews it cites and whether they bear
    it out.

    `heading` is a line that groups sentences ("What they criticise") and makes no claim of its own.
    `score` is how sure it is that the reviews bear it out, 0..1. Where they do not, `opposite` says
    that one of them says the opposite, `missing` which numbers and names stand in none of them,
    and `unsure` that it may well be borne out, and a person should look. `counted`: composed from
    what was counted, and cites nothing. `points`: the key points that it states.
    """

    text: str
    supported: bool
    score: float
    citations: tuple[Citation, ...] = ()
    heading: bool = False
    unsure: bool = False
    opposite: bool = False
    missing: tuple[str, ...] = ()
    counted: bool = False
    points: tuple[KeyPoint, ...] = ()

    @property
    def how_many(self) -> str:
        """How many reviews make its one point, where its text does not say so itself."""
        one = len(self.points) == 1 and self.points[0].how_many not in self.text
        return self.points[0].how_many if one else ""

    @property
    def doubt(self) -> str:
        """What is said of a sentence that is not borne out, in a few words; "" of one that is."""
        if self.supported:
            return ""
        if not self.citations:
            return "cites no review"
        if self.opposite:
            return "a cited review says the opposite"
        if self.missing:
            return f"not borne out: {' and '.join(self.missing)} stands in no cited review"
        return "check it yourself" if self.unsure else "not borne out by the reviews it cites"


@dataclass(frozen=True, slots=True)
class Answer:
    """A checked answer. `dropped_markers` counts citation numbers that name no retrieved chunk.

    `searched_for` is the question made to stand alone, where `question`, the user's words, leant on
    earlier ones; `plan` is how it was understood. `to_be_worded`: its points are quoted, and the same
    answer follows with some of them in plainer words. `breakdowns` tell what was counted apart, as
    far as the reviews have ratings, dates and items; of several items' answers none do.
    """

    question: str
    sentences: tuple[AnswerSentence, ...]
    refused: bool
    generator: str
    generator_reason: str
    retrieved: tuple[RetrievedChunk, ...]
    dropped_markers: int = 0
    notes: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    searched_for: str = ""
    plan: Mapping[str, Any] = field(default_factory=dict)
    to_be_worded: bool = False
    breakdowns: tuple[Breakdown, ...] = ()

    @property
    def text(self) -> str:
        """The answer's words without markers, one space between sentences."""
        return " ".join(sentence.text for sentence in self.sentences)

    @property
    def headline(self) -> str:
        """What the counts come to, in a sentence or two; "" where nothing was counted."""
        return " ".join(sentence.text for sentence in self.sentences if sentence.counted)

    @property
    def points(self) -> tuple[KeyPoint, ...]:
        """The key points, as the answer has them."""
        return tuple(point for sentence in self.sentences for point in sentence.points)

    @property
    def cited(self) -> tuple[RetrievedChunk, ...]:
        """The retrieved chunks that the answer cites, by their numbers."""
        numbers = {
            citation.number for sentence in self.sentences for citation in sentence.citations
        }
        return tuple(chunk for chunk in self.retrieved if chunk.number in numbers)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {
            "question": self.question,
            "searched_for": self.searched_for,
            "plan": dict(self.plan),
            "answer": self.text,
            "headline": self.headline,
            "refused": self.refused,
            "generator": self.generator,
            "generator_reason": self.generator_reason,
            "points": [point.as_dict() for point in self.points],
            "breakdowns": [asdict(breakdown) for breakdown in self.breakdowns],
            "sentences": [_sentence_dict(sentence) for sentence in self.sentences],
            "retrieved": [_chunk_dict(chunk) for chunk in self.retrieved],
            "dropped_markers": self.dropped_markers,
            "notes": list(self.notes),
            "timings": {name: round(value, 4) for name, value in self.timings.items()},
        }

    def to_markdown(self) -> str:
        """The answer as Markdown, each cited review quoted in a footnote."""
        return _rendered("answer.md", self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return _rendered("answer.html", self)


def _sentence_dict(sentence: AnswerSentence) -> dict[str, Any]:
    return {
        "text": sentence.text,
        "heading": sentence.heading,
        "supported": sentence.supported,
        "doubt": sentence.doubt,
        "score": round(sentence.score, 4),
        "citations": [
            {
                "number": citation.number,
                "review_id": citation.review_id,
                "start": citation.start,
                "end": citation.end,
                "quote": citation.quote,
            }
            for citation in sentence.citations
        ],
    }


def _chunk_dict(chunk: RetrievedChunk) -> dict[str, Any]:
    return {
        "number": chunk.number,
        "review_id": chunk.review.review_id,
        "chunk_id": chunk.chunk.chunk_id,
        "score": round(chunk.score, 4),
        "text": chunk.chunk.text,
    }


def _rendered(template: str, answer: Answer) -> str:
    """The answer through a template of this package; reviews and models wrote what is in it."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rag"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"markdown": plain_markdown, "rating": rating_words}
    return environment.get_template(template).render(answer=answer).strip() + "\n"


# all of ASCII's punctuation but ? , ; ' and ", which mean nothing by themselves
_MARKDOWN = re.compile(r"[!#$%&()*+\-./:<=>@\[\\\]^_`{|}~]")


def plain_markdown(text: str) -> str:
    """`text` such that Markdown shows it as it is, on one line."""
    return _MARKDOWN.sub(r"\\\g<0>", " ".join(text.split()))
