"""The file of votes, and what they come to."""

from __future__ import annotations

import errno
import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rag.schema import SettingsError
from tests.test_render import parsed
from tests.ui_fakes import XSS
from ui.components import votes
from ui.components.votes import Tally, Vote, add_vote, read_votes, tally
from ui.render import fragment


def vote(winner: Any = "left", left: str = "a", right: str = "b", **more: Any) -> Vote:
    fields: dict[str, Any] = {
        "question": "Is it\nquiet? 😴",
        "index": "hotel",
        "blind": True,
        "time": votes.now(),
    }
    return Vote(left=left, right=right, winner=winner, **fields | more)


def test_votes_are_kept_one_a_line_and_read_back(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "votes.jsonl"
    assert read_votes(file) == ([], 0)
    given = [vote(), vote("tied"), vote("neither", "c", blind=False)]
    for one in given:
        add_vote(file, one)
    assert read_votes(file) == (given, 0)
    first = json.loads(file.read_text(encoding="utf-8").splitlines()[0])
    assert list(first) == ["question", "index", "left", "right", "winner", "blind", "time"]
    moment = datetime.fromisoformat(first["time"])
    assert moment.tzinfo == UTC and abs((datetime.now(UTC) - moment).total_seconds()) < 60


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"\xff\xfe",
        b"[]",
        b'{"question": "half of',
        json.dumps(
            {**json.loads('{"index": "i", "question": "q", "left": "a", "right": "b"}')}
        ).encode(),
        b'{"question":"q","index":"i","left":"a","right":"b","winner":"me","blind":true,"time":"t"}',
        b'{"question":"q","index":"i","left":"a","right":"b","winner":"left","blind":1,"time":"t"}',
        b'{"question":"q","index":"i","left":"a","right":"a","winner":"tied","blind":true,"time":""}',
    ],
)
def test_broken_lines_are_counted_and_spoil_no_other(line: bytes, tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    add_vote(file, vote())
    with file.open("ab") as end:
        end.write(line)  # cut off: without the end of its line
    add_vote(file, vote("right"))
    read, broken = read_votes(file)
    assert [one.winner for one in read] == ["left", "right"] and broken == 1


def test_fields_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    add_vote(file, vote())
    file.write_text(
        file.read_text(encoding="utf-8").replace("{", '{"by": "ann", ', 1), encoding="utf-8"
    )
    assert len(read_votes(file)[0]) == 1


def test_what_cannot_be_encoded_is_escaped(tmp_path: Path) -> None:
    add_vote(tmp_path / "votes.jsonl", vote(question="half an emoji \ud83d"))
    assert read_votes(tmp_path / "votes.jsonl")[0][0].question == "half an emoji \ud83d"


def test_votes_at_the_same_time_all_arrive_whole(tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"

    def add_ten() -> None:
        for _ in range(10):
            add_vote(file, vote(question="x" * 900))

    threads = [threading.Thread(target=add_ten) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    read, broken = read_votes(file)
    assert (len(read), broken) == (40, 0)


def test_a_vote_that_cannot_be_kept_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="runs_dir"):
        add_vote(tmp_path / "file" / "votes.jsonl", vote())
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SettingsError, match="No space left"):
        add_vote(tmp_path / "votes.jsonl", vote())
    with pytest.raises(SettingsError, match="Cannot read"):
        read_votes(tmp_path)


def test_wins_losses_and_ties_are_counted_for_each_model() -> None:
    given = [
        vote("left"),
        vote("right"),
        vote("right", "b", "a"),
        vote("tied"),
        vote("neither", "a", "c"),
    ]
    assert tally(given) == [
        ("a", Tally(2, 1, 1, 1)),
        ("b", Tally(1, 2, 1, 0)),
        ("c", Tally(0, 0, 0, 1)),
    ]
    assert tally([]) == []


def test_the_table_escapes_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_render.TAGS", {*"div table thead tbody tr th td".split()})
    monkeypatch.setattr(
        "tests.test_render.ATTRIBUTES", {*"class role aria-label tabindex scope dir".split()}
    )
    page = parsed(fragment("compare.html", "tally", [(XSS, Tally(1, 2, 3, 4))]))
    assert sum(tag == "td" for tag, _ in page.tags) == 4
