"""The reviews at a glance, their order and their copies: plain functions over an index."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.filters import parse_where
from rag.index import ReviewIndex
from rag.index.browsing import SORTS, copies, of_words, sorted_rows
from rag.index.profile import profile_of
from rag.schema import Review
from tests.fakes import build_fake_index

TEXT = "The bed by the window was soft, and the room was quiet at night."
REVIEWS = (
    Review("a", TEXT, rating=5, rating_min=1, rating_max=5, date="2024-01-05", helpful_votes=1),
    Review("b", f"{TEXT} The lift hums.", rating=1, rating_min=1, rating_max=5, date="2024-03-01"),
    Review("c", "Loud.", rating=4, rating_min=1, rating_max=5, date="2024-03-09", helpful_votes=9),
    Review("d", TEXT, rating=5, rating_min=1, rating_max=5, date="2024-02-31"),
    Review("e", "Breakfast was cold, and the coffee weak."),
)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    return build_fake_index(tmp_path_factory.mktemp("indexes") / "hotel", REVIEWS)


def test_a_profile_counts_ratings_and_months_with_the_empty_ones_between(
    index: ReviewIndex,
) -> None:
    profile = profile_of(index)
    assert (profile.reviews, profile.rated, profile.average) == (5, 4, 3.75)
    assert profile.ratings == (("1", 1), ("2", 0), ("3", 0), ("4", 1), ("5", 2))
    assert profile.dates == ("2024-01-05", "2024-03-09") and profile.dated == 3
    assert profile.periods == (("2024-01", 1), ("2024-02", 0), ("2024-03", 2))
    some = profile_of(index, parse_where("rating >= 4"))
    assert (some.reviews, some.ratings[0]) == (3, ("1", 0))


def test_what_reviews_lack_a_profile_leaves_out(tmp_path: Path) -> None:
    profile = profile_of(build_fake_index(tmp_path / "bare", [Review("x", "A text.")]))
    assert (profile.reviews, profile.average, profile.scale, profile.dates) == (1, None, None, None)
    assert profile.ratings == profile.periods == ()


def test_several_scales_are_counted_in_percent_and_a_long_time_by_years(tmp_path: Path) -> None:
    mixed = [
        Review("x", "One text.", rating=5, rating_min=0, rating_max=5, date="2015-06-01"),
        Review("y", "Two texts.", rating=5, rating_min=0, rating_max=10, date="2024-01-01"),
    ]
    profile = profile_of(build_fake_index(tmp_path / "mixed", mixed))
    assert profile.percent and profile.average == 75 and profile.scale == (0, 100)
    assert dict(profile.ratings) | {"50 to 60": 1, "90 to 100": 1} == dict(profile.ratings)
    assert profile.periods[0] == ("2015", 1) and len(profile.periods) == 10


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ("Newest", "cbdae"),  # "2024-02-31" is no day, and stands where its text sorts
        ("Oldest", "adbce"),
        ("Highest", "adcbe"),
        ("Lowest", "bcade"),
        ("Most helpful", "cabde"),
        ("Longest", "badec"),
    ],
)
def test_reviews_are_sorted_and_those_without_the_value_come_last(
    index: ReviewIndex, sort: str, ids: str
) -> None:
    rows = sorted_rows(index.reviews_table, range(len(REVIEWS)), sort)
    assert "".join(index.review_id(row) for row in rows) == ids and sort in SORTS


def test_words_and_conditions_find_reviews_and_copies_know_each_other(index: ReviewIndex) -> None:
    assert [index.review_id(row) for row in of_words(index, "breakfast coffee")] == ["e"]
    assert len(of_words(index, "")) == 5 and of_words(index, "zebra") == []
    quiet = of_words(index, "quiet", parse_where("rating <= 2"))
    assert [index.review_id(row) for row in quiet] == ["b"]
    first = index.rows_by_id()["a"]
    assert index.rows_by_id()["d"] in copies(index, first) and first not in copies(index, first)
