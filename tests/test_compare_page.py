"""The page "Compare", by Streamlit's own test runner: real pipelines, fake models."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import rag.answering.pipeline
import rag.embedding
from rag.config import Settings
from rag.generators.choice import ChosenGenerator
from rag.schema import GeneratorError, ModelError
from tests.fakes import FakeEmbedder, FakeGenerator
from tests.test_choice import make_model
from tests.test_render import parsed
from tests.ui_fakes import QUESTION, XSS, build_fake_index
from ui.components import votes
from ui.pages import compare as compare_page

VOTES = Path("finetune/runs/votes.jsonl")
PAGE = """
from dataclasses import replace
from ui import app
from ui.pages import compare
app.main([replace(compare.PAGE, url_path="")])
"""


class Named(FakeGenerator):
    """Answers with its own name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The guards are terrible actors, says {Path(name).name}'s voice {XSS} [1]."
        )
        self.name = f"generator {name}"


@pytest.fixture(autouse=True)
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The generators that were opened, in turn."""
    names: list[str] = []

    def choose(settings: Settings, *more: object) -> ChosenGenerator:
        names.append(settings.generator.name)
        if settings.generator.name == "models/broken":
            raise ModelError("Its weights are damaged.")
        return ChosenGenerator(Named(settings.generator.name), "it was asked for")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rag.embedding, "make_embedder", lambda settings: FakeEmbedder())
    monkeypatch.setattr(rag.answering.pipeline, "choose_generator", choose)
    monkeypatch.setattr("random.random", lambda: 0.0)  # the order is turned round
    build_fake_index(tmp_path / "indexes")
    make_model(tmp_path / "models" / "my-gemma")
    make_model(tmp_path / "models" / "broken", age=9)
    st.cache_resource.clear()
    yield names
    st.cache_resource.clear()


def open_page(**query: str) -> AppTest:
    test = AppTest.from_string(PAGE, default_timeout=20)
    for key, value in query.items():
        test.query_params[key] = value
    return test.run()


def ask(test: AppTest, question: str = QUESTION) -> AppTest:
    test.text_input(key="compare-question").set_value(question)
    return click(test, "Ask both")


def click(test: AppTest, label: str) -> AppTest:
    return next(button for button in test.button if button.label == label).click().run()


def page(test: AppTest) -> str:
    assert not test.exception
    bodies = [element.proto.body for element in test.get("html")]
    markup = "\n".join(body for body in bodies if "<style>" not in body)
    assert "<script" not in markup and "<img" not in markup
    return markup


def sides(test: AppTest) -> list[str]:
    """What stands above the two answers."""
    return re.findall(r'<h3 class="qa-side" dir="auto">(.*?)</h3>', page(test))


def kept() -> list[dict[str, Any]]:
    return [json.loads(line) for line in VOTES.read_text(encoding="utf-8").splitlines()]


def test_a_tuned_model_and_the_extractive_answers_are_offered_first_and_blind() -> None:
    test = open_page()
    assert test.selectbox(key="keep-compare-index").value == "masks"
    assert [
        test.selectbox(key=key).value for key in ("keep-compare-first", "keep-compare-second")
    ] == [
        "my-gemma",
        "extractive",
    ]
    assert test.toggle(key="keep-compare-blind").value
    assert page(test) == ""


def test_blind_both_are_asked_in_turn_and_named_only_after_the_vote(opened: list[str]) -> None:
    test = ask(open_page())
    assert opened == ["models/my-gemma", "extractive"]
    assert sides(test) == ["Left", "Right"]
    assert (
        "Answered by" not in page(test)
        and "generator " not in page(test)
        and QUESTION in page(test)
    )
    assert page(test).index("extractive&#39;s voice") < page(test).index("my-gemma")
    click(test, "Right is better")
    assert sides(test) == ["Left: extractive", "Right: my-gemma"]
    assert "Answered by generator models/my-gemma because you chose it." in page(test)
    (vote,) = kept()
    assert vote["time"].endswith("+00:00") and {**vote, "time": ""} == {
        "question": QUESTION,
        "index": "masks",
        "left": "extractive",
        "right": "my-gemma",
        "winner": "right",
        "blind": True,
        "time": "",
    }
    assert "Your vote is kept: right is better." in page(test)
    assert not [button for button in test.button if button.label in compare_page.BUTTONS.values()]
    assert re.findall(r"<td[^>]*>(\d)</td>", page(test)) == list("10000100")


def test_the_order_is_drawn_anew_for_every_question(monkeypatch: pytest.MonkeyPatch) -> None:
    test = ask(open_page())
    first = page(test)
    monkeypatch.setattr("random.random", lambda: 0.9)
    ask(test)
    assert first.index("extractive&") < first.index("my-gemma&")
    assert page(test).index("my-gemma&") < page(test).index("extractive&")


def test_open_the_names_stand_there_at_once_in_the_order_chosen() -> None:
    test = open_page()
    test.toggle(key="keep-compare-blind").set_value(False).run()
    ask(test)
    assert sides(test) == ["Left: my-gemma", "Right: extractive"]
    assert page(test).count("Answered by") == 2
    click(test, "As good")
    assert kept()[0]["winner"] == "tied" and kept()[0]["blind"] is False
    ask(test)
    click(test, "Neither")
    assert [vote["winner"] for vote in kept()] == ["tied", "neither"]


def test_the_two_answers_share_no_id_and_each_chip_has_its_card() -> None:
    test = ask(open_page())
    answers = [body for element in test.get("html") if "qa-side" in (body := element.proto.body)]
    answers = [body for body in answers if "<style>" not in body]
    assert len(answers) == 2
    assert parsed(
        "".join(answers)
    ).tags  # which looks for ids that stand twice, and links that lead nowhere
    assert all("qa-chip" in body for body in answers)


def test_what_auto_was_is_kept_with_the_vote() -> None:
    test = open_page()
    test.selectbox(key="keep-compare-first").set_value("auto").run()
    click(ask(test), "Left is better")
    assert kept()[0]["right"] == "auto: generator auto"


def test_a_model_is_not_compared_with_itself(opened: list[str]) -> None:
    test = open_page()
    test.selectbox(key="keep-compare-second").set_value("my-gemma").run()
    assert compare_page.SAME in [caption.value for caption in test.caption]
    assert next(button for button in test.button if button.label == "Ask both").disabled
    assert opened == []


def test_a_blank_question_asks_nothing(opened: list[str]) -> None:
    assert page(ask(open_page(), "  ")) == "" and opened == []


def test_a_model_that_fails_is_a_sentence_and_the_page_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    test = open_page()
    test.selectbox(key="keep-compare-second").set_value("broken").run()
    ask(test)
    assert [error.value for error in test.error] == ["Its weights are damaged\\."]
    assert page(test) == "" and compare_page.STOPPED not in [
        caption.value for caption in test.caption
    ]
    test.selectbox(key="keep-compare-second").set_value("extractive").run()
    assert not test.error

    def fail(*given: object, **more: object) -> Iterator[str]:
        yield "half of"
        raise GeneratorError("The server is down.")

    monkeypatch.setattr(Named, "stream", fail)
    assert [error.value for error in ask(test).error] == ["The server is down\\."]
    assert page(test) == ""


def test_asking_that_was_stopped_keeps_no_answer() -> None:
    test = ask(open_page())
    test.session_state.compare_asking, test.session_state.compare_pair = True, None
    test.run()
    assert compare_page.STOPPED in [caption.value for caption in test.caption] and page(test) == ""
    assert compare_page.STOPPED not in [caption.value for caption in test.run().caption]


def test_a_vote_that_cannot_be_kept_can_be_given_again() -> None:
    test = ask(open_page())
    Path("finetune").write_text("in the way")
    click(test, "Left is better")
    assert "The vote was not kept" in test.error[0].value
    Path("finetune").unlink()
    click(test, "Left is better")
    assert not test.error and kept()[0]["winner"] == "left"


def test_lines_that_are_no_votes_are_told_and_names_in_the_file_do_nothing() -> None:
    file = Path.cwd() / VOTES
    votes.add_vote(file, votes.Vote(QUESTION, "masks", XSS, "b", "left", True, votes.now()))
    with file.open("a") as end:
        end.write("nonsense\n")
    test = open_page()
    assert "&lt;script" in page(test)
    assert any("1 line" in caption.value for caption in test.caption)


def test_without_an_index_the_app_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWQA_PATHS__INDEXES_DIR", str(tmp_path / "nothing"))
    test = open_page()
    assert "There are no reviews to ask yet" in test.info[0].value and not test.text_input
