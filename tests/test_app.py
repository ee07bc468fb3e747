"""The app's widgets and session state, by Streamlit's own test runner: real pipeline, fake
embedder.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import rag.answering.pipeline
import rag.embedding
import ui.pages
from rag.answer import Answer
from rag.answering import prompt
from rag.answering.pipeline import Pipeline
from rag.evaluation.feedback import FEEDBACK_FILE, read_feedback
from rag.logging import configure_logging
from rag.schema import GeneratorError
from rag.understanding.intent import TASKS
from tests.ui_fakes import QUESTION, REVIEWS, UNANSWERED, XSS, build_fake_index
from ui import app
from ui.components import errors, overview
from ui.components.navigation import Page
from ui.render import answers as render

SCRIPT = Path(app.__file__)


pytestmark = pytest.mark.usefixtures("extractive_app")


@pytest.fixture(scope="session")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("indexes")
    build_fake_index(folder)
    return folder


def open_app(**query: str) -> AppTest:
    test = AppTest.from_file(str(SCRIPT), default_timeout=20)
    for key, value in query.items():
        test.query_params[key] = value
    return test.run()


def ask(test: AppTest, question: str) -> AppTest:
    test.text_input(key="question").set_value(question)
    return next(button for button in test.button if button.label == "Ask").click().run()


def page(test: AppTest) -> str:
    """All markup on the page but the style sheet."""
    assert not test.exception
    return "\n".join(
        element.proto.body for element in test.get("html") if "<style>" not in element.proto.body
    )


def test_a_question_is_answered_beside_its_reviews() -> None:
    test = ask(open_app(), QUESTION)
    assert QUESTION in page(test)
    assert 'class="qa-chip"' in page(test)
    assert "<mark>" in page(test)
    assert "Index masks: 10 reviews." in page(test)
    assert "it is what the settings name" in page(test)
    assert not [button for button in test.button if button.label == "Stop"]


def test_a_question_the_reviews_do_not_answer_is_refused_calmly() -> None:
    markup = page(ask(open_app(), UNANSWERED))
    assert prompt.REFUSAL in markup
    assert "The closest reviews" in markup
    assert "qa-chip" not in markup


def test_examples_and_tasks_ask_their_question() -> None:
    test = open_app()
    test.button(key="example-0").click().run()
    assert overview.WITHOUT_TOPICS[0] in page(test)
    for task in TASKS:
        test = open_app()
        test.button(key=f"task-{task.name}").click().run()
        assert task.question in page(test)
        assert test.text_input(key="question").value == task.question


def test_a_blank_question_asks_nothing() -> None:
    test = ask(open_app(), "   ")
    assert "qa-answer" not in page(test)
    assert test.session_state.history == []


def test_history_shows_an_answer_again_without_computing_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    test = ask(open_app(), QUESTION)
    first = page(test)
    ask(test, UNANSWERED)
    assert prompt.REFUSAL in page(test)
    monkeypatch.setattr(rag.answering.pipeline.Pipeline, "stream", None)
    test.button(key="history-0").click().run()
    assert page(test) == first
    assert len(test.session_state.history) == 2


def test_a_link_asks_its_question_once() -> None:
    test = open_app(q=QUESTION, index="masks")
    assert QUESTION in page(test)
    test.run()
    assert len(test.session_state.history) == 1


def test_without_an_index_the_page_says_how_to_build_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWQA_PATHS__INDEXES_DIR", str(tmp_path / "nothing"))
    test = open_app(q=QUESTION)
    assert not test.exception
    assert "reviewqa index build" in test.code[0].value
    links = [link.proto.page for link in test.get("page_link")]
    assert links.count("reviews") == 2  # above, and where one is needed


def test_an_unknown_index_in_the_address_is_named_and_another_is_used() -> None:
    test = open_app(index="![x](http://e.test/x.png)")
    assert "![" not in test.warning[0].value
    assert test.selectbox(key="index").value == "masks"
    assert not test.error


def test_errors_of_the_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWQA_TOPK", "3")
    test = open_app()
    assert not test.exception
    assert "TOP\\_K" in test.error[0].value


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (GeneratorError("The server is down."), "The server is down\\."),
        (ZeroDivisionError("secret"), errors.SORRY),
    ],
)
def test_errors_while_answering_are_shown_without_a_traceback(
    error: Exception, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = open_app()

    given: list[Callable[[], bool]] = []

    def fail(
        pipeline: Pipeline, question: str, cancelled: Callable[[], bool], *more: object
    ) -> Iterator[str]:
        given.append(cancelled)
        yield "half of"
        assert not cancelled()
        raise error

    monkeypatch.setattr(rag.answering.pipeline.Pipeline, "stream", fail)
    ask(test, QUESTION)
    assert [element.value for element in test.error] == [shown]
    assert page(test) == ""
    assert given[0]()  # a model that goes on in the background is told to end


def test_a_damaged_index_is_an_error_and_the_picker_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_fake_index(tmp_path, "good")
    build_fake_index(tmp_path, "broken")
    for file in (tmp_path / "broken").glob("*/vectors.npy"):
        file.write_bytes(b"nonsense")
    monkeypatch.setenv("REVIEWQA_PATHS__INDEXES_DIR", str(tmp_path))
    test = open_app(index="broken")
    assert "damaged" in test.error[0].value
    test.selectbox(key="index").set_value("good").run()
    assert not test.error


def test_a_rebuilt_index_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWQA_PATHS__INDEXES_DIR", str(tmp_path))
    build_fake_index(tmp_path)
    test = ask(open_app(), QUESTION)
    assert "10 reviews." in page(test)
    build_fake_index(tmp_path, reviews=REVIEWS[:6])
    assert "6 reviews." in page(ask(test, QUESTION))


def test_a_stopped_answer_keeps_what_was_written() -> None:
    test = open_app()
    test.session_state.partial = (QUESTION, f"Half of it {XSS}")
    test.run()
    assert "Stopped. What was written so far has not been checked" in page(test)
    assert "Half of it" in page(test)
    assert "<script" not in page(test)


@pytest.mark.parametrize("stopped", [False, True])
def test_an_answer_stands_while_its_points_are_put_into_plain_words(
    stopped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Pipeline.stream

    def worded(
        self: Pipeline, question: str, cancelled: Callable[[], bool], *more: object
    ) -> object:
        for piece in stream(self, question, cancelled, *more):  # type: ignore[arg-type]
            if isinstance(piece, Answer):
                yield replace(piece, to_be_worded=True)
                if stopped:
                    time.sleep(0.3)
                    monkeypatch.setattr(render, "wording_html", st.stop)  # as a click on "Stop"
                    cancelled()
                yield replace(piece, notes=(*piece.notes, "In plain words now."))
            else:
                yield piece

    monkeypatch.setattr(Pipeline, "stream", worded)
    test = ask(open_app(), QUESTION)
    if stopped:
        test.run()
    assert 'class="qa-chip"' in page(test)
    assert ("In plain words now." in page(test)) != stopped
    assert len(test.session_state.history) == 1 and test.session_state.partial is None
    assert not [button for button in test.button if button.label == "Stop"]


def test_markup_in_the_question_stays_text() -> None:
    test = ask(open_app(), f"**bold** {XSS}")
    assert "<script" not in page(test) and "<img" not in page(test)
    assert "**bold**" in page(test)
    assert "\\*\\*bold" in test.button(key="history-0").label


def test_a_page_is_added_by_its_record_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def show() -> None:
        st.code("drawn")

    # it opens first, for Streamlit's test runner cannot go to a page that is no file
    dummy = Page(title="Dummy", url_path="", intro="What it is for.", show=show)
    others = [replace(page, url_path=page.url_path or "ask") for page in ui.pages.PAGES]
    monkeypatch.setattr(ui.pages, "PAGES", [*others, dummy])
    test = open_app()
    assert not test.exception and [code.value for code in test.code] == ["drawn"]
    assert "What it is for." in [element.value for element in test.markdown]
    links = [(link.proto.page, link.proto.label) for link in test.get("page_link")]
    assert links == [
        ("ask", "Ask"),
        ("browse", "Browse"),
        ("reviews", "Import"),
        ("compare", "Compare"),
        ("", "Dummy"),
    ]


def test_a_read_only_app_offers_no_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWQA_SERVER__READ_ONLY", "on")
    test = open_app()
    assert [link.proto.label for link in test.get("page_link")] == ["Ask", "Browse", "Compare"]
    assert "qa-chip" in page(ask(test, QUESTION))


def test_the_log_goes_to_the_file_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWQA_LOG", str(tmp_path / "log"))
    open_app()
    logging.getLogger("ui").error("Something to look into.")
    configure_logging()
    assert "Something to look into." in (tmp_path / "log").read_text()


def test_what_people_say_of_an_answer_is_kept_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWQA_PATHS__RUNS_DIR", str(tmp_path))
    file = tmp_path / FEEDBACK_FILE
    test = ask(open_app(), QUESTION)
    test.button(key="thumb_up-0").click().run()
    assert read_feedback(file)[0][0].good
    test.button(key="thumb_down-0").click().run()
    assert not test.exception and [radio.label for radio in test.radio] == [
        "What is wrong with it?"
    ]
    test.radio[0].set_value("counts")
    next(box for box in test.text_input if box.label.startswith("In your words")).set_value("2!")
    next(button for button in test.button if button.label == "Keep the reason").click().run()
    (given,), broken = read_feedback(file)
    assert (given.question, given.good, given.reason, given.comment) == (
        QUESTION,
        False,
        "counts",
        "2!",
    )
    assert not broken and any("Thank you" in caption.value for caption in test.caption)
    assert not test.radio
    test.button(key="forget-history").click().run()
    assert test.session_state.judged == {}  # the next answer is not judged yet


def test_points_lead_to_questions_that_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def leads(answer: Answer, definitions: object, asked: Iterable[str]) -> list[str]:
        return ["What do reviewers say about the music?"] if QUESTION in asked else []

    monkeypatch.setattr("rag.topics.following.next_questions", leads)
    test = ask(open_app(), QUESTION)
    test.button(key="next-0").click().run()
    assert "What do reviewers say about the music?</h2>" in page(test)
