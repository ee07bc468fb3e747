"""Which reviews are held out: whole items, or single reviews in a corpus of one item; copies never
straddle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rag.index import ReviewIndex
from rag.schema import SettingsError

FEWEST = 2  # of items or reviews on either side of a split


def items_of(index: ReviewIndex) -> NDArray[np.str_]:
    """The item of each review (reviews,); "" where it has none."""
    return np.array([review.item for review in index.reviews(texts=False)], dtype=np.str_)


def held_out_reviews(index: ReviewIndex, share: float, seed: int) -> NDArray[np.bool_]:
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
            f"least {2 * FEWEST} "
            "are needed to hold any out."
        )
    order = np.random.default_rng(seed).permutation(len(units))
    wanted, size = share * len(groups), 0
    chosen: list[int] = []
    for (
        unit
    ) in order.tolist():  # one that is too large, as an item of most reviews may be, is passed over
        if (
            abs(size + sizes[unit] - wanted) <= abs(size - wanted)
            and len(chosen) < len(units) - FEWEST
        ):
            chosen.append(unit)
            size += int(sizes[unit])
    chosen = chosen or [min(order.tolist(), key=lambda unit: int(sizes[unit]))]
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
