"""Dates in all their forms, and what 02/03 means in a whole column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.ingest import ReadReport, parse_date, read_reviews
from rag.schema import Review

DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))
YEAR_FIRST = [
    *(f"%Y{mark}%m{mark}%d" for mark in "-/._"),
    "%Y%m%d",
    "%Y. %m. %d.",
    "%Y年%m月%d日",
    "%Y년 %m월 %d일",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y/%m/%d %I:%M:%S %p GMT+1",
    "%Y%m%dT%H%M%S",
]
WITH_WORDS = [
    "%B %d, %Y",
    "%b %d %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%Y %B %d",
    "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y %H:%M:%S +0000",
    "Reviewed in Germany on %d %B %Y",
]


@given(DAYS, st.sampled_from(YEAR_FIRST + WITH_WORDS))
def test_a_date_that_can_be_only_one_is_that_one(day: date, form: str) -> None:
    assert parse_date(datetime(day.year, day.month, day.day, 10, 30).strftime(form)) == str(day)


@given(DAYS, st.sampled_from(["%Y/{}/{}", "%Y-{}-{}", "%Y年{}月{}日", "%Y. {}. {}."]))
def test_numbers_need_no_nought_before_them(day: date, form: str) -> None:
    assert parse_date(day.strftime(form).format(day.month, day.day)) == str(day)


@given(DAYS, st.sampled_from("/.-"), st.booleans())
def test_the_order_decides_where_both_numbers_could_be_the_month(
    day: date, mark: str, day_first: bool
) -> None:
    numbers = [f"{day.day:02}", f"{day.month:02}"][:: 1 if day_first else -1]
    text = mark.join([*numbers, f"{day.year}"])
    assert parse_date(text, day_first=day_first) == str(day)


@given(DAYS, st.sampled_from(["%Y-%m", "%Y/%m", "%Y_%m", "%m/%Y", "%B %Y", "%Y年%m月"]))
def test_a_month_is_its_first_day(day: date, form: str) -> None:
    assert parse_date(day.strftime(form)) == str(day.replace(day=1))


@given(st.integers(1900, 2100), st.integers(13, 99), st.integers(1, 31), st.sampled_from("-/._"))
def test_an_impossible_date_is_none_and_not_another(
    year: int, month: int, day: int, mark: str
) -> None:
    assert parse_date(mark.join(map(str, (year, month, day)))) == ""
    assert parse_date(f"{year}{mark}02{mark}30") == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2015/01/01", "2015-01-01"),
        ("2019-4", "2019-04-01"),
        ("２０２１年１０月２日", "2021-10-02"),
        ("2024年1月5日 星期五", "2024-01-05"),
        ("5 de enero de 2021", "2021-01-05"),
        ("2. März 2021", "2021-03-02"),
        ("10.05.2024", "2024-05-10"),
        ("31/12/99", "1999-12-31"),
        ("2001-2005", ""),
        ("2021-05-06-07", ""),
        ("1.2.3.2021", ""),
        ("0001-01-01", ""),
        ("9999-12-31", ""),
        ("a month ago", ""),
        ("2021-123", ""),
    ],
)
def test_dates_that_people_have(value: str, expected: str) -> None:
    assert parse_date(value) == expected


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[list[Review], ReadReport]]:
    def read(*dates: str, header: str = "date") -> tuple[list[Review], ReadReport]:
        lines = [f"text,{header}", *(f"Soup number {n},{day}" for n, day in enumerate(dates))]
        (tmp_path / "a.csv").write_text("\n".join(lines), encoding="utf-8")
        return read_reviews(tmp_path / "a.csv")

    return read


Read = Callable[..., tuple[list[Review], ReadReport]]


@pytest.mark.parametrize(
    ("shown", "first", "says"),
    [
        ("13/03/2024", "2024-03-02", "the day comes first, as 13/03/2024 shows"),
        ("03/13/2024", "2024-02-03", "the month comes first, as 03/13/2024 shows"),
        ("03.13.2024", "2024-02-03", "the month comes first, as 03.13.2024 shows"),
        ("", "2024-02-03", "02/03 is taken for the 3rd of February"),
    ],
)
def test_the_last_row_may_tell_the_order(read: Read, shown: str, first: str, says: str) -> None:
    mark = "." if "." in shown else "/"
    reviews, report = read(*[f"02{mark}03{mark}2024"] * 1200, shown)
    assert {review.date for review in reviews[:1200]} == {first}
    assert says in report.columns["date"].reason and report.preview[0].date == first
    assert report.unread == {}


def test_a_header_in_another_language_has_days_first(read: Read) -> None:
    assert read("02/03/2024", header="Fecha")[0][0].date == "2024-03-02"


def test_a_column_that_says_both_leaves_out_what_could_be_either(read: Read) -> None:
    reviews, report = read("02/03/2024", "13/03/2024", "03/13/2024", "04/04/2024")
    assert [review.date for review in reviews] == ["", "2024-03-13", "2024-03-13", "2024-04-04"]
    assert "left out" in report.columns["date"].reason
    assert (report.unread["date"].count, report.unread["date"].example) == (1, "02/03/2024")


def test_cells_that_are_no_dates_are_told(read: Read) -> None:
    reviews, report = read("2024-01-05", "missing", "2024-02-30", "", "2024-01-06", "2024-01-07")
    assert [review.date for review in reviews[:4]] == ["2024-01-05", "", "", ""]
    assert (report.unread["date"].count, report.unread["date"].example) == (2, "missing")
