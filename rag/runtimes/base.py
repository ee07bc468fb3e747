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
    """Texts or pairs of them as token numbers, several in a row one after the other, so that little
    is padding (Krell et al. 2021, arXiv:2107.02027).

    (rows, tokens): `ids`; `types`, 1 for those of a pair's second text; `positions`, each token's
    place in its text; `owners`, equal for the tokens of one text, which see only each other. (texts,):
    the places in the flattened rows where a text starts, where it ends, and `middles`, where the
    second text of a pair starts, or the end.
    """

    ids: Ids
    types: Ids
    positions: Ids
    owners: Ids
    starts: Ids
    middles: Ids
    ends: Ids


class Encoder(Protocol):
    """Tokens to states. Not to be shared between threads: whoever holds one lets them take turns."""

    @property
    def runtime(self) -> Runtime:
        """What computes it."""
        ...

    def states(self, batch: Batch) -> Floats:
        """(rows * tokens, width) the last layer's states."""
        ...


def mean_states(states: Floats, starts: Ids, ends: Ids) -> Floats:
    """(len(starts), width) the mean of the states (tokens, width) from each start to its end; of no
    token, nothing. The stretches are in their order and do not overlap.
    """
    if not len(starts):
        return np.empty((0, states.shape[1]), dtype=np.float32)
    bounds = np.stack([np.minimum(starts, len(states) - 1), ends], axis=1).ravel()
    if bounds[-1] == len(states):
        bounds = bounds[:-1]
    sums = np.add.reduceat(states, bounds, axis=0)[::2]
    lengths = (ends - starts)[:, None]
    return np.asarray(np.where(lengths > 0, sums / np.maximum(lengths, 1), 0), dtype=np.float32)


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
