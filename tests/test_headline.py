"""The first sentences of an answer: what the counts come to, in words, and with few reviews no shares."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from rag.answering import headline
from rag.answering.tally import Tally, wilson


def tally(praise: int, criticism: int, both: int = 0, *, speak: int = 0, asked: int = 0) -> Tally:
    judge = praise + criticism - both
    return Tally(asked or max(speak, judge), speak or judge, praise, criticism, both)


@pytest.mark.parametrize(
    ("counted", "told"),
    [
        (
            tally(113, 28, 7, speak=160, asked=895),
            "Mostly praised: of 895 reviews about 160 speak of this, 106 favourably, 21 critically "
            "and 7 both ways.",
        ),
        (
            tally(2, 50, speak=60, asked=100),
            "Almost always criticised: of 100 reviews about 60 speak of this, 50 critically and 2 "
            "favourably.",
        ),
        (
            tally(11, 10, asked=40),
            "Opinions are divided: of 40 reviews about 21 speak of this, 11 favourably and 10 "
            "critically.",
        ),
        (tally(2, 1, asked=5), "Of 5 reviews 3 speak of this, 2 favourably and 1 critically."),
        (tally(1, 0, asked=1), "There is one review, and it speaks of this, favourably."),
        (
            tally(0, 0, speak=3, asked=9),
            "Of 9 reviews 3 speak of this; none clearly praises or criticises it.",
        ),
    ],
)
def test_an_aspect(counted: Tally, told: str) -> None:
    assert headline.of_an_aspect(counted, "neutral") == told


def test_an_aspect_of_which_one_side_was_asked_for() -> None:
    counted = tally(1, 8, speak=19, asked=895)
    assert headline.of_an_aspect(counted, "criticism") == (
        "Of 895 reviews about 19 speak of this; about 8 criticise it, 1 praise it."
    )
    assert headline.of_an_aspect(tally(3, 0, asked=9), "criticism") == (
        "Of 9 reviews 3 speak of this; none of them clearly criticises it."
    )


@pytest.mark.parametrize(
    ("agree", "differ", "both", "told"),
    [
        (40, 10, 0, "Mostly yes: 40 of 50 reviews that judge it say yes, 10 no."),
        (10, 40, 2, "Mostly no: 40 of 52 reviews that judge it say no, 10 yes, 2 both."),
        (60, 1, 0, "Yes: 60 of 61 reviews that judge it say yes, 1 no."),
        (1, 60, 0, "No: 60 of 61 reviews that judge it say no, 1 yes."),
        (0, 18, 2, "No: 18 of 20 reviews that judge it say no, 2 both."),
        (11, 10, 0, "Opinions are divided: 11 of 21 reviews that judge it say yes, 10 no."),
        (5, 0, 0, "Yes: all 5 reviews that judge it say yes."),
        (0, 1, 0, "It seems no: 1 review says no."),
        (2, 1, 0, "2 of 3 reviews that judge it say yes, 1 no."),
        (6, 1, 0, "Mostly yes: 6 of 7 reviews that judge it say yes, 1 no."),
        (0, 0, 1, "1 review says both."),
        (0, 0, 3, "3 reviews say both."),
    ],
)
def test_yes_or_no_to_a_view(agree: int, differ: int, both: int, told: str) -> None:
    counted = tally(1, 1, speak=2, asked=90)
    assert headline.yes_or_no(counted, agree, differ, both, of_a_view=True) == told


@pytest.mark.parametrize(
    ("agree", "differ", "told"),
    [
        (7, 0, "Yes: about 7 reviews say yes."),
        (0, 3, "No: 3 reviews say no."),
        (1, 6, "Mostly no: 6 of 7 reviews that tell say no, 1 yes."),
        (1, 1, "1 of 2 reviews that tell says yes, 1 no."),
        (2, 0, "Of 40 reviews about 8 speak of this."),  # and the others?
        (0, 0, "Of 40 reviews about 8 speak of this."),
    ],
)
def test_yes_or_no_to_a_fact(agree: int, differ: int, told: str) -> None:
    counted = tally(1, 1, speak=8, asked=40)
    assert headline.yes_or_no(counted, agree, differ, 0, of_a_view=False) == told


def test_what_is_complained_of_begins_with_the_complaints() -> None:
    counted = tally(56, 35, both=35, asked=60)
    assert headline.of_everything(counted, [], "criticism") == (
        "About 35 of 60 reviews criticise something; about 56 praise something."
    )
    assert headline.of_everything(tally(5, 0, asked=5), [], "praise") == (
        "All 5 reviews praise something."
    )


def test_everything_is_told_by_ratings_where_there_are_enough() -> None:
    counted = tally(30, 10, speak=60, asked=60)
    rated = headline.of_everything(counted, [1.0] * 50 + [0.0] * 10, "neutral")
    assert rated.startswith(
        "60 reviews, on the whole very favourable: 83% of 60 rated reviews are high"
    )
    unrated = headline.of_everything(counted, [], "neutral")
    assert unrated.startswith("Mostly praised: of 60 reviews about 30 praise something")
    assert headline.of_everything(tally(2, 1, asked=3), [1.0, 0.5, 0.0], "neutral") == (
        "3 reviews: 1 rated high, 1 rated low, 1 in between."
    )


def test_two_are_compared_only_where_enough_reviews_judge_them() -> None:
    better = headline.comparison({"Fox": tally(10, 40), "Bluebell": tally(45, 5)})
    assert better.startswith(
        "Bluebell comes off better: Bluebell with 90% favourable of 50 reviews"
    )
    assert headline.comparison({"A": tally(20, 19), "B": tally(20, 20)}).startswith(
        "About the same"
    )
    few = headline.comparison({"A": tally(2, 1), "B": tally(20, 20)})
    assert (
        few.startswith("Too few reviews judge them to compare")
        and "%" not in few.split("A with")[1][:20]
    )
    assert headline.comparison({"A": tally(2, 1)}) == ""


def test_a_change_needs_years_with_enough_reviews() -> None:
    assert headline.over_time({"2021": (40, 50), "2022": (3, 3), "2024": (10, 40)}) == (
        "Less favourable than before. 2021: 40 of 50 favourable; 2024: 10 of 40 favourable."
    )
    assert headline.over_time({"2021": (40, 50), "2024": (30, 40)}).startswith("No clear change")
    assert headline.over_time({"2021": (40, 50)}).startswith("There are too few dated reviews")


@given(
    st.integers(0, 400),
    st.integers(0, 400),
    st.integers(0, 50),
    st.integers(0, 400),
    st.integers(0, 999),
)
def test_no_number_is_told_that_was_not_counted(
    praise: int, criticism: int, both: int, more: int, others: int
) -> None:
    both = min(both, praise, criticism)
    speak = praise + criticism - both + more
    counted = Tally(max(speak + others, 1), speak, praise, criticism, both)
    known = {counted.asked, speak, praise, criticism, both, praise - both, criticism - both}
    for told in (
        headline.of_an_aspect(counted, "neutral"),
        headline.of_an_aspect(counted, "praise"),
        headline.of_an_aspect(counted, "criticism"),
    ):
        numbers = {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", told)}
        assert numbers <= known
        assert "%" not in told


@given(st.integers(0, 300), st.integers(1, 300), st.sampled_from([0.8, 0.9, 0.95]))
def test_the_interval_is_that_of_scipy(part: int, whole: int, confidence: float) -> None:
    part = min(part, whole)
    interval = binomtest(part, whole).proportion_ci(confidence, "wilson")
    assert wilson(part, whole, confidence) == pytest.approx((interval.low, interval.high), abs=1e-9)


@pytest.mark.parametrize(
    ("counted", "told"),
    [
        (tally(1, 0, asked=1), "One review; it praises something."),
        (
            tally(1, 1, both=1, asked=1),
            "One review; it praises something and criticises something.",
        ),
        (tally(0, 0, asked=1), "One review."),
        (tally(2, 1, asked=3), "3 reviews: 2 praise something, 1 criticises something."),
    ],
)
def test_of_few_without_ratings_what_they_do_is_told(counted: Tally, told: str) -> None:
    assert headline.of_everything(counted, [], "neutral") == told
