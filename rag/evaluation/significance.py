"""Intervals and paired tests over per-question values. Seeded: the same values give the same
numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
PERMUTATIONS = 10_000
_AT_ONCE = 2**22  # values drawn at once


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its 95% bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Mean of other less baseline, its 95% bootstrap interval, and the p-value of "there is no
    difference".
    """

    difference: float
    low: float
    high: float
    p_value: float


def interval(values: Sequence[float]) -> Interval:
    """Mean of the values and its percentile bootstrap interval (Efron 1979); all NaN without
    values.
    """
    if not len(values):
        return Interval(float("nan"), float("nan"), float("nan"))
    means = _resampled_means(np.asarray(values, dtype=np.float64))
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(np.mean(values)), float(low), float(high))


def paired(baseline: Sequence[float], other: Sequence[float]) -> Comparison:
    """Compare values of the same questions: bootstrap interval, and a two-sided randomisation test.

    Under "no difference" each question's difference is as likely the other way round, so its sign
    is drawn at random (Smucker, Allan and Carterette 2007). Raises `ValueError` for lists of
    different lengths, or empty ones.
    """
    if len(baseline) != len(other) or not len(baseline):
        raise ValueError(f"{len(baseline)} and {len(other)} values cannot be compared in pairs")
    differences = np.asarray(other, dtype=np.float64) - np.asarray(baseline, dtype=np.float64)
    low, high = np.percentile(_resampled_means(differences), [2.5, 97.5])
    observed = abs(differences.mean())
    generator = np.random.default_rng(0)
    step = max(1, _AT_ONCE // len(differences))
    extreme = 0
    for start in range(0, PERMUTATIONS, step):
        signs = generator.choice(
            [-1.0, 1.0], size=(min(step, PERMUTATIONS - start), len(differences))
        )
        extreme += int((np.abs((signs * differences).mean(axis=1)) >= observed - 1e-12).sum())
    return Comparison(
        float(differences.mean()), float(low), float(high), (extreme + 1) / (PERMUTATIONS + 1)
    )


def _resampled_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    generator = np.random.default_rng(0)
    step = max(1, _AT_ONCE // len(values))
    return np.concatenate(
        [
            values[
                generator.integers(0, len(values), (min(step, RESAMPLES - start), len(values)))
            ].mean(axis=1)
            for start in range(0, RESAMPLES, step)
        ]
    )
