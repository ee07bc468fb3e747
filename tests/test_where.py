"""Conditions on reviews: what they mean, and what is said of those that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.schema import Review, SettingsError
from rag.where import Condition, parse_where
from tests.fakes import REVIEWS, build_fake_index

REVIEW = Review(
    "a", "Text.", rating=8.0, rating_min=1.0, rating_max=10.0, date="2024-12-05", item="Room 12", language="en",
    source="a.csv",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("rating >= 8", True), ("rating>8", False), ("rating = 8.0", True), ("rating != 8", False),
        ("rating >= 70%", True), ("rating < 70%", False),
        ("date >= 2024-12", True), ("date > 2024-12", False), ("date <= 2024", True), ("date < 2024", False),
        ("date = 2024-12-05", True), ("date = 2023|2024", True), ("date != 2024", False),
        ('item = "room 12"', True), ('item = "Room 1"', False), ('item = "Room 1" | "Room 12"', True),
        ('item != "Room 1"|"Room 12"', False), ("language == EN", True), ("source = a.csv", True),
        ("rating >= 8 and date >= 2024-12", True), ("rating >= 8 AND date < 2024-12", False),
        ("rating>=8 && language=en", True), ('item="Room 12"and rating>7', True), ("", True), ("  ", True),
    ],
)  # fmt: skip
def test_a_condition_holds_or_not(text: str, holds: bool) -> None:
    assert all(condition.holds(REVIEW) for condition in parse_where(text)) == holds


@pytest.mark.parametrize("text", ["rating >= 1", "date > 1900", "item = x", "language = en"])
def test_a_review_without_the_field_meets_nothing_but_not_equal(text: str) -> None:
    bare = Review("b", "Text.")
    assert not any(condition.holds(bare) for condition in parse_where(text))
    field = text.split()[0]
    value = {"rating": "1", "date": "2024"}.get(field, "x")
    assert all(condition.holds(bare) for condition in parse_where(f"{field} != {value}"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rating", "from character 1 on"), ("rating >=", "from character 1 on"), ("stars > 3", "only by item, rating"),
        ("ratings > 3", 'Did you mean "rating"'), ("rating > good", "no rating"), ("date > May", "no date"),
        ("item > 5", "makes no sense"), ("rating > 3 date > 2024", "expected at character 12"),
        ("rating > 3 and", "expected at character 12"), ('item = "open', "Cannot read|character"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_with_its_place(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        parse_where(text)


@given(st.text(st.sampled_from("ratingdeml <>=!|&,\"'0123456789-%and"), max_size=40) | st.text(max_size=30))
def test_any_text_is_conditions_or_a_plain_error(text: str) -> None:
    try:
        conditions = parse_where(text)
    except SettingsError as error:
        assert str(error)
    else:
        assert all(isinstance(condition, Condition) and condition.values for condition in conditions)
        for condition in conditions:
            condition.holds(REVIEW)


@pytest.mark.parametrize("text", ["rating >= 7", "rating >= 70%", "date >= 2024-05-03", "date != 2024", "source = x"])
def test_an_index_finds_the_sentences_of_just_those_reviews(tmp_path: Path, text: str) -> None:
    index = build_fake_index(tmp_path / "hotel")
    conditions = parse_where(text)
    expected = [all(condition.holds(REVIEWS[row]) for condition in conditions) for row in index.sentence_review]
    np.testing.assert_array_equal(index.sentences_where(conditions), expected)
