"""Askers wait for their turn in a line, first come, first served, and are told their place.

Answers that are computed here share the processor, one at a time: side by side, none of them would
come sooner, and nobody could be told how long it takes. A model server has room for several.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TELL_EVERY_S = 0.5  # telling also finds out that the asker has left


class Line:
    """Lets `at_once` askers through at a time, in the order in which they came."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._askers: list[object] = []  # those who are answered, then those who wait
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, tell: Callable[[int], None]) -> Iterator[None]:
        """Wait for a turn, and hold it. `tell` is told again and again how many ask before; the
        place is given up when it raises, as Streamlit's functions do once the browser is gone.
        """
        asker = object()
        with self._changed:
            self._askers.append(asker)
        try:
            while before := self._before(asker):
                tell(before)
                with self._changed:
                    self._changed.wait_for(
                        lambda told=before: self._place(asker) != told,  # type: ignore[misc]
                        timeout=_TELL_EVERY_S,
                    )
            yield
        finally:
            with self._changed:
                self._askers.remove(asker)
                self._changed.notify_all()

    def _before(self, asker: object) -> int:
        with self._changed:
            return self._place(asker)

    def _place(self, asker: object) -> int:
        """How many have to be done before the asker's turn comes; 0 when it is there."""
        return max(0, self._askers.index(asker) - self._at_once + 1)


_COMPUTED_HERE = Line(at_once=1)
_SERVED = Line(at_once=8)


def line_for(generator: str) -> Line:
    """The line of those who ask this generator (`generator.name`); all sessions share it."""
    return _SERVED if generator == "openai" else _COMPUTED_HERE
