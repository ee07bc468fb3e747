"""Copies among reviews: exact ones by their folded text, near ones by MinHash (Broder 1997)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Signatures = NDArray[np.uint32]
EXACT_WORDS, PERMUTATIONS, BANDS = 4, 64, 16
_FEWEST_WORDS = 5
_SIMILAR = 0.8


@dataclass(frozen=True, slots=True)
class Groups:
    """`leader` is the row of the first review of each one's group."""

    leader: NDArray[np.int64]
    exact: int
    near: int


def signature(text: str) -> Signatures:
    """(68,) four words of an exact key, 64 of MinHash."""
    from rensa import RMinHash

    words = re.findall(r"\w+", text.casefold())
    exact = np.frombuffer(
        hashlib.blake2b(" ".join(words).encode("utf-8", "replace"), digest_size=16).digest(),
        np.uint32,
    )
    if len(words) < _FEWEST_WORDS:
        return np.concatenate([exact, np.zeros(PERMUTATIONS, np.uint32)])
    minhash = RMinHash(num_perm=PERMUTATIONS, seed=42)
    minhash.update([" ".join(words[start : start + 3]) for start in range(len(words) - 2)])
    return np.concatenate([exact, np.array(minhash.digest(), dtype=np.uint32)])


def group(signatures: Signatures) -> Groups:
    """Group copies; the first of each group leads."""
    count = len(signatures)
    _, first, which = np.unique(
        signatures[:, :EXACT_WORDS], axis=0, return_index=True, return_inverse=True
    )
    leader = first[which.reshape(-1)].astype(np.int64)
    exact = int((leader != np.arange(count)).sum())
    parent = leader.copy()

    def root(row: int) -> int:
        while parent[row] != row:
            row = int(parent[row])
        return row

    rows = np.flatnonzero((leader == np.arange(count)) & signatures[:, EXACT_WORDS:].any(axis=1))
    width = PERMUTATIONS // BANDS
    for band in range(BANDS):
        keys = signatures[rows, EXACT_WORDS + band * width : EXACT_WORDS + (band + 1) * width]
        _, head, where = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        heads = rows[head[where.reshape(-1)]]
        same = (signatures[rows, EXACT_WORDS:] == signatures[heads, EXACT_WORDS:]).mean(
            axis=1
        ) >= _SIMILAR
        for row, other in zip(
            rows[same & (rows != heads)], heads[same & (rows != heads)], strict=True
        ):
            low, high = sorted((root(int(row)), root(int(other))))
            parent[high] = low
    leader = np.array([root(int(row)) for row in leader], dtype=np.int64)
    return Groups(leader, exact, int((leader != np.arange(count)).sum()) - exact)
