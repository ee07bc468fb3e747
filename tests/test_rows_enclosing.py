"""What encloses a list of reviews: it gives the item and the date, and never a review's own fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.ingest import ReadOptions, import_reviews, read_reviews
from rag.ingest.formats.registry import open_sources
from rag.ingest.formats.rows import Row
from rag.schema import Review


def write(folder: Path, value: Any, name: str = "a.json") -> Path:
    (folder / name).write_text(json.dumps(value), encoding="utf-8")
    return folder / name


def rows(folder: Path, value: Any) -> list[Row]:
    (source,) = open_sources(write(folder, value))
    return list(source)


def reviews(folder: Path, value: Any) -> list[Review]:
    return read_reviews(write(folder, value))[0]


REVIEWS = [
    {"text": "The room was warm and quiet.", "stars": 5},
    {"text": "Breakfast came cold, twice.", "stars": 2},
]


@pytest.mark.parametrize(
    ("value", "item"),
    [
        ({"name": "Inn", "reviews": REVIEWS}, "Inn"),
        ({"reviews": REVIEWS, "name": "Inn"}, "Inn"),
        ([{"displayName": {"text": "Inn", "languageCode": "en"}, "reviews": REVIEWS}], "Inn"),
        ([{"reviews": REVIEWS, "rating": 4.4, "title": "Inn"}], "Inn"),
        ({"business": {"name": "Inn", "id": 3}, "reviews": REVIEWS}, "Inn"),
        ({"owner": {"name": "Ann"}, "data": {"hotel": "Inn", "items": REVIEWS}}, "Inn"),
        ({"hotel": "Inn", "reviews": {"-Mx1": REVIEWS[0], "-Mx2": REVIEWS[1]}}, "Inn"),
        ({"source": "x", "places": [{"id": "p1", "reviews": REVIEWS}]}, "p1"),
        ({"author": {"name": "Ann"}, "reviews": REVIEWS}, ""),
        ({"results": {"page": 1, "list": REVIEWS}}, ""),
    ],
)
def test_the_parent_names_the_item(tmp_path: Path, value: Any, item: str) -> None:
    found = reviews(tmp_path, value)
    assert [review.item for review in found] == [item, item]
    assert [review.text for review in found] == [review["text"] for review in REVIEWS]


def test_each_list_has_the_parent_it_is_in(tmp_path: Path) -> None:
    places = [{"name": f"Place {n}", "reviews": REVIEWS, "city": "Ulm"} for n in range(3)]
    found = rows(tmp_path, {"exported": "2025-01-01", "places": places})
    assert [row.cells["../name"] for row in found] == [
        f"Place {n}" for n in range(3) for _ in REVIEWS
    ]
    assert {row.cells["../city"] for row in found} == {"Ulm"}
    assert {row.cells["/exported"] for row in found} == {"2025-01-01"}


def test_a_parents_rating_text_and_author_are_never_the_reviews(tmp_path: Path) -> None:
    unrated = [{"text": review["text"]} for review in REVIEWS]
    place = {"name": "Inn", "rating": 4.6, "text": "A description.", "author": "Ann", "title": "T"}
    found = reviews(tmp_path, [{**place, "reviews": unrated}])
    assert [(review.rating, review.author, review.title) for review in found] == [
        (None, "", "")
    ] * 2
    assert found[0].text == REVIEWS[0]["text"]


def test_a_day_dates_its_reviews_and_an_export_does_not(tmp_path: Path) -> None:
    days = [{"date": f"2024-05-0{n}", "reviews": REVIEWS} for n in (1, 2)]
    assert [review.date for review in reviews(tmp_path, {"days": days})] == [
        "2024-05-01",
        "2024-05-01",
        "2024-05-02",
        "2024-05-02",
    ]
    assert reviews(tmp_path, {"date": "2024-05-01", "reviews": REVIEWS})[0].date == ""


def test_a_parents_column_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, {"name": "Inn", "city": "Ulm", "reviews": REVIEWS})
    imported = import_reviews([path], tmp_path, ReadOptions(mapping={"item": "/city"}))
    assert {review.item for review in imported} == {"Ulm"}
    imported = import_reviews([path], tmp_path, ReadOptions(mapping={"item": ""}))
    assert {review.item for review in imported} == {""}


def test_replies_are_not_the_reviews(tmp_path: Path) -> None:
    long = "Dear guest, thank you for these kind words, we hope to see you again very soon. " * 3
    given_to = [{**review, "replies": [{"text": long}, {"text": long}]} for review in REVIEWS]
    found = reviews(tmp_path, {"name": "Inn", "reviews": given_to})
    assert [review.text for review in found] == [review["text"] for review in REVIEWS]


def test_values_with_notes_about_them_are_called_as_they_are(tmp_path: Path) -> None:
    entry = {
        "content": {"label": "Too many ads.", "attributes": {"type": "text"}},
        "title": {"text": "Ads", "languageCode": "en"},
        "price": {"value": 3, "currency": "EUR"},
    }
    assert rows(tmp_path, [entry])[0].cells == {
        "content": "Too many ads.",
        "content.attributes.type": "text",
        "title": "Ads",
        "title.languageCode": "en",
        "price.value": 3,
        "price.currency": "EUR",
    }


def test_a_long_list_does_not_wait_for_the_end_of_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.ingest.formats.json_walk._WAIT", 200_000)
    many = [{"text": f"Words, number {n}. " * 20} for n in range(2000)]
    value = {"name": "Inn", "reviews": many, "city": "Ulm"}
    (source,) = open_sources(write(tmp_path, value))
    found = list(source)
    assert [row.cells["text"] for row in found] == [review["text"] for review in many]
    assert {row.cells["/name"] for row in found} == {"Inn"}
    assert not any("/city" in row.cells for row in found)


NAMES = st.text(st.sampled_from("abc ü"), min_size=1, max_size=6)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    places=st.lists(
        st.tuples(NAMES, st.lists(NAMES, max_size=3), st.booleans()), min_size=1, max_size=5
    ),
    depth=st.integers(0, 3),
)
def test_any_nesting_keeps_reviews_with_their_parents(
    tmp_path: Path, places: list[tuple[str, list[str], bool]], depth: int
) -> None:
    value: Any = [
        {"reviews": [{"text": f"Text {text} of it"} for text in texts], "name": name}
        if late
        else {"name": name, "reviews": [{"text": f"Text {text} of it"} for text in texts]}
        for name, texts, late in places
    ]
    expected = [(f"Text {text} of it", name) for name, texts, _ in places for text in texts]
    if not expected:
        return
    for level in range(depth):
        value = {f"level{level}": value}
    found = [(row.cells["text"], row.cells["../name"]) for row in rows(tmp_path, value)]
    assert found == expected
