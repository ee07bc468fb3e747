"""How many reviews make a point: the reader reads, code counts, and an interval tells its errors.

A sentence makes a point if the reader finds that it bears the statement out. A voice counts once.
The interval is from a labelled sample: 21 points, each made by some 25 texts in as many wordings, and
not made by 40 more on the same matter (denials, hearsay, other remarks). The true odds were between
half and four times those counted in nine of ten populations drawn from these, whatever share of
them, from a tenth to 60%, made the point.

On seven points not chosen on, the count errs by 9.5 points of the share on average
(`tests/benchmarks/planted_counts.py`). Tried and left out, since none errs less: Rogan and Gladen's
correction by mean rates ("Estimating prevalence from the results of a screening test", 1978), which
divides by rates that differ much from point to point (12 to 14 points), the posterior over such
rates (9 to 11, with intervals as wide as half of everything), and SLD (Saerens et al. 2002; 12.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.answering.opinions import Opinions
from rag.embedding import Vectors
from rag.reader import Reader

MAKES = 0.35
"""Probability of support from which a sentence makes a point."""

_MAKES_FAR = 0.5  # and of one that is not among the nearest, where few make it
_ODDS = (0.5, 4.0)  # times the odds counted: the true odds are between, nine times in ten
OPPOSES = 0.6
"""Probability of contradiction from which a sentence says the opposite."""

_OPPOSITE_SIDES = 0.3  # how far apart the sides are, from which it cannot make the point
_SIMILAR = 0.62  # cosine from which a sentence makes the point, where no reader reads the language
_STEEPNESS = 25.0
_NEAREST = (
    24  # sentences nearest to a point, which are all read; of each next block, twice as large
)
_OF_A_BLOCK = 16  # as that before, so many are, and stand for it
_FEW_OF_THEM = 0.15  # share of a block that makes the point, below which no more are read
_SEED = 20_250_701


@dataclass(frozen=True, slots=True)
class Count:
    """How many voices make a point, and its 90% interval. `places` are those of the sentences found
    to make it, the surest first, one a voice: where a sample was read, fewer than are counted;
    `opposed` those that say the opposite; `read` those of all sentences that were read.
    """

    number: int
    low: int
    high: int
    places: tuple[int, ...]
    opposed: tuple[int, ...]
    read: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Each (sentences,): how surely each sentence makes a point, and says the opposite, 0..1; 0
    where it was not near enough to be read, or was left out of a sample. `weights`, (sentences,), are
    how many sentences each stands for, 1 where none is given. `pairs` were read, the sentences at `read`.
    """

    makes: NDArray[np.float32]
    opposes: NDArray[np.float32]
    weights: NDArray[np.float32] | None = None
    pairs: int = 0
    read: tuple[int, ...] = ()


def read(
    statement: str,
    vector: Vectors,
    stance: float,
    opinions: Opinions,
    reader: Reader,
    most: int,
) -> Reading:
    """What sentences say of a statement of this vector and stance. The reader judges the nearest,
    then a seeded sample of each next block of sentences less near, which stands for all of it, until
    few of a block make the point or `most` are read. What is in a language that the reader does not
    read is told by similarity.
    """
    cosine = opinions.vectors @ vector
    makes = np.zeros(len(opinions), dtype=np.float32)
    opposes = np.zeros_like(makes)
    weights = np.ones_like(makes)
    unread = ~opinions.read_language
    makes[unread] = 1 / (1 + np.exp(-_STEEPNESS * (cosine[unread] - _SIMILAR)))
    places = np.flatnonzero(opinions.read_language & (cosine >= opinions.floor))
    places = places[np.argsort(-cosine[places], kind="stable")]
    # the same for every point, so that points that say the same are read in the same sentences
    turn = np.random.default_rng(_SEED).permutation(len(opinions))
    seen: list[int] = []
    pairs = start = 0
    size = wanted = min(_NEAREST, most)
    while start < len(places) and pairs < most:
        block = places[start : start + size]
        chosen = block[np.sort(np.argsort(turn[block])[: min(wanted, most - pairs)])]
        pairs += len(chosen)
        seen += chosen.tolist()
        weights[chosen] = len(block) / len(chosen)
        supports = reader.support(
            [((opinions.texts[place],), statement) for place in chosen.tolist()]
        )
        for place, support in zip(chosen.tolist(), supports, strict=True):
            agreement = float(opinions.stances[place]) * stance
            if agreement < -_OPPOSITE_SIDES:
                opposes[place] = support.contradicted
            else:
                sure = support.entailed >= (MAKES if start == 0 else _MAKES_FAR)
                makes[place] = support.entailed if sure else 0
                opposes[place] = support.contradicted if not (stance or sure) else 0
        if np.count_nonzero(makes[chosen]) < _FEW_OF_THEM * len(chosen):
            break
        start, size, wanted = start + size, 2 * size, _OF_A_BLOCK
    return Reading(makes, opposes, weights, pairs, tuple(seen))


def count(
    reading: Reading,
    opinions: Opinions,
    makes: float = MAKES,
    opposes: float = OPPOSES,
    *,
    of_asked: bool = False,
) -> Count:
    """How many voices make the point that was read, with the probability `makes` or more; where the
    opinions are a sample, of all; and who says the opposite, with `opposes` or more. The interval is
    within those who speak, or all who were asked.
    """
    places = _surest(reading.makes, opinions, makes)
    making = {int(opinions.voices[place]) for place in places}
    opposed = _surest(reading.opposes, opinions, opposes)
    voices = len(np.unique(opinions.voices))
    weights = np.ones(len(opinions)) if reading.weights is None else reading.weights
    number = min(round(float(weights[list(places)].sum())), voices)
    counted = opinions.scaled(number)
    low, high = within(counted, opinions.asked if of_asked else opinions.scaled(voices))
    return Count(
        counted,
        low,
        high,
        places,
        tuple(place for place in opposed if int(opinions.voices[place]) not in making),
        reading.read,
    )


def within(number: int, of: int) -> tuple[int, int]:
    """The 90% interval of a number that was counted of `of`."""
    if not number:
        return 0, 0
    low, high = (round(of * times * number / (of + (times - 1) * number)) for times in _ODDS)
    return min(max(low, 1), number), min(max(high, number), of)


def _surest(values: NDArray[np.float32], opinions: Opinions, floor: float) -> tuple[int, ...]:
    """Places of the sentences with at least this value, the largest first, one a voice."""
    chosen: dict[int, int] = {}
    for place in np.argsort(-values, kind="stable").tolist():
        if values[place] < floor:
            break
        chosen.setdefault(int(opinions.voices[place]), place)
    return tuple(chosen.values())
