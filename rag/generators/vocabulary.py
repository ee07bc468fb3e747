"""Completions that are made of some words alone: which tokens these are, and how others are kept out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

_MARKS = (".", ",", "!", "'", "’", "-", ";", "'s")


def token_ids(tokenizer: Any, words: Collection[str]) -> set[int]:
    """The tokens of words, at the start of a text or after a blank, as they are, in lower case or
    capitalised, and of marks.
    """
    forms = [form for word in words for form in (word, word.casefold(), word.capitalize())]
    texts = [*forms, *(f" {form}" for form in forms), *_MARKS]
    encoded = tokenizer(texts, add_special_tokens=False).input_ids
    return {token for ids in encoded for token in ids}


class OnlyTokens:
    """A logits processor of `generate`: row i is written with the tokens `allowed[i]` alone; `repeats`
    rows in turn share one set.
    """

    def __init__(self, allowed: Sequence[Collection[int]], tokens: int, repeats: int = 1) -> None:
        import torch

        self._forbidden = torch.ones((len(allowed) * repeats, tokens), dtype=torch.bool)
        for row, ids in enumerate(allowed):
            rows = slice(row * repeats, (row + 1) * repeats)
            self._forbidden[rows, sorted(ids)] = False

    def __call__(self, ids: Any, scores: Any) -> Any:
        return scores.masked_fill(self._forbidden.to(scores.device), float("-inf"))
