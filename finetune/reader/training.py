"""Training the reader: all heads in turn on one encoder, in bfloat16 where the CPU has it."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from finetune.reader.examples import NOT_ENTAILED, Example
from rag.progress import Progress, no_progress
from rag.reader.network import HEADS, ReaderNetwork, encode

_log = logging.getLogger(__name__)

_REPORT_STEPS = 100
_BATCHES_SORTED = 16  # batches are cut from this many batches' examples sorted by length
_WARMUP_STEPS = 100
_LAST_SHARE = 0.02  # of the learning rate, at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderRecipe:
    """How to train. Full fine-tuning: at equal time it does better than low-rank adapters."""

    pairs: int = 140_000
    batch_size: int = 32
    encoder_rate: float = 1e-4
    head_rate: float = 6e-4
    weight_decay: float = 0.01
    shares: tuple[tuple[str, float], ...] = (("support", 0.55), ("answers", 0.2), ("stance", 0.25))
    rank: int = 32  # of each matrix's stored difference
    seed: int = 0


def train(
    examples: Mapping[str, Sequence[Example]],
    recipe: ReaderRecipe,
    *,
    progress: Progress = no_progress,
    every: int = 0,
    watch: Callable[[int, ReaderNetwork, Any], None] | None = None,
) -> tuple[ReaderNetwork, Any]:
    """The trained network and its tokenizer. `watch` is called with the pairs seen, each `every`
    pairs.
    """
    draw = random.Random(recipe.seed)
    torch.manual_seed(recipe.seed)
    network, tokenizer = ReaderNetwork.untrained()
    network.encoder.embeddings.requires_grad_(False)
    body = [p for p in network.encoder.parameters() if p.requires_grad]
    heads = list(network.heads.parameters())
    optimizer = torch.optim.AdamW(
        [{"params": body, "lr": recipe.encoder_rate}, {"params": heads, "lr": recipe.head_rate}],
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    steps = max(1, recipe.pairs // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    batches = {head: _batches(rows, recipe.batch_size, draw) for head, rows in examples.items()}
    names, weights = zip(*recipe.shares, strict=True)
    losses: dict[str, float] = {}
    network.train()
    for step in range(1, steps + 1):
        head = draw.choices(names, weights)[0]
        rows = next(batches[head])
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(encode(tokenizer, [(row.first, row.second) for row in rows]), head)
        loss = loss_of(logits.float(), [row.label for row in rows], head)
        loss.backward()
        nn.utils.clip_grad_norm_([*body, *heads], 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        losses[head] = 0.98 * losses.get(head, float(loss.detach())) + 0.02 * float(loss.detach())
        progress("training", step * recipe.batch_size, recipe.pairs)
        seen = step * recipe.batch_size
        if watch is not None and every and seen // every > (seen - recipe.batch_size) // every:
            network.eval()
            watch(seen, network, tokenizer)
            network.train()
        if step % _REPORT_STEPS == 0:
            _log.info("%d pairs: %s", seen, {name: round(loss, 3) for name, loss in losses.items()})
    return network.eval(), tokenizer


def _rate(step: int, steps: int) -> float:
    """Share of the learning rate: a short warm-up, then linearly down."""
    return min(1.0, (step + 1) / _WARMUP_STEPS) * max(_LAST_SHARE, 1 - step / steps)


def _batches(
    examples: Sequence[Example], size: int, draw: random.Random
) -> Iterator[Sequence[Example]]:
    """Batches for ever, of examples of about one length, so that there is little padding."""
    while True:
        rows = list(examples)
        draw.shuffle(rows)
        for start in range(0, max(1, len(rows) - size + 1), size * _BATCHES_SORTED):
            near = sorted(
                rows[start : start + size * _BATCHES_SORTED],
                key=lambda row: len(row.first) + len(row.second),
            )
            cut = [near[at : at + size] for at in range(0, len(near), size)]
            draw.shuffle(cut)
            yield from cut


def loss_of(logits: torch.Tensor, labels: Sequence[str], head: str) -> torch.Tensor:
    """Cross-entropy; where a set only says that a claim is not entailed, of the sum of the two
    labels that this can mean.
    """
    log = logits.log_softmax(dim=-1)
    names = HEADS[head]
    if head == "support":
        others = [place for place, name in enumerate(names) if name != "entailed"]
        log = torch.cat([log, log[:, others].logsumexp(dim=-1, keepdim=True)], dim=-1)
        names = (*names, NOT_ENTAILED)
    wanted = torch.tensor([names.index(label) for label in labels])
    return functional.nll_loss(log, wanted)
