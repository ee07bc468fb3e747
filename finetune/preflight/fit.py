"""Whether the recipe fits the device and the base model, told without any weights."""

from __future__ import annotations

import json
import shutil
from typing import Any

from finetune.preflight.checks import Check
from finetune.preflight.estimate import (
    Estimate,
    empty_model,
    in_words,
    is_named,
    target_layers,
)
from finetune.recipe import ALL_LINEAR, Recipe
from finetune.training.memory import LESS_MEMORY
from finetune.training.trainer import Prepared

_TIGHT = 0.9  # share of the free memory, from which on it is warned
_KEPT_CHECKPOINTS = 3
_ENLARGED = (
    "The tokenizer's vocabulary was enlarged and the model's was not: name a base model that was "
    "saved after resize_token_embeddings(len(tokenizer)), or put its own tokenizer beside it."
)


def check_fit(prepared: Prepared) -> list[Check]:
    """All that can be told from the recipe, the device and the model's configuration."""
    model = empty_model(prepared.config)
    expected = prepared.estimate
    return [
        _dtype(prepared),
        _schedule(prepared),
        _licence(prepared),
        _disk(prepared, expected),
        _vocabulary(prepared, model),
        check_targets(model, prepared.recipe),
        check_memory(prepared, expected),
    ]


def check_memory(prepared: Prepared, expected: Estimate) -> Check:
    """The estimate beside what is free."""
    free = prepared.device.free_bytes
    parts = ", ".join(
        f"{name} {in_words(getattr(expected, name))}"
        for name in ("weights", "adapter", "activations", "logits")
    )
    needed = in_words(expected.total)
    saw = f"about {needed} ({parts}); {in_words(free)} free on {prepared.device.name}"
    if expected.total > free:
        return Check("memory", "failed", saw, LESS_MEMORY)
    return Check("memory", "warning" if expected.total > _TIGHT * free else "ok", saw)


def check_targets(model: Any, recipe: Recipe) -> Check:
    """Whether the adapter goes on layers that there are, and that can be trained and merged;
    `model` has no weights.
    """
    targets = recipe.lora.target_modules
    layers = target_layers(model, recipe)
    counts = dict.fromkeys(targets, 0)
    for name in layers:
        for target in targets:
            counts[target] += target == ALL_LINEAR or is_named(name, target)
    saw = ", ".join(f"{target} {count}" for target, count in counts.items())
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    special: dict[str, Any] = {}
    for name, module in model.named_modules():
        if module in (head, embedding):
            special |= {target: module for target in targets if is_named(name, target)}
    missing = [target for target, count in counts.items() if not count and target not in special]
    rest = [target for target in targets if target not in special] or [ALL_LINEAR]
    instead = f"Set lora.target_modules = {json.dumps(rest)}."
    problem = ""
    if ALL_LINEAR in targets and len(targets) > 1:
        problem = f'"{ALL_LINEAR}" stands for all linear layers, and there are other names'
        instead = f'Set lora.target_modules = ["{ALL_LINEAR}"], or name the layers without it.'
    elif special:
        problem = _on_vocabulary(special, head, tied=head.weight is embedding.weight)
    elif missing:
        problem = f"no layer is named {', '.join(missing)} ({saw})"
        instead = (
            "Set lora.target_modules to the names that this model's linear layers have, or to "
            f'["{ALL_LINEAR}"].'
        )
    return Check.of("target modules", saw, problem, instead)


def _on_vocabulary(special: dict[str, Any], head: Any, *, tied: bool) -> str:
    """Why no adapter goes on the layers that have a row for each token."""
    reasons = []
    for target, module in special.items():
        if module is head:
            reasons.append(
                f"{target} writes the next token: the loss is computed from its own weights, so an "
                "adapter on it would not be trained"
            )
        else:
            reasons.append(f"{target} is the input embedding, and no linear layer")
    if tied:
        reasons.append("the two share their weights, and merging would change both")
    return "; ".join(reasons)


def _vocabulary(prepared: Prepared, model: Any) -> Check:
    """Every token of the examples has its row in the model."""
    rows = model.get_input_embeddings().weight.shape[0]
    sequences = [*prepared.train.sequences, *prepared.held_out.sequences]
    highest = max((max(sequence.input_ids) for sequence in sequences), default=0)
    return Check.of(
        "vocabulary",
        f"{rows} tokens, {highest} the highest used",
        f"the tokenizer writes token {highest}, and the model has {rows}"
        if highest >= rows
        else "",
        _ENLARGED,
    )


def _dtype(prepared: Prepared) -> Check:
    saw = f"{prepared.arguments.dtype} on {prepared.device.name}"
    if not (prepared.arguments.training["fp16"] and prepared.gemma):
        return Check("number type", "ok", saw)
    other = "bf16" if prepared.device.bf16 else "fp32"
    changes = "--set training.fp16=false"
    changes += " --set training.bf16=true" if other == "bf16" else ""
    return Check(
        "number type",
        "warning",
        f"{saw}: a Gemma's activations exceed 65,504, the largest number of fp16",
        f"{changes} trains in {other}; if you stay with fp16, a loss of NaN stops the run.",
    )


def _schedule(prepared: Prepared) -> Check:
    training, steps = prepared.recipe.training, prepared.steps
    intervals = {"logging": training.logging_steps}
    if training.evaluation_strategy == "steps" and training.eval_steps:
        intervals["evaluation"] = training.eval_steps
    never = [f"{what} every {every} steps" for what, every in intervals.items() if every > steps]
    return Check.warning(
        "schedule",
        f"{steps} optimizer steps",
        f"{steps} steps: {' and '.join(never)} would never come" if never else "",
        "The held-out loss is measured at the start and at the end in any case; lower "
        "training.logging_steps and training.eval_steps to see more.",
    )


def _licence(prepared: Prepared) -> Check:
    recipe = prepared.recipe
    if recipe.gated:
        saw = f"{recipe.base_model} is under the {recipe.licence}, behind a gate"
        mend = f"Accept it at https://huggingface.co/{recipe.base_model}; what you publish must "
        return Check("licence", "warning", saw, mend + "carry it on.")
    doubt = "" if recipe.licence else "the recipe names no licence"
    mend = "Look it up before you publish what you tuned."
    return Check.warning("licence", recipe.licence, doubt, mend)


def _disk(prepared: Prepared, expected: Estimate) -> Check:
    free = shutil.disk_usage(prepared.folder).free
    kept = prepared.recipe.training.save_total_limit or _KEPT_CHECKPOINTS
    needed = (kept + 1) * expected.trainable * (4 + 8) + 2**26
    saw = f"{in_words(needed)} for checkpoints and the adapter, {in_words(free)} free"
    return Check.of("disk", saw, "" if free > needed else saw, "Free some, or set runs_dir.")
