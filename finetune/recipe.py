"""Recipes: which model to tune, on what, and how; in TOML, where an unknown key is an error.

The keys of `[quantization]`, `[lora]` and `[training]` are the libraries' own argument names
(bitsandbytes through transformers, peft, and transformers' Trainer with TRL's SFTTrainer), also
those that a newer version has renamed: `finetune.training.arguments` turns them into what the installed
versions take.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.answering import prompt
from rag.schema import SettingsError

RECIPES = Path(__file__).parent / "recipes"
EXAMPLE_KINDS = ("reviews", "answers", "tasks")
DTYPES = ("float16", "bfloat16", "float32")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRecipe:
    """What the examples are.

    `examples`: "reviews" (the plain text of each review, for next-token adaptation), "answers" (a
    question, retrieved passages, an answer that cites), "tasks" (summarise and explain; positive
    and negative aspects; over groups of reviews). Of the "answers", a share of `no_answer` gets no
    passage that answers, and the refusal for target; each has `distractors` passages that do not
    answer among those that do.
    """

    examples: tuple[str, ...]
    max_length: int = 1024  # tokens of an example
    distractors: int = 3
    no_answer: float = 0.05
    held_out: float = 0.1  # share of the items (or reviews) kept for evaluation

    def __post_init__(self) -> None:
        if not self.examples or set(self.examples) - set(EXAMPLE_KINDS):
            raise SettingsError(
                f"examples = {list(self.examples)} must be some of: {', '.join(EXAMPLE_KINDS)}."
            )
        for name, low, high in (
            ("max_length", 16, 1_000_000),
            ("distractors", 0, 50),
            ("no_answer", 0, 1),
            ("held_out", 0.01, 0.5),
        ):
            if not low <= getattr(self, name) <= high:
                raise SettingsError(
                    f"{name} = {getattr(self, name)} must lie between {low} and {high}."
                )

    @property
    def template(self) -> str:
        """Which prompt the examples are of (`rag.answering.prompt`); "" for plain text."""
        return "" if set(self.examples) == {"reviews"} else prompt.ANSWERING


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """How the base model's weights are held while training (transformers' `BitsAndBytesConfig`)."""

    load_in_4bit: bool = False
    bnb_4bit_quant_type: str = "nf4"
    bnb_4bit_compute_dtype: str = "bfloat16"
    bnb_4bit_use_double_quant: bool = False
    bnb_4bit_quant_storage: str = (
        "uint8"  # FSDP shards 4-bit weights only if they are stored as the other weights are
    )

    def __post_init__(self) -> None:
        _one_of("bnb_4bit_quant_type", self.bnb_4bit_quant_type, ("nf4", "fp4"))
        _one_of("bnb_4bit_compute_dtype", self.bnb_4bit_compute_dtype, DTYPES)
        _one_of("bnb_4bit_quant_storage", self.bnb_4bit_quant_storage, ("uint8", *DTYPES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """The adapter (peft's `LoraConfig`)."""

    r: int
    lora_alpha: int
    target_modules: tuple[str, ...]
    lora_dropout: float = 0.0
    bias: str = "none"
    task_type: str = "CAUSAL_LM"
    exclude_modules: str = ""  # a pattern: the vision and audio towers of a model that has them
    use_rslora: bool = False

    def __post_init__(self) -> None:
        if (
            self.r < 1
            or self.lora_alpha < 1
            or not 0 <= self.lora_dropout < 1
            or not self.target_modules
        ):
            raise SettingsError(
                "[lora]: r and lora_alpha must be 1 or more, lora_dropout in [0, 1), and there "
                "must be "
                "target_modules."
            )
        _one_of("bias", self.bias, ("none", "all", "lora_only"))
        _one_of("task_type", self.task_type, ("CAUSAL_LM",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How to train (transformers' `TrainingArguments` and TRL's `SFTConfig`); None leaves it to the
    library.
    """

    num_train_epochs: float = 1.0
    per_device_train_batch_size: int = 8
    per_device_eval_batch_size: int | None = None
    gradient_accumulation_steps: int = 1
    gradient_checkpointing: bool = True
    optim: str = "adamw_torch"
    learning_rate: float = 2e-4
    lr_scheduler_type: str = "cosine"
    warmup_ratio: float = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    fp16: bool = False
    bf16: bool = False
    max_steps: int = -1
    logging_steps: int = 10
    save_steps: int = 0
    save_total_limit: int | None = None
    evaluation_strategy: str = "no"
    eval_steps: int | None = None
    eval_accumulation_steps: int | None = None
    group_by_length: bool = False
    packing: bool = False
    neftune_noise_alpha: float | None = None
    report_to: str = "none"
    seed: int = 42

    def __post_init__(self) -> None:
        for name in (
            "per_device_train_batch_size",
            "per_device_eval_batch_size",
            "gradient_accumulation_steps",
            "logging_steps",
            "save_total_limit",
            "eval_steps",
            "eval_accumulation_steps",
        ):
            if (value := getattr(self, name)) is not None and value < 1:
                raise SettingsError(f"{name} = {value} must be at least 1.")
        for name in ("learning_rate", "num_train_epochs"):
            if not 0 < getattr(self, name) < math.inf:
                raise SettingsError(f"{name} = {getattr(self, name)} must be greater than 0.")
        for name in ("weight_decay", "max_grad_norm", "save_steps"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SettingsError(f"{name} = {getattr(self, name)} must not be less than 0.")
        if (
            not 0 <= self.warmup_ratio < 1
        ):  # from 1 on, transformers 5 takes it for a number of steps
            raise SettingsError(
                f"warmup_ratio = {self.warmup_ratio} must be a share of the steps, 0 or more and "
                "under 1."
            )
        if self.max_steps == 0 or self.max_steps < -1:
            raise SettingsError(
                f"max_steps = {self.max_steps} must be at least 1, or -1 for whole epochs."
            )
        _one_of("evaluation_strategy", self.evaluation_strategy, ("no", "steps", "epoch"))
        if self.fp16 and self.bf16:
            raise SettingsError("fp16 and bf16 are both true: choose one.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole recipe. `output` names the run and the merged model; `licence` is the base model's,
    `gated` whether its licence must be accepted on the hub before it can be downloaded;
    `attn_implementation` "" is the model's default.
    """

    base_model: str
    output: str
    data: DataRecipe
    lora: Lora
    training: Training
    quantization: Quantization = field(default_factory=Quantization)
    licence: str = ""
    gated: bool = False
    attn_implementation: str = ""


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise SettingsError(f'{name} = "{value}" must be one of: {", ".join(known)}.')


def recipe_names() -> list[str]:
    """The recipes that come with the program."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name: str, changes: Sequence[str] = ()) -> Recipe:
    """A recipe by the name of one that comes with the program, or the path of a TOML file.

    `changes` are ``key=value`` or ``section.key=value``, the value in TOML, and stand above the
    file's. Raises `SettingsError`, with the file and the key.
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = RECIPES / f"{name}.toml"
        if not path.is_file() or path.parent != RECIPES:
            raise SettingsError(
                f'There is no recipe "{name}". Known: {", ".join(recipe_names())}; or give the '
                "path of a .toml file."
            )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"Cannot read the recipe {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from error
    for change in changes:
        _apply(table, change)
    return typing.cast(Recipe, _read(Recipe, table, str(path)))


def _apply(table: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    *sections, name = key.strip().split(".")
    if not equals or len(sections) > 1:
        raise SettingsError(f'"{change}" is not of the form key=value or section.key=value.')
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # a word without quotation marks
    target = table.setdefault(sections[0], {}) if sections else table
    if not isinstance(target, dict):
        raise SettingsError(f'"{sections[0]}" is not a section of a recipe.')
    target[name] = value


def _read(kind: type, table: Mapping[str, Any], where: str) -> Any:
    """A dataclass from a TOML table. Raises `SettingsError` for unknown, missing and mistyped keys."""
    hints = typing.get_type_hints(kind)
    known = {one.name: one for one in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f' Did you mean "{near[0]}"?' if near else f" Known: {', '.join(known)}."
            raise SettingsError(f'Unknown key "{key}" in {where}.{hint}')
        wanted = hints[key]
        if dataclasses.is_dataclass(wanted):
            if not isinstance(value, dict):
                raise SettingsError(f'"{key}" in {where} must be a section: [{key}].')
            values[key] = _read(typing.cast(type, wanted), value, f"[{key}] of {where}")
        else:
            values[key] = _typed(wanted, value, f'"{key}" in {where}')
    missing = [
        name
        for name, one in known.items()
        if name not in values
        and one.default is dataclasses.MISSING
        and one.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise SettingsError(f"{where} lacks {', '.join(missing)}.")
    try:
        return kind(**values)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from error


def _typed(wanted: Any, value: Any, what: str) -> Any:
    if isinstance(wanted, types.UnionType):  # "int | None": TOML has no null
        wanted = next(one for one in typing.get_args(wanted) if one is not type(None))
    if typing.get_origin(wanted) is tuple:
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise SettingsError(f"{what} must be a list of words, not {value!r}.")
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool)):
        return value
    raise SettingsError(f"{what} must be of type {wanted.__name__}, not {value!r}.")
