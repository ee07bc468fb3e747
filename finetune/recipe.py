"""Recipes: which model to tune, on what, and how; in TOML, where an unknown key is an error.

The keys of `[quantization]`, `[lora]` and `[training]` are the libraries' own argument names
(bitsandbytes through transformers, peft, and transformers' Trainer with TRL's SFTTrainer), also
those that a newer version has renamed: `finetune.training.arguments` turns them into what the
installed versions take.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rag.answering import prompt, statement_prompt
from rag.schema import SettingsError

RECIPES = Path(__file__).parent / "recipes"
ALL_LINEAR = "all-linear"  # as a target: every linear layer but the one that writes the next token

ExampleKind = Literal["reviews", "answers", "tasks", "statements"]
DType = Literal["float16", "bfloat16", "float32"]
Strategy = Literal["no", "steps", "epoch"]

Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]

_WORDS = {  # pydantic's -> ours
    "Input should": "must",
    "Tuple should": "must",
    "a valid tuple": "a list",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "a word",
    "a valid boolean": "true or false",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    " after validation, not 0": "",
}


class Section(BaseModel):
    """A table of a recipe. Values are taken as they are: 8.0 is no count, and 1 is not true."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class DataRecipe(Section):
    """What the examples are."""

    examples: tuple[ExampleKind, ...] = Field(
        min_length=1,
        strict=False,  # TOML has lists
        description='"reviews" (the plain text of each review, for next-token adaptation), '
        '"answers" (a question, retrieved passages, an answer that cites), "tasks" (summarise and '
        'explain; positive and negative aspects; over groups of reviews). Or "statements" alone '
        "(quotations that agree, and what they say in one plain sentence), which come with the "
        "program.",
    )
    max_length: int = Field(default=1024, ge=16, le=1_000_000, description="Tokens of an example.")
    distractors: int = Field(
        default=3, ge=0, le=50, description="Passages beside those that answer, which do not."
    )
    no_answer: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description='Share of the "answers" that gets no passage that answers, and the refusal '
        "for target.",
    )
    held_out: float = Field(
        default=0.1,
        ge=0.01,
        le=0.5,
        description="Share of the items (or reviews) kept for evaluation.",
    )

    @property
    def template(self) -> str:
        """Which prompt the examples are of (`rag.answering.prompt`); "" for plain text."""
        if self.states:
            return statement_prompt.STATING
        return "" if set(self.examples) == {"reviews"} else prompt.ANSWERING

    @property
    def states(self) -> bool:
        """Whether it is of statements, which come with the program and need no index."""
        return "statements" in self.examples

    @model_validator(mode="after")
    def _check_kinds(self) -> Self:
        if self.states and len(self.examples) > 1:
            raise ValueError('examples = ["statements"] must stand alone: it is another prompt')
        return self


class Quantization(Section):
    """How the base model's weights are held while training (transformers' `BitsAndBytesConfig`)."""

    load_in_4bit: bool = Field(default=False, description="In 4 bits, or as the training computes.")
    bnb_4bit_quant_type: Literal["nf4", "fp4"] = Field(default="nf4", description="The 4-bit code.")
    bnb_4bit_compute_dtype: DType = Field(default="bfloat16", description="What is computed in.")
    bnb_4bit_use_double_quant: bool = Field(
        default=False, description="The scales are quantized too."
    )
    bnb_4bit_quant_storage: Literal["uint8", "float16", "bfloat16", "float32"] = Field(
        default="uint8",
        description="What the codes are stored in. FSDP shards 4-bit weights only if they are "
        "stored as the other weights are.",
    )


class Lora(Section):
    """The adapter (peft's `LoraConfig`)."""

    r: Count = Field(description="Rank of the adapter's matrices.")
    lora_alpha: Count = Field(description="The adapter counts lora_alpha / r times.")
    target_modules: tuple[str, ...] = Field(
        min_length=1,
        strict=False,
        description='Names of the linear layers that it goes on, or "all-linear" alone.',
    )
    lora_dropout: Share = Field(
        default=0.0, description="Share of its inputs left out while training."
    )
    bias: Literal["none", "all", "lora_only"] = Field(
        default="none", description="Biases that learn."
    )
    task_type: Literal["CAUSAL_LM"] = Field(default="CAUSAL_LM", description="What the model does.")
    exclude_modules: str = Field(
        default="", description="A pattern: the vision and audio towers of a model that has them."
    )
    use_rslora: bool = Field(default=False, description="Count lora_alpha / √r times instead.")


class Training(Section):
    """How to train (transformers' `TrainingArguments` and TRL's `SFTConfig`); None leaves it to the
    library.
    """

    num_train_epochs: float = Field(
        default=1.0, gt=0, description="Times that each example is seen."
    )
    per_device_train_batch_size: Count = Field(default=8, description="Examples at once.")
    per_device_eval_batch_size: Count | None = Field(
        default=None, description="The same in evaluation."
    )
    gradient_accumulation_steps: Count = Field(
        default=1, description="Batches to an optimizer step."
    )
    gradient_checkpointing: bool = Field(
        default=True,
        description="Compute activations twice rather than keep them: slower, smaller.",
    )
    optim: str = Field(default="adamw_torch", description="The optimizer.")
    learning_rate: float = Field(default=2e-4, gt=0, description="The highest of the schedule.")
    lr_scheduler_type: str = Field(default="cosine", description="How the learning rate falls.")
    warmup_ratio: Share = Field(  # from 1 on, transformers 5 takes it for a number of steps
        default=0.03, description="Share of the steps in which the learning rate rises."
    )
    weight_decay: NotNegative = Field(default=0.0, description="Of the adapter's weights, a step.")
    max_grad_norm: NotNegative = Field(
        default=1.0, description="Longer gradients are shortened to it."
    )
    fp16: bool = Field(default=False, description="Compute in fp16, which a Gemma overflows.")
    bf16: bool = Field(default=False, description="Compute in bf16.")
    max_steps: int = Field(default=-1, ge=-1, description="Optimizer steps; -1 for whole epochs.")
    logging_steps: Count = Field(
        default=10, description="Steps from one line of the log to the next."
    )
    save_steps: int = Field(default=0, ge=0, description="Steps to a checkpoint; 0: ten in a run.")
    save_total_limit: Count | None = Field(default=None, description="Checkpoints that are kept.")
    evaluation_strategy: Strategy = Field(
        default="no", description="When the held-out loss is measured."
    )
    eval_steps: Count | None = Field(default=None, description="Steps between two measurements.")
    eval_accumulation_steps: Count | None = Field(
        default=None, description="Batches held on the GPU."
    )
    group_by_length: bool = Field(
        default=False, description="Batches of examples of about one length."
    )
    packing: bool = Field(default=False, description="Several examples to a sequence.")
    neftune_noise_alpha: float | None = Field(default=None, description="Noise on the embeddings.")
    report_to: str = Field(default="none", description='Where to log: "none", "tensorboard", ...')
    seed: int = Field(
        default=42, description="Of the split, the order and the adapter's first weights."
    )

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.fp16 and self.bf16:
            raise ValueError("fp16 and bf16 are both true: choose one")
        if self.max_steps == 0:
            raise ValueError("max_steps = 0 must be at least 1, or -1 for whole epochs")
        return self


class Recipe(Section):
    """A whole recipe."""

    base_model: str = Field(description="A name on the hub, a folder, or the bundled model's name.")
    output: str = Field(description="Names the run and the merged model.")
    data: DataRecipe
    lora: Lora
    training: Training
    quantization: Quantization = Quantization()
    licence: str = Field(default="", description="The base model's.")
    gated: bool = Field(
        default=False,
        description="Whether the licence must be accepted on the hub before a download.",
    )
    attn_implementation: str = Field(default="", description='"" is the model\'s default.')


def recipe_names() -> list[str]:
    """The recipes that come with the program."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(recipe: Recipe | Path | str, changes: Sequence[str] = ()) -> Recipe:
    """A recipe by the name of one that comes with the program, by the path of a TOML file, or one
    that is loaded.

    `changes` are ``key=value`` or ``section.key=value``, the value in TOML, and stand above the
    recipe's. Raises `SettingsError`, with the file and the key.
    """
    where, table = _loaded(recipe)
    for change in changes:
        _apply(table, change)
    try:
        return Recipe.model_validate(table)
    except ValidationError as error:
        raise _explained(error, where) from error


def _loaded(recipe: Recipe | Path | str) -> tuple[str, dict[str, Any]]:
    """Where a recipe is from, and its table."""
    if isinstance(recipe, Recipe):
        return f'the recipe of "{recipe.output}"', recipe.model_dump()
    path = Path(recipe)
    if path.suffix != ".toml":
        path = RECIPES / f"{recipe}.toml"
        if not path.is_file() or path.parent != RECIPES:
            raise SettingsError(
                f'There is no recipe "{recipe}". Known: {", ".join(recipe_names())}; or give the '
                "path of a .toml file."
            )
    try:
        return str(path), tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"Cannot read the recipe {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from error


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


def _explained(error: ValidationError, where: str) -> SettingsError:
    """The first thing that is wrong, in words; an unknown key before all, as it may be what is
    missing.
    """
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    problem = problems[0]
    path = [part for part in problem["loc"] if isinstance(part, str)]
    *section, key = path or [""]
    place = f"[{section[0]}] of {where}" if section else where
    if problem["type"] == "extra_forbidden":
        model: Any = Recipe.model_fields[section[0]].annotation if section else Recipe
        near = difflib.get_close_matches(key, model.model_fields, n=1)
        hint = f"Known: {', '.join(model.model_fields)}."
        if near:
            hint = f'Did you mean "{near[0]}"?'
        return SettingsError(f'Unknown key "{key}" in {place}. {hint}')
    if problem["type"] == "missing":
        return SettingsError(f"{place} lacks {key}.")
    if problem["type"] == "model_type":
        return SettingsError(f'"{key}" in {place} must be a section: [{key}].')
    if problem["type"] == "value_error":
        return SettingsError(f"[{key}] of {where}: {problem['ctx']['error']}.")
    words = problem["msg"]
    for theirs, ours in _WORDS.items():
        words = words.replace(theirs, ours)
    return SettingsError(f'"{key}" in {place} {words}, not {problem["input"]!r}.')
