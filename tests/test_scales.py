"""Ratings in all their forms, and the scale that a file's ratings are on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.ingest import ReadOptions, ReadReport, import_reviews, parse_rating, parse_scale
from rag.schema import Review, ReviewFileError

FORMS = [  # rating and total, wherever they stand
    "{0}/{1}",
    "{0} / {1}",
    "{0} out of {1}",
    "Rated {0} out of {1}",
    "{0} out of {1} stars",
    "{0} stars out of {1}",
    "{0} von {1} Sternen",
    "{0} sur {1} étoiles",
    "{0} étoiles sur {1}",
    "{0} de {1} estrellas",
    "{0} su {1} stelle",
    "{0} van {1} sterren",
    "{0} z {1} gwiazdek",
    "{1}つ星のうち{0}",
    "{1}つ星のうち {0}",
    "{1}点満点中{0}点",
    "{1}段階中{0}",
    "{1}점 만점에 {0}점",
    "{1}점 중 {0}점",
    "{1} yıldız üzerinden {0}",
    "{1} में से {0}",
    "{0} 颗星，最多 {1} 颗星",
    "满分{1}分，{0}分",
    "out of {1}: {0}",
]


@given(st.integers(0, 20), st.sampled_from([5, 10]), st.sampled_from(FORMS), st.sampled_from(".,"))
def test_the_total_is_never_taken_for_the_rating(
    halves: int, total: int, form: str, mark: str
) -> None:
    rating = min(halves / 2, total)
    text = form.format(f"{rating:.1f}".replace(".", mark), total)
    assert parse_rating(text) == (rating, total)


@given(st.integers(1, 5), st.sampled_from("★⭐🌟"), st.booleans())
def test_stars_are_counted(count: int, star: str, coloured: bool) -> None:
    text = (star + "\ufe0f" * coloured) * count
    assert parse_rating(text) == parse_rating(text + "☆" * (5 - count)) == (count, 5)


@given(st.dates())
def test_a_date_is_no_rating(day: object) -> None:
    assert parse_rating(str(day)) is None and parse_rating(str(day).replace("-", "/")) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("4½", (4.5, None)),
        ("4 ½", (4.5, None)),
        ("4 1/2", (4.5, None)),
        ("3½/4", (3.5, 4)),
        ("4.5★", (4.5, 5)),
        ("★ 4.0", (4, 5)),
        ("★★★★☆ 4.0", (4, 5)),
        ("FIVE_STAR", (5, 5)),
        ("five stars", (5, 5)),
        ("８点", (8, None)),
        ("11/10", None),
        ("4-5", None),
        ("9 of 10 people", None),
        ("Room 12", None),
    ],
)
def test_ratings_that_people_give(value: str, expected: tuple[float, float | None] | None) -> None:
    assert parse_rating(value) == expected


@pytest.mark.parametrize("text", ["1..10", " 1 .. 10 ", "1-10", "1 to 10"])
def test_a_scale_is_two_marks(text: str) -> None:
    assert parse_scale(text) == (1, 10)
    with pytest.raises(ReviewFileError, match="write its lowest and highest mark"):
        parse_scale("10..1")


def read(
    folder: Path, ratings: Sequence[object], header: str = "rating", **options: object
) -> tuple[list[Review], ReadReport]:
    lines = [f"text,{header}", *(f"Soup number {n},{mark}" for n, mark in enumerate(ratings))]
    (folder / "a.csv").write_text("\n".join(lines), encoding="utf-8")
    imported = import_reviews([folder / "a.csv"], folder, ReadOptions(**options))  # type: ignore[arg-type]
    return list(imported), imported.reports[0]


def spread(**counts: int) -> list[int]:
    return [int(mark[1:]) for mark, count in counts.items() for _ in range(count)]


def test_a_few_strays_do_not_turn_praise_into_complaint(tmp_path: Path) -> None:
    reviews, report = read(tmp_path, spread(_1=20, _2=30, _3=30, _4=60, _5=60, _8=3, _10=1))
    assert report.rating_scale == "1..5" and "98.0% of the marks" in report.rating_reason
    assert (report.unread["rating"].count, report.unread["rating"].example) == (
        4,
        "8 is outside 1..5",
    )
    assert Counter(review.rating for review in reviews)[None] == 4
    assert {review.rating_fraction for review in reviews if review.rating == 5} == {1}


def test_complaints_out_of_ten_are_not_praise_out_of_five(tmp_path: Path) -> None:
    report = read(tmp_path, spread(_1=60, _2=20, _3=10, _4=5, _5=4, _6=2, _9=1))[1]
    assert report.rating_scale == "1..10" and report.unread == {}


@pytest.mark.parametrize(
    ("header", "ratings", "scale", "says"),
    [
        ("How was it? (1-10)", [1, 2, 3, 4], "1..10", 'is called "How was it? (1-10)"'),
        ("score out of 10", [1, 2, 3, 4], "1..10", "is called"),
        ("star_rating", [0, 1, 2, 5], "1..5", "0 is taken for not rated"),
        ("stars", [0.5, 1, 4.5], "0..5", "no mark is above 5"),
        ("rating", [0, 3, 5], "0..5", "give 1..5 as the scale if 0 means not rated"),
        ("rating", [1, 2, 3, 4] * 10, "1..5", "none is 5 either"),
        ("rating", ["4/5", "3/5", "2"], "1..5", "most are written out of 5"),
        ("rating", [40, 80], "0..100", "no mark is above 100"),
    ],
)
def test_the_scale_and_its_reason(
    tmp_path: Path, header: str, ratings: list[object], scale: str, says: str
) -> None:
    report = read(tmp_path, ratings, header)[1]
    assert report.rating_scale == scale and says in report.rating_reason


def test_an_average_out_of_ten_beside_them_tells_the_scale(tmp_path: Path) -> None:
    lines = [f"Dull film number {n},{n % 4 + 1},{7.1 + n % 2}" for n in range(40)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["review,rating,average_rating", *lines]), encoding="utf-8")
    (report,) = import_reviews([path], tmp_path).reports
    assert (report.rating_scale, report.columns["rating"].name) == ("1..10", "rating")
    assert '"average_rating" has marks out of 10' in report.rating_reason


def test_a_scale_that_was_said_wins(tmp_path: Path) -> None:
    reviews, report = read(tmp_path, [0, 1, 4, 12], scale=(1.0, 10.0))
    assert (report.rating_scale, report.rating_reason) == (
        "1..10",
        "you said so; 0 is taken for not rated",
    )
    assert [review.rating for review in reviews] == [None, 1, 4, None]
    assert {review.rating_max for review in reviews} == {10} and report.unread["rating"].count == 2


def test_a_rating_with_another_total_keeps_it(tmp_path: Path) -> None:
    reviews, _ = read(tmp_path, ["8/10", "9/10", "4/5", "7"])
    assert [review.rating_fraction for review in reviews] == pytest.approx(
        [7 / 9, 8 / 9, 3 / 4, 2 / 3]
    )


@given(st.lists(st.integers(1, 10), min_size=1, max_size=60))
def test_no_rating_is_ever_another_one(
    tmp_path_factory: pytest.TempPathFactory, marks: list[int]
) -> None:
    reviews, report = read(tmp_path_factory.mktemp("marks"), marks)
    kept = [review.rating for review in reviews]
    assert all(rating in (mark, None) for rating, mark in zip(kept, marks, strict=True))
    absent = report.unread["rating"].count if report.unread else 0
    assert kept.count(None) == absent <= 0.05 * len(marks)
