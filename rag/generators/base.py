"""What every generator is: messages in, pieces of text out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from rag.config import Settings
from rag.schema import Message


def never_cancelled() -> bool:
    """The default for `cancelled`: go on to the end."""
    return False


class Generator(Protocol):
    """Takes messages, never builds them; one of the two things that tests replace."""

    @property
    def name(self) -> str:
        """What people are shown: backend and model."""
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

        Closing the iterator early also stops the work. Raises `GeneratorError`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Backend:
    """A kind of generator that settings can name.

    `load` makes it as the settings say; `about`, in a few words, is for the list of generators
    that can be asked here, "" where it cannot. `takes_adapter`: a LoRA adapter can be put on it.
    """

    name: str
    load: Callable[[Settings], Generator]
    about: Callable[[Settings], str]
    takes_adapter: bool = False
