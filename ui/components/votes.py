"""Which of two answers people found better: a file of votes, one JSON object a line, and what they
come to.

No widgets here.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic.dataclasses import dataclass

from rag.files import append_line
from rag.schema import SettingsError

VOTES_FILE = "votes.jsonl"  # in `runs_dir`

Winner = Literal["left", "right", "tied", "neither"]
"""Which answer is better; "tied": they are as good as each other; "neither": both are bad."""


@dataclass(frozen=True, config={"strict": True})
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


class Tally(NamedTuple):
    """How often a model's answer was judged to be what."""

    won: int
    lost: int
    tied: int
    neither: int


def now() -> str:
    """This moment in ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def add_vote(file: Path, vote: Vote) -> None:
    """Append a vote. Raises `SettingsError` where the file cannot be written."""
    line = json.dumps(asdict(vote), ensure_ascii=False).encode("utf-8", "backslashreplace")
    try:
        append_line(file, line)
    except OSError as error:
        raise SettingsError(
            f"The vote was not kept: cannot write {file} ({error.strerror or error}). "
            "Make room, or set runs_dir to a folder that can be written to."
        ) from error


def read_votes(file: Path) -> tuple[list[Vote], int]:
    """The votes in a file, oldest first, and how many of its lines could not be read; none where
    there is no file. Raises `SettingsError` where it cannot be read at all.
    """
    try:
        lines = [line for line in file.read_bytes().splitlines() if line.strip()]
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise SettingsError(f"Cannot read the votes in {file}: {error.strerror}.") from error
    votes = [vote for vote in map(_vote, lines) if vote is not None]
    return votes, len(lines) - len(votes)


def _vote(line: bytes) -> Vote | None:
    with contextlib.suppress(ValueError, TypeError):  # pydantic's and Unicode's errors are such
        vote = Vote(**json.loads(line))
        return vote if vote.left != vote.right else None
    return None


def tally(votes: Iterable[Vote]) -> list[tuple[str, Tally]]:
    """What the votes come to for each model: most won first, then fewest lost."""
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    for vote in votes:
        for side, model in (("left", vote.left), ("right", vote.right)):
            decided = vote.winner in ("left", "right")
            outcome = ("won" if vote.winner == side else "lost") if decided else vote.winner
            outcomes[model][outcome] += 1
    tallies = [
        (model, Tally(*(counts[outcome] for outcome in Tally._fields)))
        for model, counts in outcomes.items()
    ]
    return sorted(tallies, key=lambda entry: (-entry[1].won, entry[1].lost, entry[0]))
