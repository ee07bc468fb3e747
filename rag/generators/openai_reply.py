"""The reply of a model server, taken chunk by chunk and believed in nothing."""

from __future__ import annotations

import importlib
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from rag.generators.base import Truncated
from rag.generators.thoughts import ThoughtFilter
from rag.schema import GeneratorError, well_formed

# `estimate_tokens` counts up to three times too many; a server that sends more than this for each
# token that it may write does not keep to the limit.
_ESTIMATED_PER_TOKEN = 4
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_WORD_OR_CHARACTER = re.compile(r" ?[A-Za-z]+|.", re.DOTALL)


class Reply:
    """Takes the chunks of one answer, and `put`s the words that belong to it."""

    def __init__(self, max_new_tokens: int, put: Callable[[str], None]) -> None:
        self.begun = False  # some words of the answer came
        self.finished = False  # the server said that it is over
        self.full = False  # the server did not keep to the limit
        self._put = put
        self._tokens_left = _ESTIMATED_PER_TOKEN * (max_new_tokens + 16)
        self._thoughts = ThoughtFilter()
        self._cut = False

    def add(self, chunk: Any) -> bool:
        """Whether the chunk held a word, or a thought. Raises `TypeError` if it is no chunk."""
        spoke = False
        for choice in (chunk.choices or [])[:1]:
            delta = choice.delta
            thought = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
            for words in (thought, getattr(delta, "content", None)):
                if words is not None and not isinstance(words, str):
                    raise TypeError("content that is no text")
                spoke = spoke or bool(words)
                self._tokens_left -= estimate_tokens(words[: 8 * self._tokens_left]) if words else 0
            self.full = self._tokens_left <= 0
            if words and not self.full:
                self._write(self._thoughts.add(words))
            self.finished = self.finished or choice.finish_reason is not None
            self._cut = self._cut or choice.finish_reason in ("length", "content_filter")
        return spoke

    def end(self) -> None:
        """Nothing more will come."""
        self._write(self._thoughts.rest())
        if self.begun and (self._cut or self.full):
            self._put(Truncated())

    def _write(self, words: str) -> None:
        # half an emoji, which JSON can hold, is no text; nor is a control character
        words = _CONTROL.sub("", well_formed(words))
        if words:
            self.begun = self.begun or not words.isspace()
            self._put(words)


def bounded(response: Any, longest: int, too_long: GeneratorError) -> Any:
    """The bytes of a response, up to `longest` of them; then `too_long` is raised."""
    # httpx, or httpx2 with later versions of openai
    library: Any = importlib.import_module(type(response).__module__.partition(".")[0])
    stream = response.stream

    class Bounded(library.AsyncByteStream):  # type: ignore[misc]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = longest
            async for piece in stream:
                left -= len(piece)
                if left < 0:
                    raise too_long
                yield piece

        async def aclose(self) -> None:
            await stream.aclose()

    return Bounded()


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` is, rather too many than too few.

    A run of Latin letters counts as one token per four letters begun, any other ASCII character as
    one, and every other character as one per UTF-8 byte, which is the most that a byte-level
    tokenizer makes of it. For English that is about a fifth too many. (Bytes divided by three, the
    usual rule, is half of the truth for Chinese or for digits with a tokenizer that knows little
    but English.)
    """
    count = 0
    for piece in _WORD_OR_CHARACTER.findall(text):
        if piece[-1].isascii():
            count += -(-len(piece.lstrip(" ")) // 4) if piece[-1].isalpha() else 1
        else:
            count += len(piece.encode("utf-8", "replace"))
    return count
