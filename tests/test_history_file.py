"""The questions that are kept for a browser: whose they are, and what happens to a spoilt file."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st

from rag.answer import Answer, AnswerSentence, Citation
from rag.config import Settings, load_settings
from rag.schema import Chunk, RetrievedChunk, Review
from ui.access import BROWSER_COOKIE, BROWSER_COOKIE_S
from ui.components import history_file
from ui.components.conversation import MAX_HISTORY, Exchange

TEXT = "The room was quiet 😭.\nWe slept <b>well</b>."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(overrides={"paths.history_dir": str(tmp_path / "kept")})


def is_of(monkeypatch: pytest.MonkeyPatch, cookie: str | None, login: str = "") -> None:
    """Let the page be asked for by this browser."""
    cookies = {} if cookie is None else {BROWSER_COOKIE: cookie}
    monkeypatch.setattr(st, "context", SimpleNamespace(cookies=cookies))
    monkeypatch.setattr(st, "user", {"sub": login} if login else {})


def exchange(question: str = "Is it quiet?") -> Exchange:
    chunk = Chunk("r1#0", "r1", 0, len(TEXT), TEXT)
    source = RetrievedChunk(1, chunk, Review("r1", TEXT, rating=4.5), 0.8, ())
    sentence = AnswerSentence(
        "It was.", True, 0.9, (Citation(1, "r1", "r1#0", 0, 21, TEXT[:21], 0.9, True),)
    )
    answer = Answer(question, (sentence,), False, "fake", "a test", (source,), plan={"removed": []})
    return Exchange(answer, "hotel", "Index hotel.", "1 of 2 reviews: rating >= 4", ("Before?",))


def files(settings: Settings) -> list[Path]:
    return sorted(settings.paths.history_dir.iterdir())


def test_a_browser_gets_back_its_own_and_no_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_of(monkeypatch, "a" * 43)
    assert history_file.load(settings) == []
    history_file.add(settings, exchange())
    history_file.add(settings, exchange("And at night?"))
    assert history_file.load(settings) == [exchange(), exchange("And at night?")]
    for cookie, login in (("b" * 43, ""), ("a" * 43, "ann")):
        is_of(monkeypatch, cookie, login)
        assert history_file.load(settings) == []
        history_file.add(settings, exchange("Mine?"))
        assert history_file.load(settings) == [exchange("Mine?")]
    is_of(monkeypatch, "a" * 43)
    assert len(history_file.load(settings)) == 2
    assert len(files(settings)) == 3
    assert not any("aaa" in file.name for file in files(settings))
    assert {file.stat().st_mode & 0o777 for file in files(settings)} == {0o600}
    assert settings.paths.history_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("cookie", [None, "", "a" * 42, "../" + "a" * 40, "a" * 43 + "\n"])
def test_without_a_cookie_of_ours_nothing_is_kept(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, cookie: str | None
) -> None:
    is_of(monkeypatch, cookie)
    history_file.add(settings, exchange())
    history_file.forget(settings)
    assert history_file.load(settings) == []
    assert not settings.paths.history_dir.exists()


def test_what_is_forgotten_is_gone_from_the_disk(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_of(monkeypatch, "b" * 43)
    history_file.add(settings, exchange())
    is_of(monkeypatch, "a" * 43)
    history_file.add(settings, exchange())
    history_file.forget(settings)
    history_file.forget(settings)  # nor does it matter that there is none
    assert history_file.load(settings) == []
    is_of(monkeypatch, "b" * 43)
    assert history_file.load(settings) == [exchange()]
    assert len(files(settings)) == 1


def test_what_cannot_be_read_is_left_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_of(monkeypatch, "a" * 43)
    history_file.add(settings, exchange())
    (file,) = files(settings)
    good = file.read_bytes()
    spoilt = [b"\xff\x00", b"[]", b'{"answer": 1}', good[:-9], b"[" * 100_000, b""]
    file.write_bytes(b"\n".join([*spoilt, good]))
    assert history_file.load(settings) == [exchange()]
    history_file.add(settings, exchange("Next?"))
    assert history_file.load(settings) == [exchange(), exchange("Next?")]


def test_a_file_that_is_too_large_is_not_read_but_replaced(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_of(monkeypatch, "a" * 43)
    history_file.add(settings, exchange())
    (file,) = files(settings)
    monkeypatch.setattr(history_file, "_MOST_BYTES", file.stat().st_size - 1)
    assert history_file.load(settings) == []
    monkeypatch.undo()
    is_of(monkeypatch, "a" * 43)
    os.truncate(file, 30_000_000)
    assert history_file.load(settings) == []
    history_file.add(settings, exchange("New?"))
    assert history_file.load(settings) == [exchange("New?")]


def test_the_oldest_questions_and_browsers_go(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_of(monkeypatch, "a" * 43)
    for number in range(MAX_HISTORY + 2):
        history_file.add(settings, exchange(f"Number {number}?"))
    kept = history_file.load(settings)
    assert len(kept) == MAX_HISTORY and kept[0].answer.question == "Number 2?"
    (old,) = files(settings)
    os.utime(old, (time.time() - BROWSER_COOKIE_S - 9,) * 2)
    is_of(monkeypatch, "b" * 43)
    history_file.add(settings, exchange())
    assert old not in files(settings)


def test_a_folder_that_cannot_be_written_loses_no_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.paths.history_dir.write_text("a file")
    is_of(monkeypatch, "a" * 43)
    with caplog.at_level(logging.WARNING):
        history_file.add(settings, exchange())
    assert "was not kept" in caplog.text
    assert history_file.load(settings) == []
