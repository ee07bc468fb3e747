"""Which of two answers people found better: a file of votes, one JSON object a line, and what they
come to.

No widgets here. A vote is appended in one write and flushed, so that pages that vote at the same
time, or a power cut, spoil no other vote.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from rag.schema import SettingsError
from ui.render.answers import escape

VOTES_FILE = "votes.jsonl"  # in `runs_dir`

Winner = Literal["left", "right", "tied", "neither"]
"""Which answer is better; "tied": they are as good as each other; "neither": both are bad."""


@dataclass(frozen=True, slots=True)
class Vote:
    """One judgement: the question, the index that was asked, the two models as they stood, and
    when, in UTC.
    """

    question: str
    index: str
    left: str
    right: str
    winner: Winner
    blind: bool
    time: str


_KINDS = {name: bool if name == "blind" else str for name in Vote.__slots__}


@dataclass(slots=True)
class Tally:
    """How often a model's answer was judged to be what."""

    model: str
    won: int = 0
    lost: int = 0
    tied: int = 0
    neither: int = 0


def now() -> str:
    """This moment in ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def add_vote(file: Path, vote: Vote) -> None:
    """Append a vote. Raises `SettingsError` where the file cannot be written."""
    line = json.dumps(asdict(vote), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(
            file, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644
        )
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line  # a line cut off by a power cut must not spoil this one
            if os.write(descriptor, line) != len(line):
                raise OSError("the disk is full")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SettingsError(
            f"The vote was not kept: cannot write {file} ({error.strerror or error}). "
            "Make room, or set runs_dir to a folder that can be written to."
        ) from error


def read_votes(file: Path) -> tuple[list[Vote], int]:
    """The votes in a file, oldest first, and how many of its lines could not be read; none where
    there is no file.
    """
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise SettingsError(f"Cannot read the votes in {file}: {error.strerror}.") from error
    read = [_vote(line) for line in lines if line.strip()]
    votes = [vote for vote in read if vote is not None]
    return votes, len(read) - len(votes)


def _vote(line: bytes) -> Vote | None:
    try:
        fields = json.loads(line)
    except ValueError:  # UnicodeDecodeError is one
        return None
    if not isinstance(fields, dict) or any(
        type(fields.get(name)) is not kind for name, kind in _KINDS.items()
    ):
        return None
    vote = Vote(**{name: fields[name] for name in _KINDS})
    return vote if vote.winner in get_args(Winner) and vote.left != vote.right else None


def tally(votes: Iterable[Vote]) -> list[Tally]:
    """What the votes come to for each model: most won first, then fewest lost."""
    found: dict[str, Tally] = {}
    for vote in votes:
        left, right = (found.setdefault(name, Tally(name)) for name in (vote.left, vote.right))
        if vote.winner in ("left", "right"):
            better, worse = (left, right) if vote.winner == "left" else (right, left)
            better.won += 1
            worse.lost += 1
        else:
            for one in (left, right):
                setattr(one, vote.winner, getattr(one, vote.winner) + 1)
    return sorted(found.values(), key=lambda one: (-one.won, one.lost, one.model))


def tally_html(tallies: Iterable[Tally]) -> str:
    """The tally as a table."""
    head = "".join(
        f'<th scope="col">{title}</th>'
        for title in ("Model", "Won", "Lost", "Tied", "Neither good")
    )
    rows = [
        f'<tr><th scope="row" dir="auto">{escape(one.model)}</th>'
        + "".join(
            f'<td class="qa-number-cell">{n}</td>'
            for n in (one.won, one.lost, one.tied, one.neither)
        )
        + "</tr>"
        for one in tallies
    ]
    return (
        '<div class="qa qa-scroll" role="region" aria-label="Votes so far" tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
