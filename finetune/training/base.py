"""The base model of a recipe, ready to be tuned: its weights as the recipe holds them, and the
adapter on them.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finetune.recipe import Recipe
from finetune.training.arguments import Arguments
from rag.config import Settings
from rag.generators.base_models import base_folder
from rag.generators.bundled import SMOLLM2
from rag.generators.gemma import GEMMA
from rag.generators.loading import explain, load_tokenizer, load_weights
from rag.logging import quiet_libraries
from rag.schema import ModelError, ReviewQAError, SettingsError, first_line


def keep_terms(base_model: str, folder: Path) -> None:
    """Put the terms and notices of a packaged base model beside what was made from it."""
    for packaged in (SMOLLM2, GEMMA):
        if base_model == packaged.name:
            packaged.keep_beside(folder)


@contextmanager
def _explained(base_model: str) -> Iterator[None]:
    """Whatever the libraries raise while loading, as one of our errors."""
    quiet_libraries()
    try:
        yield
    except ReviewQAError:
        raise
    except Exception as error:
        raise explain(base_model, error) from error


def base_tokenizer(recipe: Recipe, settings: Settings) -> Any:
    """The base model's tokenizer. Raises `ModelError`."""
    with _explained(recipe.base_model):
        return load_tokenizer(base_folder(recipe.base_model, settings))


def base_config(recipe: Recipe, settings: Settings) -> Any:
    """The base model's configuration. Raises `ModelError`."""
    from transformers import AutoConfig

    with _explained(recipe.base_model):
        folder = base_folder(recipe.base_model, settings)
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)


def load_base(
    recipe: Recipe,
    settings: Settings,
    *,
    dtype: str,
    quantization: dict[str, Any] | None,
    device: str | None = None,
) -> Any:
    """The base model's weights, in the given type or in 4 bits. Raises `ModelError` and
    `GeneratorError`.
    """
    with _explained(recipe.base_model):
        model = load_weights(
            base_folder(recipe.base_model, settings),
            dtype=dtype,
            device=device or training_device(),
            quantization=quantization,
            attention=recipe.attn_implementation,
        )
    _keep_differentiable(model)
    return model


def _keep_differentiable(model: Any) -> None:
    """Keep bitsandbytes from packing 4-bit weights for inference on a CPU.

    On a CPU with bf16 instructions version 0.50 does that the first time that a model is evaluated,
    for good, and has no gradient for what it packs: training after an evaluation would go on with
    wrong gradients and a warning at most.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def training_device() -> str:
    """This process's device: with several processes (`accelerate launch`), each has a GPU of its
    own.
    """
    import torch

    if not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0'))}"


def add_adapter(model: Any, arguments: Arguments) -> Any:
    """A fresh LoRA adapter on the model: fp32, as rounding to 16 bit would swallow small updates.

    Raises `SettingsError` where the recipe's target modules are not in the model.
    """
    from peft import LoraConfig, get_peft_model

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="`is_gradient_checkpointing` is deprecated"
            )  # peft 0.21
            tuned = get_peft_model(model, LoraConfig(**arguments.lora))
    except ValueError as error:
        raise SettingsError(f"[lora] does not fit this model: {first_line(error)}") from error
    adapter_in_fp32(tuned)
    return tuned


def adapter_in_fp32(model: Any) -> None:
    """Hold what is trained of the model in fp32."""
    import torch

    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)


def save_adapter(model: Any, folder: Path, base_model: str) -> None:
    """Save the adapter of a model into `folder`, in safetensors, naming its base as the recipe
    does.

    Raises `ModelError` where the folder cannot be written.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="Could not find a config file"
            )  # a base that is a folder
            model.save_pretrained(str(folder), safe_serialization=True, save_embedding_layers=False)
        (folder / "README.md").unlink(
            missing_ok=True
        )  # peft's card says nothing; the caller writes ours
        file = folder / "adapter_config.json"
        config = json.loads(file.read_text(encoding="utf-8"))
        config["base_model_name_or_path"] = (
            base_model  # not where it happened to lie on this machine
        )
        file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise ModelError(f"Cannot write the adapter to {folder}: {error}.") from error
