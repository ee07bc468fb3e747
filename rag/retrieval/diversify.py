"""From ranked chunks to the few that a prompt gets: each of another voice, and of both sides where
opinion is split.

A chunk that says the same as a better one is folded into it; few chunks come from one review, and
reviews that are copies of one another count as one. Then sides: among the nearest voices each leans
to praise, to criticism or to neither (`rag.reader.stance`). Where the smaller side is at least a fifth,
the best of each side are taken, in the proportion of the nearest voices or evenly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rag.config import Settings
from rag.embedding import Vectors
from rag.index import ReviewIndex
from rag.reader.stance import side_of
from rag.retrieval.fusion import Hit
from rag.schema import RetrievedChunk, Side

Mix = Literal["best", "proportion", "even", "overview"]
"""How the chunks were chosen: the best ones whichever their side, or so many of each side."""

# share of the smaller side among the voices that take one, from which opinion counts as split
SPLIT_FROM = 0.2
NEAREST = 4  # voices looked at for each chunk wanted


@dataclass(frozen=True, slots=True)
class Limits:
    """How many chunks, how many of one review, and from which cosine on two chunks say the same.

    `diversity` 0..1: how much a chunk's likeness to those already taken counts against it (maximal
    marginal relevance, Carbonell and Goldstein 1998); 0 leaves it out.
    """

    top_k: int
    chunks_per_review: int
    near_duplicate: float
    diversity: float = 0.0

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """As the settings say."""
        return cls(
            settings.top_k, settings.chunks_per_review, settings.near_duplicate, settings.diversity
        )


@dataclass(slots=True)
class Voice:
    """A chunk that may be taken, and the reviews whose chunks say the same."""

    hit: Hit
    vector: Vectors
    also_in: list[str]


def gather(index: ReviewIndex, hits: Iterable[Hit], limits: Limits, most: int) -> list[Voice]:
    """The first `most` voices among the hits, copies folded into the better one."""
    voices: list[Voice] = []
    vectors = np.empty((most, index.manifest.dimension), dtype=np.float32)
    spoken: dict[int, int] = {}
    taken: set[int] = set()
    for hit in hits:
        if hit.chunk_row in taken:
            continue
        taken.add(hit.chunk_row)
        review_row = int(index.chunk_review[hit.chunk_row])
        group = int(index.review_group[review_row])
        vector = chunk_vector(index, hit.chunk_row)
        likeness = vectors[: len(voices)] @ vector
        if len(likeness) and likeness.max() >= limits.near_duplicate:
            twin = voices[int(np.argmax(likeness >= limits.near_duplicate))]
            if review_row != int(index.chunk_review[twin.hit.chunk_row]):
                twin.also_in.append(index.review_id(review_row))
        elif spoken.get(group, 0) < limits.chunks_per_review and len(voices) < most:
            spoken[group] = spoken.get(group, 0) + 1
            vectors[len(voices)] = vector
            voices.append(Voice(hit, vector, []))
    return voices


def diverse(voices: Sequence[Voice], count: int, diversity: float) -> list[Voice]:
    """The best `count`, each taken for its score less its likeness to those taken before it."""
    if not diversity or len(voices) <= 1:
        return list(voices[:count])
    vectors = np.stack([voice.vector for voice in voices])
    gain = (1 - diversity) * np.array([voice.hit.score for voice in voices], dtype=np.float32)
    likeness = np.zeros(len(voices), dtype=np.float32)
    chosen: list[int] = []
    while len(chosen) < min(count, len(voices)):
        marginal = gain - diversity * likeness
        marginal[chosen] = -np.inf
        best = int(marginal.argmax())
        chosen.append(best)
        likeness = np.maximum(likeness, vectors @ vectors[best])
    return [voices[place] for place in chosen]


def balanced(
    voices: Sequence[Voice], sides: Sequence[Side], limits: Limits, balance: str
) -> tuple[list[Voice], Mix]:
    """`top_k` of the voices, and how they were chosen; `balance` is "off", "proportion" or "even".

    As many neutral ones stay as are among the best; the other places go to the two sides, each by
    its own best.
    """
    plain = diverse(voices, limits.top_k, limits.diversity)
    by_side = {
        side: [v for v, s in zip(voices, sides, strict=True) if s == side]
        for side in ("praise", "criticism")
    }
    praise, criticism = len(by_side["praise"]), len(by_side["criticism"])
    split = min(praise, criticism) >= max(2, SPLIT_FROM * (praise + criticism))
    if balance == "off" or not split or len(plain) < 2 or len(plain) == len(voices):
        return plain, "best"
    place = {id(voice): number for number, voice in enumerate(voices)}
    neutral = [voice for voice in plain if sides[place[id(voice)]] == "neutral"]
    slots = len(plain) - len(neutral)
    if slots < 2:
        neutral, slots = neutral[: len(plain) - 2], 2
    wanted = slots / 2 if balance == "even" else slots * criticism / (praise + criticism)
    most, least = min(slots - 1, criticism), max(1, slots - praise)
    rounded = math.floor(wanted + 0.5) if criticism > praise else math.ceil(wanted - 0.5)
    of_criticism = min(max(rounded, least), most)
    chosen = [
        *neutral,
        *diverse(by_side["criticism"], of_criticism, limits.diversity),
        *diverse(by_side["praise"], slots - of_criticism, limits.diversity),
    ]
    return sorted(
        chosen, key=lambda voice: place[id(voice)]
    ), "even" if balance == "even" else "proportion"


def side(index: ReviewIndex, hit: Hit) -> Side:
    """What the chunk leans to: how its sentences are worded, and half of how its review is rated.

    Tried on the sample's two-sided questions, by whether both stances are among the first eight or
    twelve: the best sentence's leaning alone, the strongest one's, and the rating alone; none did
    better, and the best sentence leaves most chunks on neither side. `python -m
    tests.benchmarks.balance` prints what balancing gives.
    """
    rows = index.sentence_rows(hit.chunk_row)
    leanings = [
        index.sentence_stance(row, vector)
        for row, vector in zip(rows, index.vectors(rows), strict=True)
    ]
    fraction = index.rating_fraction(int(index.chunk_review[hit.chunk_row]))
    return side_of(float(np.mean(leanings)) + (0.0 if fraction is None else fraction - 0.5))


def numbered(index: ReviewIndex, voices: Sequence[Voice]) -> list[RetrievedChunk]:
    """The chunks of the voices, numbered from 1 in their order."""
    return [
        RetrievedChunk(
            number=number,
            chunk=index.chunk(voice.hit.chunk_row),
            review=index.review(int(index.chunk_review[voice.hit.chunk_row])),
            score=voice.hit.score,
            cosine=voice.hit.cosine,
            side=side(index, voice.hit),
            sentences=index.sentences_of_chunk(voice.hit.chunk_row),
            also_in=tuple(dict.fromkeys(voice.also_in)),
        )
        for number, voice in enumerate(voices, 1)
    ]


def chunk_vector(index: ReviewIndex, chunk_row: int) -> Vectors:
    """Unit vector of a chunk: the mean of its sentences'. Used to tell copies, never to rank."""
    mean = index.vectors(index.sentence_rows(chunk_row)).mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)
