"""Reviews to read, as markup."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.schema import Review
from ui.render import fragment
from ui.render.words import Span, review_address


def list_html(reviews: Sequence[Review], index: str, words: Sequence[str]) -> str:
    """The reviews below one another, long ones cut short, the `words` marked in them."""
    shown = [
        (review, review_address(review.review_id, index), _marks(review.text, words))
        for review in reviews
    ]
    return fragment("browse.html", "listed", shown)


def review_html(review: Review) -> str:
    """One review with all that is known of it."""
    return fragment("browse.html", "whole", review)


def _marks(text: str, words: Sequence[str]) -> list[Span]:
    """Where the words, without the ending of a plural, begin a word of the text."""
    if not words:
        return []
    ones = [re.sub(r"(?<=\w{3})(?<!s)s$", "", word) for word in words]
    stems = "|".join(re.escape(word) for word in sorted(ones, key=len, reverse=True)[:20])
    found = re.finditer(rf"\b(?:{stems})\w*", text, re.IGNORECASE)
    return [(match.start(), match.end()) for match in found]
