"""Which column holds what: by layout, by name, by content, and by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.ingest.columns import FIELDS, Recognised, recognise
from rag.ingest.formats.rows import Row
from rag.schema import ReviewFileError

TEXTS = (
    "The room was quiet and the bed was soft.",
    "We waited an hour for cold soup, and nobody said sorry.",
    "Lovely people at the desk, and a view of the harbour.",
    "Never again: the lift was broken and the stairs were wet.",
)


def rows(**columns: Any) -> list[Row]:
    """Two dozen rows that repeat what is given for each column."""
    cells = [
        {name: values[number % len(values)] for name, values in columns.items()}
        for number in range(24)
    ]
    return [Row(number + 2, one) for number, one in enumerate(cells)]


def found(sample: list[Row], mapping: Mapping[str, str] | None = None) -> dict[str, str]:
    result: Recognised = recognise(list(sample[0].cells), sample, mapping or {}, "x.csv")
    return {field: choice.name for field, choice in result.columns.items()}


UNIQUE_TEXTS = [f"{text} ({number})" for number in range(6) for text in TEXTS]


@pytest.mark.parametrize(
    ("text", "rating", "date"),
    [
        ("Reseña", "Calificación", "Fecha"),
        ("Avis", "Note", "Date"),
        ("Bewertungstext", "Sterne", "Datum"),
        ("Recensione", "Voto", "Data"),
        ("Treść", "Ocena", "Data"),
        ("Yorum", "Puan", "Tarih"),
        ("Отзыв", "Оценка", "Дата"),
        ("리뷰", "평점", "작성일"),
        ("レビュー", "評価", "投稿日"),
        ("评论", "评分", "日期"),
    ],
)
def test_names_in_several_languages(text: str, rating: str, date: str) -> None:
    sample = rows(**{rating: [1, 5, 3], date: ["2024-01-02"], text: UNIQUE_TEXTS})
    assert found(sample) == {"text": text, "rating": rating, "date": date}


def test_odd_names_are_told_by_what_is_in_them() -> None:
    sample = rows(
        a=[f"k{n}" for n in range(24)], b=["2024-05-06", "2024-05-07"], c=UNIQUE_TEXTS, d=["x", "y"]
    )
    result = recognise(["a", "b", "c", "d"], sample, {}, "x.csv")
    assert {field: choice.name for field, choice in result.columns.items()} == {
        "text": "c",
        "date": "b",
    }
    assert "longest texts" in result.columns["text"].reason and result.unused == ["a", "d"]


def test_a_review_column_of_numbers_is_not_the_text() -> None:
    sample = rows(review=[1, 2, 3, 4, 5], comment=UNIQUE_TEXTS)
    assert found(sample)["text"] == "comment"


def test_a_title_that_many_share_is_that_of_the_item() -> None:
    sample = rows(title=["Dune", "Alien"], text=UNIQUE_TEXTS)
    assert found(sample) == {"text": "text", "item": "title"}
    assert found(rows(title=UNIQUE_TEXTS, text=UNIQUE_TEXTS))["title"] == "title"
    assert found(sample, {"title": "title"}) == {"text": "text", "title": "title"}  # said by hand


def test_the_reviewers_own_rating_wins_over_the_items_average() -> None:
    sample = rows(
        user_rate=[8, 3, 9],
        user_comment=UNIQUE_TEXTS,
        show_rating=[7.61, 7.58],
        show_rating_count=[99, 1200],
    )
    assert found(sample)["rating"] == "user_rate"


def test_an_id_that_rows_share_is_not_the_reviews() -> None:
    assert "review_id" not in found(rows(id=[7, 8], text=UNIQUE_TEXTS))
    assert found(rows(id=list(range(24)), text=UNIQUE_TEXTS))["review_id"] == "id"


def test_headers_that_are_sentences() -> None:
    sample = rows(
        **{
            "id of the guest": list(range(24)),
            "your rating of us": [1, 5],
            "date of the review": ["1 May 2024"],
            "text of your review": UNIQUE_TEXTS,
        }
    )
    assert found(sample) == {
        "text": "text of your review",
        "rating": "your rating of us",
        "date": "date of the review",
    }


@pytest.mark.parametrize(
    ("layout", "columns", "fields"),
    [
        (
            "Amazon reviews (2018)",
            "overall reviewText summary asin reviewerName unixReviewTime vote",
            {"item": "asin", "title": "summary"},
        ),
        (
            "Amazon reviews (2023)",
            "rating title text asin parent_asin user_id timestamp helpful_vote",
            {"item": "parent_asin"},
        ),
        (
            "Yelp",
            "review_id user_id business_id stars useful text date",
            {"rating": "stars", "helpful_votes": "useful"},
        ),
        (
            "Steam (API)",
            "recommendationid language review timestamp_created voted_up votes_up",
            {"rating": "voted_up"},
        ),
        (
            "Inside Airbnb",
            "listing_id id date reviewer_id reviewer_name comments",
            {"text": "comments", "item": "listing_id"},
        ),
        (
            "Google Play",
            "reviewId userName content score thumbsUpCount at",
            {"text": "content", "date": "at"},
        ),
        (
            "Letterboxd",
            "Date Name Year Rating Review Letterboxd_URI",
            {"item": "Name", "text": "Review"},
        ),
        (
            "IMDb",
            "Title Date Rating Thumbs_up Thumbs_down Description",
            {"text": "Description"},
        ),
        (
            "SubjQA",
            "review_id item_id domain text",
            {"item": "item_id"},
        ),
    ],
)
def test_layouts_are_known_outright(layout: str, columns: str, fields: dict[str, str]) -> None:
    filled: dict[str, Any] = {name: [f"{n}" for n in range(24)] for name in columns.split()}
    sample = rows(**filled)
    result = recognise(columns.split(), sample, {}, "x.csv")
    assert result.layout == layout
    for field, name in fields.items():
        assert result.columns[field].name == name and layout in result.columns[field].reason


def test_a_field_can_be_switched_off_and_a_column_given_by_hand() -> None:
    sample = rows(text=UNIQUE_TEXTS, rating=[1, 2], other=TEXTS)
    assert found(sample, {"rating": "", "text": "other"}) == {"text": "other"}


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({"text": "Txet"}, r'x\.csv has no column "Txet"\. Did you mean "Text"'),
        ({"stars": "Text"}, 'Cannot map a column to "stars"'),
        ({"text": ""}, r"cannot tell which column.*--map text="),
    ],
)
def test_a_mapping_that_cannot_be_is_explained(mapping: dict[str, str], says: str) -> None:
    with pytest.raises(ReviewFileError, match=says):
        found(rows(Text=UNIQUE_TEXTS, rating=[1]), mapping)


def test_dates_in_numbers_are_read_as_the_whole_column_shows() -> None:
    days = rows(text=UNIQUE_TEXTS, date=["02/03/2024", "13/03/2024"])
    months = rows(text=UNIQUE_TEXTS, date=["02/03/2024", "03/13/2024"])
    unsure = rows(text=UNIQUE_TEXTS, date=["02/03/2024"])
    results = [recognise(["text", "date"], sample, {}, "x") for sample in (days, months, unsure)]
    assert [result.day_first for result in results] == [True, False, False]
    assert (
        "3rd of February" in results[2].columns["date"].reason
        and "3rd" not in results[0].columns["date"].reason
    )


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a", "text", "id", "rating", "日"]),
            st.none() | st.integers() | st.text(max_size=9),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_rows_are_recognised_or_refused_plainly(cells: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for one in cells for name in one))
    try:
        result = recognise(names, [Row(1, one) for one in cells], {}, "x.csv")
    except ReviewFileError as error:
        assert "x.csv" in str(error)
    else:
        chosen = [choice.name for choice in result.columns.values()]
        assert (
            "text" in result.columns
            and len(set(chosen)) == len(chosen)
            and set(chosen) <= set(names)
        )
        assert set(result.columns) <= set(FIELDS) and set(result.unused) == set(names) - set(chosen)
