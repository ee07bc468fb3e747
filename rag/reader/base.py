"""What judges: the `Reader` protocol, and what it says of a claim and of a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

STANCES = ("praise", "criticism", "mixed", "neutral")
"""The columns of what `Reader.stance` returns."""

Probabilities = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Support:
    """How evidence bears on a claim, as probabilities that add up to one; and the numbers and names
    of the claim that stand nowhere in the evidence.
    """

    entailed: float
    contradicted: float
    not_stated: float
    missing: tuple[str, ...] = ()


class Reader(Protocol):
    """Judges pairs of texts; one of the three things that tests replace. Threads may share it."""

    @property
    def name(self) -> str:
        """What people are shown."""
        ...

    def support(
        self, pairs: Sequence[tuple[Sequence[str], str]], known: Sequence[str] = ()
    ) -> list[Support]:
        """Of each pair of evidence sentences and a claim, whether the first bear out the second.
        `known` are names that need not stand in the evidence: what all is about.
        """
        ...

    def stance(self, pairs: Sequence[tuple[str, str]]) -> Probabilities:
        """(len(pairs), 4): `STANCES` of each pair of an aspect ("" for the whole) and a sentence."""
        ...

    def answers(self, question: str, sentences: Sequence[str]) -> Probabilities:
        """(len(sentences),): how probably each sentence answers the question."""
        ...
