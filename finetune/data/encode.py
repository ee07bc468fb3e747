"""Examples as a model's tokens, with the loss on the answer alone; and the same in print, to look
at before training.

The prompt's tokens come from the function that serving calls, and the answer is followed by the
token that ends a turn: what the model is trained to continue is, token for token, what it will be
asked to continue.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from finetune.data.examples import Example
from rag.generators.transformers import TURN_ENDS, prompt_ids
from rag.schema import GeneratorError

IGNORED = -100  # a label that carries no loss (torch's default)
TOO_LONG = "longer than max_length with its whole answer"
REFUSED = "the model's chat template refuses its messages"


@dataclass(frozen=True, slots=True)
class Encoded:
    """One training sequence: `labels` are `input_ids` where there is loss, elsewhere `IGNORED`."""

    id: str
    input_ids: list[int]
    labels: list[int]


@dataclass(slots=True)
class EncodedSet:
    """Sequences, and why examples were left out."""

    sequences: list[Encoded] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def tokens(self) -> int:
        """Of all sequences together."""
        return sum(len(sequence.input_ids) for sequence in self.sequences)

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        return max((len(sequence.input_ids) for sequence in self.sequences), default=0)


def encode(examples: Iterable[Example], tokenizer: Any, max_length: int) -> EncodedSet:
    """Every example as one sequence; plain text that is longer as several.

    No answer is ever cut: an example whose prompt and answer do not fit is left out and counted,
    and so is one whose messages the chat template refuses.
    """
    encoded = EncodedSet()
    end = end_of_turn(tokenizer)
    for example in examples:
        if not example.messages:
            encoded.sequences += _of_text(example, tokenizer, max_length)
            continue
        try:
            prompt = prompt_ids(tokenizer, example.messages)
        except GeneratorError:
            encoded.left_out[REFUSED] += 1
            continue
        answer = [*_ids(tokenizer, example.target), end]
        if len(prompt) + len(answer) > max_length:
            encoded.left_out[TOO_LONG] += 1
            continue
        labels = [IGNORED] * len(prompt) + answer
        encoded.sequences.append(Encoded(example.id, prompt + answer, labels))
    return encoded


def _of_text(example: Example, tokenizer: Any, max_length: int) -> list[Encoded]:
    """Plain text with the tokens that the tokenizer begins a text with, and its end; in windows
    where it is long.
    """
    ids = [*tokenizer(example.target, split_special_tokens=True)["input_ids"]]
    if ids[-1:] != [tokenizer.eos_token_id]:
        ids.append(tokenizer.eos_token_id)
    first = ids[:1] if ids[0] == tokenizer.bos_token_id else []
    body, room = ids[len(first) :], max_length - len(first)
    windows = [first + body[start : start + room] for start in range(0, len(body), room)]
    if len(windows) > 1 and len(windows[-1]) == 1:
        # predicted from nothing, it would carry no loss: make it two
        windows[-1].insert(0, windows[-2].pop())
    return [
        Encoded(f"{example.id}/{number}" if number else example.id, window, list(window))
        for number, window in enumerate(windows)
    ]


def end_of_turn(tokenizer: Any) -> int:
    """The token that ends an answer: the chat format's own, where the tokenizer has one, else the
    end of a text.
    """
    added = tokenizer.added_tokens_decoder.items()
    special = {token.content: id for id, token in added if token.special}
    ends = [special[name] for name in TURN_ENDS if name in special]
    return int(ends[0] if ends else tokenizer.eos_token_id)


def preview_text(sequence: Encoded, tokenizer: Any) -> str:
    """The sequence as text, with what carries loss between ⟦ and ⟧."""
    pieces = []
    pairs = zip(sequence.input_ids, sequence.labels, strict=True)
    for lossy, run in itertools.groupby(pairs, lambda pair: pair[1] != IGNORED):
        ids = [token for token, _ in run]
        text = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        pieces.append(f"⟦{text}⟧" if lossy else text)
    return "".join(pieces)


def _ids(tokenizer: Any, text: str) -> list[int]:
    """Of a text alone: what looks like a control token in it is spelled out."""
    encoded = tokenizer(text, add_special_tokens=False, split_special_tokens=True)
    return list(encoded["input_ids"])
