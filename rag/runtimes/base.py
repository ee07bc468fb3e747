"""The `Encoder` protocol, and how a runtime is named."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Name = Literal["openvino", "torch"]
Precision = Literal["float32", "bfloat16", "int8"]

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Runtime:
    """What computes, and in which precision: "openvino bfloat16"."""

    name: Name
    precision: Precision

    def __str__(self) -> str:
        return f"{self.name} {self.precision}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts or pairs of them as token numbers, padded: each (texts, tokens). `mask` is 1 for a token
    and 0 for padding, `types` 1 for those of a pair's second text.
    """

    ids: Ids
    mask: Floats
    types: Ids


class Encoder(Protocol):
    """Tokens to states. Not to be shared between threads: whoever holds one lets them take turns."""

    @property
    def runtime(self) -> Runtime:
        """What computes it."""
        ...

    def states(self, batch: Batch) -> Floats:
        """(texts, tokens, width) the last layer's states."""
        ...


def mean_state(states: Floats, weights: Floats) -> Floats:
    """(texts, width) the mean of the states (texts, tokens, width) by weights (texts, tokens); of no
    token, nothing.
    """
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1)
    return np.asarray(np.matmul(weights[:, None, :], states)[:, 0] / total, dtype=np.float32)


def threads() -> int:
    """How many threads compute: `OMP_NUM_THREADS` where it is set, as torch takes it, else one for
    each core that this process may use.
    """
    stated = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if stated.isdigit() and int(stated):
        return int(stated)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
