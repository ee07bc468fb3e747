"""Questions whether something is so, as what they ask the truth of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.understanding.statement import as_statement


@pytest.mark.parametrize(
    ("question", "statement"),
    [
        ("Is the Wi-Fi free?", "The Wi-Fi is free."),
        ("Is the Wi-Fi free in the lounges?", "The Wi-Fi is free in the lounges."),
        ("Is the pool in the basement?", "The pool is in the basement."),
        ("Are the rooms big enough for three?", "The rooms are big enough for three."),
        ("Is breakfast included", "Breakfast is included."),
        ("Is the Echo waterproof?", "The Echo is waterproof."),
        ("Is it too bloody?", "It is too bloody."),
        ("So is it worth it?", "It is worth it."),
        ("Is there a lift?", "There is a lift."),
        ("Isn't there a lift?", "There is not a lift."),
        ("Does the hotel have a spa?", "There is a spa."),
        ("Do the lounges offer showers?", "There are showers."),
        ("Do you have to ask for champagne?", "You have to ask for champagne."),
        ("Does it work as an alarm clock?", "It works as an alarm clock."),
        ("does it really wash out", "It really washes out."),
        ("Does it carry well?", "It carries well."),
        ("Doesn't it need a plug?", "It does not need a plug."),
        ("Did it break?", "It did break."),
        ("Do they melt in the heat?", "They melt in the heat."),
        ("too sweet?", "It is too sweet."),
        ("Is crowded?", "It is crowded."),
        ("good for children?", "It is good for children."),
        ("Can I bring my dog?", "I can bring my dog."),
        ("If I've got a good PC, will it run smoothly?", "It will run smoothly."),
        ("Will children enjoy it?", "Children will enjoy it."),
        ("Was the ending a letdown?", "The ending was a letdown."),
        ("the seats are narrow?", "the seats are narrow"),
    ],
)
def test_what_is_asked_is_stated(question: str, statement: str) -> None:
    assert as_statement(question) == statement


@given(st.text())
def test_any_text_has_a_statement(question: str) -> None:
    assert isinstance(as_statement(question), str)
