"""How good a reader is, on claims and stances written by hand: areas under the curve, what is
stopped at five false alarms in a hundred, with intervals.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from finetune.reader.examples import Example
from rag.reader.base import STANCES, Reader

FALSE_ALARMS = 0.05  # share of the true claims that may be stopped
_RESAMPLES = 1000
_BINS = 10


@dataclass(frozen=True, slots=True)
class Figure:
    """A share or an area with its 95% interval, over `n` rows."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.2f} to {self.high:.2f}; n={self.n})"


@dataclass(frozen=True, slots=True)
class ClaimReport:
    """Of each kind of false claim and of all, the area under the curve against the true ones and
    the share stopped at `FALSE_ALARMS`; the score that this is; and how far the scores are
    probabilities (see `reliability`).
    """

    area: Mapping[str, Figure]
    stopped: Mapping[str, Figure]
    threshold: float
    reliability: Sequence[tuple[float, float, int]]


def measured(
    reader: Reader, held_out: Mapping[str, Sequence[Example]]
) -> tuple[ClaimReport, dict[str, Figure], Figure]:
    """What a reader does on claims, on stances, and on what answers (the area under the curve)."""
    claims = held_out["support"]
    judged = reader.support([([claim.first], claim.second) for claim in claims])
    scores = np.array([0.0 if s.missing else s.entailed for s in judged])
    rows = sorted(held_out["answers"], key=lambda row: row.first)
    probabilities = np.concatenate(
        [
            reader.answers(question, [row.second for row in group])
            for question, group in itertools.groupby(rows, key=lambda row: row.first)
        ]
    ).astype(np.float64)
    yes = np.array([row.label == "yes" for row in rows])
    return (
        claim_report(scores, claims),
        stance_report(reader, held_out["stance"]),
        _area(probabilities[yes], probabilities[~yes]),
    )


def claim_report(scores: NDArray[np.float64], claims: Sequence[Example]) -> ClaimReport:
    """What the scores, larger for what is borne out, tell apart."""
    true = np.array([claim.label == "entailed" for claim in claims])
    threshold = float(np.quantile(scores[true], FALSE_ALARMS))
    kinds = sorted({claim.kind for claim in claims if claim.label != "entailed"})
    area, stopped = {}, {}
    for kind in (*kinds, "all"):
        false = np.array(
            [claim.label != "entailed" and (kind in ("all", claim.kind)) for claim in claims]
        )
        area[kind] = _area(scores[true], scores[false])
        stopped[kind] = share(scores[false] < threshold)
    return ClaimReport(area, stopped, threshold, reliability(scores, true))


def share(hits: Iterable[bool] | NDArray[np.bool_]) -> Figure:
    """The share that hit, with the Wilson interval."""
    values = list(hits)
    if not values:
        return Figure(float("nan"), 0.0, 1.0, 0)
    test = binomtest(int(sum(values)), len(values))
    interval = test.proportion_ci(method="wilson")
    return Figure(test.statistic, float(interval.low), float(interval.high), len(values))


def _area(true: NDArray[np.float64], false: NDArray[np.float64]) -> Figure:
    """Area under the receiver operating characteristic, with a bootstrap interval."""
    draw = np.random.default_rng(0)
    resampled = [
        _auc(draw.choice(true, len(true)), draw.choice(false, len(false)))
        for _ in range(_RESAMPLES)
    ]
    low, high = np.quantile(resampled, (0.025, 0.975))
    return Figure(_auc(true, false), float(low), float(high), len(true) + len(false))


def _auc(true: NDArray[np.float64], false: NDArray[np.float64]) -> float:
    """The share of pairs of a true and a false one in which the true one scores more; equal ones
    count half (Mann-Whitney).
    """
    ordered = np.sort(false)
    below = np.searchsorted(ordered, true, "left") + np.searchsorted(ordered, true, "right")
    return float(np.mean(below)) / 2 / len(false)


def stance_report(reader: Reader, examples: Sequence[Example]) -> dict[str, Figure]:
    """Praise told from criticism; mixed sentences found; neutral ones given a side; and of those
    given a side, how many are on it.
    """
    rows = reader.stance([(example.first, example.second) for example in examples])
    said = [STANCES[place] for place in rows.argmax(axis=1)]
    labels = [example.label for example in examples]
    both = list(zip(labels, said, rows, strict=True))
    sided = ("praise", "criticism")
    return {
        "praise against criticism": share(
            (row[0] > row[1]) == (label == "praise") for label, _, row in both if label in sided
        ),
        "mixed found": share(name == "mixed" for label, name, _ in both if label == "mixed"),
        "neutral given a side": share(
            name in sided for label, name, _ in both if label == "neutral"
        ),
        "right under a heading": share(label == name for label, name, _ in both if name in sided),
    }


def reliability(
    probabilities: NDArray[np.float64], hits: NDArray[np.bool_]
) -> list[tuple[float, float, int]]:
    """(mean probability, share that hit, rows) of each tenth of the scale that holds any."""
    bins = np.minimum((probabilities * _BINS).astype(int), _BINS - 1)
    return [
        (
            float(probabilities[bins == b].mean()),
            float(hits[bins == b].mean()),
            int((bins == b).sum()),
        )
        for b in range(_BINS)
        if (bins == b).any()
    ]
