"""Training a decoder-only language model to judge as the reader does, and scoring pairs with it:
the reader's teacher, and the judge that stands beside it.

All of its weights but the embeddings are trained, or low-rank adapters (LoRA, Hu et al. 2021). On a
GPU it is a matter of minutes; on two cores count with half a day.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from finetune.reader.examples import POINTS, Example
from finetune.reader.training import Round, best_device, fit, pools_of
from rag.progress import Progress, no_progress
from rag.reader.decoder import DecoderNetwork
from rag.schema import ModelError, first_line

_SHARES = (("support", 0.42), (POINTS, 0.22), ("answers", 0.16), ("stance", 0.2))
_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_LORA_NAME = re.compile(r"^encoder\.(.+)\.lora_([AB])\.default\.weight$")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderRecipe:
    """How to train a decoder: in full, or with `rank` above 0 by adapters of this rank, which are
    scaled by `alpha` over it.
    """

    round: Round
    batch_size: int
    rank: int = 0
    alpha: int = 0
    seed: int = 0


TEACHER = DecoderRecipe(
    round=Round(pairs=151_000, encoder_rate=5e-5, head_rate=5e-4, shares=_SHARES),
    batch_size=192,
)
"""For SmolLM2-135M: 138 seconds on an H200."""

JUDGE = DecoderRecipe(
    round=Round(pairs=90_000, encoder_rate=3e-4, head_rate=5e-4, shares=_SHARES),
    batch_size=64,
    rank=16,
    alpha=32,
)
"""For Gemma 3 270M, whose adapter the project keeps: 190 seconds on an H200."""


def untrained(folder: Path, recipe: DecoderRecipe) -> DecoderNetwork:
    """The model in `folder` with what the recipe trains switched on, on a GPU where there is one.
    Raises `ModelError`.
    """
    torch.manual_seed(recipe.seed)
    try:
        network = DecoderNetwork.untrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"Cannot load the model {folder}: {first_line(error)}") from error
    network.encoder.get_input_embeddings().requires_grad_(False)
    if recipe.rank:
        from peft import LoraConfig, inject_adapter_in_model

        network.encoder.requires_grad_(False)
        inject_adapter_in_model(
            LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=list(_TARGETS)),
            network.encoder,
        )
    network.to(best_device())
    return network


def train_decoder(
    folder: Path,
    examples: Mapping[str, Sequence[Example]],
    recipe: DecoderRecipe,
    *,
    progress: Progress = no_progress,
) -> DecoderNetwork:
    """The model in `folder`, trained on the examples of each head. Raises `ModelError`."""
    network = untrained(folder, recipe)
    draw = random.Random(recipe.seed)
    pools = pools_of(examples)
    for seen in fit(network, network.encode, pools, recipe.round, recipe.batch_size, draw):
        progress("teacher", min(seen, recipe.round.pairs), recipe.round.pairs)
    network.eval()
    return network


def trained_weights(network: DecoderNetwork) -> dict[str, torch.Tensor]:
    """What training changed, in half precision."""
    return {
        name: value.detach().half().cpu().contiguous()
        for name, value in network.named_parameters()
        if value.requires_grad
    }


def put_weights(network: DecoderNetwork, weights: Mapping[str, torch.Tensor]) -> DecoderNetwork:
    """The `untrained` network with what `trained_weights` gave."""
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for name, value in weights.items():
            parameters[name].copy_(value)
    network.eval()
    return network


def save_adapter(
    network: DecoderNetwork, path: Path, recipe: DecoderRecipe, metadata: Mapping[str, str]
) -> None:
    """Write the adapters and heads of a network as `rag.reader.decoder.merge_adapter` reads them."""
    from safetensors.torch import save_file

    stored = {}
    for name, value in trained_weights(network).items():
        lora = _LORA_NAME.match(name)
        stored[f"{lora[1]}.{lora[2]}" if lora else name] = value
    sizes = {"rank": str(recipe.rank), "alpha": str(recipe.alpha)}
    save_file(stored, path, metadata={**metadata, **sizes})
