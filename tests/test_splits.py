"""Answers told apart by rating, time and item, and which item is best or has something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from rag.answer import Answer
from rag.schema import Review
from rag.understanding.catalogue import Catalogue
from rag.understanding.split import plainly, split_of
from tests.asking import ask_in, many

GOOD, BAD = "The breakfast was good.", "The breakfast was bad."
HOTELS = Catalogue(
    "hotels",
    100,
    items={"Fox Hotel": 50, "Crown Hotel": 50},
    words={"hotel": 60, "hotels": 30, "quiet": 9, "big": 5, "noisy": 4},
    dates=("2020-01-01", "2023-05-05"),
    scale=(1, 5),
)


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Answer]:
    return partial(ask_in, tmp_path)


def of(item: str, reviews: list[Review], **changes: object) -> list[Review]:
    return [replace(each, item=item, **changes) for each in reviews]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "by", "ranked", "asks"),
    [
        ("What do people think of breakfast, by hotel?", "item", False, ""),
        ("How is the breakfast for each hotel?", "item", False, ""),
        ("Is it loud, split by year?", "time", False, ""),
        ("How is the pool by star rating?", "rating", False, ""),
        ("Which hotel has the best breakfast?", "item", True, ""),
        ("Which of the hotels is the quietest?", "item", True, ""),
        ("Which hotels have a pool?", "item", False, "Does the hotel have a pool?"),
        ("Which hotel is near the sea?", "item", False, "Is the hotel near the sea?"),
        ("which one serves oysters?", "item", False, "Does it serve oysters?"),
        ("Which hotels do families like?", "item", False, ""),
    ],
)
def test_what_an_answer_is_told_apart_by(question: str, by: str, ranked: bool, asks: str) -> None:
    split = split_of(question, HOTELS)
    assert split is not None
    assert (split.by, split.ranked, split.asks) == (by, ranked, asks)


@pytest.mark.parametrize(
    "question",
    [
        "Is it far by train?",
        "Did it get better over the years?",
        "Which hotels are there?",
        "Which room has the best view?",
        "What is the hotel like?",
        "Stand by me, is it a good film?",
    ],
)
def test_what_is_not_told_apart(question: str) -> None:
    assert split_of(question, HOTELS) is None


def test_nothing_is_told_apart_by_what_the_reviews_do_not_have() -> None:
    plain = Catalogue("one", 9, words={"hotel": 9})
    for question in ("Is it loud, by year?", "By rating, how is it?", "Which hotel is best?"):
        assert split_of(question, plain) is None


def test_an_extreme_is_asked_for_plainly() -> None:
    words = HOTELS.words
    assert plainly("is the quietest?", words) == "is the quiet?"
    assert plainly("has the biggest and noisiest rooms", words) == "has the big and noisy rooms"
    assert plainly("the best guest", words) == "the best guest"


def fox_and_crown() -> list[Review]:
    return [
        *of("Fox Hotel", many((9, GOOD), (1, BAD), ids="f"), date="2021-05-05"),
        *of("Crown Hotel", many((2, GOOD), (8, BAD), ids="c"), date="2023-06-05"),
    ]


def test_counts_are_told_apart_by_item_and_time(ask: Callable[..., Answer]) -> None:
    answer = ask("How is the breakfast?", fox_and_crown())
    told = {each.by: each for each in answer.breakdowns}
    assert set(told) == {"time", "item"}
    assert [(s.label, s.reviews, s.praise, s.criticism, s.of) for s in told["time"].slices] == [
        ("2021", 10, 9, 1, 10),
        ("2023", 10, 2, 8, 10),
    ]
    by_item = {each.label: each for each in told["item"].slices}
    assert by_item["Fox Hotel"].praise == 9 and by_item["Crown Hotel"].criticism == 8
    of_points = dict(zip([p.statement for p in answer.points], told["time"].points, strict=True))
    assert of_points[GOOD] == (9, 2) and of_points[BAD] == (1, 8)
    assert answer.to_dict()["breakdowns"][0]["slices"][0]["label"] == "2021"


def test_the_headline_tells_apart_what_is_asked_so(ask: Callable[..., Answer]) -> None:
    answer = ask("How is the breakfast, by year?", fox_and_crown())
    assert answer.headline.endswith(
        "Over time: 2021: 9 of 10 favourable; 2023: 2 of 10 favourable."
    )
    answer = ask("And by item?", fox_and_crown(), previous=["How is the breakfast?"])
    assert "Fox Hotel: 9 of 10 favourable" in answer.headline


def test_which_is_best_is_told_first(ask: Callable[..., Answer]) -> None:
    best = ask("Which one has the best breakfast?", fox_and_crown())
    assert best.headline.startswith("Most favourable: Fox Hotel (9 of 10 that judge it)")
    worst = ask("Which one has the worst breakfast?", fox_and_crown())
    assert worst.headline.startswith("Most critical: Crown Hotel (8 of 10 that judge it)")


def test_one_lucky_review_is_not_best(ask: Callable[..., Answer]) -> None:
    lucky = of("Swan", many((1, GOOD), ids="s"))
    answer = ask("Which one has the best breakfast?", [*fox_and_crown(), *lucky])
    assert "Swan" not in answer.headline


def test_which_have_something_is_told_by_who_speaks_of_it(ask: Callable[..., Answer]) -> None:
    pool = of("Fox Hotel", many((3, "We enjoyed the pool a lot."), ids="p"))
    none = of("Crown Hotel", many((3, "There is no pool, sadly."), ids="n"))
    answer = ask("Which one has a pool?", [*pool, *none, *fox_and_crown()])
    assert answer.headline == "By what reviewers say: Fox Hotel (3 reviews)."
    refused = ask("Which one has a sauna?", [*pool, *none, *fox_and_crown()])
    assert refused.refused
