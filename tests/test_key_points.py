"""Points are short sentences that stand alone, do not repeat one another and cover most voices."""

from __future__ import annotations

import numpy as np
import pytest

from rag.answering.key_points import choose_points
from rag.answering.standalone import standing_alone
from tests.test_counting import opinions


@pytest.mark.parametrize(
    "text",
    [
        "It was terrible.",
        "This is why I left.",
        "Is the pool warm?",
        "Great!",
        "But the staff were kind.",
        "No big deal though.",
        "A good game ruined by ????? people.",
        "See www.example.com for more pools",
        "1/10 10/10 99 %% 12",
        " ".join(["word"] * 40),
    ],
)
def test_what_does_not_stand_alone_is_no_point(text: str) -> None:
    assert standing_alone(text) == 0


def test_the_short_and_impersonal_does_better() -> None:
    short = standing_alone("The breakfast was stale.")
    assert short > standing_alone("I thought the breakfast was stale.")
    long = "The breakfast was stale and the coffee cold and the waiter slow and the bill wrong."
    assert short > standing_alone(long) > 0


def test_what_says_two_things_does_worse() -> None:
    two_sided = standing_alone("The breakfast was stale, but the coffee was hot.")
    assert 0 < two_sided < standing_alone("The breakfast was stale and cold, again and again.")


def test_what_most_say_comes_first_and_nothing_twice() -> None:
    texts = [
        "The lift was broken.",
        "The lift was broken again.",
        "The lift was broken all week.",
        "Breakfast tasted of cardboard.",
        "Breakfast tasted of wet cardboard.",
        "Curtains let the light in.",
    ]
    said = opinions(texts)
    chosen = choose_points(said, np.ones(len(texts), dtype=bool), 5)
    assert [texts[place].split()[0] for place in chosen[:2]] == ["The", "Breakfast"]
    assert sum("lift" in texts[place] for place in chosen) == 1


def test_ten_sentences_of_one_person_are_one_voice() -> None:
    texts = ["The lift was broken."] * 10 + ["Breakfast was cold.", "Breakfast was cold today."]
    said = opinions(texts, [0] * 10 + [1, 2])
    assert "Breakfast" in texts[choose_points(said, np.ones(12, dtype=bool), 1)[0]]


def test_only_members_are_chosen_and_there_may_be_none() -> None:
    said = opinions(["The lift was broken.", "Breakfast was cold."])
    assert choose_points(said, np.array([False, True]), 3) == [1]
    assert choose_points(said, np.zeros(2, dtype=bool), 3) == []


def test_where_no_sentence_stands_alone_the_most_telling_are_taken() -> None:
    said = opinions(["So so", "Why?"], stances=0.5)
    assert choose_points(said, np.ones(2, dtype=bool), 3) == [0, 1]
