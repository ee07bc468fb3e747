"""Checks of the loaded model before the first step, and one real step over the longest examples."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from finetune.data.encode import Encoded
from finetune.preflight.checks import Check
from finetune.training.memory import LESS_MEMORY, PeakMemory
from finetune.training.trainer import Prepared
from rag.generators.loading import is_memory_error
from rag.schema import first_line

# their attention scores are capped, which only the eager implementation does
_SOFTCAPPED = ("gemma2",)
_CAPPING = ("eager", "flash_attention_2")
_NO_GRADIENTS = (
    "With checkpointing the inputs must require gradients, non-reentrant; a loss that is no number "
    "points to the number type."
)


@dataclass(frozen=True, slots=True)
class Step:
    """What one real step took; `peak` in bytes, as `PeakMemory` counts."""

    seconds: float
    peak: int
    tokens: int


def check_model(prepared: Prepared, model: Any) -> list[Check]:
    """What the loaded model with its fresh adapter says."""
    return [_trainable(prepared, model), _attention(prepared, model), *_packing(prepared, model)]


def _trainable(prepared: Prepared, model: Any) -> Check:
    expected = prepared.estimate.trainable
    learning = {n: p.numel() for n, p in model.named_parameters() if p.requires_grad}
    extra = next((name for name in learning if "lora_" not in name), "")
    count = sum(learning.values())
    saw = f"{count:,} trainable, r (inputs + outputs) of the target layers gives {expected:,}"
    wrong = extra or count != expected
    return Check.of(
        "trainable parameters",
        saw,
        saw + (f"; also {extra}" if extra else "") if wrong else "",
        "Only the adapter should learn: see lora.target_modules and lora.exclude_modules.",
    )


def _attention(prepared: Prepared, model: Any) -> Check:
    used, family = str(model.config._attn_implementation), prepared.config.model_type
    uncapped = family in _SOFTCAPPED and used not in _CAPPING
    doubt = f"{used}, which does not cap the attention scores as {family} was trained to"
    mend = 'Set attn_implementation = "eager" in the recipe.'
    return Check.warning("attention", used, doubt if uncapped else "", mend)


def _packing(prepared: Prepared, model: Any) -> Iterator[Check]:
    """Whether packed examples see each other: the second must come out as it does alone."""
    if not prepared.recipe.training.packing or len(prepared.train.sequences) < 2:
        return
    import torch

    first, second = (sequence.input_ids[:64] for sequence in prepared.train.sequences[:2])
    places = [*range(len(first)), *range(len(second))]
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        packed = model(
            input_ids=torch.tensor([first + second], device=device),
            position_ids=torch.tensor([places], device=device),
        ).logits[0, len(first) :]
        alone = model(input_ids=torch.tensor([second], device=device)).logits[0]
    model.train()
    mixed = float((packed - alone).abs().max()) > 0.05 * float(alone.abs().max())
    yield Check.of(
        "packing",
        "an example is the same packed and alone",
        "an example is changed by the one packed before it" if mixed else "",
        "Set training.packing = false, or attn_implementation to a flash attention.",
    )


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
    autocast = torch.autocast(kind, getattr(torch, dtype), enabled=dtype != "float32")
    try:
        with PeakMemory(kind) as memory, autocast, _fused_head(model):
            loss = model(**tensors, fused_lm_head=True).loss
            loss.backward()
    except (RuntimeError, MemoryError) as error:
        model.zero_grad(set_to_none=True)
        if not is_memory_error(error):
            return [Check("gradients", "failed", first_line(error), _NO_GRADIENTS)], None
        saw = f"a batch of the longest examples does not fit: {first_line(error)}"
        return [Check("memory", "failed", saw, LESS_MEMORY)], None
    tokens = sum(len(sequence.input_ids) for sequence in batch)
    step = Step(time.monotonic() - began, memory.peak, tokens)
    checks = [_gradients(model, loss.detach())]
    model.zero_grad(set_to_none=True)
    checks += [_checkpointing(model)] if checkpointing else []
    return [*checks, _time(prepared, step, len(batch))], step


@contextmanager
def _fused_head(model: Any) -> Iterator[None]:
    """The trainer's own head and loss, which never hold the logits of a whole batch: with Gemma's
    vocabulary these alone would take more memory than the training.
    """
    from trl.trainer.utils import add_fused_lm_head

    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    before = vars(base).get("forward")
    add_fused_lm_head(base)
    try:
        yield
    finally:
        if before is None:
            del base.forward
        else:
            base.forward = before


def _gradients(model: Any, loss: Any) -> Check:
    """At the start B is zero, and so is the gradient of A: B's is what tells that the adapter is
    reached.
    """
    import torch

    reached, touched = {}, ""
    for name, parameter in model.named_parameters():
        gradient = parameter.grad
        if "lora_B" in name:
            reached[name] = gradient is not None and bool(
                gradient.abs().sum() > 0 and torch.isfinite(gradient).all()
            )
        elif not parameter.requires_grad and gradient is not None:
            touched = touched or name
    dry = [name for name, is_reached in reached.items() if not is_reached]
    problems = []
    if not reached:
        problems.append("the model has no adapter")
    if dry:
        problems.append(f"no gradient in {len(dry)} of {len(reached)} ({dry[0]})")
    if not torch.isfinite(loss):
        problems.append(f"loss {float(loss):.3f}")
    if touched:
        problems.append(f"gradients in the base ({touched})")
    saw = f"all {len(reached)} adapter matrices learn, and nothing else"
    return Check.of("gradients", saw, "; ".join(problems), _NO_GRADIENTS)


def _checkpointing(model: Any) -> Check:
    flags = set()
    for module in model.modules():
        if getattr(module, "gradient_checkpointing", False):
            function = getattr(module, "_gradient_checkpointing_func", None)
            flags.add(bool(function and function.keywords.get("use_reentrant")))
    problem = "" if flags == {False} else "reentrant, or on no layer"
    mend = "Reentrant checkpointing loses the adapter's gradients."
    return Check.of("checkpointing", "non-reentrant", problem, mend)


def _time(prepared: Prepared, step: Step, size: int) -> Check:
    """How long the training will take, by a batch of the longest examples."""
    batches = prepared.steps * prepared.recipe.training.gradient_accumulation_steps
    typical = prepared.train.tokens / len(prepared.train.sequences) * size / max(1, step.tokens)
    minutes = batches * step.seconds * typical / 60
    saw = f"a batch of the longest examples took {step.seconds:.1f} s; {batches} batches"
    return Check("time", "ok", f"{saw}, about {minutes:.0f} minutes")


def _batch(prepared: Prepared, sequences: Sequence[Encoded], device: Any) -> dict[str, Any]:
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    pad = prepared.tokenizer.pad_token_id or 0
    rows = [{"input_ids": sequence.input_ids, "labels": sequence.labels} for sequence in sequences]
    batch = DataCollatorForLanguageModeling(pad_token_id=pad)(rows)
    return {name: tensor.to(device) for name, tensor in batch.items()}
