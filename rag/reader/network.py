"""The reader's network for training, in torch: one encoder, all-MiniLM-L6-v2 trained further, and a
head for each question that is asked of a pair of texts. `heads` computes the same for answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rag.logging import quiet_libraries
from rag.reader.heads import HEADS, MOST_TOKENS, PRODUCT_SCALE
from rag.runtimes.bundled import bundled_embedder_folder

_HIDDEN = 256
_LARGEST_BYTE = 127
_LEAST_SCALE = 1e-7  # the least that half precision can hold


def make_heads(width: int) -> nn.ModuleDict:
    """Heads that know nothing yet, over features of this width."""
    return nn.ModuleDict(
        {
            name: nn.Sequential(
                nn.Linear(width, _HIDDEN),
                nn.GELU(),
                nn.Dropout(0.1),
                nn.Linear(_HIDDEN, len(labels)),
            )
            for name, labels in HEADS.items()
        }
    )


class ReaderNetwork(nn.Module):  # type: ignore[misc]
    """The encoder with its heads; what it gives are logits."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = make_heads(5 * int(encoder.config.hidden_size))

    @classmethod
    def untrained(cls) -> tuple[ReaderNetwork, Any]:
        """The bundled embedder's encoder with heads that know nothing yet, and its tokenizer.
        Raises `ModelError`.
        """
        quiet_libraries()
        from transformers import AutoModel, AutoTokenizer

        folder = bundled_embedder_folder()
        encoder = AutoModel.from_pretrained(
            folder, attn_implementation="sdpa", add_pooling_layer=False
        )
        return cls(encoder), AutoTokenizer.from_pretrained(folder)

    def forward(self, batch: Mapping[str, torch.Tensor], head: str) -> torch.Tensor:
        """(pairs, labels of the head) logits."""
        states = self.encoder(**batch).last_hidden_state
        attention = batch["attention_mask"].to(states.dtype)
        second = attention * batch["token_type_ids"].to(states.dtype)
        first = attention - second
        first[:, 0] = 0  # the token that stands for the whole pair
        first_mean, second_mean = mean_state(states, first), mean_state(states, second)
        features = (
            states[:, 0],
            first_mean,
            second_mean,
            (first_mean - second_mean).abs(),
            first_mean * second_mean * PRODUCT_SCALE,
        )
        logits: torch.Tensor = self.heads[head](torch.cat(features, dim=-1))
        return logits


def mean_state(states: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """(pairs, width) the mean of the states by weights (pairs, tokens); of no token, nothing."""
    total = weights.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.bmm(weights.unsqueeze(1), states).squeeze(1) / total


def encode(tokenizer: Any, pairs: Sequence[tuple[str, str]]) -> dict[str, torch.Tensor]:
    """A batch of pairs as the network takes it; of a pair that is too long, the longer text is cut."""
    return dict(
        tokenizer(
            [first for first, _ in pairs],
            [second for _, second in pairs],
            truncation="longest_first",
            max_length=MOST_TOKENS,
            padding=True,
            return_tensors="pt",
        )
    )


def save_difference(
    network: ReaderNetwork, path: Path, rank: int, metadata: Mapping[str, str]
) -> None:
    """Write what training changed: the heads, and of each of the encoder's matrices the `rank`
    largest singular components of its difference to the bundled embedder's, a row of both factors
    each. Matrices are stored as `in_bytes` gives them, the rest in half precision.
    """
    from safetensors.torch import save_file

    before = ReaderNetwork.untrained()[0].encoder.state_dict()
    stored: dict[str, torch.Tensor] = {}
    for name, value in network.state_dict().items():
        if not name.startswith("encoder."):
            stored[name] = value
            continue
        difference = value.float() - before[name.removeprefix("encoder.")].float()
        if not difference.any():
            continue
        if difference.ndim == 2:
            left, scale, right = torch.linalg.svd(difference, full_matrices=False)
            root = scale[:rank, None].sqrt()
            stored[f"{name}:left"] = root * left[:, :rank].T
            stored[f"{name}:right"] = root * right[:rank]
        else:
            stored[f"{name}:difference"] = difference
    small: dict[str, torch.Tensor] = {}
    for name, value in stored.items():
        if value.ndim == 2:
            small[name], small[f"{name}:scale"] = in_bytes(value)
        else:
            small[name] = value.half()
    save_file({name: value.contiguous() for name, value in small.items()}, path, dict(metadata))


def in_bytes(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A matrix as int8, and what each of its rows is to be multiplied with, in half precision."""
    matrix = matrix.float()
    scale = (matrix.abs().amax(dim=1) / _LARGEST_BYTE).clamp(min=_LEAST_SCALE).half()
    whole = (matrix / scale.float()[:, None]).round().clamp(-_LARGEST_BYTE, _LARGEST_BYTE)
    return whole.to(torch.int8), scale
