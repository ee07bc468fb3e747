"""Slips in a question, mended by the words of the reviews."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rag.sample
from rag.ingest import read_reviews
from rag.schema import Review
from rag.understanding.catalogue import Catalogue, catalogue_of
from rag.understanding.spelling import spelt

SAMPLE = Path(next(iter(rag.sample.__path__)))
SLIPS = {
    "is teh acting good": "is the acting good",
    "How is the voilence?": "How is the violence?",
    "What do veiwers dislike about the VIPs?": "What do viewers dislike about the VIPs?",
    "how good is the soundtrak": "how good is the soundtrack",
    "Is the endng satisfying?": "Is the ending satisfying?",
    "what do people say about the marbels episode": "what do people say about the marbles episode",
    "Are the subtitels accurate?": "Are the subtitles accurate?",
    "Is season 2 dissapointing?": "Is season 2 disappointing?",
    "do viewers like the charcters": "do viewers like the characters",
    "Is the plot predictible?": "Is the plot predictable?",
    "why do people hate the gaurds": "why do people hate the guards",
    "how is the english dubing": "how is the english dubbing",
    "do people reccomend watching it": "do people recommend watching it",
}
HOTEL = {
    "breakfast": 9,
    "parking": 5,
    "the": 30,
    "quiet": 4,
    "comfortable": 3,
    "wife": 4,
    "fine": 6,
    "spans": 3,
}


@pytest.fixture(scope="module")
def series() -> Catalogue:
    reviews, _ = read_reviews(SAMPLE / "reviews.csv")
    return catalogue_of("squid-game", reviews)


@pytest.fixture(scope="module")
def hotel() -> Catalogue:
    return Catalogue("hotel", 40, words=HOTEL)


@pytest.mark.parametrize(("typed", "meant"), SLIPS.items())
def test_a_slip_is_mended(series: Catalogue, typed: str, meant: str) -> None:
    assert spelt(typed, series) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("How is teh parking", "How is the parking"),
        ("is the brekfast good", "is the breakfast good"),
        ("Brekfast?", "Breakfast?"),
        ("the brekfast's price", "the breakfast's price"),
        ("are the beds comfrotable", "are the beds comfortable"),
    ],
)
def test_a_slip_in_a_question_to_a_small_corpus(hotel: Catalogue, typed: str, meant: str) -> None:
    assert spelt(typed, hotel) == meant


@pytest.mark.parametrize(
    "question",
    [
        "Is there a sauna?",  # no review has it, and nothing is near
        "How is the wifi?",  # near "wife", but too short to tell
        "Who is Brekfost?",  # a name
        "How much was the fare?",  # English, near "fine" or not
        "Are the waiters quieter?",  # made from words that English has
        "Are the pans clean?",  # not a slip of "spans"
        "방은 어때요 조식은?",
        "",
    ],
)
def test_other_words_are_left(hotel: Catalogue, question: str) -> None:
    assert spelt(question, hotel) == question


def test_what_reviewers_write_is_no_slip() -> None:
    texts = ["The brekkie was fine.", "Good brekkie.", "Lovely brekkies.", "Nice brekkies."]
    reviews = [Review(str(n), text) for n, text in enumerate(texts * 2)]
    assert spelt("how is the brekkie", catalogue_of("inn", reviews)) == "how is the brekkie"


def test_questions_without_a_slip_are_hardly_touched(series: Catalogue) -> None:
    lines = (SAMPLE / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines]
    changed = [question for question in questions if spelt(question, series) != question]
    assert len(changed) <= 0.03 * len(questions)


@given(st.text(max_size=80))
def test_any_text_can_be_spelt(question: str) -> None:
    assert spelt(question, Catalogue("hotel", 40, words=HOTEL)) or not question
