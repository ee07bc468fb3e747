"""Recipes: the original one to the letter, all of them as the installed libraries take them, and
what is refused.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.recipe import (
    RECIPES,
    DataRecipe,
    ExampleKind,
    Recipe,
    load_recipe,
    recipe_names,
)
from finetune.training.arguments import RENAMED, Arguments, Device, is_gemma, resolve
from finetune.training.trainer import steps_of
from rag.answering import prompt
from rag.schema import SettingsError

CPU = Device("cpu", True, "CPU", 2**34)
GPU = Device("cuda", True, "a GPU", 2**35)
OLD_GPU = Device("cuda", False, "an old GPU", 2**34)

# What the issue names, value by value; and what the original left open.
ORIGINAL: dict[str, Any] = {
    "base_model": "google/gemma-2b-it",
    "output": "gemma_Squid_Game",
    "quantization": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
    "lora": {
        "r": 16,
        "lora_alpha": 64,
        "lora_dropout": 0.01,
        "bias": "none",
        "task_type": "CAUSAL_LM",
        "target_modules": (
            "q_proj",
            "k_proj",
            "v_proj",
            "o_proj",
            "gate_proj",
            "down_proj",
            "up_proj",
        ),
    },
    "training": {
        "num_train_epochs": 1,
        "per_device_train_batch_size": 16,
        "gradient_accumulation_steps": 8,
        "gradient_checkpointing": True,
        "optim": "paged_adamw_32bit",
        "learning_rate": 1e-4,
        "lr_scheduler_type": "cosine",
        "warmup_ratio": 0.03,
        "weight_decay": 0.001,
        "max_grad_norm": 0.3,
        "fp16": True,
        "bf16": False,
        "max_steps": -1,
        "group_by_length": False,
        "save_steps": 0,
        "logging_steps": 25,
        "evaluation_strategy": "steps",
        "eval_steps": 500,
        "eval_accumulation_steps": 1,
        "report_to": "tensorboard",
    },
}
OURS: dict[str, Any] = {
    "licence": "Gemma Terms of Use",
    "gated": True,
    "data": {"examples": ("reviews",), "max_length": 512},
    "quantization": {"bnb_4bit_compute_dtype": "float16", "bnb_4bit_use_double_quant": False},
}


def test_the_original_recipe_is_the_original_to_the_letter() -> None:
    recipe = load_recipe("gemma-2b-it").model_dump()
    for part in (ORIGINAL, OURS):
        for key, value in part.items():
            if isinstance(value, dict):
                assert {name: recipe[key][name] for name in value} == value, key
            else:
                assert recipe[key] == value, key


def test_the_original_recipe_says_no_more_than_that_and_marks_what_is_ours() -> None:
    text = (RECIPES / "gemma-2b-it.toml").read_text(encoding="utf-8")
    for key, value in tomllib.loads(text).items():
        if isinstance(value, dict):
            known = ORIGINAL.get(key, {}) | OURS.get(key, {})
            assert value.keys() == known.keys(), key
    quantization = next(line for line in text.splitlines() if "nf4" in line)
    assert 'ours: our reading of "4-bit"' in quantization


def test_all_that_the_recipe_leaves_out_changes_nothing() -> None:
    training = load_recipe("gemma-2b-it").training
    assert not training.packing and training.neftune_noise_alpha is None
    assert training.save_total_limit is None and training.per_device_eval_batch_size is None


def accepted(arguments: Arguments, folder: Path) -> Any:
    """What the installed libraries make of the arguments, on a machine without a GPU; a warning is
    an error.
    """
    from peft import LoraConfig
    from transformers import BitsAndBytesConfig
    from trl import SFTConfig

    here = {"use_cpu": True, "fp16": False, "bf16": False, "dataloader_pin_memory": False}
    training = arguments.training | here
    made = SFTConfig(output_dir=str(folder), **training)
    for key in training.keys() - {"report_to"}:
        found = getattr(made, key)  # some are enumerations there
        assert getattr(found, "value", found) == training[key], key
    assert LoraConfig(**arguments.lora).r == arguments.lora["r"]
    if arguments.quantization is not None:
        assert BitsAndBytesConfig(**arguments.quantization).load_in_4bit
    return made


@pytest.mark.parametrize("device", [CPU, GPU, OLD_GPU], ids=["cpu", "gpu", "old-gpu"])
@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_what_the_installed_libraries_take(
    name: str, device: Device, tmp_path: Path
) -> None:
    recipe = load_recipe(name)
    gemma = is_gemma("gemma") if "gemma" in recipe.base_model else False
    arguments = resolve(recipe, device, 8, gemma=gemma)
    made = accepted(arguments, tmp_path)
    assert (
        made.report_to == ["tensorboard"]
        and made.activation_checkpointing == recipe.training.gradient_checkpointing
    )
    training = arguments.training
    assert not (training["fp16"] and training["bf16"])
    assert arguments.dtype == (
        "float16" if training["fp16"] else "bfloat16" if training["bf16"] else "float32"
    )
    assert not (training["bf16"] and not device.bf16) and not (
        training["fp16"] and device.kind == "cpu"
    )
    if arguments.quantization is not None:
        assert arguments.quantization["bnb_4bit_compute_dtype"] == arguments.dtype
    if training["activation_checkpointing"]:
        assert training["activation_checkpointing_kwargs"] == {"use_reentrant": False}
    assert training["max_length"] is None  # no example is cut by the trainer
    assert training["eval_on_start"] and training["save_steps"] >= 1
    assert training["use_cpu"] == (device.kind == "cpu")
    assert not (device.kind == "cpu" and "paged" in training["optim"])
    assert not set(RENAMED) & set(training)
    assert [text.split(" = ")[0] for text in arguments.renamed] == list(RENAMED)


def test_there_are_the_recipes_that_there_should_be() -> None:
    assert set(recipe_names()) == {
        "gemma-2b-it",
        "gemma-7b-it",
        "gemma-3-1b-it",
        "gemma-3-270m-it",
        "gemma-3-270m-statement",
        "gemma-4-e2b-it",
        "smollm2-135m-it",
    }
    four = load_recipe("gemma-4-e2b-it")
    assert four.licence == "Apache-2.0" and not four.gated and "vision" in four.lora.exclude_modules
    assert all(
        load_recipe(name).gated
        for name in recipe_names()
        if name not in ("gemma-4-e2b-it", "gemma-3-270m-statement", "smollm2-135m-it")
    )
    assert all(load_recipe(name).training.bf16 for name in recipe_names() if name != "gemma-2b-it")


def test_what_a_device_cannot_do_is_told() -> None:
    original = load_recipe("gemma-2b-it")
    told = " ".join(resolve(original, CPU, 8).overridden)
    for what in (
        "fp16 = false, in fp32",
        'bnb_4bit_compute_dtype = "float32"',
        'optim = "adamw_torch"',
        "save_steps",
    ):
        assert what in told
    on_gpu = resolve(original, GPU, 8)
    assert on_gpu.training["fp16"] and on_gpu.training["optim"] == "paged_adamw_32bit"
    assert len(on_gpu.overridden) == 1 and "save_steps = 1" in on_gpu.overridden[0]
    assert resolve(original, GPU, 800).training["save_steps"] == 80
    small = load_recipe("gemma-3-1b-it")
    assert not resolve(small, GPU, 100).overridden
    old = resolve(small, OLD_GPU, 100)
    assert old.dtype == "float32" and "a Gemma overflows fp16" in old.overridden[0]
    other = resolve(small, OLD_GPU, 100, gemma=False)
    assert other.dtype == "float16" and other.training["fp16"]


def test_the_renamed_arguments_mean_the_same(tmp_path: Path) -> None:
    arguments = resolve(load_recipe("smollm2-135m-it"), CPU, 100)
    assert arguments.training["train_sampling_strategy"] == "group_by_length"
    assert arguments.training["eval_strategy"] == "steps"
    assert accepted(arguments, tmp_path).get_warmup_steps(100) == 5
    assert "warmup_ratio = 0.05 is given as warmup_steps = 0.05." in arguments.renamed


def test_a_corpus_of_897_reviews_gives_8_steps() -> None:
    assert steps_of(load_recipe("gemma-2b-it"), 897) == 8


@given(
    sequences=st.integers(1, 3000),
    batch=st.integers(1, 64),
    parts=st.integers(1, 16),
    epochs=st.floats(0.1, 5),
)
def test_steps_are_counted_as_the_trainer_counts_them(
    sequences: int, batch: int, parts: int, epochs: float
) -> None:
    changes = (
        f"training.per_device_train_batch_size={batch}",
        f"training.gradient_accumulation_steps={parts}",
        f"training.num_train_epochs={epochs!r}",
    )
    steps = steps_of(load_recipe("gemma-2b-it", changes), sequences)
    batches = -(-sequences // batch)
    each = max(batches // parts + int(batches % parts > 0), 1)
    assert steps >= 1 and epochs * each <= steps < epochs * each + 1


def test_a_number_of_steps_that_is_given_stands() -> None:
    assert steps_of(load_recipe("gemma-2b-it", ["training.max_steps=3"]), 897) == 3


MINIMAL = """
base_model = "some/model"
output = "mine"
[data]
examples = ["reviews"]
[lora]
r = 8
lora_alpha = 16
target_modules = ["q_proj"]
[training]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL, encoding="utf-8")
    return path


def test_a_recipe_of_ones_own_has_defaults(file: Path) -> None:
    recipe = load_recipe(str(file))
    assert (
        recipe.base_model == "some/model"
        and not recipe.gated
        and not recipe.quantization.load_in_4bit
    )
    assert recipe.training.num_train_epochs == 1 and recipe.lora.target_modules == ("q_proj",)


@pytest.mark.parametrize(
    ("change", "key", "says"),
    [
        ("training.learning_rat=1", "learning_rat", 'Did you mean "learning_rate"?'),
        ("training.xyzzy=1", "xyzzy", "Known: num_train_epochs"),
        ("basemodel='x'", "basemodel", 'Did you mean "base_model"?'),
        ("optimizer.name='x'", "optimizer", "Known: base_model"),
        ("lora.r='many'", "r", "must be a whole number, not 'many'"),
        ("lora.r=8.5", "r", "must be a whole number, not 8.5"),
        ("lora.r=true", "r", "must be a whole number, not True"),
        ("training.fp16=1", "fp16", "must be true or false, not 1"),
        ("training.eval_steps='x'", "eval_steps", "must be a whole number"),
        ("training.learning_rate=true", "learning_rate", "must be a number"),
        ("lora.target_modules='q_proj'", "target_modules", "must be a list, not 'q_proj'"),
        ("data.examples=[1]", "examples", "'tasks' or 'statements', not 1"),
        ("lora=1", "lora", "must be a section: [lora]"),
        ("lora.r=0", "r", "must be at least 1, not 0"),
        ("lora.lora_dropout=1.0", "lora_dropout", "must be less than 1"),
        ("lora.target_modules=[]", "target_modules", "must have at least 1 item"),
        ("lora.bias='some'", "bias", "'none', 'all' or 'lora_only'"),
        ("lora.task_type='SEQ_CLS'", "task_type", "CAUSAL_LM"),
        ("data.examples=['poems']", "examples", "'tasks' or 'statements', not 'poems'"),
        ("data.examples=[]", "examples", "must have at least 1 item"),
        ("data.max_length=8", "max_length", "at least 16"),
        ("data.held_out=0.9", "held_out", "at most 0.5"),
        ("data.no_answer=-0.1", "no_answer", "at least 0"),
        ("data.distractors=-1", "distractors", "at least 0"),
        ("quantization.bnb_4bit_quant_type='nf8'", "bnb_4bit_quant_type", "'nf4' or 'fp4'"),
        (
            "quantization.bnb_4bit_compute_dtype='half'",
            "bnb_4bit_compute_dtype",
            "'float16', 'bfloat16' or 'float32'",
        ),
        ("training.per_device_train_batch_size=0", "per_device_train_batch_size", "at least 1"),
        ("training.gradient_accumulation_steps=0", "gradient_accumulation_steps", "at least 1"),
        ("training.eval_steps=0", "eval_steps", "at least 1"),
        ("training.learning_rate=0", "learning_rate", "greater than 0"),
        ("training.learning_rate=nan", "learning_rate", "a finite number"),
        ("training.num_train_epochs=-1", "num_train_epochs", "greater than 0"),
        ("training.weight_decay=-0.1", "weight_decay", "at least 0"),
        ("training.warmup_ratio=5", "warmup_ratio", "must be less than 1"),
        ("training.max_steps=0", "max_steps", "at least 1, or -1"),
        ("training.evaluation_strategy='often'", "evaluation_strategy", "'no', 'steps' or 'epoch'"),
    ],
)
def test_what_is_wrong_is_said_with_the_file_and_the_key(
    file: Path, change: str, key: str, says: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_recipe(str(file), [change])
    assert key in str(caught.value) and says in str(caught.value) and str(file) in str(caught.value)


def test_fp16_and_bf16_together_are_refused(file: Path) -> None:
    with pytest.raises(SettingsError, match="fp16 and bf16 are both true"):
        load_recipe(str(file), ["training.fp16=true", "training.bf16=true"])


@pytest.mark.parametrize(
    ("key", "near"), [("optim", "adamw_torch"), ("lr_scheduler_type", "cosine")]
)
def test_a_name_that_the_installed_version_does_not_know_is_refused(
    file: Path, key: str, near: str
) -> None:
    with pytest.raises(SettingsError, match=f'{key} = "{near}x" .*Did you mean "{near}"'):
        resolve(load_recipe(str(file), [f"training.{key}={near}x"]), CPU, 8)
    with pytest.raises(SettingsError, match=f"{key}.*Known: .*{near}"):
        resolve(load_recipe(str(file), [f"training.{key}=xyzzy"]), CPU, 8)


@pytest.mark.parametrize(
    "key", ["base_model", "output", "r", "lora_alpha", "target_modules", "examples"]
)
def test_what_is_missing_is_said(file: Path, key: str) -> None:
    lines = [line for line in MINIMAL.splitlines() if not line.startswith(f"{key} =")]
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(SettingsError, match=f"{file}.* lacks {key}"):
        load_recipe(str(file))


def test_what_is_no_recipe_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r'no recipe "gemma-9".*gemma-2b-it'):
        load_recipe("gemma-9")
    with pytest.raises(SettingsError, match="no recipe"):
        load_recipe("../recipes/nothing")
    with pytest.raises(SettingsError, match=r"Cannot read the recipe .*gone\.toml"):
        load_recipe(str(tmp_path / "gone.toml"))
    broken = tmp_path / "broken.toml"
    broken.write_text("r = = 1", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"broken\.toml is not valid TOML"):
        load_recipe(str(broken))
    broken.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not valid TOML"):
        load_recipe(str(broken))


@pytest.mark.parametrize("change", ["lora.r", "a.b.c=1", "output.name=1"])
def test_a_change_that_is_none_is_refused(file: Path, change: str) -> None:
    with pytest.raises(SettingsError, match=r"is not of the form key=value|is not a section"):
        load_recipe(str(file), [change])


def test_changes_stand_above_the_file(file: Path) -> None:
    recipe = load_recipe(
        str(file),
        [
            "output=plain words",
            "lora.r=4",
            'data.examples=["tasks"]',
            "quantization.load_in_4bit=true",
            "training.learning_rate=1",
            "lora.r=2",
        ],
    )
    assert (
        recipe.output == "plain words" and recipe.lora.r == 2 and recipe.data.examples == ("tasks",)
    )
    assert recipe.quantization.load_in_4bit and recipe.training.learning_rate == 1.0


@given(st.sampled_from(sorted(Recipe.model_fields)), st.text(max_size=20))
def test_no_change_breaks_more_than_the_recipe(key: str, value: str) -> None:
    try:
        assert isinstance(load_recipe("gemma-2b-it", [f"{key}={value}"]), Recipe)
    except SettingsError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("examples", "template"),
    [
        (("reviews",), ""),
        (("reviews", "answers"), prompt.ANSWERING),
        (("tasks",), prompt.ANSWERING),
    ],
)
def test_which_prompt_the_examples_are_of(examples: tuple[ExampleKind, ...], template: str) -> None:
    assert set(examples) <= set(get_args(ExampleKind))
    assert DataRecipe(examples=examples).template == template


def test_the_settings_for_several_gpus_are_read_and_fit_the_recipe() -> None:
    """FSDP shards 4-bit weights only if they are stored in the type of the others."""
    from accelerate.commands.config.config_args import load_config_from_file

    file = RECIPES.parent / "accelerate" / "fsdp_qlora.yaml"
    config = load_config_from_file(str(file))
    assert (
        config.distributed_type.value == "FSDP"
        and config.mixed_precision == "bf16"
        and not config.use_cpu
    )
    assert (
        config.fsdp_config["fsdp_activation_checkpointing"] is False
    )  # the recipe's own, and not twice
    (change,) = re.findall(r"--set (\S+)", file.read_text(encoding="utf-8"))
    arguments = resolve(
        load_recipe("gemma-7b-it", [change]), Device("cuda", True, "a GPU", 2**34), 100
    )
    assert arguments.quantization is not None
    assert arguments.quantization["bnb_4bit_quant_storage"] == arguments.dtype == "bfloat16"
