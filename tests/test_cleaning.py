"""Texts as they are stored: each step, and that cleaning twice changes nothing more. Languages.
Copies.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.ingest import STEPS, clean
from rag.ingest.duplicates import group, signature
from rag.ingest.language import detect_language, language_name

BODY = "A quiet film about a loud man. I liked the ending."


@pytest.mark.parametrize(
    ("raw", "text", "votes"),
    [
        (
            f"{BODY} 67 out of 144 found this helpful. Was this review helpful? Sign in to vote. "
            "Permalink",
            BODY,
            67,
        ),
        (f"{BODY}\n12 of 20 people found this review helpful\nPermalink", BODY, 12),
        (f"{BODY} One person found this helpful Helpful | Report", BODY, 1),
        (f"{BODY} ... Read more", BODY, None),
        (f"{BODY} Full Review »", BODY, None),
        (f"{BODY} Review collected by and hosted on G2.com.", BODY, None),
        (f"Warning: Spoilers\n{BODY}", BODY, None),
        (f"{BODY} 3 people found this helpful", BODY, 3),
        (BODY, BODY, None),
        (
            "I want to read more books like this one.",
            "I want to read more books like this one.",
            None,
        ),
        ("Nobody found this helpful, and the permalink did not help.", None, None),
        ("Permalink", "Permalink", None),  # nothing else would be left
        ("Read more", "Read more", None),
    ],
)
def test_what_the_page_wrote_is_cut_off(raw: str, text: str | None, votes: int | None) -> None:
    cleaned = clean(raw)
    assert cleaned.text == (raw if text is None else text) and cleaned.votes == votes
    assert ("furniture" in cleaned.changed) == (text is not None and text != raw)


@pytest.mark.parametrize(
    ("step", "raw", "text"),
    [
        ("html", "good <b>soup</b> &amp; bread", "good soup & bread"),
        ("html", "one<!-- hidden -->two<script>x = 1</script>", "one two"),
        ("unicode", "cafe\u0301\u200b \ufeffhere", "caf\u00e9 here"),
        ("spaces", "one  \t two\n\n\n\nthree", "one two\n\nthree"),
        ("furniture", f"{BODY} Permalink", BODY),
    ],
)
def test_each_step_can_be_switched_off(step: str, raw: str, text: str) -> None:
    assert clean(raw).text == text and clean(raw).changed == (step,)
    assert clean(raw, (step,)).text == text
    without = clean(raw, [one for one in STEPS if one != step])
    assert without.text == raw and without.changed == ()


PIECES = st.sampled_from(
    [
        "<br />",
        "&lt;b&gt;",
        "&amp;amp;",
        "Permalink",
        " 5 people found this helpful",
        "Read more",
        "\u0301",
        "\u200b",
        "\ud83d",
        "I <3 it",
        "\r\n",
        "  ",
        "\x00",
        "Warning: Spoilers",
        "좋아요",
        "&#13;",
        "<p",
        ">",
        "Sign in to vote. ",
        "…",
    ]
)


@given(
    text=st.lists(PIECES | st.text(max_size=6), max_size=8).map("".join),
    steps=st.sets(st.sampled_from(STEPS)).map(tuple),
)
def test_cleaning_is_never_done_twice(text: str, steps: tuple[str, ...]) -> None:
    once = clean(text, steps).text
    assert once == once.strip() and once.encode().decode() == once  # can be stored
    if "html" not in steps:  # "&amp;lt;" is text about markup once it has been read as such
        assert clean(once, steps).text == once


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The acting was superb and the story kept me awake all night long.", "en"),
        ("Das Zimmer war sehr sauber, und das Frühstück hat uns gut geschmeckt.", "de"),
        ("La habitación era muy tranquila y el personal muy amable con nosotros.", "es"),
        ("방이 깨끗해요", "ko"),
        ("とても良かったです", "ja"),
        ("房间很干净", "zh"),
        ("Good", ""),
        ("10/10", ""),
        ("", ""),
        ("😍😍😍", ""),
    ],
)
def test_languages_are_told_where_they_can_be(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("value", "code"),
    [("English", "en"), ("en-US", "en"), ("KO", "ko"), ("español", "es"), ("Klingon", "klingon")],
)
def test_names_of_languages(value: str, code: str) -> None:
    assert language_name(value) == code


def grouped(*texts: str) -> tuple[list[int], int, int]:
    groups = group(
        np.array([signature(text) for text in texts], dtype=np.uint32).reshape(len(texts), 68)
    )
    return list(groups.leader), groups.exact, groups.near


def test_copies_are_grouped() -> None:
    long = " ".join(f"word{number}" for number in range(60))
    assert grouped() == ([], 0, 0) and grouped("one") == ([0], 0, 0)
    assert grouped("Good soup.", "good SOUP", "Bad soup.") == ([0, 0, 2], 1, 0)
    assert grouped(
        long, long.replace("word30", "other"), "Nothing alike at all, not in any way."
    ) == ([0, 0, 2], 0, 1)
    assert grouped(long, f"{long} and more", f"{long} and more") == ([0, 0, 0], 1, 1)
    # four words with one changed say another thing
    assert grouped("The soup was cold", "The soup was hot") == ([0, 1], 0, 0)
    assert grouped("", "", "!!!") == ([0, 0, 0], 2, 0)


def test_many_rows_and_many_copies_are_grouped_quickly() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(1, 2**32, (50_000, 68), dtype=np.uint32)
    rows[10_000:20_000] = rows[0]  # ten thousand copies of one
    rows[20_000:30_000, 4:] = rows[1, 4:]  # and ten thousand that nearly are
    groups = group(rows)
    assert groups.exact == 10_000 and groups.near == 10_000
    assert set(groups.leader[10_000:20_000]) == {0} and set(groups.leader[20_000:30_000]) == {1}
