"""Reading a prompt back, to see what a model was sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.schema import Message, fraction_of_scale


@dataclass(frozen=True, slots=True)
class PromptReview:
    """One fenced review as it stands in a prompt; `rating` is 0..1 or None."""

    number: int
    rating: float | None
    text: str


_REVIEW_BLOCK = re.compile(
    r'^<review number="(\d+)" rating="([^"]*)" date="[^"]*">\n(.*)\n</review>$', re.MULTILINE
)


def read_prompt(messages: Sequence[Message]) -> tuple[str, list[PromptReview]]:
    """The question and the reviews of a prompt made by `build_messages`."""
    content = messages[-1]["content"]
    reviews = []
    for number, rating, text in _REVIEW_BLOCK.findall(content):
        value, _, highest = rating.partition("/")
        lowest = (
            1.0 if highest in ("5", "10") and float(value) >= 1 else 0.0
        )  # stars and marks out of ten begin at one
        fraction = fraction_of_scale(float(value), lowest, float(highest)) if highest else None
        reviews.append(PromptReview(int(number), fraction, text))
    question = content.rpartition("\n\n" + "Question: ")[2]
    return question, reviews
