"""Tokens of an answer to text, as they come."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from rag.generators.chat_template import UNLOCKED

# Gemma 4 may open an answer with an (empty) thought.
_THOUGHT, _THOUGHT_END = "<|channel>", "<channel|>"


class TextPieces:
    """Turns tokens into text as they come: no special token, no half character, no thoughts.

    Each piece is the difference between two decodings that begin a little earlier, because many
    tokenizers write a token differently at the beginning of a text.
    """

    def __init__(self, tokenizer: Any, lock: AbstractContextManager[object] = UNLOCKED) -> None:
        self._tokenizer = tokenizer
        self._lock = lock
        self._special = {
            id for id, token in tokenizer.added_tokens_decoder.items() if token.special
        }
        added = tokenizer.get_added_vocab()
        self._thought, self._thought_end = added.get(_THOUGHT), added.get(_THOUGHT_END)
        self._thinking = False
        self._ids: list[int] = []
        self._told = 0  # ids whose text has been given out

    def add(self, token: int) -> str:
        """The text that `token` completes; empty if none."""
        if token in (self._thought, self._thought_end):
            self._thinking = token == self._thought
        elif token not in self._special and not self._thinking:
            self._ids.append(token)
            return self._new_text(final=False)
        return ""

    def rest(self) -> str:
        """What is left at the end."""
        return self._new_text(final=True)

    def _new_text(self, *, final: bool) -> str:
        before, now = self._decode(self._ids[: self._told]), self._decode(self._ids)
        if final:
            now = now.rstrip("\ufffd")
        elif len(now) == len(before) or now.endswith(
            "\ufffd"
        ):  # part of a character: wait for the rest
            return ""
        self._ids, self._told = self._ids[self._told :], len(self._ids) - self._told
        return now[len(before) :]

    def _decode(self, ids: list[int]) -> str:
        with self._lock:
            return str(
                self._tokenizer.decode(
                    ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
                )
            )
