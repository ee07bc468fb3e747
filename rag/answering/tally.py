"""How many voices speak of what is asked, and on which side."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from rag.answering.opinions import Opinions
from rag.answering.points import Point
from rag.answering.prompt import Group
from rag.reader.stance import NEUTRAL_BAND
from rag.schema import Side


@dataclass(frozen=True, slots=True)
class Tally:
    """How many voices are in the filter (`asked`), speak of what is asked, and are for, against, and
    both.
    """

    asked: int
    speak: int
    praise: int
    criticism: int
    both: int

    @classmethod
    def of(cls, opinions: Opinions, points: Iterable[tuple[Group, Iterable[Point]]] = ()) -> Tally:
        """Counted by voice: one is for or against if a sentence of it clearly is, or makes a point
        that is.
        """
        praise = set(opinions.voices[opinions.stances >= NEUTRAL_BAND].tolist())
        criticism = set(opinions.voices[opinions.stances <= -NEUTRAL_BAND].tolist())
        for side, of_side in points:
            making = {voice for point in of_side for voice in point.voices(opinions)}
            praise |= making if side == "praise" else set()
            criticism |= making if side == "criticism" else set()
        speak = len(np.unique(opinions.voices))
        return cls(
            asked=opinions.asked,
            speak=opinions.scaled(speak),
            praise=opinions.scaled(len(praise)),
            criticism=opinions.scaled(len(criticism)),
            both=opinions.scaled(len(praise & criticism)),
        )

    @property
    def judge(self) -> int:
        """Voices for or against or both."""
        return self.praise + self.criticism - self.both

    @property
    def only_praise(self) -> int:
        """Voices for and not against."""
        return self.praise - self.both

    @property
    def only_criticism(self) -> int:
        """Voices against and not for."""
        return self.criticism - self.both

    @property
    def share(self) -> float:
        """Of those on one side only, the share that is for it; half where there are none."""
        one_sided = self.only_praise + self.only_criticism
        return self.only_praise / one_sided if one_sided else 0.5

    def on(self, side: Side) -> int:
        """Voices on a side, whether on the other, too, or not; all who speak for neither."""
        return {"praise": self.praise, "criticism": self.criticism}.get(side, self.speak)


def wilson(part: int, whole: int, confidence: float = 0.9) -> tuple[float, float]:
    """Wilson's interval for a share (1927)."""
    # written out: loading scipy.stats takes longer than an answer
    count = max(whole, 1)
    share = min(part, whole) / count
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    low, high = ((middle + sign * half) / (1 + z * z / count) for sign in (-1, 1))
    return (0.0 if share == 0 else low), (1.0 if share == 1 else high)
