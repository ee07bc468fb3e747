"""Training the reader: all heads in turn on one encoder, in bfloat16 where the CPU has it."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from finetune.reader.examples import NOT_ENTAILED, POINTS, Example
from rag.progress import Progress, no_progress
from rag.reader.heads import HEADS
from rag.reader.network import ReaderNetwork, encode

_log = logging.getLogger(__name__)

_REPORT_STEPS = 100
_MEMORY = 0.98  # of the mean loss that is reported
_BATCHES_SORTED = 16  # batches are cut from this many batches' examples sorted by length
_WARMUP_STEPS = 100
_LAST_SHARE = 0.02  # of the learning rate, at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One pass with a learning rate of its own, which warms up and then falls to nothing. `shares`
    say how often each head is trained; "points" is the head "support" on points alone.
    """

    pairs: int
    encoder_rate: float
    head_rate: float
    shares: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderRecipe:
    """How to train. Full fine-tuning: at equal time it does better than low-rank adapters. An
    encoder's rate of 2e-4 learns worse than 1e-4, and 3e-4 forgets what the embedder knew.
    """

    rounds: tuple[Round, ...] = (
        Round(
            pairs=100_000,
            encoder_rate=1e-4,
            head_rate=6e-4,
            shares=(("support", 0.55), ("answers", 0.2), ("stance", 0.25)),
        ),
        Round(
            pairs=80_000,
            encoder_rate=7e-5,
            head_rate=4e-4,
            shares=(("support", 0.45), ("answers", 0.2), ("stance", 0.35)),
        ),
        Round(  # a second one at 6e-5 gained nothing on points, and lost a little on claims
            pairs=70_000,
            encoder_rate=8e-5,
            head_rate=4.8e-4,
            shares=((POINTS, 0.45), ("support", 0.3), ("answers", 0.12), ("stance", 0.13)),
        ),
    )
    batch_size: int = 32
    weight_decay: float = 0.01
    rank: int = 32  # of each matrix's stored difference
    seed: int = 0


def train(
    examples: Mapping[str, Sequence[Example]],
    recipe: ReaderRecipe,
    *,
    progress: Progress = no_progress,
) -> tuple[ReaderNetwork, Any]:
    """The trained network and its tokenizer."""
    torch.manual_seed(recipe.seed)
    network, tokenizer = ReaderNetwork.untrained()
    network.encoder.embeddings.requires_grad_(False)
    pools = _pools(examples)
    total, done = sum(each.pairs for each in recipe.rounds), 0
    for number, each in enumerate(recipe.rounds):
        draw = random.Random(recipe.seed + number)
        batches = {name: _batches(rows, recipe.batch_size, draw) for name, rows in pools.items()}
        for seen in _trained(network, tokenizer, batches, each, recipe, draw):
            progress("training", min(done + seen, total), total)
        done += each.pairs
    return network.eval(), tokenizer


def _pools(examples: Mapping[str, Sequence[Example]]) -> dict[str, Sequence[Example]]:
    """The examples of each head; those of points by themselves."""
    support = examples["support"]
    points = [example for example in support if example.source == POINTS]
    others = [example for example in support if example.source != POINTS]
    return {**examples, "support": others or support, POINTS: points or support}


def _trained(
    network: ReaderNetwork,
    tokenizer: Any,
    batches: Mapping[str, Iterator[Sequence[Example]]],
    each: Round,
    recipe: ReaderRecipe,
    draw: random.Random,
) -> Iterator[int]:
    """Trains for a round; gives the pairs seen after each step."""
    body = [p for p in network.encoder.parameters() if p.requires_grad]
    heads = list(network.heads.parameters())
    optimizer = torch.optim.AdamW(
        [{"params": body, "lr": each.encoder_rate}, {"params": heads, "lr": each.head_rate}],
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    steps = max(1, each.pairs // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    names, weights = zip(*each.shares, strict=True)
    losses: dict[str, float] = {}
    network.train()
    for step in range(1, steps + 1):
        name = draw.choices(names, weights)[0]
        rows, head = next(batches[name]), "support" if name == POINTS else name
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(encode(tokenizer, [(row.first, row.second) for row in rows]), head)
        loss = loss_of(logits.float(), [row.label for row in rows], head)
        loss.backward()
        nn.utils.clip_grad_norm_([*body, *heads], 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        value = float(loss.detach())
        losses[name] = _MEMORY * losses.get(name, value) + (1 - _MEMORY) * value
        if step % _REPORT_STEPS == 0:
            _log.info("%d pairs: %s", step * recipe.batch_size, losses)
        yield step * recipe.batch_size


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
