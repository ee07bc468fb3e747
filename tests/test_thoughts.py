"""What a model thinks aloud is no part of its answer, however the pieces are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.generators.thoughts import ThoughtFilter, without_thoughts


def filtered(pieces: list[str]) -> str:
    thoughts = ThoughtFilter()
    return "".join([*(thoughts.add(piece) for piece in pieces), thoughts.rest()])


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<thinking>", "a < b ", "<b>", "\n", "why"])),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_it_makes_no_difference_where_the_pieces_are_cut(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts)
    edges = sorted({0, *(min(cut, len(text)) for cut in cuts), len(text)})
    pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
    assert filtered(pieces) == filtered([text])


@given(st.text())
def test_a_text_without_tags_is_left_as_it_is(text: str) -> None:
    assert filtered(list(text)) == text or "think" in text.lower()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<think>hm</think>\n\nFine.", "Fine."),
        ("<THINK>hm</THINK>Fine.", "Fine."),
        ("Fine <think>hm</think> again", "Fine again"),
        ("Fine <think>hm", "Fine "),
        ("hm\n</think>\n\nFine.", "Fine."),
        ("5 < 6 <", "5 < 6 <"),
        ("<thin ice>", "<thin ice>"),
        ("", ""),
    ],
)
def test_thoughts_go_with_the_blanks_after_them(text: str, words: str) -> None:
    assert without_thoughts(text) == words
