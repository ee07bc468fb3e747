"""Which reviews are held out: whole items, or single reviews in a corpus of one item; copies never
straddle.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rag.index import ReviewIndex
from rag.schema import SettingsError

FEWEST = 2  # of items or reviews on either side of a split

Reviews = NDArray[np.bool_]
"""Which reviews of an index (reviews,)."""


@dataclass(frozen=True)
class Split:
    """The two sides of an index: its reviews that are held out, and the others."""

    index: ReviewIndex
    held_out: Reviews

    @cached_property
    def rows(self) -> dict[str, int]:
        """Review id -> row."""
        return self.index.rows_by_id()

    @cached_property
    def items(self) -> NDArray[np.str_]:
        """The item of each review (reviews,); "" where it has none."""
        return items_of(self.index)

    @cached_property
    def whole_items(self) -> bool:
        """Whether no item has reviews on both sides."""
        trained_on, held_out = set(self.items[~self.held_out]), set(self.items[self.held_out])
        return len(trained_on | held_out) >= 2 * FEWEST and trained_on.isdisjoint(held_out)

    def side_of(self, review_ids: Iterable[str]) -> bool | None:
        """Whether these reviews are held out, as the first of them is; None where none is in the
        index.
        """
        rows = [self.rows[review_id] for review_id in sorted(review_ids) if review_id in self.rows]
        return bool(self.held_out[rows[0]]) if rows else None

    def reviews(self, side: bool, item: str = "") -> Reviews:
        """The reviews of one side; of one item, if it is named."""
        reviews: Reviews = self.held_out == side
        return reviews & (self.items == item) if item else reviews

    def with_copies(self, review_ids: Iterable[str]) -> Reviews:
        """These reviews and the copies of them."""
        groups = self.index.review_group
        rows = [self.rows[review_id] for review_id in review_ids if review_id in self.rows]
        return np.isin(groups, groups[rows])


def items_of(index: ReviewIndex) -> NDArray[np.str_]:
    """The item of each review (reviews,); "" where it has none."""
    return np.array([review.item for review in index.reviews(texts=False)], dtype=np.str_)


def held_out_reviews(index: ReviewIndex, share: float, seed: int) -> Reviews:
    """Which reviews (reviews,) are held out, about `share` of them. Raises `SettingsError` where
    there are too few.

    Items are told apart from four on: of fewer, holding one out would take away too much. Items
    that have copies of each other's reviews stay together.
    """
    groups = index.review_group.astype(np.int64)
    items = items_of(index)
    if len(np.unique(items)) >= 2 * FEWEST:
        groups = _joined(groups, np.unique(items, return_inverse=True)[1])
    units, sizes = np.unique(groups, return_counts=True)
    if len(units) < 2 * FEWEST:
        raise SettingsError(
            f'The index "{index.name}" has {len(units)} reviews, or items that share no copies: at '
            f"least {2 * FEWEST} are needed to hold any out."
        )
    order = np.random.default_rng(seed).permutation(len(units)).tolist()
    target, size = share * len(groups), 0
    chosen: list[int] = []
    for unit in order:
        # one that is too large, as an item of most reviews may be, is passed over
        nearer = abs(size + sizes[unit] - target) <= abs(size - target)
        if nearer and len(chosen) < len(units) - FEWEST:
            chosen.append(unit)
            size += int(sizes[unit])
    chosen = chosen or [min(order, key=lambda unit: int(sizes[unit]))]
    return np.isin(groups, units[chosen])


def _joined(groups: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels (reviews,) that are equal for reviews of one group, of one item, or joined by others
    that are.
    """
    labels = groups
    while True:
        before = labels
        for keys in (items, groups):
            lowest = np.full(int(keys.max()) + 1, np.iinfo(np.int64).max)
            np.minimum.at(lowest, keys, labels)
            labels = lowest[keys]
        if np.array_equal(labels, before):
            return labels
