"""What every generator is: messages in, pieces of text out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from rag.schema import Message


def never_cancelled() -> bool:
    """The default for `cancelled`: go on to the end."""
    return False


class Truncated(str):
    """The last piece of an answer that was cut off at its greatest length. Empty, so that whoever
    joins the pieces need not know of it.
    """

    __slots__ = ()


class Generator(Protocol):
    """Takes messages, never builds them; one of the two things that tests replace."""

    @property
    def name(self) -> str:
        """What people are shown: backend and model."""
        ...

    @property
    def stop_tokens(self) -> tuple[str, ...]:
        """The tokens that end an answer; they never appear in the streamed text. Empty where a
        server decides.
        """
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the whole prompt as the model sees it, template included (an upper estimate for
        servers).
        """
        ...

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_new_tokens: int,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Iterator[str]:
        """Pieces of the answer as they come; ends soon after `cancelled()` turns true.

        No piece is a thought (``<think>``). The last one is a `Truncated` where the answer was
        longer than `max_new_tokens`. Closing the iterator early also stops the work. Raises
        `GeneratorError`.
        """
        ...
