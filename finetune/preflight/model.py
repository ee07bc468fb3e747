"""Checks of the loaded model before the first step, and one real step over the longest examples."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from finetune.data.encode import IGNORED, Encoded
from finetune.preflight.checks import Check
from finetune.preflight.estimate import empty_model, target_layers, trainable_parameters
from finetune.training.memory import LESS_MEMORY, PeakMemory
from finetune.training.trainer import Prepared
from rag.generators.loading import first_line, is_memory_error

_SOFTCAPPED = (
    "gemma2",
)  # their attention scores are capped, which only the eager implementation does
_NO_GRADIENTS = (
    "With checkpointing the inputs must require gradients, non-reentrant; a loss that is no number "
    "points to the "
    "number type."
)


def check_model(prepared: Prepared, model: Any) -> list[Check]:
    """What the loaded model with its fresh adapter says."""
    return [
        *_targets(prepared),
        *_trainable(prepared, model),
        *_attention(prepared, model),
        *_packing(prepared, model),
    ]


def _targets(prepared: Prepared) -> Iterator[Check]:
    layers = target_layers(empty_model(prepared.config), prepared.recipe)
    counts = {
        one: sum(f".{name}".endswith(f".{one}") for name in layers)
        for one in prepared.recipe.lora.target_modules
    }
    missing = [name for name, count in counts.items() if not count]
    saw = ", ".join(f"{name} {count}" for name, count in counts.items())
    if missing:
        yield Check(
            "target modules",
            "failed",
            f"no layer is named {', '.join(missing)} ({saw})",
            "Set lora.target_modules to the names that this model's linear layers have.",
        )
    else:
        yield Check("target modules", "ok", saw)


def _trainable(prepared: Prepared, model: Any) -> Iterator[Check]:
    expected = trainable_parameters(empty_model(prepared.config), prepared.recipe)
    found = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    extra = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and "lora_" not in name
    ]
    saw = f"{found:,} trainable, r (inputs + outputs) of the target layers gives {expected:,}"
    if extra or found != expected:
        yield Check(
            "trainable parameters",
            "failed",
            saw + (f"; also {extra[0]}" if extra else ""),
            "Only the adapter should learn: see lora.target_modules and lora.exclude_modules.",
        )
    else:
        yield Check("trainable parameters", "ok", saw)


def _attention(prepared: Prepared, model: Any) -> Iterator[Check]:
    used = model.config._attn_implementation
    if prepared.config.model_type in _SOFTCAPPED and used not in ("eager", "flash_attention_2"):
        yield Check(
            "attention",
            "warning",
            f"{used}, which does not cap the attention scores as {prepared.config.model_type} was "
            "trained to",
            'Set attn_implementation = "eager" in the recipe.',
        )
    else:
        yield Check("attention", "ok", str(used))


def _packing(prepared: Prepared, model: Any) -> Iterator[Check]:
    """Whether packed examples see each other: the second must come out as it does alone."""
    if not prepared.recipe.training.packing or len(prepared.train.sequences) < 2:
        return
    import torch

    first, second = (one.input_ids[:64] for one in prepared.train.sequences[:2])
    places = [*range(len(first)), *range(len(second))]
    with torch.no_grad():
        model.eval()
        device = next(model.parameters()).device
        packed = model(
            input_ids=torch.tensor([first + second], device=device),
            position_ids=torch.tensor([places], device=device),
        ).logits[0, len(first) :]
        alone = model(input_ids=torch.tensor([second], device=device)).logits[0]
        model.train()
    mixed = float((packed - alone).abs().max()) > 0.05 * float(alone.abs().max())
    saw = "an example is " + (
        "changed by the one packed before it" if mixed else "the same packed and alone"
    )
    mend = (
        "Set training.packing = false, or attn_implementation to a flash attention."
        if mixed
        else ""
    )
    yield Check("packing", "failed" if mixed else "ok", saw, mend)


@dataclass(frozen=True, slots=True)
class Step:
    """What one real step took; `peak` in bytes, as `PeakMemory` counts."""

    seconds: float
    peak: int
    tokens: int


def check_step(prepared: Prepared, model: Any) -> tuple[list[Check], Step | None]:
    """One forward and backward pass over the longest examples: do gradients reach the adapter, and
    only it?
    """
    import torch

    size = prepared.recipe.training.per_device_train_batch_size
    batch = sorted(prepared.train.sequences, key=lambda one: -len(one.input_ids))[:size]
    if not batch:
        return [], None
    tensors = _batch(prepared, batch, next(model.parameters()).device)
    training, dtype = prepared.arguments.training, prepared.arguments.dtype
    checkpointing = training["activation_checkpointing"]
    model.train()
    if checkpointing:
        model.activation_checkpointing_enable(
            activation_checkpointing_kwargs=training["activation_checkpointing_kwargs"]
        )
    kind, began = prepared.device.kind, time.monotonic()
    try:
        with (
            PeakMemory(kind) as memory,
            torch.autocast(kind, getattr(torch, dtype), enabled=dtype != "float32"),
        ):
            loss = model(**tensors).loss
            loss.backward()
        loss = loss.detach()
    except (RuntimeError, MemoryError) as error:
        model.zero_grad(set_to_none=True)
        if is_memory_error(error):
            return [
                Check(
                    "memory",
                    "failed",
                    f"a batch of the longest examples does not fit: {first_line(error)}",
                    LESS_MEMORY,
                )
            ], None
        return [Check("gradients", "failed", first_line(error), _NO_GRADIENTS)], None
    seconds = time.monotonic() - began
    # at the start B is zero, and so is the gradient of A: B's is what tells that the adapter is
    # reached
    reached = {
        name: bool(p.grad is not None and p.grad.abs().sum() > 0 and torch.isfinite(p.grad).all())
        for name, p in model.named_parameters()
        if "lora_B" in name
    }
    touched = [
        name for name, p in model.named_parameters() if not p.requires_grad and p.grad is not None
    ]
    model.zero_grad(set_to_none=True)
    dry = [name for name, is_reached in reached.items() if not is_reached]
    checks = []
    if dry or touched or not reached or not torch.isfinite(loss):
        what = (
            f"no gradient in {len(dry)} of {len(reached)} ({dry[0]})"
            if dry
            else f"loss {float(loss):.3f}"
        )
        what = what if reached else "the model has no adapter"
        what += f"; gradients in the base ({touched[0]})" if touched else ""
        checks.append(Check("gradients", "failed", what, _NO_GRADIENTS))
    else:
        checks.append(
            Check("gradients", "ok", f"all {len(reached)} adapter matrices learn, and nothing else")
        )
    if checkpointing:
        flags = {
            bool(
                getattr(m, "_gradient_checkpointing_func", None)
                and m._gradient_checkpointing_func.keywords.get("use_reentrant")
            )
            for m in model.modules()
            if getattr(m, "gradient_checkpointing", False)
        }
        ok = flags == {False}
        checks.append(
            Check(
                "checkpointing",
                "ok" if ok else "failed",
                "non-reentrant" if ok else "reentrant, or on no layer",
                "" if ok else "Reentrant checkpointing loses the adapter's gradients.",
            )
        )
    step = Step(seconds, memory.peak, sum(len(one.input_ids) for one in batch))
    steps = prepared.steps * prepared.recipe.training.gradient_accumulation_steps
    typical = (
        seconds
        * prepared.train.tokens
        / max(1, len(prepared.train.sequences))
        * len(batch)
        / max(1, step.tokens)
    )
    checks.append(
        Check(
            "time",
            "ok",
            f"a batch of the longest examples took {seconds:.1f} s; {steps} batches, about "
            f"{steps * typical / 60:.0f} minutes",
        )
    )
    return checks, step


def _batch(prepared: Prepared, sequences: Sequence[Encoded], device: Any) -> dict[str, Any]:
    import torch

    longest = max(len(one.input_ids) for one in sequences)
    pad = prepared.tokenizer.pad_token_id or 0

    def padded(rows: Sequence[list[int]], filler: int) -> Any:
        return torch.tensor([row + [filler] * (longest - len(row)) for row in rows], device=device)

    return {
        "input_ids": padded([one.input_ids for one in sequences], pad),
        "labels": padded([one.labels for one in sequences], IGNORED),
        "attention_mask": padded([[1] * len(one.input_ids) for one in sequences], 0),
    }
