"""Questions that ask yes or no: who says so, who says the opposite, and what that comes to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rag
from rag.answer import Answer
from rag.answering import prompt
from tests.benchmarks.polar import compared, told

SAYS_YES, SAYS_NO = prompt.HEADING_OF["agree"], prompt.HEADING_OF["differ"]
TENT = [
    "This tent is easy to pitch, even alone.",
    "Very easy to pitch, up in five minutes.",
    "So easy to pitch that my son did it.",
    "It is not easy to pitch at all.",
    "The tent was dry, but the pegs bend.",
    "There is enough room for three of us.",
    "Enough room for two and a dog.",
    "Plenty of room for our family of four.",
    "Its lamp hook broke on the first night.",
    "We slept through a storm in it.",
    "I like that the fabric is plastic-free.",
    "There is no glass, wood or metal in it.",
]


def built(folder: Path, *texts: str) -> rag.Index:
    """An index of so many reviews in an empty folder."""
    settings = rag.load_settings(
        environ={}, overrides={"paths.indexes_dir": folder, "generator.name": "extractive"}
    )
    return rag.build([{"text": text} for text in texts], name="reviews", settings=settings)


@pytest.fixture(scope="module")
def tent(tmp_path_factory: pytest.TempPathFactory) -> rag.Index:
    return built(tmp_path_factory.mktemp("tent"), *TENT)


def under(answer: Answer) -> dict[str, list[str]]:
    """What stands under each heading."""
    groups: dict[str, list[str]] = {}
    heading = ""
    for sentence in answer.sentences:
        if sentence.heading:
            heading = sentence.text
        elif not sentence.counted:
            groups.setdefault(heading, []).append(sentence.text)
    return groups


def test_who_says_yes_stands_apart_from_who_says_no(tent: rag.Index) -> None:
    answer = tent.ask("Is it easy to pitch?")
    assert answer.headline == "Mostly yes: 3 of 4 reviews that judge it say yes, 1 no."
    groups = under(answer)
    assert list(groups) == [SAYS_YES, SAYS_NO]
    assert all("easy to pitch" in quoted for quoted in groups[SAYS_YES])
    assert groups[SAYS_NO] == ["“It is not easy to pitch at all.”"]
    for point in answer.points:  # nobody else makes it, and only who judges could
        assert point.of == 4 and point.count <= 3


def test_what_is_enough_is_not_turned_around(tent: rag.Index) -> None:
    answer = tent.ask("Is there enough room?")
    assert answer.headline.casefold().startswith(("yes", "it seems yes"))
    assert SAYS_NO not in under(answer)


@pytest.mark.parametrize(
    ("question", "begins"),
    [
        ("Was the tent dry?", "It seems yes: 1 review says yes."),  # and the pegs do not count
        ("Does it have a lamp hook?", "It seems yes: 1 review says yes."),  # "its lamp hook"
        ("Does it contain plastic?", "It seems no: 1 review says no."),  # it is plastic-free
        (
            "Does it contain metal?",
            "It seems no: 1 review says no.",
        ),  # "no glass, wood or metal"
        ("Does it have a chimney?", "The reviews do not say."),
    ],
)
def test_what_few_tell(tent: rag.Index, question: str, begins: str) -> None:
    assert tent.ask(question).text.startswith(begins)


@pytest.mark.parametrize(
    ("question", "no", "not_no"),
    [
        (
            "Does it contain sugar?",
            "No salt, sugar or oil.",
            "No complaints, sugar is what I like.",
        ),
        ("Does it have a lid?", "There is no lid.", "No doubt the lid is the best part."),
        ("Are there ads on it?", "It has no ads at all.", "No problem, it has ads but few."),
    ],
)
def test_what_is_listed_as_missing_is_denied(
    tmp_path: Path, question: str, no: str, not_no: str
) -> None:
    for folder, text, denied in (("no", no, True), ("not-no", not_no, False)):
        answer = built(tmp_path / folder, text).ask(question)
        assert answer.text.startswith("It seems no: ") is denied


def test_what_is_told_comes_of_how_many_say_so() -> None:
    yes, no = np.array([True] * 9 + [False] * 3), np.array([False] * 9 + [True] + [False] * 2)
    nobody = np.zeros(12, dtype=bool)
    assert told(yes, no) == "yes" and told(no, yes) == "no" and told(nobody, nobody) == ""
    assert compared(yes, no, no, yes)["the wrong way"] == 1
    counted = compared(yes, no, yes, nobody)
    assert counted["told right"] == 1
    assert (counted["taken"], counted["hit"], counted["labelled"]) == (9, 9, 10)
