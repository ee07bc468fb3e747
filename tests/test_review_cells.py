"""What the cells of review files mean: ratings, votes, dates, text."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.ingest import clean_text, parse_date, parse_rating, parse_votes


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("8", (8, None)),
        (8, (8, None)),
        (7.5, (7.5, None)),
        ("7,5", (7.5, None)),
        ("8/10", (8, 10)),
        ("4 / 5", (4, 5)),
        ("3 out of 5 stars", (3, 5)),
        ("2 of 5", (2, 5)),
        ("-1", (-1, None)),
        ("5 stars", (5, 5)),
        ("5.0", (5, None)),
        ("N/A", None),
        ("", None),
        ("  ", None),
        ("none", None),
        ("★★★", (3, 5)),
        ("★★★½☆", (3.5, 5)),
        ("80%", (80, 100)),
        ("not recommended", (0, 1)),
        (True, (1, 1)),
        (None, None),
        ("9" * 400, None),
        ("1/" + "9" * 400, None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_ratings(value: Any, expected: tuple[float, float | None] | None) -> None:
    assert parse_rating(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2021-10-02", "2021-10-02"),
        ("2021-10-02T23:59:00Z", "2021-10-02"),
        ("2021-10-02 01:00:00 EST", "2021-10-02"),
        ("Jan 5, 2022", "2022-01-05"),
        ("5 January 2022", "2022-01-05"),
        ("31-Jul-18", "2018-07-31"),
        ("10/25/2021", "2021-10-25"),
        ("2022", "2022-01-01"),
        (date(2021, 10, 2), "2021-10-02"),
        (datetime(2021, 10, 2, 8), "2021-10-02"),
        ("1633132800", "2021-10-02"),
        (1633132800, "2021-10-02"),
        (1633132800000, "2021-10-02"),
        ("999999999", "2001-09-09"),
        ("", ""),
        ("yesterday", ""),
        ("N/A", ""),
        ("5 May", ""),
        ("10:30", ""),
        ("12", ""),
        ("31/31/2021", ""),
        ("1" * 60, ""),
        ("the 3rd time in 2021 that I came here to eat with friends", ""),
    ],
)
def test_dates(value: Any, expected: str) -> None:
    assert parse_date(value) == expected


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=30), st.text("0123456789 :/-.,TZ+aJnuebMAyprUC'", max_size=20)))
@example("2021-01-01 10:00 XYZ")
@example("٣" * 10)
@example("9999999999999")
def test_any_text_gives_an_iso_date_or_none(text: str) -> None:
    found = parse_date(text)
    assert found == "" or date.fromisoformat(found).isoformat() == found


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("I <3 this", "I <3 this"),
        ("I &lt;3 this", "I <3 this"),
        ("3 < 4 and 5 > 2", "3 < 4 and 5 > 2"),
        ("one<br /><br />two<BR>three", "one\n\ntwo\nthree"),
        ("<p>one</p><p class='x'>two</p>", "one\n\ntwo"),
        ("so <b>very</b> <a href='http://x'>good</a>", "so very good"),
        ("Tom &amp; Jerry&#39;s&nbsp;caf&eacute;", "Tom & Jerry's café"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("  much \t space \n\n\n\n here ", "much space\n\nhere"),
        ("cafe\u0301", "café"),
        ("e\x00\u0301", "é"),
        ("bell\x07 half \ud83d emoji", "bell half emoji"),
        ("one\x0btwo", "one two"),
        ("👩‍🚀 stays", "👩‍🚀 stays"),
        ("<br>", ""),
    ],
)
def test_cleaning(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


DIRTY_PIECES = [*"ab<>/&;#3 \n\r\t\x00", "\u0301", "\ud800", "😍", "<br>", "&amp;", "&lt;"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(DIRTY_PIECES)))
def test_cleaned_text_is_tidy(pieces: list[str]) -> None:
    cleaned = clean_text("".join(pieces))
    assert cleaned == cleaned.strip()
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not any(blank in cleaned for blank in ("\r", "\t", "  ", "\n\n\n", " \n", "\n "))
    cleaned.encode()


@pytest.mark.parametrize(
    ("value", "votes"),
    [
        ("12", 12),
        (12, 12),
        ("1,234", 1234),
        ("1.234.567", 1234567),
        ("1 234", 1234),
        ("67 out of 144", 67),
        ("3.0", 3),
        ("0", 0),
        ("many", None),
        ("", None),
        (None, None),
        ("9" * 13, None),
    ],
)
def test_votes(value: Any, votes: int | None) -> None:
    assert parse_votes(value) == votes
