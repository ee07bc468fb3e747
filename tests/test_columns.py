"""Which column holds what: by layout, by name, by content, and by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.ingest import FIELDS
from rag.ingest.columns import Recognised, recognise
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


ANSWERS = [
    f"Dear guest, thank you for your words, we hope to see you again soon ({n})" * 3
    for n in range(24)
]


@pytest.mark.parametrize(
    "answer",
    [
        "Owner response",
        "Management reply",
        "Reply",
        "developerResponse.body",
        "reviewReply.comment",
        "host_reply",
        "Seller comment",
        "Antwort der Unterkunft",
        "Respuesta del propietario",
        "Satıcı yanıtı",
        "사장님 답변",
        "商家回复",
    ],
)
@pytest.mark.parametrize("text", ["Guest said", "Feedback", "review"])
def test_a_column_that_answers_is_never_the_review(answer: str, text: str) -> None:
    assert found(rows(**{answer: ANSWERS, text: UNIQUE_TEXTS})) == {"text": text}
    assert found(rows(**{answer: ANSWERS, text: UNIQUE_TEXTS}), {"text": answer})["text"] == answer


def test_the_longest_text_is_no_argument_against_a_name() -> None:
    shops = [
        f"What the shop says of its {n}th soap, with sizes, colours and smells." * 4
        for n in range(24)
    ]
    assert found(rows(description=shops, review=UNIQUE_TEXTS))["text"] == "review"
    assert (
        found(rows(Question=["How was it?"], Answer=UNIQUE_TEXTS, review=UNIQUE_TEXTS))["text"]
        == "review"
    )
    with pytest.raises(ReviewFileError, match="--map text='Response'"):
        found(rows(Question=["How was it?"], Response=UNIQUE_TEXTS))


DATES = ["2024-01-02", "2024-02-03"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            {
                "id": [1],
                "dateAdded": DATES,
                "name": ["Fox", "Bell"],
                "rating": [4.1],
                "reviews.date": DATES,
                "reviews.rating": [1, 5, 3],
                "reviews.text": UNIQUE_TEXTS,
                "reviews.username": ["ann", "bob"],
            },
            {"text": "reviews.text", "rating": "reviews.rating", "date": "reviews.date"}
            | {"author": "reviews.username", "item": "name"},
        ),
        (
            {
                "properties.date": DATES,
                "properties.five_star_rating_published": [1, 5],
                "properties.location.name": ["Fox", "Bell"],
                "properties.review_text_published": UNIQUE_TEXTS,
            },
            {
                "text": "properties.review_text_published",
                "rating": "properties.five_star_rating_published",
                "date": "properties.date",
                "item": "properties.location.name",
            },
        ),
        (
            {
                "author.name.label": ["ann", "bob"],
                "updated.label": DATES,
                "im:rating.label": [1, 5],
                "title.label": UNIQUE_TEXTS,
                "content.label": UNIQUE_TEXTS[::-1],
            },
            {"text": "content.label", "title": "title.label", "rating": "im:rating.label"}
            | {"date": "updated.label", "author": "author.name.label"},
        ),
        (
            {
                "Review Created (UTC)": DATES,
                "Review Username": ["ann", "bob"],
                "Review Stars": [1, 5],
                "Review Content": UNIQUE_TEXTS,
                "Company Reply Date (UTC)": ["2024-05-06"],
            },
            {"text": "Review Content", "rating": "Review Stars"}
            | {"date": "Review Created (UTC)", "author": "Review Username"},
        ),
        (
            {
                "Year_Month": ["2019-4", "2018-11"],
                "Branch": ["Paris", "Rome"],
                "Review_Text": UNIQUE_TEXTS,
            },
            {"text": "Review_Text", "date": "Year_Month", "item": "Branch"},
        ),
        (
            {"reviewer.displayName": ["ann", "bob"], "createTime": DATES, "comment": UNIQUE_TEXTS},
            {"text": "comment", "author": "reviewer.displayName", "date": "createTime"},
        ),
        (
            {
                "business.name": ["Fox", "Bell"],
                "business.rating": [4.1],
                "user.name": ["ann", "bob"],
            }
            | {"review.text": UNIQUE_TEXTS, "review.stars": [1, 5, 3]},
            {
                "text": "review.text",
                "rating": "review.stars",
                "author": "user.name",
                "item": "business.name",
            },
        ),
        ({"dateAdded": DATES, "review": UNIQUE_TEXTS}, {"text": "review", "date": "dateAdded"}),
        ({"name": ["Fox", "Bell"], "review": UNIQUE_TEXTS}, {"text": "review", "item": "name"}),
        (
            {"name": [f"g{n}" for n in range(24)], "review": UNIQUE_TEXTS},
            {"text": "review", "author": "name"},
        ),
    ],
)
def test_prefixed_and_nested_names(columns: dict[str, Any], expected: dict[str, str]) -> None:
    assert found(rows(**columns)) == expected


def test_of_two_ratings_the_reviews_own() -> None:
    sample = rows(
        professor_name=["Looney", "Byron"],
        star_rating=[4.7, 2.1],
        student_star=[1, 2, 3, 4, 5],
        comments=UNIQUE_TEXTS,
    )
    assert found(sample)["rating"] == "student_star"
    same = rows(
        hotel=["Fox", "Bell"], rating=[4.7, 2.1], guest_score=[1, 2, 3, 4, 5], review=UNIQUE_TEXTS
    )
    assert found(same)["rating"] == "guest_score"


def test_a_books_title_and_author_are_not_the_reviews() -> None:
    names = (
        "Book Id",
        "Title",
        "Author",
        "My Rating",
        "Average Rating",
        "Date Added",
        "Exclusive Shelf",
    )
    sample = rows(**{key: ["4"] for key in names}, **{"My Review": UNIQUE_TEXTS})
    result = recognise(list(sample[0].cells), sample, {}, "x.csv")
    assert {field: choice.name for field, choice in result.columns.items()} == {
        "text": "My Review",
        "rating": "My Rating",
        "date": "Date Added",
        "item": "Title",
    }
    assert str(result.scales[0]) == "1..5"


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


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["a", "text", "id", "rating", "日", "pros", "Cons", "reviews.text", "reply"]
            ),
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
        texts = [column.name for column in result.text]
        chosen = [choice.name for key, choice in result.columns.items() if key != "text"] + texts
        assert texts and len(set(chosen)) == len(chosen) and set(chosen) <= set(names)
        assert result.columns["text"].name == "+".join(texts)
        assert "reply" not in chosen or names == ["reply"]
        assert set(result.columns) <= set(FIELDS) and set(result.unused) == set(names) - set(chosen)
