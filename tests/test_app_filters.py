"""Follow-ups and filters on the page "Ask", by Streamlit's own test runner."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rag.answer import Answer
from rag.answering.pipeline import Pipeline
from rag.filters import Condition, parse_where
from rag.index import ReviewIndex
from rag.index.facets import MOST_VALUES, count_where, facets_of
from rag.schema import Review
from tests.fakes import build_fake_index as build_plain_index
from tests.test_app import ask, open_app, page
from tests.ui_fakes import QUESTION, XSS, build_fake_index
from ui.components import conversation, filters

HOSTILE = f'The "best" | {XSS}'
REVIEWS = tuple(
    Review(
        f"r{number}",
        f"The masks of guard number {number} look wonderful.",
        rating=float(number),
        rating_min=1.0,
        rating_max=10.0,
        date=f"2024-0{1 + number // 2}-15" if number < 8 else ("" if number < 10 else "2024-02-31"),
        item=("Room 1", "Room 2", HOSTILE)[number % 3],
        language=("en", "de")[number % 2],
        source="a.csv",
    )
    for number in range(1, 11)
)


pytestmark = pytest.mark.usefixtures("extractive_app")


@pytest.fixture(scope="session")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("indexes")
    build_fake_index(folder, "hotel", REVIEWS)
    build_fake_index(folder, "masks")
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the pipeline was asked: question, conditions, earlier questions."""
    seen: list[Any] = []
    stream = Pipeline.stream

    def spy(
        pipeline: Pipeline,
        question: str,
        cancelled: Callable[[], bool],
        where: tuple[Condition, ...],
        previous: tuple[str, ...],
        without: tuple[str, ...],
    ) -> Iterator[str | Answer]:
        seen.append((question, where, previous))
        return stream(pipeline, question, cancelled, where, previous, without)

    monkeypatch.setattr(Pipeline, "stream", spy)
    return seen


def press(test: AppTest, key: str) -> AppTest:
    return test.button(key=key).click().run()


def buttons(test: AppTest) -> list[str | None]:
    return [button.key for button in test.button]


def text(test: AppTest) -> str:
    return "\n".join(
        element.value for element in (*test.markdown, *test.caption, *test.warning)
    ) + page(test)


# --- which reviews


def test_controls_limit_which_reviews_are_asked_and_the_answer_says_so() -> None:
    test = open_app(index="hotel")
    assert "Asking" not in text(test)
    test.multiselect[0].set_value(["Room 1", HOSTILE]).run()
    test.slider[0].set_value((4, 10)).run()
    test.date_input[0].set_value(date(2024, 3, 1)).run()
    expected = [Condition("item", "=", ("Room 1", HOSTILE)), Condition("rating", ">=", ("4",))]
    expected.append(Condition("date", ">=", ("2024-03-01",)))
    left = [one for one in REVIEWS if all(condition.holds(one) for condition in expected)]
    assert f"Asking {len(left)} of 10 reviews" in text(test) and 0 < len(left) < 10
    ask(test, QUESTION)
    answer = test.session_state.history[0].answer
    assert {found.review.review_id for found in answer.retrieved} <= {one.review_id for one in left}
    assert f"Asked of {len(left)} of 10 reviews: item = " in page(test)
    assert "rating \\>\\= 4" in test.button(key="history-0").label
    assert "<script" not in page(test) and "<img" not in page(test)
    (where,) = (code.value for code in test.code)
    assert parse_where(shlex.split(where)[1]) == tuple(expected)
    assert test.multiselect[0].value == ["Room 1", HOSTILE]  # they survived all these runs
    press(test, "clear-filters")
    assert (
        test.multiselect[0].value == []
        and test.slider[0].value == (1, 10)
        and test.date_input[0].value is None
    )
    assert f"Asked of {len(left)} of 10" in page(test)  # the answer that is shown stays what it was
    press(test, "history-0")
    assert f"Asked of {len(left)} of 10" in page(test)


def test_where_no_review_is_left_nothing_is_asked(asked: list[Any]) -> None:
    test = open_app(index="hotel")
    test.date_input[0].set_value(date(2024, 4, 15)).run()
    test.slider[0].set_value((1, 3)).run()
    ask(test, QUESTION)
    assert [warning.value for warning in test.warning] == [filters.NONE_LEFT]
    assert asked == [] and test.session_state.history == []
    press(test, "clear-filters")
    assert not test.warning and len(asked) == 0
    ask(test, QUESTION)
    assert len(asked) == 1 and "Asked of" not in page(test)


def test_another_index_begins_without_conditions() -> None:
    test = open_app(index="hotel", where="rating > 5")
    test.multiselect[0].set_value(["Room 1"]).run()
    assert "Asking" in text(test)
    test.selectbox(key="index").set_value("masks").run()
    assert "Asking" not in text(test) and not test.error
    test.selectbox(key="index").set_value("hotel").run()
    assert "Asking" not in text(test) and test.multiselect[0].value == []


def test_conditions_in_the_address_hold_until_they_are_dropped(asked: list[Any]) -> None:
    test = open_app(index="hotel", where="rating >= 50%", q=QUESTION)
    assert asked == [(QUESTION, parse_where("rating >= 50%"), ())]
    assert "of 10 reviews: rating &gt;= 50%" in page(test)
    test.multiselect[0].set_value(["Room 1"]).run()
    ask(test, QUESTION)
    assert asked[-1] == (
        QUESTION,
        (*parse_where("rating >= 50%"), Condition("item", "=", ("Room 1",))),
        (QUESTION,),
    )
    press(test, "clear-filters")
    ask(test, QUESTION)
    assert asked[-1] == (QUESTION, (), (QUESTION, QUESTION))


@pytest.mark.parametrize("where", ["ratin > 8", "rating >", "rating > 8 or", f"item > {XSS}"])
def test_conditions_in_the_address_that_cannot_be_read_are_a_plain_error(
    where: str, asked: list[Any]
) -> None:
    test = open_app(index="hotel", where=where, q=QUESTION)
    (error,) = (element.value for element in test.error)
    assert error.startswith("The address asks for some reviews only\\.") and not re.search(
        r"(?<!\\)<", error
    )
    ask(test, QUESTION)
    assert asked == [] and len(test.error) == 1
    press(test, "clear-filters")
    assert not test.error
    ask(test, QUESTION)
    assert asked == [(QUESTION, (), ())]


def test_facets_say_what_there_is_to_choose_by(tmp_path: Path, indexes: Path) -> None:
    facets = facets_of(ReviewIndex.open(indexes / "hotel"))
    assert (
        facets.reviews == 10
        and facets.rated == 10
        and facets.ratings == (1.0, 10.0)
        and facets.whole_marks
    )
    assert dict(facets.items.listed) == {"Room 2": 4, "Room 1": 3, HOSTILE: 3}
    assert facets.languages.listed == (("de", 5), ("en", 5)) and facets.sources.different == 1
    assert facets.dates == ("2024-01-15", "2024-04-15")  # not 31 February
    many = [
        Review(f"m{n}", "A text.", rating=3.5, rating_max=5.0 + n % 2, item=f"Item {n}")
        for n in range(MOST_VALUES + 1)
    ]
    index = build_plain_index(tmp_path / "many", [*many, Review("bare", "Nothing but a text.")])
    facets = facets_of(index)
    assert (facets.items.different, facets.items.listed) == (MOST_VALUES + 1, ())
    assert facets.ratings is None and facets.rated == MOST_VALUES + 1 and not facets.whole_marks
    assert facets.dates is None and facets.languages.different == 0
    for where in ('item ~ "ITEM 1"', "rating > 60% and item ~ 7", "language != en", ""):
        conditions = parse_where(where)
        meets = [all(one.holds(review) for one in conditions) for review in index.reviews()]
        assert count_where(index, conditions) == sum(meets)


def test_many_items_are_searched_by_a_part_of_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWQA_PATHS__INDEXES_DIR", str(tmp_path))
    reviews = [
        replace(REVIEWS[0], review_id=f"m{n}", item=f"Item {n}", rating=n % 5 + 0.5)
        for n in range(MOST_VALUES + 1)
    ]
    build_fake_index(tmp_path, "many", reviews)
    test = open_app(index="many")
    next(box for box in test.text_input if box.label == "Item contains").set_value(
        " item 50 "
    ).run()
    assert "Asking 2 of 501 reviews: item ~ &#34;item 50&#34;" in text(test)
    test.slider[0].set_value((2.35, 10.0)).run()
    assert "and rating &gt;= 2.35" in text(test)


# --- follow-ups


def test_a_follow_up_is_searched_for_in_full_and_may_be_asked_as_written(asked: list[Any]) -> None:
    test = ask(open_app(index="masks"), "How good are the masks?")
    assert "Searched for" not in page(test) and "as-written" not in buttons(test)
    ask(test, "And the ending?")
    assert asked[-1] == ("And the ending?", (), ("How good are the masks?",))
    assert "Searched for: “And the ending? (how good)”" in page(test)
    assert test.text_input(key="question").value == "And the ending?"
    assert "And the ending" in test.button(key="history-1").label
    press(test, "as-written")
    assert asked[-1] == ("And the ending?", (), ())
    assert "Searched for" not in page(test) and "as-written" not in buttons(test)
    press(test, "history-1")
    assert "Searched for" in page(test)


def test_follow_ups_build_on_the_shown_topic_of_the_same_index_only(asked: list[Any]) -> None:
    test = ask(open_app(index="masks"), "How good are the masks?")
    ask(test, "How is the music?")
    press(test, "history-0")
    ask(test, "And the ending?")
    assert asked[-1] == ("And the ending?", (), ("How good are the masks?",))
    press(test, "new-topic")
    assert "new-topic" not in buttons(test)
    ask(test, "And the ending?")
    assert asked[-1] == ("And the ending?", (), ())
    test.selectbox(key="index").set_value("hotel").run()
    ask(test, "Why?")
    assert asked[-1] == ("Why?", (), ())
    test.selectbox(key="index").set_value("masks").run()
    press(test, "example-0")
    assert asked[-1][2] == ()


def test_follow_ups_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWQA_ANSWERING__FOLLOW_UPS", "off")
    test = ask(open_app(index="masks"), "How good are the masks?")
    assert "new-topic" not in buttons(test)
    assert "Searched for" not in page(ask(test, "And the ending?"))
    assert conversation.NEW_TOPIC not in [button.label for button in test.button]


def test_markup_in_a_question_that_is_built_on_stays_text() -> None:
    test = ask(open_app(index="masks"), f"How good is {XSS}?")
    ask(test, "Why?")
    assert "Searched for: “Why? (how good" in page(test)
    assert not re.search(r"(?<!\\)<(?:script|img)", text(test))


def test_a_control_that_is_moved_again_at_once_is_not_put_back_by_the_address_of_before() -> None:
    test = open_app()
    for low in (3, 5, 8):
        test.slider[0].set_value((low, 10)).run()
        assert test.query_params["where"] == f"rating >= {low}"
        # the browser has not got it yet, and says so with the next change
        test.query_params.clear()
    test.slider[0].set_value((9, 10)).run()
    assert test.slider[0].value == (9, 10)
    assert test.query_params["where"] == "rating >= 9"
