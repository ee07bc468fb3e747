"""Is a sentence praise or criticism? The cheap form, for every sentence of an index: a linear head
on the vector that the index holds anyway, the same for every index.

For the bundled embedder the head was fitted on labelled sentences (`finetune.reader.stance_head`);
for another, a direction between a few praising and criticising sentences stands in for it. It is
never centred on a corpus: of happy guests, half would seem to complain. The rating of the
sentence's own review counts beside it, and the side of a "pros" or "cons" column decides.

On 51 sentences of real reviews that praise or criticise, of films and series, none of them fitted
on: right .90 (the direction .84, the reader itself .92); of 113 more of other corpora .84, the
reader .86.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.schema import Side

Floats = NDArray[np.float32]

HEAD = Path(__file__).parent / "stance_head.npz"
"""Weights of the head, its offset, and the identity of the embedder that it is for."""

PRAISING = (
    "I loved it, it was wonderful.",
    "Brilliant, moving and beautifully done.",
    "The best part; it works so well.",
    "A masterpiece, highly recommended.",
    "This impressed me a lot.",
    "It made me smile and cry, in the best way.",
    "Great acting, great writing.",
    "It is gripping and clever.",
)
CRITICISING = (
    "I hated it, it was terrible.",
    "Awful, boring and badly done.",
    "The worst part; it does not work at all.",
    "A waste of time, avoid.",
    "This disappointed me a lot.",
    "It annoyed me and I stopped watching.",
    "Bad acting, lazy writing.",
    "It is dull and stupid.",
)
_LONGEST = 3.5  # of the direction, where an embedder hardly tells the sides apart; MiniLM 3.3
_RATING_WEIGHT = 0.4  # of a rating from -1 to 1
_KNOWN_SIDE = 0.9  # stance of a sentence in a column of pros or cons
NEUTRAL_BAND = 0.4


@dataclass(frozen=True, slots=True)
class StanceModel:
    """Which stance wording takes, as `vectors @ weights + offset`: about 1 for praise, -1 for
    criticism, 0 for neither and for both.
    """

    weights: Floats  # (dimension,)
    offset: float

    def stance(
        self, vector: Floats, rating_fraction: float | None, side: Side | None = None
    ) -> float:
        """-1 (criticism) to 1 (praise) for a sentence with this unit vector, in a review rated 0..1
        or not; `side` is that of the column it stood in.
        """
        if side in ("praise", "criticism"):
            return _KNOWN_SIDE if side == "praise" else -_KNOWN_SIDE
        wording = float(vector @ self.weights) + self.offset
        return with_rating(wording, rating_fraction)


def with_rating(wording: float, rating_fraction: float | None) -> float:
    """The stance of wording, -1 to 1, in a review that is rated 0..1 or not."""
    value = wording
    if rating_fraction is not None:
        rating = 2 * rating_fraction - 1
        value += _RATING_WEIGHT * rating
        if wording * rating < 0:
            value /= 2  # they contradict each other, and one of them is wrong
    return max(-1.0, min(1.0, value))


def with_ratings(
    wording: NDArray[np.float32], fractions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`with_rating` of many sentences; a fraction is NaN where a review is not rated."""
    wordings = wording.astype(np.float64)
    ratings = np.where(np.isnan(fractions), 0.0, 2 * fractions - 1)
    values = wordings + _RATING_WEIGHT * ratings
    values[wordings * ratings < 0] /= 2
    return np.clip(values, -1.0, 1.0)


def side_of(stance: float) -> Side:
    """Which side of an opinion a stance is on; neutral when it is too small to tell."""
    if abs(stance) < NEUTRAL_BAND:
        return "neutral"
    return "praise" if stance > 0 else "criticism"


@cache
def fitted_head(identity: str) -> StanceModel | None:
    """The head for the embedder of this identity, if one was fitted."""
    with np.load(HEAD, allow_pickle=False) as stored:
        if str(stored["identity"]) != identity:
            return None
        return StanceModel(stored["weights"].astype(np.float32), float(stored["offset"]))


def between_anchors(praising: Floats, criticising: Floats) -> StanceModel:
    """1 at the mean of `praising` and -1 at that of `criticising`, both (sentences, dimension): the
    vectors of `PRAISING` and `CRITICISING`.
    """
    direction = praising.mean(axis=0) - criticising.mean(axis=0)
    squared = float(direction @ direction)
    if squared < 1e-9:
        return StanceModel(np.zeros_like(direction, dtype=np.float32), 0.0)
    length = min(2 / squared**0.5, _LONGEST)
    weights = (direction / squared**0.5 * length).astype(np.float32)
    zero = (praising.mean(axis=0) + criticising.mean(axis=0)) / 2
    return StanceModel(weights, -float(zero @ weights))
