"""Which model the page "Ask" asks, by Streamlit's own test runner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

import rag.answering.pipeline
import rag.embedding
from rag.config import Settings
from rag.generators.choice import ChosenGenerator
from tests.fakes import FakeEmbedder, FakeGenerator
from tests.test_app import ask, open_app, page
from tests.test_choice import make_model
from tests.test_listing import make_adapter
from tests.ui_fakes import QUESTION, XSS, build_fake_index
from ui.components import models


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rag.embedding, "make_embedder", lambda settings: FakeEmbedder())
    build_fake_index(tmp_path / "indexes")
    make_model(tmp_path / "models" / "my-gemma")
    make_adapter(tmp_path / "finetune" / "runs" / "my-run" / "adapter", base="models/my-gemma")
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The (generator, adapter) of each pipeline that was opened; every one answers with its own
    name.
    """
    calls: list[tuple[str, str]] = []

    def choose(settings: Settings, *more: object) -> ChosenGenerator:
        calls.append((settings.generator.name, settings.generator.adapter))
        generator: Any = FakeGenerator(
            f"{settings.generator.name} {settings.generator.adapter} says: terrible actors [1]."
        )
        generator.name = settings.generator.name
        return ChosenGenerator(generator, "the settings say so")

    monkeypatch.setattr(rag.answering.pipeline, "choose_generator", choose)
    return calls


def test_the_settings_decide_until_a_model_is_chosen(opened: list[tuple[str, str]]) -> None:
    test = ask(open_app(), QUESTION)
    assert test.selectbox(key="keep-generator").options[0] == "auto (as the settings say)"
    assert "the settings say so" in page(test)
    test.selectbox(key="keep-generator").set_value("my-gemma").run()
    ask(test, "What about the masks?")
    assert "Answered by models/my-gemma because you chose it." in page(test)
    test.selectbox(key="keep-generator").set_value("my-run/adapter").run()
    ask(test, QUESTION)
    assert "finetune/runs/my-run/adapter says" in page(test)
    assert opened == [
        ("auto", ""),
        ("models/my-gemma", ""),
        ("models/my-gemma", "finetune/runs/my-run/adapter"),
    ]


def test_another_model_loads_no_other_embedder_and_the_last_is_let_go(
    opened: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    embedders: list[Settings] = []

    def make(settings: Settings) -> FakeEmbedder:
        embedders.append(settings)
        return FakeEmbedder()

    monkeypatch.setattr(rag.embedding, "make_embedder", make)
    test = open_app()
    for name in ("my-gemma", "auto", "my-gemma"):
        test.selectbox(key="keep-generator").set_value(name).run()
    assert [generator for generator, _ in opened] == [
        "auto",
        "models/my-gemma",
        "auto",
        "models/my-gemma",
    ]
    test.run()
    assert len(opened) == 4 and len(embedders) == 1


def test_the_address_names_a_model_of_the_list(opened: list[tuple[str, str]]) -> None:
    test = open_app(generator="my-gemma", q=QUESTION)
    assert "because you chose it" in page(test) and not test.warning
    assert opened == [("models/my-gemma", "")]


def test_the_address_names_nothing_that_is_not_on_the_list(opened: list[tuple[str, str]]) -> None:
    test = open_app(generator=f"/etc {XSS}")
    assert "\\<script" in test.warning[0].value and "auto answers" in test.warning[0].value
    assert opened == [("auto", "")]
    test.selectbox(key="keep-generator").set_value("my-gemma").run()
    assert not test.warning


def test_a_model_that_does_not_load_is_a_sentence_and_the_list_stays() -> None:
    test = open_app(generator="my-gemma")
    assert "my\\-gemma" in test.error[0].value and not test.exception
    test.selectbox(key="keep-generator").set_value("extractive").run()
    assert not test.error
    assert models.PICKED in page(ask(test, QUESTION))


def test_a_model_that_was_removed_is_no_longer_chosen(
    opened: list[tuple[str, str]], tmp_path: Path
) -> None:
    test = open_app(generator="my-gemma")
    (tmp_path / "models" / "my-gemma" / "model.safetensors").unlink()
    test.run()
    assert test.selectbox(key="keep-generator").value == "auto" and not test.exception
