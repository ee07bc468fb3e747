"""Training the reader: all heads in turn on one encoder, in bfloat16, on a GPU where there is one."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
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
WEIGHT_DECAY = 0.01
SOFT = "soft "  # before a head: on what a teacher says

Encode = Callable[[Sequence[tuple[str, str]], str], Mapping[str, torch.Tensor]]
"""From pairs and a head to what a network takes."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A pair of texts and a teacher's probabilities of the labels of a head."""

    first: str
    second: str
    probabilities: Sequence[float]


Rows = Sequence[Example | Scored]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One pass with a learning rate of its own, which warms up and then falls to nothing. `shares`
    say how often each head is trained; "points" is the head "support" on points alone, and "soft
    support" learns what a teacher says.
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
    rank: int = 104  # of each matrix's stored difference; 32 cost .011 of the area
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
    network.to(best_device())
    pools = pools_of(examples)
    total, done = sum(each.pairs for each in recipe.rounds), 0
    for number, each in enumerate(recipe.rounds):
        draw = random.Random(recipe.seed + number)
        for seen in fit_reader(network, tokenizer, pools, each, recipe.batch_size, draw):
            progress("training", min(done + seen, total), total)
        done += each.pairs
    return network.cpu().eval(), tokenizer


def fit_reader(
    network: ReaderNetwork,
    tokenizer: Any,
    pools: Mapping[str, Rows],
    each: Round,
    batch_size: int,
    draw: random.Random,
) -> Iterator[int]:
    """Train all of the reader but its vocabulary for a round; see `fit`."""
    network.encoder.embeddings.requires_grad_(False)
    encoding: Encode = lambda pairs, _: encode(tokenizer, pairs)  # noqa: E731
    return fit(network, encoding, pools, each, batch_size, draw)


def best_device() -> torch.device:
    """A GPU where torch sees one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pools_of(examples: Mapping[str, Sequence[Example]]) -> dict[str, Rows]:
    """The examples of each head; those of points by themselves."""
    support = examples["support"]
    points = [example for example in support if example.source == POINTS]
    others = [example for example in support if example.source != POINTS]
    return {**examples, "support": others or support, POINTS: points or support}


def fit(
    network: Any,
    encode_pairs: Encode,
    pools: Mapping[str, Rows],
    each: Round,
    batch_size: int,
    draw: random.Random,
) -> Iterator[int]:
    """Train a network with `encoder` and `heads` for a round, where it is; gives the pairs seen
    after each step. `pools` are the rows of each share.
    """
    body = [p for p in network.encoder.parameters() if p.requires_grad]
    heads = list(network.heads.parameters())
    device = heads[0].device
    batches = {name: _batches(pools[name], batch_size, draw) for name, _ in each.shares}
    optimizer = torch.optim.AdamW(
        [{"params": body, "lr": each.encoder_rate}, {"params": heads, "lr": each.head_rate}],
        weight_decay=WEIGHT_DECAY,
        fused=True,
    )
    steps = max(1, each.pairs // batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    names, weights = zip(*each.shares, strict=True)
    losses: dict[str, float] = {}
    network.train()
    for step in range(1, steps + 1):
        name = draw.choices(names, weights)[0]
        rows = next(batches[name])
        head = "support" if name == POINTS else name.removeprefix(SOFT)
        batch = encode_pairs([(row.first, row.second) for row in rows], head)
        with torch.autocast(device.type, torch.bfloat16):
            logits = network({key: value.to(device) for key, value in batch.items()}, head)
        loss = _loss(logits.float(), rows, head)
        loss.backward()
        nn.utils.clip_grad_norm_([*body, *heads], 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        value = float(loss.detach())
        losses[name] = _MEMORY * losses.get(name, value) + (1 - _MEMORY) * value
        if step % _REPORT_STEPS == 0:
            _log.info("%d pairs: %s", step * batch_size, losses)
        yield step * batch_size


def _rate(step: int, steps: int) -> float:
    """Share of the learning rate: a short warm-up, then linearly down."""
    return min(1.0, (step + 1) / _WARMUP_STEPS) * max(_LAST_SHARE, 1 - step / steps)


def _batches(examples: Rows, size: int, draw: random.Random) -> Iterator[Rows]:
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


def _loss(logits: torch.Tensor, rows: Rows, head: str) -> torch.Tensor:
    """Of the labels, or where a teacher scored the rows, the cross-entropy to its probabilities."""
    scored = [row.probabilities for row in rows if isinstance(row, Scored)]
    if not scored:
        return loss_of(logits, [row.label for row in rows if isinstance(row, Example)], head)
    soft = torch.tensor(scored, device=logits.device)
    return functional.cross_entropy(logits, soft)


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
    wanted = torch.tensor([names.index(label) for label in labels], device=logits.device)
    return functional.nll_loss(log, wanted)
