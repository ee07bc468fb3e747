"""What a model thinks aloud before it answers is no part of the answer: ``<think>...</think>``."""

from __future__ import annotations

import re

_NAMES = r"(?:think|thinking|thought|reasoning)"
_OPEN, _CLOSE = (
    re.compile(rf"<{_NAMES}>", re.IGNORECASE),
    re.compile(rf"</{_NAMES}>", re.IGNORECASE),
)
_LONGEST_TAG = len("</reasoning>")
_UNOPENED = re.compile(rf"\A.*</{_NAMES}>\s*", re.IGNORECASE | re.DOTALL)


class ThoughtFilter:
    """Takes the pieces of an answer and gives back what is no thought, also where a tag is split
    between pieces. The blanks between a thought and the answer go with it.
    """

    def __init__(self) -> None:
        self._held = ""
        self._thinking = self._after_thought = False

    def add(self, piece: str) -> str:
        """The words of the answer that `piece` completes; empty if none."""
        self._held += piece
        return self._words(final=False)

    def rest(self) -> str:
        """What is left at the end; a thought that was never finished is not."""
        return self._words(final=True)

    def _words(self, *, final: bool) -> str:
        words: list[str] = []
        while tag := (_CLOSE if self._thinking else _OPEN).search(self._held):
            if not self._thinking:
                words.append(self._without_lead(self._held[: tag.start()]))
            self._held = self._held[tag.end() :]
            self._thinking = not self._thinking
            self._after_thought = True
        # what may be the beginning of a tag waits for the next piece
        bracket = self._held.rfind("<", max(0, len(self._held) - _LONGEST_TAG))
        cut = len(self._held) if final or bracket < 0 else bracket
        if not self._thinking:
            words.append(self._without_lead(self._held[:cut]))
        self._held = self._held[cut:]
        return "".join(words)

    def _without_lead(self, words: str) -> str:
        if self._after_thought:
            words = words.lstrip()
            self._after_thought = not words
        return words


def without_thoughts(text: str) -> str:
    """A whole answer without its thoughts, also without one whose opening tag stood in the prompt:
    everything before the last closing tag.
    """
    thoughts = ThoughtFilter()
    words = thoughts.add(text) + thoughts.rest()
    return _UNOPENED.sub("", words)
