"""Checks before the first step: the known ways to ruin a run, each looked for by name.

Here what the recipe and the examples say by themselves; `finetune.preflight.model` has what the
model says once it is loaded, and what one real step shows. None of them changes anything.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from finetune.data.encode import IGNORED, REFUSED, TOO_LONG, end_of_turn
from finetune.data.examples import HELD_OUT_FILE, TRAIN_FILE, read_examples
from finetune.preflight.estimate import Estimate, estimate, in_words
from finetune.training.memory import LESS_MEMORY
from finetune.training.trainer import DATA, Prepared
from rag.generators.transformers import prompt_ids
from rag.schema import GeneratorError

Verdict = Literal["ok", "warning", "failed"]
_TIGHT = 0.9  # share of the free memory, from which on it is warned
_MOST_LOST = 0.2  # share of examples left out as too long, from which on it is warned
_KEPT_CHECKPOINTS = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it saw, and where it is not right, how to mend it."""

    name: str
    verdict: Verdict
    saw: str
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return {name: str(value) for name, value in asdict(self).items()}


def passed(checks: Sequence[Check]) -> bool:
    """Whether training may begin: warnings do not stop it."""
    return all(one.verdict != "failed" for one in checks)


def check_data(prepared: Prepared) -> list[Check]:
    """What can be told without the model's weights."""
    return [
        *_examples(prepared),
        *_bos(prepared),
        *_loss(prepared),
        *_padding(prepared),
        *_lost(prepared),
        *_template(prepared),
        *_dtype(prepared),
        *_schedule(prepared),
        *_licence(prepared),
        *_disk(prepared),
    ]


def _examples(prepared: Prepared) -> Iterator[Check]:
    train, held_out = len(prepared.train.sequences), len(prepared.held_out.sequences)
    saw = f"{train} sequences to train on, {held_out} held out, {prepared.train.tokens} tokens"
    if not train:
        yield Check(
            "examples",
            "failed",
            saw,
            "Make examples (reviewqa finetune data), or raise data.max_length.",
        )
    elif not held_out:
        yield Check(
            "examples",
            "warning",
            saw,
            "Without any held out, nothing tells whether it learns or remembers.",
        )
    else:
        yield Check("examples", "ok", saw)


def _bos(prepared: Prepared) -> Iterator[Check]:
    bos = prepared.tokenizer.bos_token_id
    starts = prepared.tokenizer("")["input_ids"][:1] == [bos] if bos is not None else False
    counts = [sequence.input_ids.count(bos) for sequence in prepared.train.sequences]
    if not counts or not starts:
        yield Check("one BOS", "ok", "this tokenizer begins no text with a BOS")
        return
    wrong = [
        one.id
        for one, count in zip(prepared.train.sequences, counts, strict=True)
        if count != 1 or one.input_ids[0] != bos
    ]
    if wrong:
        yield Check(
            "one BOS",
            "failed",
            f"{len(wrong)} sequences do not have exactly one BOS, at the start ({wrong[0]})",
            "A chat template that writes the BOS and a tokenizer that adds one make two: use "
            "finetune.data.encode.",
        )
    else:
        yield Check("one BOS", "ok", f"exactly one, at the start of all {len(counts)}")


def _loss(prepared: Prepared) -> Iterator[Check]:
    """The answer and the token that ends it carry loss, and the prompt does not."""
    end, tokenizer = end_of_turn(prepared.tokenizer), prepared.tokenizer
    name = tokenizer.convert_ids_to_tokens(end)
    answers = [one for one in prepared.train.sequences if IGNORED in one.labels]
    if answers:
        without = [one.id for one in answers if one.labels[-1] != end]
        if without:
            yield Check(
                "end of turn under loss",
                "failed",
                f"{len(without)} answers do not end in {name} under loss",
                "The model would not learn to stop: do not mask the end token, and do not cut "
                "examples.",
            )
        else:
            yield Check(
                "end of turn under loss",
                "ok",
                f"{name} ends all {len(answers)} answers, under loss",
            )
    encoded = {one.id for one in prepared.train.sequences}
    prompts = {
        example.id: len(prompt_ids(tokenizer, example.messages))
        for example in read_examples(prepared.folder / DATA / TRAIN_FILE)
        if example.messages and example.id in encoded
    }
    leaking = [
        one.id
        for one in prepared.train.sequences
        if any(label != IGNORED for label in one.labels[: prompts.get(one.id, 0)])
    ]
    if leaking:
        yield Check(
            "prompt not under loss",
            "failed",
            f"{len(leaking)} prompts carry loss ({leaking[0]})",
            "The model would learn to write reviews and instructions: mask the prompt (label "
            "-100).",
        )
    elif prompts:
        share = sum(sum(label != IGNORED for label in one.labels) for one in answers) / max(
            1, prepared.train.tokens
        )
        yield Check(
            "prompt not under loss", "ok", f"loss on the answers alone, {share:.0%} of the tokens"
        )
    # a sequence's first token is predicted from nothing, and carries no loss whatever its label is
    silent = [
        one.id
        for one in prepared.train.sequences
        if all(label == IGNORED for label in one.labels[1:])
    ]
    if silent:
        yield Check(
            "tokens under loss",
            "failed",
            f"{len(silent)} sequences carry no loss at all ({silent[0]})",
            "They would teach nothing and can make the loss NaN: make the examples again.",
        )


def _padding(prepared: Prepared) -> Iterator[Check]:
    """The batch as the trainer makes it: padding carries no loss, and the true end tokens do."""
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    tokenizer = prepared.tokenizer
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    long = max(prepared.train.sequences, key=lambda one: len(one.input_ids), default=None)
    if long is None:
        return
    half = (
        len(long.input_ids) // 2
    )  # its end, so that there is padding also where all are of one length
    rows = [
        {"input_ids": long.input_ids[start:], "labels": long.labels[start:]} for start in (half, 0)
    ]
    batch = DataCollatorForLanguageModeling(pad_token_id=pad)(rows)
    labels, attended = batch["labels"][0].tolist(), batch["attention_mask"][0].tolist()
    length = len(rows[0]["labels"])
    same = "is" if pad == end_of_turn(tokenizer) else "differs from"
    saw = f"pad {tokenizer.convert_ids_to_tokens(pad)!r} {same} the end of a turn"
    if (
        labels[:length] != rows[0]["labels"]
        or set(labels[length:]) - {IGNORED}
        or sum(attended) != length
    ):
        yield Check(
            "padding masked",
            "failed",
            saw + ", and a padded batch has wrong labels",
            "Padding must have label -100 and no attention, and end tokens must keep theirs.",
        )
    else:
        yield Check(
            "padding masked", "ok", saw + "; padding carries no loss, end tokens keep theirs"
        )


def _lost(prepared: Prepared) -> Iterator[Check]:
    lost = prepared.train.left_out[TOO_LONG] + prepared.held_out.left_out[TOO_LONG]
    total = lost + len(prepared.train.sequences) + len(prepared.held_out.sequences)
    longest, most = (
        max(prepared.train.longest, prepared.held_out.longest),
        prepared.recipe.data.max_length,
    )
    limit = getattr(prepared.config.get_text_config(), "max_position_embeddings", None)
    if limit is not None and longest > limit:
        yield Check(
            "no answer cut",
            "failed",
            f"the longest sequence has {longest} tokens, the model reads {limit}",
            f"Set data.max_length = {limit}.",
        )
        return
    saw = f"{lost} of {total} examples longer than data.max_length = {most} and left out whole; none is cut"
    if lost > _MOST_LOST * total:
        yield Check(
            "no answer cut",
            "warning",
            saw,
            "Raise data.max_length, or make examples with fewer distractors.",
        )
    else:
        yield Check("no answer cut", "ok", saw + f" (longest kept: {longest})")


def _template(prepared: Prepared) -> Iterator[Check]:
    """The chat template takes our messages, and what follows the prompt in it is what is trained."""
    examples = [
        one
        for name in (TRAIN_FILE, HELD_OUT_FILE)
        for one in read_examples(prepared.folder / DATA / name)
    ]
    asked = [one for one in examples if one.messages]
    tokenizer = prepared.tokenizer
    if not asked:
        yield Check("chat template", "ok", "not used: the examples are plain text")
        return
    system = [one for one in asked if any(message["role"] == "system" for message in one.messages)]
    example = asked[0]
    try:
        for one in (*system[:1], example):
            prompt = prompt_ids(tokenizer, one.messages)
    except GeneratorError as error:
        yield Check(
            "chat template",
            "failed",
            f"{error} ({len(system)} examples have a system message)",
            "Gemma 1 and 2 refuse a system role: put instructions into the user's message.",
        )
        return
    refused = prepared.train.left_out[REFUSED] + prepared.held_out.left_out[REFUSED]
    if refused:
        yield Check(
            "chat template",
            "failed",
            f"{refused} of {len(asked)} examples are left out: {REFUSED}",
            "Their roles must alternate, and begin with the user's.",
        )
        return
    if tokenizer.chat_template is None:
        yield Check(
            "chat template",
            "warning",
            "this model has none; its prompts end in a line 'Answer:'",
            "Use an instruction-tuned base model.",
        )
        return
    turns = [dict(one) for one in example.messages] + [
        {"role": "assistant", "content": example.target}
    ]
    text = tokenizer.apply_chat_template(turns, tokenize=False, enable_thinking=False)
    whole = tokenizer(text, add_special_tokens=False)["input_ids"]
    ours = [
        *prompt,
        *tokenizer(example.target, add_special_tokens=False)["input_ids"],
        end_of_turn(tokenizer),
    ]
    if (
        ours[0] == tokenizer.bos_token_id != whole[0]
    ):  # the tokenizer writes the BOS, and not the template
        ours = ours[1:]
    if whole[: len(ours)] == ours:
        yield Check(
            "chat template",
            "ok",
            "an answered turn is, token for token, prompt + answer + end of turn",
        )
    else:
        yield Check(
            "chat template",
            "warning",
            "the template writes an answered turn otherwise than it asks for one",
            "What is trained is what serving asks for; a chat of several turns may look different.",
        )


def _dtype(prepared: Prepared) -> Iterator[Check]:
    training = prepared.arguments.training
    saw = f"{prepared.arguments.dtype} on {prepared.device.name}"
    if training["fp16"] and prepared.gemma:
        other = "bf16" if prepared.device.bf16 else "fp32"
        yield Check(
            "number type",
            "warning",
            f"{saw}: a Gemma's activations exceed 65,504, the largest number of fp16",
            f"--set training.fp16=false{' --set training.bf16=true' if other == 'bf16' else ''} "
            f"trains in {other}; if "
            "you stay with fp16, a loss of NaN stops the run.",
        )
    else:
        yield Check("number type", "ok", saw)


def _schedule(prepared: Prepared) -> Iterator[Check]:
    training, steps = prepared.recipe.training, prepared.steps
    never = [
        f"{what} every {every} steps"
        for what, every in (
            ("logging", training.logging_steps),
            (
                "evaluation",
                training.eval_steps if training.evaluation_strategy == "steps" else None,
            ),
        )
        if every and every > steps
    ]
    if never:
        yield Check(
            "schedule",
            "warning",
            f"{steps} steps: {' and '.join(never)} would never come",
            "The held-out loss is measured at the start and at the end in any case; lower "
            "training.logging_steps and "
            "training.eval_steps to see more.",
        )
    else:
        yield Check("schedule", "ok", f"{steps} optimizer steps")


def _licence(prepared: Prepared) -> Iterator[Check]:
    recipe = prepared.recipe
    if recipe.gated:
        yield Check(
            "licence",
            "warning",
            f"{recipe.base_model} is under the {recipe.licence}, behind a gate",
            f"Accept it at https://huggingface.co/{recipe.base_model}; what you publish must carry "
            "it on.",
        )
    else:
        yield Check(
            "licence",
            "ok" if recipe.licence else "warning",
            recipe.licence or "the recipe names no licence",
            "" if recipe.licence else "Look it up before you publish what you tuned.",
        )


def _disk(prepared: Prepared) -> Iterator[Check]:
    free = shutil.disk_usage(prepared.folder).free
    trainable = estimate_of(prepared).trainable
    kept = prepared.recipe.training.save_total_limit or _KEPT_CHECKPOINTS
    needed = (kept + 1) * trainable * (4 + 8) + 2**26
    saw = f"{in_words(needed)} for checkpoints and the adapter, {in_words(free)} free"
    yield Check(
        "disk",
        "ok" if free > needed else "failed",
        saw,
        "" if free > needed else "Free some, or set runs_dir.",
    )


def memory_check(prepared: Prepared) -> Check:
    """The estimate beside what is free."""
    found, free = estimate_of(prepared), prepared.device.free_bytes
    parts = ", ".join(
        f"{name} {in_words(getattr(found, name))}"
        for name in ("weights", "adapter", "activations", "logits")
    )
    saw = (
        f"about {in_words(found.total)} ({parts}); {in_words(free)} free on {prepared.device.name}"
    )
    if found.total > free:
        return Check("memory", "failed", saw, LESS_MEMORY)
    return Check("memory", "warning" if found.total > _TIGHT * free else "ok", saw)


def estimate_of(prepared: Prepared) -> Estimate:
    """The memory that this training is expected to take."""
    return estimate(
        prepared.config,
        prepared.recipe,
        prepared.arguments,
        prepared.device,
        prepared.train.longest,
    )
