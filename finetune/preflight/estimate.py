"""How much memory and time a training will take, before any weight is loaded: from the model's
configuration alone.

Parameters are counted on a model without storage. Per token and layer, activations are taken as in
Korthikanti et al. 2022 (arXiv:2205.05198, "Reducing Activation Recomputation"), for a gated
feed-forward and fused attention, in the type of the training; with checkpointing only each layer's
input is kept, and one layer's activations at a time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from finetune.recipe import ALL_LINEAR, Recipe
from finetune.training.arguments import Arguments, Device

_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4}
_NF4_BYTES = 0.5 + 4 / 64  # a code of four bits, and an fp32 scale for every 64 of them
_NF4_DOUBLE = 0.5 + 1 / 64 + 4 / (64 * 256)
_OPTIMIZER_BYTES = {"8bit": 2, "32bit": 8}
_LOGIT_CHUNK = 512  # tokens whose logits TRL's loss holds at once
_OVERHEAD = 600 * 2**20  # a CUDA context and its libraries' work space


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes on the training device, by what takes them; `trainable` and `parameters` are counts."""

    parameters: int
    trainable: int
    weights: int
    adapter: int  # weights, gradients and optimizer state
    activations: int
    logits: int
    overhead: int

    @property
    def total(self) -> int:
        """All together."""
        return self.weights + self.adapter + self.activations + self.logits + self.overhead


def empty_model(config: Any) -> Any:
    """The model of a configuration, without storage for its weights."""
    import transformers
    from accelerate import init_empty_weights

    library: Any = transformers
    text_only = type(config) in library.MODEL_FOR_CAUSAL_LM_MAPPING
    auto = library.AutoModelForCausalLM if text_only else library.AutoModelForImageTextToText
    with init_empty_weights(include_buffers=False):
        model = auto.from_config(config)
    # a composite model's were tied before they lost their storage, and are two again
    model.tie_weights()
    return model


def is_named(layer: str, target: str) -> bool:
    """Whether a target means this layer: its whole name, or the end of it."""
    return f".{layer}".endswith(f".{target}")


def target_layers(model: Any, recipe: Recipe) -> dict[str, tuple[int, int]]:
    """(inputs, outputs) of every linear layer that the adapter goes on, by name: as peft matches
    them.
    """
    from torch.nn import Linear

    targets, excluded = recipe.lora.target_modules, recipe.lora.exclude_modules
    head = model.get_output_embeddings()
    layers = {}
    for name, layer in model.named_modules():
        named = any(is_named(name, target) for target in targets)
        if targets == (ALL_LINEAR,):
            named = layer is not head
        if named and isinstance(layer, Linear) and not (excluded and re.fullmatch(excluded, name)):
            layers[name] = (layer.in_features, layer.out_features)
    return layers


def trainable_parameters(model: Any, recipe: Recipe) -> int:
    """What an adapter of this rank has: r (inputs + outputs) for each layer it goes on."""
    return sum(recipe.lora.r * sum(sizes) for sizes in target_layers(model, recipe).values())


def estimate(
    config: Any, recipe: Recipe, arguments: Arguments, device: Device, longest: int
) -> Estimate:
    """For batches of sequences of `longest` tokens."""
    model = empty_model(config)
    text = config.get_text_config()
    width = _BYTES[arguments.dtype]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    trainable = trainable_parameters(model, recipe)
    tokens = longest * recipe.training.per_device_train_batch_size
    logits = min(tokens, _LOGIT_CHUNK) * text.vocab_size * 4 * 3 + tokens * text.hidden_size * 4 * 2
    return Estimate(
        parameters=parameters,
        trainable=trainable,
        weights=_weights(model, parameters, recipe, arguments),
        adapter=trainable * (4 + 4 + _optimizer_bytes(arguments)),
        activations=_activations(model.config, recipe, width, longest),
        logits=logits,
        overhead=_OVERHEAD if device.kind == "cuda" else 0,
    )


def _weights(model: Any, parameters: int, recipe: Recipe, arguments: Arguments) -> int:
    """Bytes of the base model: its linear layers, but for the head, may be in 4 bits."""
    from torch.nn import Linear

    width = packed = float(_BYTES[arguments.dtype])
    if arguments.quantization is not None:
        packed = _NF4_DOUBLE if recipe.quantization.bnb_4bit_use_double_quant else _NF4_BYTES
    head = model.get_output_embeddings()
    linear = sum(
        layer.weight.numel()
        for layer in model.modules()
        if isinstance(layer, Linear) and layer is not head
    )
    return int(linear * packed + (parameters - linear) * width)


def _optimizer_bytes(arguments: Arguments) -> int:
    optimizer = arguments.training["optim"]
    sizes = (size for name, size in _OPTIMIZER_BYTES.items() if optimizer.endswith(name))
    return next(sizes, 8)


def _activations(config: Any, recipe: Recipe, width: int, longest: int) -> int:
    """Bytes that the layers keep for their backward pass."""
    text = config.get_text_config()
    tokens = longest * recipe.training.per_device_train_batch_size
    hidden, heads = text.hidden_size, text.num_attention_heads
    across = heads * (getattr(text, "head_dim", None) or hidden // heads)
    # inputs of the norms and of the projections, queries, keys and values, the gated product and
    # its factors, and the adapter's copies of what it reads
    layer = tokens * width * (6 * hidden + 4 * across + 5 * text.intermediate_size)
    layer += tokens * 4 * 7 * recipe.lora.r
    if config._attn_implementation == "eager":
        # scores, capped and in fp32, and their share of the whole
        layer += tokens * longest * heads * (3 * 4 + 2 * width)
    if not recipe.training.gradient_checkpointing:
        return int(layer * text.num_hidden_layers)
    return int(tokens * hidden * width * text.num_hidden_layers + layer)


def in_words(size: int) -> str:
    """Bytes as people say them."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**29 else f"{size / 2**20:.0f} MiB"
