"""What an import changes: which reviews of the live index stay, and which of the incoming ones are
new or changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.index import tables
from rag.index.snapshot import ReviewIndex
from rag.ingest.duplicates import signature
from rag.schema import IndexFileError, Review

Signatures = NDArray[np.uint32]
"""(reviews, 68): see `rag.ingest.duplicates`."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The reviews of the next generation: those that stay, in their order, then the new and changed
    as they came in.
    """

    stay: NDArray[np.int64]  # rows of the live generation
    take: NDArray[np.bool_]  # of each incoming review: is it new or changed?
    content: list[bytes]  # content keys of those taken
    signatures: Signatures  # of those taken
    new: int
    changed: int
    unchanged: int
    removed: int

    @property
    def changes_nothing(self) -> bool:
        """The live generation already is what is wanted."""
        return not (self.new or self.changed or self.removed)


def compare(
    incoming: Iterable[Review],
    live: ReviewIndex | None,
    *,
    replace: bool,
    delete: Collection[str],
    progress: Callable[[int], None],
) -> Comparison:
    """Compare by id, and where an id is known by content.

    With `replace`, reviews that do not come in are removed; `delete` names more to remove, also
    where they come in. Raises `IndexFileError` for an id to delete that is not there, and where two
    incoming reviews have one id.
    """
    known = {} if live is None else _known(live)
    delete = dict.fromkeys(delete)
    missing = [review_id for review_id in delete if review_id not in known]
    if missing:
        raise IndexFileError(
            f"There is no review with the id {missing[0]!r} to delete"
            + (f", nor {len(missing) - 1} others of the ids given." if len(missing) > 1 else ".")
        )
    stay = np.ones(len(known), dtype=np.bool_)
    seen: set[str] = set()
    take: list[bool] = []
    content: list[bytes] = []
    signatures: list[Signatures] = []
    new = changed = unchanged = repeated = 0
    for number, review in enumerate(incoming, 1):
        repeated += review.review_id in seen
        seen.add(review.review_id)
        key = tables.content_key(review)
        row, old_key = known.get(review.review_id, (-1, b""))
        take.append(key != old_key and review.review_id not in delete)
        if take[-1]:
            content.append(key)
            signatures.append(signature(review.text))
            if row >= 0:
                stay[row] = False
                changed += 1
            else:
                new += 1
        elif review.review_id not in delete:
            unchanged += 1
        if number % 500 == 0:
            progress(number)
    progress(len(take))
    if repeated:
        raise IndexFileError(
            f"{repeated} reviews have an id that another one has; ids must be unique."
        )
    removed = 0
    for review_id, (row, _) in known.items():
        if (replace and review_id not in seen) or review_id in delete:
            removed += int(stay[row])
            stay[row] = False
    return Comparison(
        np.flatnonzero(stay),
        np.array(take, dtype=np.bool_),
        content,
        np.array(signatures, dtype=np.uint32).reshape(-1, tables.SIGNATURE_WORDS),
        new,
        changed,
        unchanged,
        removed,
    )


def _known(live: ReviewIndex) -> dict[str, tuple[int, bytes]]:
    table = live.reviews_table
    ids, keys = table.column("review_id").to_pylist(), table.column("content").to_pylist()
    return {
        review_id: (row, key) for row, (review_id, key) in enumerate(zip(ids, keys, strict=True))
    }
