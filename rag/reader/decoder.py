"""A decoder-only language model with the reader's heads: what teaches the reader, and what judges
beside it.

Such a model is read as it was trained to read, left to right, so the second text has seen the
first. A head gets the last token, the mean vectors of both texts, and their product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from rag.logging import quiet_libraries
from rag.reader.base import Probabilities
from rag.reader.heads import HEADS
from rag.reader.network import make_heads, mean_state

WORDS: Mapping[str, tuple[str, str]] = {
    "support": ("Evidence: ", "Claim: "),
    "answers": ("Question: ", "Sentence: "),
    "stance": ("Aspect: ", "Sentence: "),
}
"""What stands before each text of a pair, for each head."""

MOST_TOKENS = 160  # of each text
_END = "\n"


class DecoderNetwork(nn.Module):  # type: ignore[misc]
    """The language model without its vocabulary head, and the reader's heads; gives logits."""

    def __init__(self, encoder: Any, tokenizer: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.heads = make_heads(4 * int(encoder.config.hidden_size))

    @classmethod
    def untrained(cls, folder: Path, dtype: torch.dtype = torch.float32) -> DecoderNetwork:
        """The causal model in a folder, with heads that know nothing yet, which stay in float32.
        Raises `OSError`, `ValueError`.
        """
        quiet_libraries()
        from transformers import AutoModel, AutoTokenizer

        encoder = AutoModel.from_pretrained(
            folder,
            dtype=dtype,
            attn_implementation="sdpa",
            use_safetensors=True,
            trust_remote_code=False,
        )
        return cls(encoder, AutoTokenizer.from_pretrained(folder, trust_remote_code=False))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.heads.parameters()).device

    def encode(self, pairs: Sequence[tuple[str, str]], head: str) -> dict[str, torch.Tensor]:
        """A batch of pairs as `forward` takes it: token ids, which of them are there, those of the
        first and of the second text, all (pairs, tokens); and the place of the last one, (pairs,).
        A text that is too long is cut.
        """
        before_first, before_second, end = (self._ids([text])[0] for text in (*WORDS[head], _END))
        bos = self.tokenizer.bos_token_id
        start = [] if bos is None else [bos]
        rows, bounds = [], []
        firsts = self._ids([first for first, _ in pairs])
        seconds = self._ids([second for _, second in pairs])
        for first, second in zip(firsts, seconds, strict=True):
            left = [*start, *before_first]
            middle = [*left, *first[:MOST_TOKENS], *end, *before_second]
            row = [*middle, *second[:MOST_TOKENS], *end]
            rows.append(row)
            first_end = len(left) + min(len(first), MOST_TOKENS)
            bounds.append((len(left), first_end, len(middle), len(row) - len(end), len(row)))
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self.tokenizer.pad_token_id or 0)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.tensor(row)
        at, bound = torch.arange(width)[None], torch.tensor(bounds)[:, :, None]
        return {
            "input_ids": ids,
            "attention_mask": (at < bound[:, 4]).long(),
            "first": (at >= bound[:, 0]) & (at < bound[:, 1]),
            "second": (at >= bound[:, 2]) & (at < bound[:, 3]),
            "last": bound[:, 4, 0] - 1,
        }

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        ids: list[list[int]] = self.tokenizer(
            list(texts), add_special_tokens=False, verbose=False
        ).input_ids
        return ids

    def forward(self, batch: Mapping[str, torch.Tensor], head: str) -> torch.Tensor:
        """(pairs, labels of the head) logits."""
        states = self.encoder(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False
        ).last_hidden_state.float()
        last = states[torch.arange(len(states), device=states.device), batch["last"]]
        first, second = (
            mean_state(states, batch[text].to(states.dtype)) for text in ("first", "second")
        )
        logits: torch.Tensor = self.heads[head](
            torch.cat([last, first, second, first * second], dim=-1)
        )
        return logits


def probabilities(
    network: DecoderNetwork,
    pairs: Sequence[tuple[str, str]],
    head: str,
    *,
    temperature: float = 1.0,
    batch_size: int = 64,
    on_batch: Callable[[int], object] = lambda done: None,
) -> Probabilities:
    """(len(pairs), labels of the head) in the order of the pairs. Read longest first, so that
    batches have little padding and what needs most memory comes at once; `on_batch` is told how
    many are done.
    """
    rows = np.empty((len(pairs), len(HEADS[head])), dtype=np.float32)
    order = sorted(range(len(pairs)), key=lambda at: -len(pairs[at][0]) - len(pairs[at][1]))
    device = network.device
    in_float32 = next(network.encoder.parameters()).dtype == torch.float32
    for start in range(0, len(order), batch_size):
        places = order[start : start + batch_size]
        batch = network.encode([pairs[place] for place in places], head)
        with (
            torch.inference_mode(),
            torch.autocast(device.type, torch.bfloat16, enabled=in_float32),
        ):
            logits = network({name: value.to(device) for name, value in batch.items()}, head)
        rows[places] = (logits.float() / temperature).softmax(dim=-1).cpu().numpy()
        on_batch(min(start + batch_size, len(order)))
    return rows


def merge_adapter(network: DecoderNetwork, path: Path) -> dict[str, str]:
    """Add a judge's adapter to the weights of the model that it was trained on, take its heads, and
    give the file's metadata. Of each matrix the file holds the factors `NAME.A`, (rank, in), and
    `NAME.B`, (out, rank). Raises `OSError`, `ValueError`, `KeyError`, `SafetensorError`.
    """
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata() or {})
        stored = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    scale = float(metadata["alpha"]) / float(metadata["rank"])
    heads = {
        name.removeprefix("heads."): stored.pop(name)
        for name in [*stored]
        if name.startswith("heads.")
    }
    parameters = dict(network.encoder.named_parameters())
    with torch.no_grad():
        for name in [name.removesuffix(".A") for name in stored if name.endswith(".A")]:
            weight = parameters[f"{name}.weight"]
            change = scale * stored[f"{name}.B"] @ stored[f"{name}.A"]
            if change.shape != weight.shape:
                raise ValueError(f"{name} has the shape {tuple(change.shape)}, another model's.")
            weight.copy_(weight.float() + change)
    try:
        network.heads.load_state_dict(heads)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return metadata
