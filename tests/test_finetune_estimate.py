"""What an adapter has of parameters, and what a training is expected to take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.preflight.estimate import (
    Estimate,
    empty_model,
    estimate,
    in_words,
    target_layers,
    trainable_parameters,
)
from finetune.recipe import Recipe, load_recipe
from finetune.training.arguments import Device, resolve
from finetune.training.trainer import tuned_model
from rag.config import Settings
from tests.test_finetune_preflight import GPU, made, own_changes
from tests.tiny_models import COMPOSITE_FAMILIES, FAMILIES, tiny_config, tiny_tokenizer


def lora_recipe(family: str, *changes: str) -> Recipe:
    return load_recipe("gemma-2b-it", ["lora.r=4", *own_changes(family), *changes])


@pytest.mark.parametrize("family", [*FAMILIES, *COMPOSITE_FAMILIES])
def test_trainable_parameters_are_what_peft_makes(family: str, tmp_path: Path) -> None:
    good = made(tmp_path, family, *own_changes(family))
    model = tuned_model(good, Settings())
    found = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    empty = empty_model(good.config)
    assert trainable_parameters(empty, good.recipe) == found == good.estimate.trainable > 0
    assert good.estimate.parameters == sum(
        parameter.numel() for name, parameter in model.named_parameters() if "lora_" not in name
    )
    on = {
        name.removeprefix("base_model.model.")
        for name, module in model.named_modules()
        if hasattr(module, "lora_A")
    }
    assert on == set(target_layers(empty, good.recipe))
    assert all(parameter.is_meta for parameter in empty.parameters())


def estimated(family: str, longest: int, *changes: str, device: Device = GPU) -> Estimate:
    recipe = lora_recipe(family, *changes)
    return estimate(
        tiny_config(family, len(tiny_tokenizer(family))),
        recipe,
        resolve(recipe, device, 8),
        device,
        longest,
    )


@settings(max_examples=15, deadline=None)
@given(family=st.sampled_from(FAMILIES), longest=st.integers(16, 2000), batch=st.integers(1, 16))
def test_an_estimate_grows_with_the_batch_and_the_length(
    family: str, longest: int, batch: int
) -> None:
    one = estimated(family, longest, f"training.per_device_train_batch_size={batch}")
    for other in (
        estimated(family, longest, f"training.per_device_train_batch_size={batch + 1}"),
        estimated(family, longest + 1, f"training.per_device_train_batch_size={batch}"),
    ):
        assert (
            other.activations > one.activations
            and other.logits >= one.logits
            and other.total > one.total
        )
        assert (other.weights, other.adapter, other.parameters) == (
            one.weights,
            one.adapter,
            one.parameters,
        )


def test_an_estimate_knows_what_saves_memory() -> None:
    def of(*changes: str) -> Estimate:
        return estimated("gemma1", 512, *changes)

    four = of()
    sixteen, double = (
        of("quantization.load_in_4bit=false"),
        of("quantization.bnb_4bit_use_double_quant=true"),
    )
    assert double.weights < four.weights < sixteen.weights
    whole = of("quantization.load_in_4bit=false", "training.fp16=false")
    assert whole.weights == 2 * sixteen.weights == 4 * whole.parameters
    assert of("training.gradient_checkpointing=false").activations > four.activations
    assert of("training.optim=adamw_8bit").adapter < four.adapter
    assert of("lora.r=8").trainable == 2 * four.trainable
    assert four.overhead > estimated("gemma1", 512, device=replace(GPU, kind="cpu")).overhead == 0
    assert (
        four.total == four.weights + four.adapter + four.activations + four.logits + four.overhead
    )


@given(st.integers(0, 2**45))
def test_sizes_are_said_as_people_say_them(size: int) -> None:
    number, unit = in_words(size).split()
    assert (
        abs(float(number) * {"MiB": 2**20, "GiB": 2**30}[unit] - size)
        <= {"MiB": 2**20, "GiB": 2**30}[unit] / 2
    )
