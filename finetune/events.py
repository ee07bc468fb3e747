"""How far a long piece of work has come, and what else there is to tell while it lasts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""

OnEvent = Callable[[Any], None]
"""Called with a record: a `Check`, a `TrainingStep`, and what each stage returns."""


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """One optimizer step: `memory` is the most held so far, in bytes."""

    step: int
    steps: int
    loss: float
    tokens_per_second: float
    memory: int


def no_progress(stage: str, done: int, total: int) -> None:
    """The default: progress is told to nobody."""


def no_event(event: Any) -> None:
    """The default: nobody is told."""
