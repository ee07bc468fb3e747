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
_VALUES_DRAWN_AT_ONCE = 2**22


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

    def __str__(self) -> str:
        interval = f"[{self.low:+.2f}, {self.high:+.2f}]"
        return f"{self.difference:+.2f} {interval} p = {self.p_value:.3f}"


def interval(values: Sequence[float] | NDArray[np.float64]) -> Interval:
    """Mean of the values and its percentile bootstrap interval (Efron 1979); all NaN without
    values, and no wider than the value itself for a single one.
    """
    if len(values) < 2:
        value = float(values[0]) if len(values) else float("nan")
        return Interval(value, value, value)
    from scipy import stats

    bounds = stats.bootstrap(
        (np.asarray(values, dtype=np.float64),),
        np.mean,
        n_resamples=RESAMPLES,
        method="percentile",
        batch=max(1, _VALUES_DRAWN_AT_ONCE // len(values)),
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(float(np.mean(values)), float(bounds.low), float(bounds.high))


def paired(baseline: Sequence[float], other: Sequence[float]) -> Comparison:
    """Compare values of the same questions: bootstrap interval, and a two-sided randomisation test.

    Under "no difference" each question's difference is as likely the other way round, so its sign
    is drawn at random (Smucker, Allan and Carterette 2007), or every choice of signs is tried where
    the questions are few. Raises `ValueError` for lists of different lengths, or empty ones.
    """
    if len(baseline) != len(other) or not len(baseline):
        raise ValueError(f"{len(baseline)} and {len(other)} values cannot be compared in pairs")
    differences = np.subtract(other, baseline, dtype=np.float64)
    mean = interval(differences)
    if len(differences) == 1:  # either sign is as extreme
        return Comparison(mean.mean, mean.low, mean.high, 1.0)
    from scipy import stats

    test = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=PERMUTATIONS,
        batch=max(1, _VALUES_DRAWN_AT_ONCE // len(differences)),
        rng=np.random.default_rng(0),
    )
    return Comparison(mean.mean, mean.low, mean.high, float(test.pvalue))
