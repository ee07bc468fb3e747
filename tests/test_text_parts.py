"""Reviews in several columns, and several reviews in one cell."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.ingest import STEPS, ReadReport, read_reviews
from rag.ingest.text_parts import is_filler, review_text, side_of_name, text_column
from rag.schema import Part, Review

Read = Callable[..., tuple[list[Review], ReadReport]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(
        rows: list[dict[str, Any]], mapping: Mapping[str, str] | None = None
    ) -> tuple[list[Review], ReadReport]:
        path = tmp_path / "a.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        return read_reviews(path, mapping=mapping)

    return read


def sides(review: Review) -> dict[str, str]:
    return {part.side: review.text[part.start : part.end] for part in review.parts}


def test_both_sides_are_read_and_known(read: Read) -> None:
    reviews, report = read(
        [
            {
                "Negative_Review": " The car park was dark. ",
                "Positive_Review": "Warm soup",
                "Score": 7,
            },
            {"Negative_Review": "No Negative", "Positive_Review": "The bed was soft", "Score": 9},
            {
                "Negative_Review": "It was loud at night",
                "Positive_Review": "No Positive",
                "Score": 2,
            },
            {"Negative_Review": "N/A", "Positive_Review": "-", "Score": 5},
        ]
    )
    assert [review.text for review in reviews] == [
        "Negative: The car park was dark.\n\nPositive: Warm soup",
        "Positive: The bed was soft",
        "Negative: It was loud at night",
    ]
    assert sides(reviews[0]) == {
        "criticism": "Negative: The car park was dark.",
        "praise": "Positive: Warm soup",
    }
    assert [review.side_at(0) for review in reviews] == ["criticism", "praise", "criticism"]
    assert reviews[0].side_at(len(reviews[0].text)) is None
    assert report.dropped == {"no text": 1} and report.unused == []
    assert report.columns["text"].name == "Negative_Review+Positive_Review"


def test_what_is_on_no_side_is_read_with_them(read: Read) -> None:
    row = {
        "Title": "Good tool",
        "Pros": "Fast and cheap",
        "Cons": "The export fails",
        "Overall": "We would buy it again next year",
    }
    reviews, _ = read([row])
    text = (
        "Pros: Fast and cheap\n\nCons: The export fails\n\nOverall: We would buy it again next year"
    )
    assert reviews[0].text == text and reviews[0].title == "Good tool"
    assert set(sides(reviews[0])) == {"praise", "criticism"}
    assert reviews[0].side_at(text.index("Overall")) is None


def test_the_questions_of_a_survey_are_read_together(read: Read) -> None:
    row = {"What did you like most?": "The warm soup", "What could we improve?": "The cold beds"}
    assert sides(read([row])[0][0]) == {
        "praise": "Positive: The warm soup",
        "criticism": "Negative: The cold beds",
    }
    other = {
        "How was your stay with us?": "Calm and warm",
        "Why did you come here?": "To see the sea",
    }
    reviews, _ = read([other])
    assert reviews[0].text == "Comment: Calm and warm\n\nComment: To see the sea"
    assert reviews[0].parts == ()


def test_columns_are_joined_by_hand(read: Read) -> None:
    row = {"a": "The soup was warm", "Minus": "The bed was cold", "c+d": "Some other words"}
    assert (
        read([row], {"text": "a + Minus"})[0][0].text
        == "A: The soup was warm\n\nMinus: The bed was cold"
    )
    assert read([row], {"text": "c+d"})[0][0].text == "Some other words"


def test_one_side_alone_is_an_ordinary_text(read: Read) -> None:
    reviews, _ = read([{"pros": "The soup was warm", "rating": 4}])
    assert (reviews[0].text, reviews[0].parts) == ("The soup was warm", ())
    counts = [{"review": "The soup was warm", "likes": 3, "dislikes": 4}]
    assert read(counts)[0][0].text == "The soup was warm"


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("Pros", "praise"),
        ("Negative_Review", "criticism"),
        ("What do you like best about Acme?", "praise"),
        ("What do you dislike about Acme?", "criticism"),
        ("What did you like least?", "criticism"),
        ("What didn't you like?", "criticism"),
        ("What could be better?", "criticism"),
        ("What went well?", "praise"),
        ("Vorteile", "praise"),
        ("Inconvénients", "criticism"),
        ("장점", "praise"),
        ("缺点", "criticism"),
        ("What problems is Acme solving?", None),
        ("Any other comments?", None),
        ("How likely are you to come back?", None),
        ("Process", None),
        ("Consumer", None),
    ],
)
def test_the_side_that_a_name_says(name: str, side: str | None) -> None:
    assert side_of_name(name) == side


@pytest.mark.parametrize(
    "text",
    [
        "No Negative",
        "no positive",
        "N/A",
        "n/a.",
        "none",
        "None!",
        "-",
        "--",
        "",
        "Nichts",
        "없음",
        "特になし",
    ],
)
def test_fillers_say_nothing(text: str) -> None:
    assert is_filler(text) and not is_filler(f"{text} but the wet towels")


CELLS = ["No Negative", "-", "", "Warm <b>soup</b>", "Cold\r\nbeds", "한국어", " x y "]


@given(st.lists(st.sampled_from(CELLS), min_size=2, max_size=4))
def test_parts_are_where_they_are_said_to_be(cells: list[str]) -> None:
    names = ["Pros", "Cons", "Likes", "Dislikes"][: len(cells)]
    columns = [text_column(name) for name in names]
    cleaned, parts = review_text(dict(zip(names, cells, strict=True)), columns, STEPS)
    told = [name for name, cell in zip(names, cells, strict=True) if not is_filler(cell)]
    assert [cleaned.text[part.start :].partition(":")[0] for part in parts] == told
    assert "\n\n".join(cleaned.text[part.start : part.end] for part in parts) == cleaned.text


def test_a_review_remembers_its_parts_as_a_row_of_a_table() -> None:
    review = Review("a", "Pros: x", parts=(Part(0, 7, "praise"),))
    row = {"review_id": "a", "text": "Pros: x", "parts": [{"start": 0, "end": 7, "side": "praise"}]}
    assert Review.from_row(row) == review
    assert Review.from_row({"review_id": "a", "text": "x"}).parts == ()


def test_a_printed_list_of_reviews_is_as_many_reviews(read: Read) -> None:
    lists = [
        "[]",
        "[('Rated 4.0', 'RATED\\n  Warm soup and kind people.')]",
        "[('Rated 1.0', 'Cold soup, never again.'), ('Rated 5.0', 'The best soup of the town.')]",
    ]
    rows = [
        {
            "name": f"Inn {n}",
            "rate": "4.1/5",
            "votes": 7,
            "reviews_list": cell,
            "tags": "['a', 'b']",
        }
        for n, cell in enumerate(lists)
    ]
    reviews, report = read(rows)
    assert [
        (review.item, review.rating, review.text, review.helpful_votes) for review in reviews
    ] == [
        ("Inn 1", 4, "Warm soup and kind people.", None),
        ("Inn 2", 1, "Cold soup, never again.", None),
        ("Inn 2", 5, "The best soup of the town.", None),
    ]
    assert (report.read, report.kept, report.dropped) == (4, 3, {"no text": 1})


def test_a_printed_list_of_objects_is_as_many_reviews(read: Read) -> None:
    cell = json.dumps([{"rating": 2, "text": "Cold soup."}, {"rating": 5, "text": "Warm soup."}])
    reviews, _ = read([{"hotel": "Inn", "reviews": cell}])
    assert [(review.item, review.rating, review.text) for review in reviews] == [
        ("Inn", 2, "Cold soup."),
        ("Inn", 5, "Warm soup."),
    ]


def test_a_text_that_begins_with_a_bracket_is_a_text(read: Read) -> None:
    rows = [{"review": "[Update] The soup was warm"}, {"review": "['a', 'b'] is what it said"}]
    assert [review.text for review in read(rows)[0]] == [row["review"] for row in rows]
