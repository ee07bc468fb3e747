"""Questions that lean on earlier ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.understanding import follow_up
from rag.understanding.follow_up import MOST_TURNS, StandAlone, stand_alone
from rag.understanding.intent import TASKS
from tests.benchmarks.follow_ups import by_rule, judged

ACTING = "How good is the acting?"
OPEN = ("Subtitles or the English dub?", "Which one is better?")
"""A dialogue that the rule can only add words to."""


@pytest.mark.parametrize(
    ("turns", "query"),
    [
        ((ACTING, "And the ending?"), "How good is the ending?"),
        ((ACTING, "What about the ending?"), "How good is the ending?"),
        ((ACTING, "but what about the ending??"), "How good is the ending?"),
        (
            ("What do viewers dislike about the VIPs?", "And the music?"),
            "What do viewers dislike about the music?",
        ),
        (("Is the staff friendly?", "Do they speak English?"), "Do the staff speak English?"),
        (("What do guests say about the waiter?", "What's his name?"), "What's the waiter's name?"),
        (("How is the service on weekdays?", "And on Sundays?"), "How is the service on Sundays?"),
        (("Is it quiet at night?", "And in the morning?"), "Is it quiet in the morning?"),
        (("How is the rooftop bar?", "Can you eat there?"), "Can you eat at the rooftop bar?"),
        (("Is season 1 well paced?", "What about season 3?"), "Is season 3 well paced?"),
        (("Is the new model louder?", "What about the old one?"), "Is the old model louder?"),
        ((ACTING, "Why?"), f"{ACTING} Why?"),
        ((ACTING, "And the ending?", "Why not?"), "How good is the ending? Why not?"),
        ((ACTING, "And the music?", "And the sets?"), "How good is the sets?"),
    ],
)
def test_a_follow_up_takes_what_it_lacks(turns: tuple[str, ...], query: str) -> None:
    made = stand_alone(turns[-1], turns[:-1])
    assert made == StandAlone(query, turns[:-1], True)


@pytest.mark.parametrize(
    "before", [(), (ACTING,), ("What do people like most?",), ("Is the wifi fast?", "Why?")]
)
@pytest.mark.parametrize(
    "question",
    [
        "Is it worth watching?",
        "What is it about?",
        "Is it too long?",
        "Would you recommend it?",
        "Is there a pool?",
        "What do people complain about?",
        "What do they say about the wine list?",
        "Why do people hate the VIPs?",
        "Is the violence too much, or does it serve the story?",
        "And is the pool heated?",
        "parking",
        "  How far? x",
        "Do guests say their bags were stolen?",
        "¿Qué tal el final?",
        "방은 어때요?",
        *(task.question for task in TASKS),
    ],
)
def test_a_question_that_stands_alone_is_left_as_it_is(
    question: str, before: tuple[str, ...]
) -> None:
    assert stand_alone(question, before) == StandAlone(question)


@pytest.mark.parametrize(
    "question", ["And the ending?", "Why?", "Do they speak English?", "Which one is better?"]
)
def test_without_an_earlier_question_nothing_is_added(question: str) -> None:
    for previous in ((), ("",), (" ", "\n")):
        assert stand_alone(question, previous) == StandAlone(question)


def test_a_pronoun_after_a_question_about_everything_means_everything() -> None:
    for question in ("Is it believable?", "Who plays him?"):
        assert stand_alone(question, [ACTING, "What do people like most?"]) == StandAlone(question)


def test_where_words_could_only_be_added_it_says_so() -> None:
    made = stand_alone(OPEN[1], OPEN[:1])
    assert not made.resolved and made.used == OPEN[:1]
    assert made.query.startswith(OPEN[1]) and all(
        word in made.query for word in ("Subtitles", "English", "dub")
    )


def test_only_the_last_turns_count() -> None:
    far = [ACTING, *["Why?"] * MOST_TURNS]
    assert len(stand_alone("Really?", far).used) == MOST_TURNS


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=3))
def test_any_text_gives_a_query(question: str, previous: list[str]) -> None:
    made = stand_alone(question, previous)
    assert set(made.used) <= set(previous)
    assert made.used or made == StandAlone(question)


def test_the_labelled_dialogues_are_whole_and_the_rule_does_not_get_worse_at_them() -> None:
    lines = (
        (Path(follow_up.__file__).parents[1] / "sample" / "followups.jsonl")
        .read_text(encoding="utf-8")
        .splitlines()
    )
    dialogues = [json.loads(line) for line in lines]
    assert (
        len({one["id"] for one in dialogues})
        == len({tuple(one["turns"]) for one in dialogues})
        == 200
    )
    for one in dialogues:
        assert len(one["turns"]) in (2, 3) and bool(one["must"]) == one["depends"]
    for split, least in (("dev", 0.95), ("test", 0.7)):
        found = judged(split, by_rule)
        assert sum(one.right for one in found) >= least * len(found)
        alone = [one for one in found if not one.dialogue["depends"]]
        assert sum(one.right for one in alone) >= 0.9 * len(alone)
