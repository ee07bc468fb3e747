"""What reading a file found, did and left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rag.schema import Review

MOST_EXAMPLES = 5
MOST_PREVIEWED = 10


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """Which column was taken for a field, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unread:
    """Cells that hold something, but nothing that can be read; the first of them."""

    count: int
    example: str


@dataclass(slots=True)
class ReadReport:
    """What became of the rows of one file: ``kept + sum(dropped.values()) == read``."""

    file: str = ""
    format: str = ""
    layout: str = ""  # the name of a known layout
    columns: dict[str, ColumnChoice] = field(default_factory=dict)  # field -> column
    unused: list[str] = field(default_factory=list)  # columns that no field was found for
    lines: int = 0  # lines of text that the rows stand in, where one may span several
    read: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)  # reason -> rows
    examples: list[str] = field(default_factory=list)  # the first rows dropped, with their lines
    renamed: int = 0  # reviews whose id another one has, which now ends in "-2" or so
    cleaned: dict[str, int] = field(
        default_factory=dict
    )  # cleaning step -> reviews that it changed
    languages: dict[str, int] = field(default_factory=dict)  # ISO 639-1 code -> reviews, most first
    frequent_languages: list[str] = field(default_factory=list)  # those of the first rows
    rating_scale: str = ""  # "1..10"
    rating_reason: str = ""  # why it is thought to be that one
    day_first: bool | None = None  # how dates like 02/03/2024 were read; None where there are none
    unread: dict[str, Unread] = field(default_factory=dict)  # field -> cells that are absent
    skipped: str = ""  # why a file among several was passed over
    notes: list[str] = field(default_factory=list)  # what else a reader must be told, in sentences
    preview: list[Review] = field(default_factory=list)  # the first reviews as they are stored

    def drop(self, reason: str, where: str) -> None:
        """Count one row as dropped, and remember where for the first few."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(f"{where}: {reason}")

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        values: dict[str, Any] = dataclasses.asdict(self)
        return values


def count_in(counts: dict[str, int], key: str) -> None:
    """Count one more of a kind."""
    counts[key] = counts.get(key, 0) + 1


def most_first(counts: Mapping[str, int]) -> dict[str, int]:
    """The same counts, the largest first."""
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
