"""Probabilities that mean what they say: one temperature for each head (Guo et al. 2017), and for
stances an offset to "mixed", which a network that saw few of them tells too seldom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from finetune.reader.examples import Example
from finetune.reader.training import loss_of
from rag.reader.heads import HEADS
from rag.reader.network import ReaderNetwork, encode

_BATCH = 64
_CANDIDATES = [0.5 + 0.05 * step for step in range(71)]  # 0.5 to 4
_OFFSETS = [0.1 * step for step in range(11)]  # of a logit


def temperatures(
    network: ReaderNetwork, tokenizer: Any, held_out: Mapping[str, Sequence[Example]]
) -> dict[str, float]:
    """For each head, what its logits are divided by such that the held-out examples are likeliest."""
    best: dict[str, float] = {}
    for head, rows in held_out.items():
        logits = _logits(network, tokenizer, rows, head)
        labels = [row.label for row in rows]
        best[head] = round(
            min(_CANDIDATES, key=lambda t: float(loss_of(logits / t, labels, head))), 2
        )
    return best


def shift_mixed(network: ReaderNetwork, tokenizer: Any, held_out: Sequence[Example]) -> float:
    """Add to the logit of "mixed" what makes most of the held-out stances right; gives it."""
    logits = _logits(network, tokenizer, held_out, "stance")
    names = HEADS["stance"]
    mixed = names.index("mixed")
    wanted = torch.tensor([names.index(row.label) for row in held_out])

    def right(offset: float) -> int:
        shifted = logits.clone()
        shifted[:, mixed] += offset
        return int((shifted.argmax(dim=1) == wanted).sum())

    best = max(_OFFSETS, key=right)
    with torch.no_grad():
        network.heads["stance"][-1].bias[mixed] += best
    return best


def _logits(
    network: ReaderNetwork, tokenizer: Any, rows: Sequence[Example], head: str
) -> torch.Tensor:
    """(rows, labels of the head)."""
    parts = []
    for start in range(0, len(rows), _BATCH):
        pairs = [(row.first, row.second) for row in rows[start : start + _BATCH]]
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            parts.append(network(encode(tokenizer, pairs), head).float())
    return torch.cat(parts)
