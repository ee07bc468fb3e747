"""How work that takes long tells how far it has come: one kind of callback, everywhere.

Called with (stage, done, total): the stage's name, how much of it is done, and how much there is; a
total of 0 is unknown.
"""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]


def no_progress(stage: str, done: int, total: int) -> None:
    """The default: tell nobody."""
