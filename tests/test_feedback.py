"""What people say of answers is kept, and makes questions to train with."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rag.answer import Answer, AnswerSentence, Citation, KeyPoint, Said
from rag.evaluation.feedback import add_feedback, as_questions, feedback_on, read_feedback
from rag.evaluation.questions import read_questions
from rag.schema import Chunk, RetrievedChunk, Review, SettingsError
from ui.cli.main import cli

TEXT = "It is quiet 😭."


def answer(**fields: Any) -> Answer:
    source = RetrievedChunk(1, Chunk("r1#0", "r1", 0, len(TEXT), TEXT), Review("r1", TEXT), 0.8, ())
    cited = (Citation(1, "r1", "r1#0", 0, 5, TEXT[:5], 0.9, True),)
    said = (Said("r1", 0, 5, TEXT[:5]), Said("r2", 0, 5, TEXT[:5]))
    made = KeyPoint("Quiet.", True, "praise", 2, 9, 1, 3, False, said)
    sentence = AnswerSentence("Quiet.", True, 0.9, cited, points=(made,))
    plan = {"intent": "opinion", "side": "", "limits": []}
    shown = Answer("Is it?", (sentence,), False, "none", "a test", (source,), plan=plan)
    return replace(shown, **fields)


def add(file: Path, shown: Answer, good: bool, where: str = "", **more: Any) -> None:
    add_feedback(file, feedback_on(shown, "hotel", where, good=good, time="2026-01-01", **more))


def test_the_last_word_on_an_answer_counts_and_spoilt_lines_are_told(tmp_path: Path) -> None:
    file = tmp_path / "new" / "feedback.jsonl"
    assert read_feedback(file) == ([], 0)
    add(file, answer(), good=True)
    add(file, answer(question="Other?"), good=True)
    file.write_bytes(file.read_bytes() + b'{"cut": \n[]\n')
    add(file, answer(), good=False, reason="untrue", comment="It is\nloud 😴")
    given, broken = read_feedback(file)
    assert [(one.question, one.good, one.reason) for one in given] == [
        ("Other?", True, ""),
        ("Is it?", False, "untrue"),
    ]
    assert given[1].comment == "It is\nloud 😴" and broken == 2


def test_good_answers_and_right_refusals_become_training_questions(tmp_path: Path) -> None:
    file, questions = tmp_path / "feedback.jsonl", tmp_path / "questions.jsonl"
    add(file, answer(searched_for="Is the room quiet?"), good=True)
    add(file, answer(question="Who?", refused=True, sentences=()), good=True)
    add(file, answer(question="Parking?"), good=False, reason="unanswerable")
    add(file, answer(question="Bad?"), good=False, reason="untrue")
    add(file, answer(question="Some?"), good=True, where="rating >= 4")
    rows = as_questions(read_feedback(file)[0])
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    first, *others = read_questions(questions, "train")
    assert (first.question, first.kind, first.answer) == ("Is the room quiet?", "opinion", "Quiet.")
    assert first.review_ids == {"r1", "r2"} and first.key_points == ("Quiet.",)
    assert first.point_reviews == (frozenset({"r1", "r2"}),)
    assert [(one.question, one.answerable, one.review_ids) for one in others] == [
        ("Who?", False, frozenset()),
        ("Parking?", False, frozenset()),
    ]


def test_the_command_writes_the_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWQA_PATHS__RUNS_DIR", str(tmp_path))
    add(tmp_path / "feedback.jsonl", answer(), good=True)
    out = tmp_path / "liked.jsonl"
    result = CliRunner().invoke(cli, ["eval", "feedback", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "1 question of 1 judged answer." in result.output
    assert [one.question for one in read_questions(out)] == ["Is it?"]


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SettingsError, match=r"was not kept.*No space left"):
        add(tmp_path / "feedback.jsonl", answer(), good=True)
