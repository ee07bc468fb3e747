"""Intervals and paired tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evaluation.significance import Comparison, Interval, interval, paired

VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@given(VALUES)
def test_an_interval_holds_its_mean_and_stays_among_the_values(values: list[float]) -> None:
    mean = interval(values)
    assert min(values) - 1e-9 <= mean.low <= mean.mean + 1e-9
    assert mean.mean <= mean.high + 1e-9 <= max(values) + 2e-9


def test_an_interval_is_as_wide_as_theory_says() -> None:
    values = list(np.random.default_rng(3).random(400))
    estimate = interval(values)
    expected = 1.96 * float(np.std(values)) / math.sqrt(len(values))
    assert (estimate.high - estimate.low) / 2 == pytest.approx(expected, rel=0.1)
    fewer = interval(values[:100])
    assert fewer.high - fewer.low == pytest.approx(2 * (estimate.high - estimate.low), rel=0.25)


def test_a_single_value_is_all_that_is_known() -> None:
    assert interval([0.3]) == Interval(0.3, 0.3, 0.3)
    assert paired([0.25], [0.75]) == Comparison(0.5, 0.5, 0.5, 1)


def test_the_same_values_give_the_same_numbers() -> None:
    generator = np.random.default_rng(4)
    before, after = list(generator.random(60)), list(generator.random(60))
    assert interval(before) == interval(before)
    assert paired(before, after) == paired(before, after)


def test_equal_values_leave_no_doubt_and_none_leave_everything_open() -> None:
    assert (interval([0.5] * 9).low, interval([0.5] * 9).high) == (0.5, 0.5)
    assert math.isnan(interval([]).mean)
    assert str(interval([0.5] * 9)) == "0.500 [0.500, 0.500]"


def test_the_same_values_are_no_different() -> None:
    values = list(np.random.default_rng(1).random(50))
    estimate = paired(values, values)
    assert (estimate.difference, estimate.low, estimate.high, estimate.p_value) == (0, 0, 0, 1)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_clear_difference_is_found(sign: int) -> None:
    generator = np.random.default_rng(2)
    baseline = generator.random(100)
    estimate = paired(list(baseline), list(baseline + sign * (0.1 + 0.05 * generator.random(100))))
    assert estimate.p_value < 0.001 and estimate.low * sign > 0 and estimate.high * sign > 0
    assert estimate.difference == pytest.approx(sign * 0.125, abs=0.01)


def test_under_no_difference_small_p_values_are_rare() -> None:
    generator = np.random.default_rng(5)
    below = [
        paired(list(generator.random(20)), list(generator.random(20))).p_value < 0.1
        for _ in range(60)
    ]
    assert 0 < sum(below) < 16  # a tenth of sixty, give or take three deviations and more


def test_five_questions_cannot_be_significant() -> None:
    """Of 2^5 signs two are as extreme: p is at least 2/32."""
    assert paired([0.0] * 5, [1.0] * 5).p_value == pytest.approx(2 / 32)


@pytest.mark.parametrize(("one", "other"), [([], []), ([1.0], [1.0, 2.0])])
def test_what_is_no_pair_is_refused(one: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="cannot be compared in pairs"):
        paired(one, other)
