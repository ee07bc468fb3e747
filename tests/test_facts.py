"""Questions for one fact: what each review tells, how many agree, and who says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answer import Answer
from rag.answering import prompt
from rag.answering.fact_kinds import kind_of_fact
from tests.asking import ask_in, many

QUESTIONS = (
    "How much is the parking?",
    "How much sugar is in it?",
    "How heavy is it?",
    "How long is the film?",
    "How far is the beach?",
    "How tall is the doll?",
    "How old is the boy?",
    "What time is breakfast?",
    "How many rooms are there?",
    "Who plays the housekeeper?",
)


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Answer]:
    return partial(ask_in, tmp_path)


def told(question: str, text: str) -> list[str]:
    kind = kind_of_fact(question)
    assert kind is not None
    return [value.label for value in kind.values(text, question)]


@pytest.mark.parametrize(
    ("question", "text", "labels"),
    [
        ("How much is parking?", "It was $48.00 a day, 1,200 euros or 14 quid", None),
        ("What does a pass cost?", "The pass is €30.50.", ["€30.50"]),
        ("How much is the prize?", "A ₩45.6 billion prize", ["₩45.6 billion"]),
        ("How much did you pay for it?", "I paid 20 bucks", ["$20"]),
        (
            "How long is the walk?",
            "a 15 min walk, 10-15 minutes",
            ["15 minutes", "10 to 15 minutes"],
        ),
        ("How long does it last?", "It lasted two hours", ["2 hours"]),
        (
            "How far is the wharf?",
            "3 blocks, within walking distance",
            ["3 blocks", "a short walk"],
        ),
        ("How heavy is it?", "It weighs 3 lbs", ["3 pounds"]),
        (
            "How much protein is in them?",
            "190 calories, 8 grams of fat, 17g of which are sugar, and 7 g of plain protein",
            ["7 grams"],
        ),
        ("how much sugar do they have", "It is high in sugar (14g), with 3g of fat", ["14 grams"]),
        ("How much caffeine does it contain?", "No caffeine, 10g of sugar", []),
        ("How old is Jake?", "his ten-year-old son", ["10 years"]),
        ("What time is check-in?", "Check in is at 3 pm, 10:30am, 14:00 or noon", None),
        ("How many seasons are there?", "the first eight seasons, seasons 1-8", ["8", "8"]),
        ("How many players take part?", "456 cash-strapped contestants", ["456"]),
        ("how many real babies were used on set?", "They used two babies", ["2"]),
        ("Who plays Berta?", "Conchata Ferrell is Berta Harper", ["Conchata Ferrell"]),
        ("Which actor plays Gi-hun?", "It is Lee Jung-jae's role", ["Lee Jung-jae"]),
    ],
)
def test_what_a_sentence_tells(question: str, text: str, labels: list[str] | None) -> None:
    expected = {
        "How much is parking?": ["$48", "€1,200", "£14"],
        "What time is check-in?": ["3 pm", "10:30 am", "2 pm", "12 pm"],
    }
    assert told(question, text) == (expected[question] if labels is None else labels)


@pytest.mark.parametrize(
    "question",
    [
        "How much better is the sound?",
        "How is the staff?",
        "Where was it filmed?",
        "What do people think of the price?",
        "Who owns the rights?",
    ],
)
def test_what_no_pattern_can_tell_is_of_no_kind(question: str) -> None:
    assert kind_of_fact(question) is None


@given(st.text(max_size=200), st.sampled_from(QUESTIONS))
def test_values_stand_where_they_say(text: str, question: str) -> None:
    kind = kind_of_fact(question)
    assert kind is not None
    for value in kind.values(text, question):
        assert 0 <= value.start < len(text) and value.label and value.key


def parking(*prices: str) -> list[tuple[int, str]]:
    return [(1, f"The parking was {price}.") for price in prices]


def test_a_fact_is_told_with_how_many_agree_and_who_says_otherwise(
    ask: Callable[..., Answer],
) -> None:
    answer = ask("How much was the parking?", many(*parking(*5 * ["$20"], "20 dollars", "$35")))
    assert answer.headline == "$20, by 6 of 7 reviews that give a price; 1 says $35."
    most, other = answer.points
    assert (most.count, most.of, most.low, most.high) == (6, 7, 6, 6) and len(most.said) == 6
    assert most.how_many == "6 of 7 reviews"  # read off them, and not about so many
    assert "$20" in most.statement and "$35" in other.statement
    assert not answer.refused


def test_prices_that_differ_are_told_as_a_range(ask: Callable[..., Answer]) -> None:
    prices = [f"${number}" for number in (10, 20, 30, 40, 50)]
    answer = ask("How much was the parking?", many(*parking(*prices)))
    assert answer.headline == "$10 to $50, by 5 reviews that give a price."
    prices = [f"${number}" for number in (10, 20, 30, 40, 50, 60, 70, 80)]
    answer = ask("How much was the parking?", many(*parking(*prices)))
    assert answer.headline.startswith("$30 to $60, by half of the 8 reviews that give a price")


def test_where_nobody_gives_a_price_the_reviews_do_not_say(ask: Callable[..., Answer]) -> None:
    answer = ask("How much was the parking?", many((5, "The parking was good.")))
    assert answer.refused and answer.sentences == (prompt.REFUSED,)


def test_numbers_that_all_differ_are_no_answer(ask: Callable[..., Answer]) -> None:
    floors = [(1, f"The parking has {number} floors.") for number in ("two", "five", "nine")]
    answer = ask("How many floors does the parking have?", many(*floors))
    assert answer.refused


def test_one_review_is_told_as_one(ask: Callable[..., Answer]) -> None:
    answer = ask("How much was the parking?", many((1, "The parking was $9."), (3, "Good pool.")))
    assert answer.headline == "$9, by the one review that gives a price."


def test_a_long_quotation_begins_near_the_value(ask: Callable[..., Answer]) -> None:
    words = "We drove for very many hours through rain and wind and the dark of a long winter night"
    text = f"{words}, were tired of it all by then, and for the parking they took $77 from us."
    answer = ask("How much was the parking?", many((2, text)))
    statement = answer.points[0].statement
    assert statement.startswith("… ") and "$77" in statement
    assert statement.removeprefix("… ").removesuffix(" …") in answer.points[0].said[0].quote
