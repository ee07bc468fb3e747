"""What the examples say by themselves, once they are a model's tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from finetune.data.encode import IGNORED, REFUSED, TOO_LONG, Encoded, end_of_turn
from finetune.data.examples import HELD_OUT_FILE, TRAIN_FILE, Example, read_examples
from finetune.folders import DATA
from finetune.preflight.checks import Check
from finetune.training.trainer import Prepared
from rag.generators.transformers import prompt_ids
from rag.schema import GeneratorError

_MOST_LOST = 0.2  # share of examples left out as too long, from which on it is warned


def check_tokens(prepared: Prepared) -> list[Check]:
    """All that can be told from the examples alone."""
    trained_on = read_examples(prepared.folder / DATA / TRAIN_FILE)
    held_out = read_examples(prepared.folder / DATA / HELD_OUT_FILE)
    return [
        _amount(prepared),
        _bos(prepared),
        *_ends(prepared),
        *_loss(prepared, trained_on),
        *_padding(prepared),
        _lost(prepared),
        _template(prepared, [*trained_on, *held_out]),
    ]


def _amount(prepared: Prepared) -> Check:
    trained_on, held_out = len(prepared.train.sequences), len(prepared.held_out.sequences)
    saw = f"{trained_on} sequences to train on, {held_out} held out, {prepared.train.tokens} tokens"
    if not trained_on:
        mend = "Make examples (reviewqa finetune data), or raise data.max_length."
        return Check("examples", "failed", saw, mend)
    mend = "Without any held out, nothing tells whether it learns or remembers."
    return Check.warning("examples", saw, "" if held_out else saw, mend)


def _bos(prepared: Prepared) -> Check:
    bos = prepared.tokenizer.bos_token_id
    starts = prepared.tokenizer("")["input_ids"][:1] == [bos] if bos is not None else False
    if not starts or not prepared.train.sequences:
        return Check("one BOS", "ok", "this tokenizer begins no text with a BOS")
    wrong = [
        sequence.id
        for sequence in prepared.train.sequences
        if sequence.input_ids.count(bos) != 1 or sequence.input_ids[0] != bos
    ]
    return Check.of(
        "one BOS",
        f"exactly one, at the start of all {len(prepared.train.sequences)}",
        f"{len(wrong)} sequences do not have exactly one BOS, at the start ({wrong[0]})"
        if wrong
        else "",
        "A chat template that writes the BOS and a tokenizer that adds one make two: use "
        "finetune.data.encode.",
    )


def _ends(prepared: Prepared) -> Iterator[Check]:
    """The token that ends an answer carries loss."""
    answers = _answers(prepared)
    if not answers:
        return
    end = end_of_turn(prepared.tokenizer)
    name = prepared.tokenizer.convert_ids_to_tokens(end)
    without = sum(sequence.labels[-1] != end for sequence in answers)
    yield Check.of(
        "end of turn under loss",
        f"{name} ends all {len(answers)} answers, under loss",
        f"{without} answers do not end in {name} under loss" if without else "",
        "The model would not learn to stop: do not mask the end token, and do not cut examples.",
    )


def _loss(prepared: Prepared, trained_on: Sequence[Example]) -> Iterator[Check]:
    """The prompt carries no loss, and every sequence some."""
    encoded = {sequence.id for sequence in prepared.train.sequences}
    prompts = {
        example.id: len(prompt_ids(prepared.tokenizer, example.messages))
        for example in trained_on
        if example.messages and example.id in encoded
    }
    leaking, silent = [], []
    for sequence in prepared.train.sequences:
        if _under_loss(sequence.labels[: prompts.get(sequence.id, 0)]):
            leaking.append(sequence.id)
        # a first token is predicted from nothing, and carries no loss whatever its label is
        if not _under_loss(sequence.labels[1:]):
            silent.append(sequence.id)
    if leaking or prompts:
        tokens = sum(_under_loss(sequence.labels) for sequence in _answers(prepared))
        share = tokens / max(1, prepared.train.tokens)
        yield Check.of(
            "prompt not under loss",
            f"loss on the answers alone, {share:.0%} of the tokens",
            f"{len(leaking)} prompts carry loss ({leaking[0]})" if leaking else "",
            "The model would learn to write reviews and instructions: mask the prompt (label "
            "-100).",
        )
    if silent:
        yield Check(
            "tokens under loss",
            "failed",
            f"{len(silent)} sequences carry no loss at all ({silent[0]})",
            "They would teach nothing and can make the loss NaN: make the examples again.",
        )


def _answers(prepared: Prepared) -> list[Encoded]:
    return [sequence for sequence in prepared.train.sequences if IGNORED in sequence.labels]


def _under_loss(labels: Sequence[int]) -> int:
    return sum(label != IGNORED for label in labels)


def _padding(prepared: Prepared) -> Iterator[Check]:
    """The batch as the trainer makes it: padding carries no loss, and the true end tokens do."""
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    tokenizer = prepared.tokenizer
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    longest = max(prepared.train.sequences, key=lambda one: len(one.input_ids), default=None)
    if longest is None:
        return
    # with its second half, so that there is padding also where all are of one length
    starts = (len(longest.input_ids) // 2, 0)
    rows = [
        {"input_ids": longest.input_ids[start:], "labels": longest.labels[start:]}
        for start in starts
    ]
    batch = DataCollatorForLanguageModeling(pad_token_id=pad)(rows)
    labels, attended = batch["labels"][0].tolist(), batch["attention_mask"][0].tolist()
    length = len(rows[0]["labels"])
    right = labels[:length] == rows[0]["labels"] and sum(attended) == length
    right = right and set(labels[length:]) <= {IGNORED}
    same = "is" if pad == end_of_turn(tokenizer) else "differs from"
    saw = f"pad {tokenizer.convert_ids_to_tokens(pad)!r} {same} the end of a turn"
    yield Check.of(
        "padding masked",
        f"{saw}; padding carries no loss, end tokens keep theirs",
        "" if right else f"{saw}, and a padded batch has wrong labels",
        "Padding must have label -100 and no attention, and end tokens must keep theirs.",
    )


def _lost(prepared: Prepared) -> Check:
    sides = (prepared.train, prepared.held_out)
    lost = sum(side.left_out[TOO_LONG] for side in sides)
    total = lost + sum(len(side.sequences) for side in sides)
    longest, most = max(side.longest for side in sides), prepared.recipe.data.max_length
    limit = getattr(prepared.config.get_text_config(), "max_position_embeddings", None)
    if limit is not None and longest > limit:
        saw = f"the longest sequence has {longest} tokens, the model reads {limit}"
        return Check("no answer cut", "failed", saw, f"Set data.max_length = {limit}.")
    saw = f"{lost} of {total} examples longer than data.max_length = {most} and left out whole"
    saw += "; none is cut"
    return Check.warning(
        "no answer cut",
        f"{saw} (longest kept: {longest})",
        saw if lost > _MOST_LOST * total else "",
        "Raise data.max_length, or make examples with fewer distractors.",
    )


def _template(prepared: Prepared, examples: Sequence[Example]) -> Check:
    """The chat template takes our messages, and goes on after the prompt as is trained."""
    name, tokenizer = "chat template", prepared.tokenizer
    asked = [example for example in examples if example.messages]
    if not asked:
        return Check(name, "ok", "not used: the examples are plain text")
    with_system = [example for example in asked if _has_system_role(example)]
    try:
        for example in (*with_system[:1], asked[0]):
            prompt = prompt_ids(tokenizer, example.messages)
    except GeneratorError as error:
        saw = f"{error} ({len(with_system)} examples have a system message)"
        mend = "Gemma 1 and 2 refuse a system role: put instructions into the user's message."
        return Check(name, "failed", saw, mend)
    refused = prepared.train.left_out[REFUSED] + prepared.held_out.left_out[REFUSED]
    if refused:
        saw = f"{refused} of {len(asked)} examples are left out: {REFUSED}"
        mend = "Their roles must alternate, and begin with the user's."
        return Check(name, "failed", saw, mend)
    if tokenizer.chat_template is None:
        saw = "this model has none; its prompts end in a line 'Answer:'"
        return Check(name, "warning", saw, "Use an instruction-tuned base model.")
    same = _continues(tokenizer, asked[0], prompt)
    return Check.warning(
        name,
        "an answered turn is, token for token, prompt + answer + end of turn",
        "" if same else "the template writes an answered turn otherwise than it asks for one",
        "What is trained is what serving asks for; a chat of several turns may look different.",
    )


def _has_system_role(example: Example) -> bool:
    return any(message["role"] == "system" for message in example.messages)


def _continues(tokenizer: Any, example: Example, prompt: Sequence[int]) -> bool:
    """Whether the chat with the answer begins with prompt, answer and the end of a turn."""
    turns = [dict(message) for message in example.messages]
    turns.append({"role": "assistant", "content": example.target})
    text = tokenizer.apply_chat_template(turns, tokenize=False, enable_thinking=False)
    whole = tokenizer(text, add_special_tokens=False)["input_ids"]
    answer = tokenizer(example.target, add_special_tokens=False)["input_ids"]
    ours = [*prompt, *answer, end_of_turn(tokenizer)]
    if ours[0] == tokenizer.bos_token_id != whole[0]:  # written by the tokenizer alone
        ours = ours[1:]
    return bool(whole[: len(ours)] == ours)
