"""Conditions on reviews: what they mean, and what is said of those that cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.filters import Condition, parse_where, where_text
from rag.index import ReviewIndex
from rag.schema import Review, SettingsError
from tests.fakes import REVIEWS, build_fake_index

REVIEW = Review(
    "a",
    "Text.",
    rating=8.0,
    rating_min=1.0,
    rating_max=10.0,
    date="2024-12-05",
    item="Room 12",
    language="en",
    source="a.csv",
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("rating >= 8", True),
        ("rating>8", False),
        ("rating = 8.0", True),
        ("rating != 8", False),
        ("rating >= 70%", True),
        ("rating < 70%", False),
        ("date >= 2024-12", True),
        ("date > 2024-12", False),
        ("date <= 2024", True),
        ("date < 2024", False),
        ("date = 2024-12-05", True),
        ("date = 2023|2024", True),
        ("date != 2024", False),
        ('item = "room 12"', True),
        ('item = "Room 1"', False),
        ('item = "Room 1" | "Room 12"', True),
        ('item != "Room 1"|"Room 12"', False),
        ("language == EN", True),
        ("source = a.csv", True),
        ("rating >= 8 and date >= 2024-12", True),
        ("rating >= 8 AND date < 2024-12", False),
        ("rating>=8 && language=en", True),
        ('item="Room 12"and rating>7', True),
        ("", True),
        ("  ", True),
        ("RATING = 7|8", True),
        ("rating = 7 | 9", False),
        ("rating != 7|9", True),
        ("rating = 77.7%|8", True),
        ("rating > -1", True),
        ("rating <= 100%", True),
        ("rating < 8.5", True),
        ("date = 2024-12|2025-01", True),
        ("date != 2024-11", True),
        ("date >= 2024-12-06", False),
        ("language != en|de", False),
        ("source != b.csv", True),
        ('source = "A.CSV"', True),
        ('item = "and"|"Room 12" and language = "en"', True),
        ("item ~ ROOM", True),
        ("item ~ 12 | 13", True),
        ('item ~ "m 13"', False),
        ("source ~ .csv and item~oom", True),
        ("item = and", False),
        ("item != a=b", True),
        ('item != ">= 8 and"', True),
    ],
)
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
        ("rating", "from character 1 on"),
        ("rating >=", "from character 1 on"),
        ("stars > 3", "only by item, rating"),
        ("ratings > 3", 'Did you mean "rating"'),
        ("rating > good", "no rating"),
        ("date > May", "no date"),
        ("item > 5", "makes no sense"),
        ("rating > 3 date > 2024", "expected at character 12"),
        ("rating > 3 and", "expected at character 12"),
        ('item = "open', r"character 1 on"),
        ("rating > 3 and stars", r'from character 15 on \("stars"\)'),
        ("rating > 3 or rating < 2", "at character 12"),
        ("rating > 3 and and date = 2024", "from character 15 on"),
        ("date > 2024-13", "no date"),
        ("date = 2024-12-05|12.5.2024", '"12.5.2024" is no date'),
        ("date > 2024-12-32", "no date"),
        ("date = 2024-1", "no date"),
        ("rating > 8|9", "takes one value, not 2"),
        ("date <= 2024|2025", "takes one"),
        ("language < en", "makes no sense"),
        ('rating = ""', "no rating"),
        ("rating = 8,5", "no rating"),
        ("rating = 1e3", "no rating"),
        ("rating = nan", "no rating"),
        ("rating => 8", "character 1 on"),
        ("item = |x", "character 1 on"),
        ("item = x|", "character 9"),
        ("=", "character 1 on"),
        ("rating ~ 8", "only item, language, source can contain"),
        ("date ~ 2024", "can contain"),
        ("language = en, rating = 8", "expected at character 16"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        parse_where(text)


TEXTS = {
    "item": ("", "Room 12", "a|b"),
    "language": ("", "en", "de"),
    "source": ("", "a.csv", "b c.csv"),
}
DATES = ("", "2023-12-31", "2024-01-01", "2024-12-05")
RATINGS = (None, 0.0, 4.5, 5.0, 10.0)
SIGNS = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def naive(one: Review, field: str, sign: str, values: list[str]) -> bool:
    """What a condition means, said once more and otherwise."""
    mine: str | float | None = getattr(one, field)
    if mine is None or mine == "":
        return sign == "!="
    answers = []
    for value in values:
        if field == "rating" and value.endswith("%"):
            assert one.rating_fraction is not None
            answers.append(SIGNS[sign](one.rating_fraction * 100, float(value[:-1])))
        elif field == "rating":
            answers.append(SIGNS[sign](mine, float(value)))
        elif field == "date":
            answers.append(SIGNS[sign](str(mine)[: len(value)], value))
        else:
            answers.append(SIGNS[sign](str(mine).lower(), value.lower()))
    return all(answers) if sign == "!=" else any(answers)


@st.composite
def stated(draw: Any) -> tuple[str, str, list[str]]:
    """(field, sign, values) that make sense."""
    field = draw(st.sampled_from(["item", "language", "source", "rating", "date"]))
    sign = draw(st.sampled_from(["=", "!="] if field in TEXTS else list(SIGNS)))
    some = {
        "rating": st.sampled_from(["0", "4.5", "5", "10", "0%", "50%", "100%"]),
        "date": st.sampled_from(["2023", "2024", "2024-01", "2024-12-05"]),
    }.get(
        field,
        st.sampled_from([*TEXTS.get(field, ()), "en", "EN", "other"]).filter(
            lambda text: '"' not in text
        ),
    )
    values = draw(st.lists(some, min_size=1, max_size=3 if sign in ("=", "!=") else 1))
    return field, sign, values


@settings(max_examples=150, deadline=None)
@given(
    conditions=st.lists(stated(), max_size=3),
    item=st.sampled_from(TEXTS["item"]),
    language=st.sampled_from(TEXTS["language"]),
    source=st.sampled_from(TEXTS["source"]),
    date=st.sampled_from(DATES),
    rating=st.sampled_from(RATINGS),
    spaced=st.booleans(),
)
def test_conditions_mean_what_they_say(
    conditions: list[tuple[str, str, list[str]]], rating: float | None, spaced: bool, **texts: str
) -> None:
    one = Review("a", "Text.", rating=rating, rating_min=0.0, rating_max=10.0, **texts)  # type: ignore[arg-type]
    blank = " " if spaced else ""
    text = " and ".join(
        f"{field}{blank}{sign}{blank}"
        + f"{blank}|{blank}".join(
            value if field in ("rating", "date") else f'"{value}"' for value in values
        )
        for field, sign, values in conditions
    )
    parsed = parse_where(text)
    assert [(made.field, made.operator, list(made.values)) for made in parsed] == conditions
    assert [made.holds(one) for made in parsed] == [
        naive(one, *condition) for condition in conditions
    ]


@given(
    st.text(st.sampled_from("ratingdeml <>=!|&,\"'0123456789-%and"), max_size=40)
    | st.text(max_size=30)
)
def test_any_text_is_conditions_or_a_plain_error(text: str) -> None:
    try:
        conditions = parse_where(text)
    except SettingsError as error:
        assert str(error)
    else:
        assert all(
            isinstance(condition, Condition) and condition.values for condition in conditions
        )
        for condition in conditions:
            condition.holds(REVIEW)


@given(
    st.lists(
        st.builds(
            Condition,
            st.sampled_from(["item", "source"]),
            st.sampled_from(["=", "!=", "~"]),
            st.lists(
                st.text('ab "|~=<>&' + "\n", max_size=8) | st.text(max_size=4), min_size=1
            ).map(tuple),
        ),
        max_size=3,
    )
)
def test_conditions_in_words_are_read_as_the_same_conditions(conditions: list[Condition]) -> None:
    assert parse_where(where_text(conditions)) == tuple(conditions)


def test_conditions_in_words_are_quoted_only_where_they_must_be() -> None:
    for text in (
        "rating >= 80% and date <= 2024-12-05",
        'item = "Room 12" | sauna and source ~ a.csv',
        "",
    ):
        assert where_text(parse_where(text)) == text


MIXED = (
    *REVIEWS,
    Review(
        "stars",
        "Five stars. A dream.",
        rating=4.0,
        rating_min=1.0,
        rating_max=5.0,
        item="Room 12",
        source="x",
    ),
    Review(
        "thumb",
        "Thumbs up.",
        rating=1.0,
        rating_min=0.0,
        rating_max=1.0,
        language="en",
        date="2023-01-31",
    ),
)
"""Ratings on three scales, and none."""


def test_the_same_mark_on_different_scales_is_told_apart(tmp_path: Path) -> None:
    marks = [
        (mark, low, high)
        for mark in (1.0, 2.0, 4.0, 5.0)
        for low in (0.0, 1.0)
        for high in (5.0, 10.0)
    ]
    reviews = [
        Review(str(number), "Text.", rating=mark, rating_min=low, rating_max=high)
        for number, (mark, low, high) in enumerate(marks)
    ]
    index = build_fake_index(tmp_path / "marks", reviews)
    for text in ("rating >= 50%", "rating > 2", "rating = 20%|1", "rating < 100%"):
        (condition,) = parse_where(text)
        np.testing.assert_array_equal(
            index.sentences_where([condition]), [condition.holds(one) for one in reviews]
        )


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    return build_fake_index(tmp_path_factory.mktemp("indexes") / "mixed", MIXED)


@pytest.mark.parametrize(
    ("text", "some"),
    [
        ("rating >= 7", True),
        ("rating >= 70%", True),
        ("rating != 10", True),
        ("rating = 1|4", True),
        ("date >= 2024-05-03", True),
        ("date != 2024", True),
        ("source = x", True),
        ('item = "room 12"', True),
        ("language != en", True),
        ("source = hand-made and rating > 50%", True),
        ("item = sauna", False),
        ("rating > 100%", False),
        ("", True),
    ],
)
def test_an_index_finds_the_sentences_of_just_those_reviews(
    mixed: ReviewIndex, text: str, some: bool
) -> None:
    conditions = parse_where(text)
    expected = [
        all(condition.holds(MIXED[row]) for condition in conditions)
        for row in mixed.sentence_review
    ]
    found = mixed.sentences_where(conditions)
    np.testing.assert_array_equal(found, expected)
    assert found.any() == some and (not found.all() or not text)
