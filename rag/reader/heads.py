"""What is asked of a pair of texts, and how an answer is read off the encoder's states: a head for
each question.

What a head sees of a pair, beside the encoder's first token, is what sentence pairs are commonly
compared by (InferSent, Conneau et al. 2017): the mean vectors of both texts, their difference and
their product; here of the pair encoded together, so that each text has seen the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.runtimes.base import Batch, Floats, mean_states
from rag.runtimes.bert import mapped_tensors

HEADS: Mapping[str, tuple[str, ...]] = {
    "support": ("entailed", "contradicted", "not_stated"),
    "answers": ("no", "yes"),
    "stance": ("praise", "criticism", "mixed", "neutral"),
}
"""The heads, and what each says of a pair: (evidence, claim), (question, sentence), (aspect,
sentence)."""

MOST_TOKENS = 128  # of a pair; longer evidence is read in windows
PRODUCT_SCALE = 20.0  # brings the product of two means to the size of the others
_ENCODER, _HEADS = "encoder.", "heads."
_ERF = np.frompyfunc(math.erf, 1, 1)  # scipy's is faster, and takes a quarter of a second to load


@dataclass(frozen=True, slots=True)
class Head:
    """Two layers: weights (hidden, features) and (labels, hidden), and what is added."""

    hidden: Floats
    hidden_bias: Floats
    out: Floats
    out_bias: Floats

    def probabilities(self, seen: Floats, temperature: float) -> Floats:
        """(pairs, labels) for features (pairs, features)."""
        hidden = seen @ self.hidden.T + self.hidden_bias
        hidden = hidden * 0.5 * (1 + _ERF(hidden * np.float32(0.5**0.5)).astype(np.float32))  # GELU
        logits = (hidden @ self.out.T + self.out_bias) / temperature
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class ReaderWeights:
    """What training changed: the encoder's tensors where they differ from the bundled embedder's,
    the heads by name, and what else the file says.
    """

    differences: Mapping[str, NDArray[Any]]
    heads: Mapping[str, Head]
    metadata: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> ReaderWeights:
        """What `finetune.reader` wrote: of a matrix the factors of its difference, and what has a
        scale for each row in int8. Raises `OSError`, `ValueError`, `KeyError`.
        """
        stored, metadata = mapped_tensors(path)
        for name, scale in list(stored.items()):
            target, _, part = name.rpartition(":")
            if part == "scale":
                stored[target] = stored[target] * scale[:, None]
        differences: dict[str, NDArray[Any]] = {}
        for name, value in stored.items():
            target, _, part = name.removeprefix(_ENCODER).partition(":")
            if part == "left":
                right = stored[f"{name.removesuffix(part)}right"]
                differences[target] = value.T @ right
            elif part == "difference":
                differences[target] = value
        heads = {
            name: Head(*(stored[f"{_HEADS}{name}.{part}"] for part in _LAYERS)) for name in HEADS
        }
        return cls(differences, heads, metadata)

    def applied_to(self, base: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The encoder's tensors. Raises `KeyError`, `ValueError` where they do not fit together."""
        changed = {name: base[name] + value for name, value in self.differences.items()}
        return {**base, **changed}


_LAYERS = ("0.weight", "0.bias", "3.weight", "3.bias")  # between them GELU and dropout


def features(states: Floats, batch: Batch) -> Floats:
    """(pairs, 5 * width) what a head sees of the states (tokens, width) of the batch."""
    # the first token stands for the whole pair
    first_mean = mean_states(states, batch.starts + 1, batch.middles)
    second_mean = mean_states(states, batch.middles, batch.ends)
    parts: Sequence[Floats] = (
        states[batch.starts],
        first_mean,
        second_mean,
        np.abs(first_mean - second_mean),
        first_mean * second_mean * np.float32(PRODUCT_SCALE),
    )
    return np.concatenate(parts, axis=1)
