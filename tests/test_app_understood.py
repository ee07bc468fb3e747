"""What a question was understood as, on the page "Ask", by Streamlit's own test runner."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rag.schema import Review
from tests.test_app import ask, open_app, page
from tests.ui_fakes import XSS, build_fake_index

HOSTILE = f"Maison {XSS}"
TEXTS = {
    "Fox and Crown": "The breakfast was warm, and there was fresh bread.",
    "Hotel Bluebell": "We had breakfast in a green garden with birds.",
    HOSTILE: "Nobody came to bring us the breakfast that we had paid for.",
}
REVIEWS = tuple(
    Review(
        f"{item[:3]}-{n}",
        text,
        item=item,
        rating=n % 5 + 1.0,
        rating_min=1.0,
        rating_max=5.0,
        date=f"202{n % 3}-03-01",
    )
    for item, text in TEXTS.items()
    for n in range(6)
)
BREAKFAST = "How was the breakfast at the Fox and Crown in 2021?"
FOX = "reviews of **Fox and Crown**"


pytestmark = pytest.mark.usefixtures("extractive_app")


@pytest.fixture(scope="session")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("indexes")
    build_fake_index(folder, "hotels", REVIEWS)
    build_fake_index(folder, "masks")
    return folder


def chips(test: AppTest) -> list[str]:
    """The labels of the buttons in the row."""
    return [button.label for button in test.button if re.match("Remove:|Put back:", button.label)]


def press(test: AppTest, label: str) -> AppTest:
    return next(button for button in test.button if button.label == label).click().run()


def items(test: AppTest) -> set[str]:
    """What the reviews that the shown answer cites are of."""
    answer = test.session_state.history[test.session_state.shown].answer
    return {found.review.item for found in answer.retrieved}


def test_what_limits_an_answer_is_removed_and_put_back() -> None:
    test = ask(open_app(index="hotels"), BREAKFAST)
    assert chips(test) == [f"Remove: {FOX}", "Remove: the time **2021**"]
    assert "Understood as" in page(test) and items(test) == {"Fox and Crown"}
    press(test, f"Remove: {FOX}")
    assert chips(test) == ["Remove: the time **2021**", f"Put back: {FOX}"]
    assert BREAKFAST in page(test) and items(test) - {"Fox and Crown"}
    assert "Searched for: “How was the breakfast in 2021?”" in page(test)
    assert "as-written" not in [button.key for button in test.button]
    assert test.button(key="history-1").label.endswith("\\(without Fox and Crown\\)")
    press(test, "Remove: the time **2021**")
    assert chips(test) == [f"Put back: {FOX}", "Put back: the time **2021**"]
    press(test, f"Put back: {FOX}")
    assert chips(test) == [f"Remove: {FOX}", "Put back: the time **2021**"]
    assert items(test) == {"Fox and Crown"}
    press(test, "Put back: the time **2021**")
    assert chips(test) == [f"Remove: {FOX}", "Remove: the time **2021**"]
    assert "Searched for" not in page(test)
    test.button(key="history-1").click().run()
    assert f"Put back: {FOX}" in chips(test)  # each answer is kept


def test_a_plain_question_has_no_row() -> None:
    test = ask(open_app(index="hotels"), "How was the breakfast?")
    assert test.session_state.history[0].answer.plan["intent"] == "opinion"
    assert chips(test) == [] and "Understood as" not in page(test)


def test_what_is_wanted_is_told_in_plain_words_and_stays() -> None:
    test = ask(open_app(index="hotels"), "What is the average rating of Hotel Bluebell?")
    assert '<bdi class="qa-tag">figures</bdi>' in page(test)
    assert chips(test) == ["Remove: reviews of **Hotel Bluebell**"]
    press(test, chips(test)[0])
    assert '<bdi class="qa-tag">figures</bdi>' in page(test) and "18 reviews." in page(test)


def test_a_follow_up_builds_on_the_question_without_what_was_left_out() -> None:
    test = ask(open_app(index="hotels"), "How was the breakfast at the Fox and Crown?")
    press(test, f"Remove: {FOX}")
    ask(test, "And the garden?")
    followed = test.session_state.history[-1].answer
    assert followed.plan["aspect"] == "garden" and not followed.plan["items"] and chips(test) == []
    test.button(key="history-0").click().run()
    ask(test, "And the garden in 2021?")
    asked = test.session_state.history[-1].answer.searched_for
    press(test, "Remove: the time **2021**")
    again = test.session_state.history[-1]
    # asked after the same questions as before, not after itself
    assert again.previous == test.session_state.history[-2].previous
    assert "2021" in asked and again.answer.searched_for == asked.replace(" in 2021", "")


def test_an_item_of_any_name_stays_text() -> None:
    test = ask(open_app(index="hotels"), "How is the breakfast of Maison?")
    (label,) = chips(test)
    assert not re.search(r"(?<!\\)[<\[]", label) and label.endswith(" …**")
    assert len(label) < 120
    press(test, label)
    assert not re.search(r"(?<!\\)[<\[]", test.button(key="history-1").label)
    assert "<script" not in page(test) and "<img" not in page(test)
    test.selectbox(key="index").set_value("masks").run()
    assert chips(test) == []


def test_another_index_takes_the_answer_away_and_its_question_brings_both_back() -> None:
    test = ask(open_app(index="hotels"), "How is the breakfast of Maison in 2021?")
    assert len(chips(test)) == 2
    test.selectbox(key="index").set_value("masks").run()
    assert chips(test) == [] and "qa-answer" not in page(test)
    test.button(key="history-0").click().run()
    assert test.selectbox(key="index").value == "hotels" and len(chips(test)) == 2
    assert "<script" not in page(test) and "<img" not in page(test)
