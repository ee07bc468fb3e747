"""Questions that lean on earlier ones: whether they do, and what they then take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.embedding import SentenceTransformerEmbedder
from rag.understanding import follow_up
from rag.understanding.asked import Asked, asked
from rag.understanding.catalogue import Catalogue
from rag.understanding.follow_up import MOST_TURNS, leant_on
from rag.understanding.intent import TASKS
from rag.understanding.names import NameFinder
from rag.understanding.plan import QuestionPlan, understand
from tests.benchmarks.follow_ups import judged
from tests.fakes import FakeEmbedder
from tests.follow_up_plans import FLATS, dialogues, wrong_parts

ACTING = "How good is the acting?"
NOTHING = Catalogue("nothing", 0)


def said(*turns: str) -> Asked:
    return asked(turns[-1], NameFinder(NOTHING), NOTHING, turns[:-1])


@pytest.mark.parametrize(
    ("turns", "query", "taken"),
    [
        ((ACTING, "And the ending?"), "how good the ending", "how good"),
        ((ACTING, "but what about the ending??"), "how good the ending", "how good"),
        (("How is the food?", "How about the drinks?"), "the drinks", ""),
        (
            ("What do viewers dislike about the VIPs?", "And the music?"),
            "what viewers dislike the music",
            "what viewers dislike",
        ),
        (
            ("How long does the battery last?", "And the charger?"),
            "how long the charger last",
            "how long … last",
        ),
        (
            ("Is the staff friendly?", "Do they speak English?"),
            "Do they speak English? (the staff)",
            "the staff",
        ),
        (
            ("What do guests say about the waiter?", "What's his name?"),
            "What's his name? (the waiter)",
            "the waiter",
        ),
        (
            ("How is the service on weekdays?", "And on Sundays?"),
            "the service on Sundays",
            "the service",
        ),
        (("Is it quiet at night?", "And in the morning?"), "quiet in the morning", "quiet"),
        (
            ("How is the rooftop bar?", "Can you eat there?"),
            "Can you eat there? (the rooftop bar)",
            "the rooftop bar",
        ),
        (
            ("Is season 1 well paced?", "What about season 3?"),
            "season 3 well paced",
            "well paced",
        ),
        (("Is the new model louder?", "What about the old one?"), "the old model louder", "louder"),
        (("Does it work with Linux?", "And macOS?"), "work with macOS", "work"),
        ((ACTING, "Why?"), f"{ACTING} Why?", "how good the acting"),
        ((ACTING, "And the ending?", "Why not?"), "how good the ending Why not?", None),
        ((ACTING, "And the music?", "And the sets?"), "how good the sets", "how good"),
        (("Is the pool clean?", "Is it heated?", "And the sauna?"), "the sauna heated", "heated"),
        (
            ("Subtitles or the English dub?", "Which one is better?"),
            "Which one is better? (Subtitles or the English dub)",
            "Subtitles or the English dub",
        ),
    ],
)
def test_a_follow_up_takes_what_it_lacks(
    turns: tuple[str, ...], query: str, taken: str | None
) -> None:
    made = said(*turns)
    assert made.query == query and taken in (None, made.taken)
    assert leant_on(turns[-1], turns[:-1]) == turns[:-1]


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
    assert leant_on(question, before) == ()
    made = said(*before, question)
    assert made == said(question) and not made.taken


@pytest.mark.parametrize(
    "question", ["And the ending?", "Why?", "Do they speak English?", "Which one is better?"]
)
def test_without_an_earlier_question_nothing_is_added(question: str) -> None:
    for previous in ((), ("",), (" ", "\n")):
        assert leant_on(question, previous) == ()
        assert (said(*previous, question).query, said(*previous, question).taken) == (question, "")


def test_a_pronoun_after_a_question_about_everything_means_everything() -> None:
    for question in ("Is it believable?", "Who plays him?"):
        assert leant_on(question, [ACTING, "What do people like most?"]) == ()


def test_only_what_is_needed_is_looked_at() -> None:
    assert len(leant_on("Really?", [ACTING, *["Why?"] * MOST_TURNS])) == MOST_TURNS
    assert leant_on("And the sets?", ["Is it long?", ACTING, "And the music?"]) == (
        ACTING,
        "And the music?",
    )


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=3))
def test_any_text_can_be_asked(question: str, previous: list[str]) -> None:
    assert set(leant_on(question, previous)) <= set(previous)
    asked(question, NameFinder(FLATS), FLATS, previous)


@given(
    st.lists(
        st.sampled_from([ACTING, "And at Sue's?", "Why?", "And in 2021?", "Is it clean?", "The?"]),
        min_size=1,
        max_size=5,
    )
)
def test_any_dialogue_can_be_asked(turns: list[str]) -> None:
    made = asked(turns[-1], NameFinder(FLATS), FLATS, turns[:-1])
    assert made.question == turns[-1] and made.query


def test_the_labelled_dialogues_are_whole_and_the_rule_does_not_get_worse_at_them() -> None:
    lines = (
        (Path(follow_up.__file__).parents[1] / "sample" / "followups.jsonl")
        .read_text(encoding="utf-8")
        .splitlines()
    )
    labelled = [json.loads(line) for line in lines]
    assert (
        len({one["id"] for one in labelled})
        == len({tuple(one["turns"]) for one in labelled})
        == 240
    )
    for one in labelled:
        assert len(one["turns"]) in (2, 3) and bool(one["must"]) == one["depends"]
    for split, least in (("dev", 0.95), ("test", 0.76), ("fresh", 0.9)):
        found = judged(split)
        assert sum(one.right for one in found) >= least * len(found)
        alone = [one for one in found if not one.dialogue["depends"]]
        assert sum(one.right for one in alone) >= 0.9 * len(alone)


# --- whole plans


@pytest.fixture(scope="module")
def embedder() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder()


def plan_of(embedder: SentenceTransformerEmbedder, *turns: str) -> QuestionPlan:
    return understand(
        turns[-1], NameFinder(FLATS), FLATS, embedder.embed_queries, embedder.identity, turns[:-1]
    )


@pytest.mark.parametrize("dialogue", list(dialogues()), ids=lambda one: one["id"])
def test_a_follow_up_is_understood_into_a_plan(
    dialogue: dict[str, Any], embedder: SentenceTransformerEmbedder
) -> None:
    assert wrong_parts(dialogue, plan_of(embedder, *dialogue["turns"])) == []


PARKING = "How is the parking at Marc's?"


@pytest.mark.parametrize(
    ("turns", "shown"),
    [
        ((PARKING, "And at Sue's?"), "And at Sue's? (the parking)"),
        ((PARKING, "And in 2021?"), "And in 2021? (the parking, Marc)"),
        ((PARKING, "And at Sue's?", "And the wifi?"), "And the wifi? (Sue)"),
        ((PARKING, "And the breakfast at Sue's?"), "And the breakfast at Sue's?"),
        ((PARKING, "And at the Hilton?", "Why?"), "Why? (the parking, Hilton)"),
        (
            ("Was the wifi at Sue's fast in 2020?", "And the heating?"),
            "And the heating? (fast, Sue, in 2020)",
        ),
        (
            ("What do guests dislike about the bath?", "What about the good things?"),
            "What about the good things? (the bath)",
        ),
        (("Is the food good?", "And the drinks?"), "And the drinks? (good)"),
    ],
)
def test_it_is_shown_in_its_own_words_and_what_it_took_in_brackets(
    turns: tuple[str, ...], shown: str, embedder: SentenceTransformerEmbedder
) -> None:
    assert plan_of(embedder, *turns).question == shown


def test_a_follow_up_that_names_only_another_item_is_searched_for_as_before(
    embedder: SentenceTransformerEmbedder,
) -> None:
    first, second = plan_of(embedder, PARKING), plan_of(embedder, PARKING, "And at Sue's?")
    assert (second.query, second.aspect) == (first.query, first.aspect)
    assert (second.vectors == first.vectors).all() and second.conditions != first.conditions


def test_what_is_asked_for_one_fact_stays_so(embedder: SentenceTransformerEmbedder) -> None:
    far = "How far is the beach from Sue's?"
    assert plan_of(embedder, far, "And the station?").is_fact
    assert not plan_of(embedder, far, "Is it clean?").is_fact
    assert not plan_of(embedder, far, "Why?").is_fact or plan_of(embedder, far).is_fact


def test_a_dialogue_is_embedded_once() -> None:
    class Counting(FakeEmbedder):
        calls = 0

        def embed_queries(self, texts: Any) -> Any:
            if len(texts) < 10:  # more are the training questions, once for an embedder
                self.calls += 1
            return super().embed_queries(texts)

    fake = Counting()
    turns = (PARKING, "And at Sue's?", "Why?")
    understand(turns[-1], NameFinder(FLATS), FLATS, fake.embed_queries, fake.identity, turns[:-1])
    assert fake.calls == 1
