"""A good run passes every check, and each known way to ruin one is caught by the check that is
named for it.
"""

from __future__ import annotations

import copy
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finetune.data.encode import IGNORED, TOO_LONG, Encoded, EncodedSet
from finetune.data.examples import Example, ExampleSet, write_examples
from finetune.folders import DATA, run_folder
from finetune.preflight.checks import Check, passed
from finetune.preflight.estimate import empty_model, in_words
from finetune.preflight.fit import check_fit, check_memory, check_targets
from finetune.preflight.model import check_model, check_step
from finetune.preflight.tokens import check_tokens
from finetune.recipe import load_recipe
from finetune.training.arguments import Device
from finetune.training.trainer import Prepared, prepare, steps_of, train_adapter, tuned_model
from rag.answering import prompt
from rag.config import Settings
from rag.schema import Chunk, Message, ModelError, RetrievedChunk, Review
from tests.tiny_models import COMPOSITE_FAMILIES, FAMILIES, make_tiny_model

RECIPE = """
base_model = "{base}"
output = "tuned"
licence = "none needed"
[data]
examples = ["answers"]
max_length = 2000
[lora]
r = 4
lora_alpha = 8
target_modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
[training]
per_device_train_batch_size = 2
logging_steps = 1
"""
GPU = Device("cuda", True, "a GPU", 2**36)
ALWAYS = {
    "examples",
    "one BOS",
    "end of turn under loss",
    "prompt not under loss",
    "padding masked",
    "no answer cut",
    "chat template",
    "number type",
    "schedule",
    "licence",
    "disk",
    "memory",
    "vocabulary",
    "target modules",
}
LOADED = {
    "trainable parameters",
    "attention",
    "gradients",
    "checkpointing",
    "time",
}


def own_changes(family: str) -> list[str]:
    """What the family needs, as its recipe has it."""
    if family in COMPOSITE_FAMILIES:
        return ['lora.exclude_modules=".*(vision|audio).*"']
    return ["attn_implementation=eager"] if family == "gemma2" else []


def example(number: int, words: int = 4) -> Example:
    text = "The pool was warm." + " Very warm." * words
    retrieved = RetrievedChunk(1, Chunk("c", "r", 0, len(text), text), Review("r", text), 1.0, ())
    messages = prompt.build_messages("How was the pool?", [retrieved] * (1 + number % 2))
    return Example(f"q{number}", "answer", "questions", tuple(messages), f"{text} [1]", ("r",))


def with_system(one: Example) -> Example:
    system: Message = {"role": "system", "content": "Be brief."}
    return replace(one, messages=(system, *one.messages))


def made(
    folder: Path,
    family: str = "gemma1",
    *changes: str,
    train: Sequence[Example] = tuple(map(example, range(5))),
    device: Device | None = None,
) -> Prepared:
    """A run over hand-made examples, with a small model of the family."""
    base = folder / family
    if not base.exists():
        make_tiny_model(base, family)
    file = folder / "recipe.toml"
    file.write_text(RECIPE.format(base=base), encoding="utf-8")
    recipe, settings = load_recipe(file, changes), Settings().changed({"paths.runs_dir": folder})
    write_examples(ExampleSet(list(train), [example(9)], {}), run_folder(settings, recipe) / DATA)
    return prepare(recipe, settings, device)


def check_data(prepared: Prepared) -> list[Check]:
    return [*check_tokens(prepared), *check_fit(prepared)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return made(tmp_path_factory.mktemp("good"))


@pytest.fixture
def model(prepared: Prepared) -> Any:
    return tuned_model(prepared, Settings())


def by_name(checks: Sequence[Check]) -> dict[str, Check]:
    found = {one.name: one for one in checks}
    assert len(found) == len(checks)
    return found


def verdict(checks: Sequence[Check], name: str, wanted: str) -> Check:
    """The check of this name, which must say so; where it is not right it must say how to mend it."""
    found = by_name(checks)[name]
    assert found.verdict == wanted, found
    assert found.verdict == "ok" or found.mend
    assert passed(checks) == all(one.verdict != "failed" for one in checks)
    return found


def changed(found: EncodedSet, change: Callable[[Encoded], Encoded]) -> EncodedSet:
    return EncodedSet([change(one) for one in found.sequences], Counter(found.left_out))


@pytest.mark.parametrize("family", [*FAMILIES, *COMPOSITE_FAMILIES])
@pytest.mark.parametrize("four_bit", [False, True], ids=["16-bit", "nf4"])
def test_a_good_run_passes_every_check(family: str, four_bit: bool, tmp_path: Path) -> None:
    changes = own_changes(family)
    if four_bit:
        changes += ["quantization.load_in_4bit=true", "quantization.bnb_4bit_compute_dtype=float32"]
    good = made(tmp_path, family, *changes)
    checks = check_data(good)
    model = tuned_model(good, Settings())
    checks += check_model(good, model)
    more, step = check_step(good, model)
    checks += more
    assert {one.name for one in checks} == ALWAYS | LOADED
    assert not [one for one in checks if one.verdict != "ok"]
    assert passed(checks) and step is not None and step.tokens > 0 and step.seconds > 0
    assert all(p.grad is None for p in model.parameters())  # nothing is left behind
    assert all(set(one.as_dict()) == {"name", "verdict", "saw", "mend"} for one in checks)


def test_no_examples(prepared: Prepared) -> None:
    checks = check_data(replace(prepared, train=EncodedSet()))
    verdict(checks, "examples", "failed")
    assert not passed(checks)
    verdict(check_data(replace(prepared, held_out=EncodedSet())), "examples", "warning")


def test_two_bos(prepared: Prepared) -> None:
    bos = prepared.tokenizer.bos_token_id

    def twice(one: Encoded) -> Encoded:
        return Encoded(one.id, [bos, *one.input_ids], [IGNORED, *one.labels])

    found = verdict(
        check_data(replace(prepared, train=changed(prepared.train, twice))), "one BOS", "failed"
    )
    assert "5 sequences" in found.saw
    none = changed(prepared.train, lambda one: Encoded(one.id, one.input_ids[1:], one.labels[1:]))
    verdict(check_data(replace(prepared, train=none)), "one BOS", "failed")


@pytest.mark.parametrize("end", ["masked", "cut"])
def test_an_end_that_is_not_trained(prepared: Prepared, end: str) -> None:
    def without(one: Encoded) -> Encoded:
        if end == "cut":
            return Encoded(one.id, one.input_ids[:-1], one.labels[:-1])
        return Encoded(one.id, one.input_ids, [*one.labels[:-1], IGNORED])

    checks = check_data(replace(prepared, train=changed(prepared.train, without)))
    assert (
        "5 answers do not end in <end_of_turn>"
        in verdict(checks, "end of turn under loss", "failed").saw
    )


@pytest.mark.parametrize("whole", [True, False])
def test_a_prompt_that_is_trained(prepared: Prepared, whole: bool) -> None:
    def leaking(one: Encoded) -> Encoded:
        start = 0 if whole else one.labels.count(IGNORED) - 1
        return Encoded(one.id, one.input_ids, one.labels[:start] + one.input_ids[start:])

    checks = check_data(replace(prepared, train=changed(prepared.train, leaking)))
    assert "5 prompts" in verdict(checks, "prompt not under loss", "failed").saw


@pytest.mark.parametrize("first", [True, False])
def test_a_sequence_without_loss(prepared: Prepared, first: bool) -> None:
    """The label of the first token counts for nothing: it is predicted from no other."""

    def silent(one: Encoded) -> Encoded:
        return Encoded(
            "silent",
            one.input_ids,
            [one.input_ids[0] if first else IGNORED, *[IGNORED] * len(one.labels[1:])],
        )

    train = EncodedSet([*prepared.train.sequences, silent(prepared.train.sequences[0])])
    found = verdict(check_data(replace(prepared, train=train)), "tokens under loss", "failed")
    assert "1 sequences" in found.saw and "silent" in found.saw


@pytest.mark.parametrize("family", ["gemma1", "smollm2"])
@pytest.mark.parametrize("wrong", ["masks the end", "trains padding", "attends to padding"])
def test_padding_that_is_wrong(
    family: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl.trainer import sft_trainer

    good = made(tmp_path, family)

    class Wrong(sft_trainer.DataCollatorForLanguageModeling):  # type: ignore[misc]
        def torch_call(self, examples: Any) -> Any:
            batch = super().torch_call(examples)
            if (
                wrong == "masks the end"
            ):  # as collators do that take every token like padding for padding
                batch["labels"][batch["input_ids"] == good.train.sequences[0].input_ids[-1]] = (
                    IGNORED
                )
            elif wrong == "trains padding":
                padding = batch["attention_mask"] == 0
                batch["labels"][padding] = batch["input_ids"][padding]
            else:
                batch["attention_mask"][:] = 1
            return batch

    verdict(check_data(good), "padding masked", "ok")
    monkeypatch.setattr(sft_trainer, "DataCollatorForLanguageModeling", Wrong)
    verdict(check_data(good), "padding masked", "failed")


def test_padding_is_looked_at_with_one_example_too(prepared: Prepared) -> None:
    one = replace(prepared, train=EncodedSet(prepared.train.sequences[:1]))
    verdict(check_data(one), "padding masked", "ok")


def test_examples_that_are_too_long(tmp_path: Path) -> None:
    train = [*map(example, range(3)), example(7, 200), example(8, 200)]
    found = verdict(check_data(made(tmp_path, "gemma1", train=train)), "no answer cut", "warning")
    assert "2 of 6 examples" in found.saw and "max_length = 2000" in found.saw
    few = replace(made(tmp_path, "gemma1"))
    few.held_out.left_out[TOO_LONG] = 1
    assert "1 of 7 examples" in verdict(check_data(few), "no answer cut", "ok").saw


@pytest.mark.parametrize("part", ["train", "held_out"])
def test_examples_longer_than_the_model_reads(prepared: Prepared, part: str) -> None:
    config = copy.deepcopy(prepared.config)
    config.max_position_embeddings = prepared.train.longest
    verdict(check_data(replace(prepared, config=config)), "no answer cut", "ok")
    one = prepared.train.sequences[0]
    long = EncodedSet([one, Encoded(one.id, one.input_ids * 5, one.labels * 5)])
    changes: dict[str, Any] = {"config": config, part: long}
    found = verdict(check_data(replace(prepared, **changes)), "no answer cut", "failed")
    assert (
        f"{len(one.input_ids) * 5} tokens" in found.saw
        and str(prepared.train.longest) in found.mend
    )


def test_a_system_role_that_the_template_refuses(tmp_path: Path) -> None:
    train = [example(0), with_system(example(1)), example(2)]
    checks = check_data(made(tmp_path, "gemma1", train=train))
    found = verdict(checks, "chat template", "failed")
    assert "System role not supported" in found.saw and "1 examples" in found.saw
    assert not passed(checks)
    checks = check_data(made(tmp_path, "gemma1", train=[with_system(example(1))]))
    verdict(checks, "chat template", "failed")
    verdict(checks, "examples", "failed")
    verdict(check_data(made(tmp_path, "gemma3", train=train)), "chat template", "ok")


def test_roles_that_do_not_alternate(tmp_path: Path) -> None:
    twice = replace(example(1), messages=(*example(1).messages, *example(1).messages))
    found = verdict(
        check_data(made(tmp_path, "gemma1", train=[example(0), twice])), "chat template", "failed"
    )
    assert "1 of 3 examples" in found.saw


def test_a_template_that_writes_an_answered_turn_otherwise(tmp_path: Path) -> None:
    good = made(tmp_path, "gemma1")
    good.tokenizer.chat_template = good.tokenizer.chat_template.replace(
        "<end_of_turn>\n'", "!<end_of_turn>\n'"
    )
    verdict(check_data(good), "chat template", "warning")
    good.tokenizer.chat_template = None
    verdict(check_data(good), "chat template", "warning")


def test_a_bos_that_only_the_tokenizer_writes(tmp_path: Path) -> None:
    good = made(tmp_path, "gemma1")
    good.tokenizer.chat_template = good.tokenizer.chat_template.removeprefix("{{ bos_token }}")
    checks = check_data(good)
    verdict(checks, "chat template", "ok")
    verdict(checks, "one BOS", "ok")


def test_plain_text_needs_no_template(tmp_path: Path) -> None:
    text = Example("review-1", "review", "reviews", (), "The pool was warm.", ("1",))
    checks = check_data(made(tmp_path, "gemma1", train=[text]))
    assert passed(checks) and "end of turn under loss" not in by_name(checks)


def test_fp16_on_a_gemma(tmp_path: Path) -> None:
    found = verdict(
        check_data(made(tmp_path, "gemma1", "training.fp16=true", device=GPU)),
        "number type",
        "warning",
    )
    assert "65,504" in found.saw and "training.bf16=true" in found.mend and "bf16" in found.mend
    old = replace(GPU, bf16=False)
    found = verdict(
        check_data(made(tmp_path, "gemma1", "training.fp16=true", device=old)),
        "number type",
        "warning",
    )
    assert "fp32" in found.mend and "bf16" not in found.mend
    for changes, device in ((["training.bf16=true"], GPU), (["training.fp16=true"], None)):
        verdict(check_data(made(tmp_path, "gemma1", *changes, device=device)), "number type", "ok")
    verdict(
        check_data(made(tmp_path, "smollm2", "training.fp16=true", device=GPU)), "number type", "ok"
    )


def test_a_gemma_2_whose_attention_is_not_capped(tmp_path: Path) -> None:
    good = made(tmp_path, "gemma2", "attn_implementation=eager")
    model = tuned_model(good, Settings())
    verdict(check_model(good, model), "attention", "ok")
    model.config._attn_implementation = "sdpa"
    found = verdict(check_model(good, model), "attention", "warning")
    assert "sdpa" in found.saw and "eager" in found.mend
    asked = made(tmp_path, "gemma2", "attn_implementation=sdpa")
    with pytest.raises(ModelError, match="eager"):  # the installed version refuses it itself
        tuned_model(asked, Settings())


def with_lora(prepared: Prepared, **changes: Any) -> Prepared:
    lora = prepared.recipe.lora.model_copy(update=changes)
    return replace(prepared, recipe=prepared.recipe.model_copy(update={"lora": lora}))


def targets_of(prepared: Prepared, *targets: str) -> Check:
    chosen = with_lora(prepared, target_modules=targets).recipe
    return check_targets(empty_model(prepared.config), chosen)


def test_a_target_module_that_does_not_exist(prepared: Prepared) -> None:
    check = targets_of(prepared, *prepared.recipe.lora.target_modules, "w_proj")
    assert check.verdict == "failed" and "w_proj 0" in check.saw and "q_proj 2" in check.saw
    assert '["all-linear"]' in check.mend


def test_a_target_module_may_have_more_than_a_name(prepared: Prepared) -> None:
    check = targets_of(prepared, "self_attn.q_proj", "layers.0.mlp.up_proj")
    assert check.verdict == "ok"
    assert "self_attn.q_proj 2" in check.saw and "layers.0.mlp.up_proj 1" in check.saw


@pytest.mark.parametrize("tied", [True, False])
def test_an_adapter_on_what_writes_the_next_token(tmp_path: Path, tied: bool) -> None:
    make_tiny_model(tmp_path / "gemma2", "gemma2", tie_word_embeddings=tied)
    good = made(tmp_path, "gemma2", *own_changes("gemma2"))
    check = targets_of(good, "q_proj", "lm_head")
    assert check.verdict == "failed" and "lm_head writes the next token" in check.saw
    assert ("share their weights" in check.saw) == tied
    assert check.mend == 'Set lora.target_modules = ["q_proj"].'
    assert targets_of(good, "lm_head").mend == 'Set lora.target_modules = ["all-linear"].'
    check = targets_of(good, "q_proj", "embed_tokens")
    assert check.verdict == "failed" and "embed_tokens is the input embedding" in check.saw


def test_training_without_the_checks_refuses_such_an_adapter_too(tmp_path: Path) -> None:
    make_tiny_model(tmp_path / "gemma1", "gemma1", tie_word_embeddings=False)
    unchecked = made(tmp_path, "gemma1", 'lora.target_modules=["q_proj", "lm_head"]')
    with pytest.raises(ModelError, match="lm_head"):
        train_adapter(unchecked, Settings().changed({"paths.runs_dir": tmp_path}))


@pytest.mark.parametrize("family", [*FAMILIES, *COMPOSITE_FAMILIES])
def test_all_linear_is_every_linear_layer_but_the_last(family: str, tmp_path: Path) -> None:
    changes = [*own_changes(family), 'lora.target_modules=["all-linear"]']
    good = made(tmp_path, family, *changes)
    model = tuned_model(good, Settings())
    checks = [*check_data(good), *check_model(good, model), *check_step(good, model)[0]]
    assert passed(checks), [check for check in checks if check.verdict == "failed"]
    assert not any("lm_head" in name for name, _ in model.named_parameters() if "lora_" in name)
    check = targets_of(good, "all-linear", "q_proj")
    assert check.verdict == "failed" and '["all-linear"]' in check.mend


def test_a_tokenizer_with_more_tokens_than_the_model(tmp_path: Path) -> None:
    good = made(tmp_path, "gemma1")
    good.tokenizer.add_tokens(["swimmingpool"])
    new = len(good.tokenizer) - 1
    more = [Encoded("new", [*good.train.sequences[0].input_ids, new], [new] * 9)]
    check = verdict(check_fit(replace(good, train=EncodedSet(more))), "vocabulary", "failed")
    assert f"token {new}" in check.saw and "resize_token_embeddings" in check.mend


def test_base_weights_that_would_be_trained(prepared: Prepared, model: Any) -> None:
    next(p for n, p in model.named_parameters() if "norm" in n).requires_grad_(True)
    assert (
        "also base_model"
        in verdict(check_model(prepared, model), "trainable parameters", "failed").saw
    )
    checks, _ = check_step(prepared, model)
    verdict(checks, "gradients", "ok")  # it learns, as it was told to; the check above stopped that


def test_an_adapter_of_another_size(prepared: Prepared, model: Any) -> None:
    verdict(check_model(with_lora(prepared, r=8), model), "trainable parameters", "failed")


def layers_of(model: Any) -> Any:
    return model.base_model.model.model.layers


def test_an_adapter_that_gets_no_gradient(prepared: Prepared, model: Any) -> None:
    layers_of(model)[0].register_forward_hook(lambda module, given, out: out.detach())
    found = verdict(check_step(prepared, model)[0], "gradients", "failed")
    assert "no gradient in 7 of 14" in found.saw and "layers.0" in found.saw
    layers_of(model)[1].register_forward_hook(lambda module, given, out: out.detach())
    checks, step = check_step(prepared, model)
    verdict(checks, "gradients", "failed")
    assert step is None


def test_a_model_without_an_adapter(prepared: Prepared, model: Any) -> None:
    bare = model.unload()
    bare.requires_grad_(True)
    found = verdict(check_step(prepared, bare)[0], "gradients", "failed")
    assert "no adapter" in found.saw


def test_weights_that_are_no_numbers(prepared: Prepared, model: Any) -> None:
    import torch

    with torch.no_grad():
        next(p for n, p in model.named_parameters() if "lora_A" in n).fill_(float("nan"))
    verdict(check_step(prepared, model)[0], "gradients", "failed")


def test_checkpointing_that_is_reentrant(prepared: Prepared, model: Any) -> None:
    training = prepared.arguments.training | {
        "activation_checkpointing_kwargs": {"use_reentrant": True}
    }
    wrong = replace(prepared, arguments=replace(prepared.arguments, training=training))
    assert "reentrant" in verdict(check_step(wrong, model)[0], "checkpointing", "failed").saw


def test_without_checkpointing_there_is_nothing_to_check(tmp_path: Path) -> None:
    good = made(tmp_path, "gemma1", "training.gradient_checkpointing=false")
    checks, _ = check_step(good, tuned_model(good, Settings()))
    verdict(checks, "gradients", "ok")
    assert "checkpointing" not in by_name(checks)


def test_packing_that_mixes_examples(tmp_path: Path) -> None:
    good = made(tmp_path, "gemma1", "training.packing=true")
    model = tuned_model(good, Settings())
    verdict(check_model(good, model), "packing", "ok")

    def blind(module: Any, given: Any, more: dict[str, Any]) -> Any:
        """As an attention that knows nothing of where an example begins."""
        import torch

        length = more["input_ids"].shape[1]
        return given, more | {
            "position_ids": None,
            "attention_mask": torch.ones(1, length, dtype=torch.long),
        }

    model.register_forward_pre_hook(blind, with_kwargs=True)
    verdict(check_model(good, model), "packing", "failed")


def test_too_little_memory(prepared: Prepared) -> None:
    needed = prepared.estimate.total
    for free, wanted in (
        (needed - 1, "failed"),
        (int(needed * 1.05), "warning"),
        (needed * 2, "ok"),
    ):
        found = check_memory(
            replace(prepared, device=replace(prepared.device, free_bytes=free)), prepared.estimate
        )
        assert found.verdict == wanted and in_words(needed) in found.saw


def test_a_step_that_does_not_fit(prepared: Prepared, model: Any) -> None:
    import torch

    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nMore")

    model.register_forward_pre_hook(full)
    checks, step = check_step(prepared, model)
    found = verdict(checks, "memory", "failed")
    assert step is None and "per_device_train_batch_size" in found.mend and "More" not in found.saw


def test_a_full_disk(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    usage: Any = shutil.disk_usage(prepared.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    verdict(check_data(prepared), "disk", "failed")


def test_a_schedule_that_never_comes(prepared: Prepared) -> None:
    original = load_recipe("gemma-2b-it")
    found = verdict(
        check_data(replace(prepared, recipe=original, steps=steps_of(original, 897))),
        "schedule",
        "warning",
    )
    assert (
        "8 steps: logging every 25 steps and evaluation every 500 steps would never come"
        in found.saw
    )
    verdict(check_data(replace(prepared, recipe=original, steps=500)), "schedule", "ok")


def test_a_licence_behind_a_gate(prepared: Prepared) -> None:
    def with_licence(**changes: Any) -> list[Check]:
        return check_data(replace(prepared, recipe=prepared.recipe.model_copy(update=changes)))

    found = verdict(
        with_licence(gated=True, licence="Gemma Terms of Use", base_model="a/b"),
        "licence",
        "warning",
    )
    assert "Gemma Terms of Use" in found.saw and "https://huggingface.co/a/b" in found.mend
    verdict(with_licence(licence=""), "licence", "warning")
