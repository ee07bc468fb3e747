"""Key points: a few short sentences of reviewers that together say what most reviews say.

Chosen as in Key Point Analysis (Bar-Haim et al., "From Arguments to Key Points", ACL 2020, and
"Every Bite Is an Experience", ACL 2021): candidates are short sentences that stand alone; of these
each next one is that which the most voices come near to that came near to none before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.answering.opinions import Opinions
from rag.answering.standalone import standing_alone

_CANDIDATES = 400
_NEAR = 0.55  # cosine from which a sentence is counted to a candidate while points are chosen
_SPENT = 0.45  # and from which it is not counted again to a later one,
_SPENT_OF_ASPECT = 0.55  # where all are on one matter, and so near to each other
_REPEATS = 0.62  # cosine from which two points of a side repeat each other,
_REPEATS_OF_ASPECT = 0.68  # and where all are on one matter
_EMPTY = 0.35  # of a candidate's gain, where it only praises or blames
_LEAST_CERTAIN = 0.3  # of a candidate's gain, where its side is doubtful
_WITHOUT_WORD = 0.25  # of a candidate's gain, where it does not name what is asked about


def choose_points(
    opinions: Opinions,
    members: NDArray[np.bool_],
    most: int,
    words: Sequence[str] = (),
    says_little: Callable[[str], bool] | None = None,
) -> list[int]:
    """Places of at most `most` sentences that say what the `members`, (sentences,), say; the one
    that most voices come near to first. `words` are beginnings of words that name what is asked
    about; `says_little` tells of a sentence that it only praises or blames.
    """
    places = np.flatnonzero(members)
    quality = np.array([standing_alone(opinions.texts[place]) for place in places.tolist()])
    named = np.array([_names(opinions.texts[place], words) for place in places.tolist()])
    quality = quality * np.where(named, 1.0, _WITHOUT_WORD if words else 1.0)
    little = np.zeros(len(places), dtype=bool)
    if says_little is not None:
        little = np.array([says_little(opinions.texts[place]) for place in places], dtype=bool)
    quality *= np.where(little, _EMPTY, 1.0)
    quality *= np.clip(np.abs(opinions.stances[places]), _LEAST_CERTAIN, 1)
    focus = np.maximum(opinions.focus[places], 0)
    quality = quality * focus / max(float(focus.max(initial=0)), 1e-6)
    order = np.argsort(-quality * opinions.relevance[places], kind="stable")[:_CANDIDATES]
    order = order[quality[order] > 0]
    if not len(order):  # none stands alone: the most telling, as they are
        telling = opinions.relevance[places] * np.abs(opinions.stances[places])
        order = np.argsort(-telling, kind="stable")[:most]
        quality = np.ones(len(places))
    if not len(order):
        return []
    vectors, voices = opinions.vectors[places], opinions.voices[places]
    similarity = vectors[order] @ vectors.T
    _, owner = np.unique(voices, return_inverse=True)
    spent = np.zeros(owner.max() + 1, dtype=bool)
    near = np.zeros((len(order), len(spent)), dtype=bool)
    for candidate, row in enumerate(similarity >= _NEAR):
        near[candidate, owner[row]] = True
    spent_from = _SPENT_OF_ASPECT if says_little is None else _SPENT
    repeats_from = _REPEATS_OF_ASPECT if says_little is None else _REPEATS
    chosen: list[int] = []
    repeats = np.zeros(len(order), dtype=bool)
    while len(chosen) < most and not repeats.all():
        gain = (near & ~spent).sum(axis=1) * quality[order]
        gain[repeats] = 0
        best = int(np.argmax(gain))
        if gain[best] <= 0:
            break
        chosen.append(int(places[order[best]]))
        spent[owner[similarity[best] >= spent_from]] = True
        repeats |= similarity[:, order[best]] >= repeats_from
        if little[order[best]]:  # that it is good is said once
            repeats |= little[order]
    return chosen


def _names(text: str, beginnings: Sequence[str]) -> bool:
    folded = text.casefold()
    return any(re.search(rf"\b{re.escape(beginning)}", folded) for beginning in beginnings)
