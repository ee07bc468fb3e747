"""What an import changes: which reviews of the live index stay, and which of the incoming ones are
new or changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.index import tables
from rag.index.options import Change, Counts
from rag.index.snapshot import ReviewIndex
from rag.ingest.duplicates import signature
from rag.progress import Progress
from rag.schema import IndexFileError, Review, well_formed

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
    counts: Counts

    @property
    def changes_nothing(self) -> bool:
        """The live generation already is what is wanted."""
        return not (self.counts.new or self.counts.changed or self.counts.removed)


def compare(
    incoming: Iterable[Review], live: ReviewIndex | None, change: Change, progress: Progress
) -> Comparison:
    """Compare by id, and where an id is known by content.

    Raises `IndexFileError` for an id to delete that is not there, and where two incoming reviews
    have one id.
    """
    rows = {} if live is None else live.rows_by_id()
    keys = [] if live is None else live.reviews_table.column("content").to_pylist()
    delete = _to_delete(change, rows)
    stay = np.ones(len(rows), dtype=np.bool_)
    seen: set[str] = set()
    take: list[bool] = []
    content: list[bytes] = []
    signatures: list[Signatures] = []
    counts = Counts()
    for number, review in enumerate(map(tables.well_formed_review, incoming), 1):
        seen.add(review.review_id)
        key = tables.content_key(review)
        row = rows.get(review.review_id, -1)
        same = row >= 0 and keys[row] == key
        stays = review.review_id not in delete
        take.append(stays and not same)
        counts.unchanged += stays and same
        if take[-1]:
            content.append(key)
            signatures.append(signature(review.text))
            if row >= 0:
                stay[row] = False
                counts.changed += 1
            else:
                counts.new += 1
        if number % 500 == 0:
            progress("comparing", number, 0)
    progress("comparing", len(take), 0)
    if len(seen) < len(take):
        raise IndexFileError(
            f"{len(take) - len(seen)} reviews have an id that another one has; ids must be unique."
        )
    for review_id, row in rows.items():
        if review_id in delete or (change.mode == "replace" and review_id not in seen):
            counts.removed += int(stay[row])
            stay[row] = False
    return Comparison(
        np.flatnonzero(stay),
        np.array(take, dtype=np.bool_),
        content,
        np.array(signatures, dtype=np.uint32).reshape(-1, tables.SIGNATURE_WORDS),
        counts,
    )


def _to_delete(change: Change, rows: dict[str, int]) -> set[str]:
    """The ids to delete. Raises `IndexFileError` for those that are not there."""
    ids = [well_formed(review_id) for review_id in dict.fromkeys(change.delete)]
    missing = [review_id for review_id in ids if review_id not in rows]
    if missing:
        raise IndexFileError(
            f"There is no review with the id {missing[0]!r} to delete"
            + (f", nor {len(missing) - 1} others of the ids given." if len(missing) > 1 else ".")
        )
    return set(ids)
