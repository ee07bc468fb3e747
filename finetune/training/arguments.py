"""A recipe as the installed libraries take it, on the device at hand; and what that changed, in
words to print.

transformers 5 and TRL 1 renamed or dropped some of the arguments that recipes are written in;
`RENAMED` is the whole list. What a device cannot do is overridden, never silently.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from finetune.recipe import ALL_LINEAR, Recipe, Training
from rag.schema import SettingsError

CHECKPOINTS = 10  # at least so many in a run whose recipe saves none: resuming loses little
PAGED = "paged_"

# Recipe key -> what the installed versions call it.
RENAMED = {
    "evaluation_strategy": "eval_strategy",  # transformers 4.46
    "warmup_ratio": "warmup_steps",  # transformers 5: under 1 it is a share of the steps
    "gradient_checkpointing": "activation_checkpointing",  # transformers 5.23
    "group_by_length": "train_sampling_strategy",
}


@dataclass(frozen=True, slots=True)
class Device:
    """What there is to train on. `kind` is "cuda" or "cpu"."""

    kind: str
    bf16: bool
    name: str
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Arguments:
    """Keyword arguments for `SFTConfig`, `LoraConfig` and `BitsAndBytesConfig` (None: not
    quantized).

    `dtype` is what weights that are not quantized are held in. `renamed` and `overridden` say what
    differs from the recipe, one sentence each.
    """

    training: dict[str, Any]
    lora: dict[str, Any]
    quantization: dict[str, Any] | None
    dtype: str
    renamed: tuple[str, ...]
    overridden: tuple[str, ...]


def this_device() -> Device:
    """The device that training would run on here."""
    import psutil
    import torch

    if torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        return Device(
            "cuda",
            torch.cuda.is_bf16_supported(including_emulation=False),
            torch.cuda.get_device_name(),
            free,
        )
    return Device("cpu", True, "CPU", psutil.virtual_memory().available)


def is_gemma(model_type: str) -> bool:
    """Whether a configuration's `model_type` is of the Gemma family, whose activations overflow
    fp16.
    """
    return model_type.startswith("gemma")


def _check_names(training: Training) -> None:
    from transformers.trainer_utils import SchedulerType
    from transformers.training_args import OptimizerNames

    for key, names in (("optim", OptimizerNames), ("lr_scheduler_type", SchedulerType)):
        value, accepted = getattr(training, key), [str(name.value) for name in names]
        if value not in accepted:
            near = difflib.get_close_matches(value, accepted, n=1)
            hint = f'Did you mean "{near[0]}"?' if near else f"Known: {', '.join(accepted)}."
            raise SettingsError(
                f'{key} = "{value}" is not known to the installed transformers. {hint}'
            )


def resolve(recipe: Recipe, device: Device, steps: int, *, gemma: bool = True) -> Arguments:
    """The arguments for `recipe` on `device`, for a run of `steps` optimizer steps.

    Raises `SettingsError` for an optimizer or a schedule that the installed version does not have.
    """
    _check_names(recipe.training)
    training = recipe.training.model_dump(exclude_none=True)
    overridden = _fit_device(training, device, gemma)
    dtype = "float16" if training["fp16"] else "bfloat16" if training["bf16"] else "float32"
    quantization = recipe.quantization.model_dump() if recipe.quantization.load_in_4bit else None
    if quantization is not None and quantization["bnb_4bit_compute_dtype"] != dtype:
        overridden.append(f'bnb_4bit_compute_dtype = "{dtype}", as the training.')
        quantization["bnb_4bit_compute_dtype"] = dtype
    if training["save_steps"] == 0:
        training["save_steps"] = max(1, steps // CHECKPOINTS)
        training.setdefault("save_total_limit", 2)
        overridden.append(
            f"save_steps = {training['save_steps']}: checkpoints, so that --resume can go on."
        )
    renamed = _rename(training)
    if training["activation_checkpointing"]:
        training["activation_checkpointing_kwargs"] = {"use_reentrant": False}
    if training["packing"]:  # TRL puts the examples together, and leaves their tokens as they are
        training |= {"max_length": recipe.data.max_length, "eval_packing": False}
    else:  # the examples come as tokens, and none is cut there
        training |= {"max_length": None, "dataset_kwargs": {"skip_prepare_dataset": True}}
    training |= {
        "eval_on_start": True,
        "dataloader_pin_memory": device.kind == "cuda",
        "use_cpu": device.kind == "cpu",
        "disable_tqdm": True,
        "data_seed": training["seed"],
    }
    lora = {key: value for key, value in recipe.lora.model_dump().items() if value != ""}
    targets = list(recipe.lora.target_modules)
    lora["target_modules"] = ALL_LINEAR if targets == [ALL_LINEAR] else targets
    return Arguments(training, lora, quantization, dtype, tuple(renamed), tuple(overridden))


def _fit_device(training: dict[str, Any], device: Device, gemma: bool) -> list[str]:
    """Change what the device cannot do; what was changed, one sentence each."""
    overridden = []
    if device.kind == "cpu" and training["fp16"]:
        overridden.append("fp16 = false, in fp32: a CPU does not train in fp16.")
        training["fp16"] = False
    if device.kind == "cuda" and training["bf16"] and not device.bf16:
        training |= {"bf16": False, "fp16": not gemma}
        dtype, why = ("fp32", "and a Gemma overflows fp16") if gemma else ("fp16", "fp16 it has")
        overridden.append(f"bf16 = false, in {dtype}: {device.name} has no bf16, {why}.")
    optimizer = training["optim"]
    if device.kind == "cpu" and (optimizer.startswith(PAGED) or optimizer.endswith("bit")):
        overridden.append(
            f'optim = "adamw_torch": "{optimizer}" pages between a GPU and the main memory.'
        )
        training["optim"] = "adamw_torch"
    return overridden


def _rename(training: dict[str, Any]) -> list[str]:
    """Give the arguments the names that they have by now; what was renamed, one sentence each."""
    renamed = []
    for old, new in RENAMED.items():
        value = training.pop(old)
        training[new] = value
        if old == "group_by_length":
            training[new] = "group_by_length" if value else "random"
        renamed.append(f"{old} = {value} is given as {new} = {training[new]}.")
    return renamed
