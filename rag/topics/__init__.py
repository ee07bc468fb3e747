"""What the reviews speak of: topics, named in the reviewers' words, with who is for and against.

A review speaks of a topic where one of its sentences has one of the topic's terms. Copies, and what
one person wrote of one item several times, are one review here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rag.answer import Said
from rag.schema import Slice


@dataclass(frozen=True, slots=True)
class Rise:
    """A topic that is spoken of more than it was, by more than chance: `recent` of the `recent_of`
    reviews since the day `since` (ISO 8601) speak of it, and `earlier` of the `earlier_of` before.
    """

    since: str
    recent: int
    recent_of: int
    earlier: int
    earlier_of: int


@dataclass(frozen=True, slots=True)
class Topic:
    """What `reviews` of the `of` reviews speak of.

    `name` is how reviewers write it; `terms` are its words, lower case, the commonest first. Each
    of the reviews is one of `praise`, `criticism`, `mixed` (some for, some against) and `neutral`.
    `by_rating` is empty where there are no ratings, or several scales; lowest first. `by_period`
    has a slice for each year, or month where the reviews are of at most two years, oldest first;
    empty where there are no dates. `best_praise` and `best_criticism` are short sentences that
    stand alone. `question` is what to ask to hear more.
    """

    name: str
    terms: tuple[str, ...]
    reviews: int
    of: int
    praise: int
    criticism: int
    mixed: int
    neutral: int
    by_rating: tuple[Slice, ...]
    by_period: tuple[Slice, ...]
    rising: Rise | None
    best_praise: Said | None
    best_criticism: Said | None
    question: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)
