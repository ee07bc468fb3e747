"""A recipe as the installed libraries take it, on the device at hand; and what that changed, in
words to print.

transformers 5 and TRL 1 renamed or dropped some of the arguments that recipes are written in;
`RENAMED` is the whole list. What a device cannot do is overridden, never silently.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from finetune.recipe import Recipe, Training
from rag.schema import SettingsError

CHECKPOINTS = (
    10  # in a run whose recipe saves none: at least so many, so that `--resume` loses little
)
PAGED = "paged_"

# Recipe key -> (what the installed versions call it, how its value is given there). None: no longer
# an argument.
RENAMED: dict[str, tuple[str | None, Callable[[Any], Any]]] = {
    "evaluation_strategy": ("eval_strategy", lambda value: value),  # transformers 4.46
    "warmup_ratio": (
        "warmup_steps",
        lambda value: value,
    ),  # transformers 5: under 1 it is a share of the steps
    "gradient_checkpointing": (
        "activation_checkpointing",
        lambda value: value,
    ),  # transformers 5.23
    "group_by_length": (
        "train_sampling_strategy",
        lambda value: "group_by_length" if value else "random",
    ),
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
        value, known = getattr(training, key), [str(one.value) for one in names]
        if value not in known:
            near = difflib.get_close_matches(value, known, n=1)
            hint = f'Did you mean "{near[0]}"?' if near else f"Known: {', '.join(known)}."
            raise SettingsError(
                f'{key} = "{value}" is not known to the installed transformers. {hint}'
            )


def resolve(recipe: Recipe, device: Device, steps: int, *, gemma: bool = True) -> Arguments:
    """The arguments for `recipe` on `device`, for a run of `steps` optimizer steps.

    Raises `SettingsError` for an optimizer or a schedule that the installed version does not have.
    """
    _check_names(recipe.training)
    overridden: list[str] = []
    training = {key: value for key, value in asdict(recipe.training).items() if value is not None}
    quantization = asdict(recipe.quantization) if recipe.quantization.load_in_4bit else None

    if device.kind == "cpu" and training["fp16"]:
        overridden.append("fp16 = false, in fp32: a CPU does not train in fp16.")
        training["fp16"] = False
    if device.kind == "cuda" and training["bf16"] and not device.bf16:
        training |= {"bf16": False, "fp16": not gemma}
        why = "and a Gemma overflows fp16" if gemma else "fp16 it has"
        overridden.append(
            f"bf16 = false, in {'fp32' if gemma else 'fp16'}: {device.name} has no bf16, {why}."
        )
    dtype = "float16" if training["fp16"] else "bfloat16" if training["bf16"] else "float32"
    if quantization is not None and quantization["bnb_4bit_compute_dtype"] != dtype:
        overridden.append(f'bnb_4bit_compute_dtype = "{dtype}", as the training.')
        quantization["bnb_4bit_compute_dtype"] = dtype
    if device.kind == "cpu" and (
        training["optim"].startswith(PAGED) or training["optim"].endswith("bit")
    ):
        overridden.append(
            f'optim = "adamw_torch": "{training["optim"]}" pages between a GPU and the main memory.'
        )
        training["optim"] = "adamw_torch"
    if training["save_steps"] == 0:
        training["save_steps"] = max(1, steps // CHECKPOINTS)
        training.setdefault("save_total_limit", 2)
        overridden.append(
            f"save_steps = {training['save_steps']}: checkpoints, so that --resume can go on."
        )
    if training["gradient_checkpointing"]:
        training["activation_checkpointing_kwargs"] = {"use_reentrant": False}

    renamed = []
    for old, (new, given) in RENAMED.items():
        value = training.pop(old)
        if new is None:
            renamed.append(f"{old} = {value} is no longer an argument.")
            continue
        training[new] = given(value)
        renamed.append(f"{old} = {value} is given as {new} = {training[new]}.")
    if training[
        "packing"
        # several examples to a sequence: TRL puts them together, and leaves their tokens as they are
    ]:
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
    lora = {key: value for key, value in asdict(recipe.lora).items() if value != ""}
    lora["target_modules"] = list(recipe.lora.target_modules)
    return Arguments(training, lora, quantization, dtype, tuple(renamed), tuple(overridden))
