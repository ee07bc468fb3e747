"""What there is to tell of a training beside how far it has come, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rag.progress import Progress, no_progress

OnEvent = Callable[[Any], None]
"""Called with a record: a `Check`, a `TrainingStep`, and what each stage returns."""


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """An optimizer step that is done; `memory` is the most held so far, in bytes."""

    step: int
    steps: int
    loss: float
    tokens_per_second: float
    memory: int


def no_event(event: Any) -> None:
    """The default: nobody is told."""


def never_stopped() -> bool:
    """The default: go on to the end."""
    return False


@dataclass(frozen=True, slots=True)
class Callbacks:
    """All three; `stopped` is asked between two steps of a training."""

    progress: Progress = no_progress
    on_event: OnEvent = no_event
    stopped: Callable[[], bool] = never_stopped


SILENT = Callbacks()
