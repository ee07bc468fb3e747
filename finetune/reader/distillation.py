"""The reader learns from a larger model (Hinton et al. 2015): a teacher is trained on the same
examples, scores pairs that nobody labelled, and the reader learns from both.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from finetune.reader.decoder import (
    TEACHER,
    DecoderRecipe,
    put_weights,
    train_decoder,
    trained_weights,
    untrained,
)
from finetune.reader.examples import POINTS, Example
from finetune.reader.kept import Kept
from finetune.reader.training import (
    SOFT,
    Round,
    Rows,
    Scored,
    best_device,
    fit_reader,
    pools_of,
)
from finetune.reader.unlabelled import Pair
from rag.progress import Progress, no_progress
from rag.reader.decoder import DecoderNetwork, probabilities
from rag.reader.network import ReaderNetwork

_CHUNK = 16_384  # pairs that are scored and kept together
_ROUND = Round(
    pairs=516_000,
    encoder_rate=1e-4,
    head_rate=5e-4,
    shares=(
        ("support", 0.16),
        (POINTS, 0.12),
        ("answers", 0.08),
        ("stance", 0.1),
        (f"{SOFT}support", 0.36),
        (f"{SOFT}answers", 0.08),
        (f"{SOFT}stance", 0.1),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """How the reader learns from a teacher, after its own rounds. `model` is the teacher's folder,
    and `licence` its licence, for what is learnt from it may be bound by that.
    """

    model: Path
    licence: str = "Apache-2.0"  # SmolLM2's
    teacher: DecoderRecipe = TEACHER
    round: Round = _ROUND
    batch_size: int = 192
    seed: int = 5  # of the pairs


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is taught: the labelled examples, and the pairs without labels, of each head."""

    examples: Mapping[str, Sequence[Example]]
    unlabelled: Mapping[str, Sequence[Pair]]


def distil(
    network: ReaderNetwork,
    tokenizer: Any,
    lesson: Lesson,
    how: Distillation,
    kept: Kept,
    *,
    progress: Progress = no_progress,
) -> None:
    """Train the reader, which has had its rounds, by the teacher. Raises `ModelError`, `OSError`."""
    pools = {**pools_of(lesson.examples), **_scored(lesson, how, kept, progress)}
    torch.manual_seed(how.teacher.seed)
    network.to(best_device())
    draw = random.Random(how.seed)
    for seen in fit_reader(network, tokenizer, pools, how.round, how.batch_size, draw):
        progress("distillation", min(seen, how.round.pairs), how.round.pairs)
    network.cpu().eval()


def _scored(lesson: Lesson, how: Distillation, kept: Kept, progress: Progress) -> dict[str, Rows]:
    """The pairs without labels with the teacher's probabilities."""
    weights = kept.tensors(
        "teacher",
        lambda: trained_weights(
            train_decoder(how.model, lesson.examples, how.teacher, progress=progress)
        ),
    )
    teacher = put_weights(untrained(how.model, how.teacher), weights)
    pools: dict[str, Rows] = {}
    total, done = sum(map(len, lesson.unlabelled.values())), 0
    for head, pairs in lesson.unlabelled.items():
        rows: list[Scored] = []
        for start in range(0, len(pairs), _CHUNK):
            some = pairs[start : start + _CHUNK]
            said = _said(teacher, some, head, kept)
            rows += [Scored(*pair, row) for pair, row in zip(some, said, strict=True)]
            done += len(some)
            progress("scoring", done, total)
        pools[f"{SOFT}{head}"] = rows
    return pools


def _said(
    teacher: DecoderNetwork, pairs: Sequence[Pair], head: str, kept: Kept
) -> list[list[float]]:
    """The teacher's probabilities of each pair."""
    digest = hashlib.sha256(repr(pairs).encode()).hexdigest()[:12]
    stored = kept.tensors(
        f"{head}-{digest}",
        lambda: {
            "probabilities": torch.from_numpy(
                probabilities(teacher, pairs, head, batch_size=256).astype(np.float16)
            )
        },
    )
    rows: list[list[float]] = stored["probabilities"].float().tolist()
    return rows
