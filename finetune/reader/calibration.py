"""Probabilities that mean what they say: one temperature for each head (Guo et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from finetune.reader.examples import Example
from finetune.reader.training import loss_of
from rag.reader.network import ReaderNetwork, encode

_BATCH = 64
_CANDIDATES = [0.5 + 0.05 * step for step in range(71)]  # 0.5 to 4


def temperatures(
    network: ReaderNetwork, tokenizer: Any, held_out: Mapping[str, Sequence[Example]]
) -> dict[str, float]:
    """For each head, what its logits are divided by such that the held-out examples are likeliest."""
    best: dict[str, float] = {}
    for head, rows in held_out.items():
        logits = torch.cat(
            [
                _logits(network, tokenizer, rows[start : start + _BATCH], head)
                for start in range(0, len(rows), _BATCH)
            ]
        )
        labels = [row.label for row in rows]
        best[head] = round(
            min(_CANDIDATES, key=lambda t: float(loss_of(logits / t, labels, head))), 2
        )
    return best


def _logits(
    network: ReaderNetwork, tokenizer: Any, rows: Sequence[Example], head: str
) -> torch.Tensor:
    batch = encode(tokenizer, [(row.first, row.second) for row in rows])
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        logits: torch.Tensor = network(batch, head)
    return logits.float()
