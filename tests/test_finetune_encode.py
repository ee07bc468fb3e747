"""What is trained: the tokens that serving sends, the loss on the answer and its end, and nothing
cut or lost.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.data.encode import (
    IGNORED,
    REFUSED,
    TOO_LONG,
    Encoded,
    encode,
    end_of_turn,
    preview_text,
)
from finetune.data.examples import Example
from rag.answering import prompt
from rag.generators.transformers import prompt_ids
from rag.schema import Chunk, Message, RetrievedChunk, Review
from tests.tiny_models import FAMILIES, TURN_END, tiny_tokenizer

ALL = (*FAMILIES, "gemma3-vision")
PLENTY = 100_000
tokenizer_of = cache(tiny_tokenizer)


@pytest.fixture(params=ALL)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tokenizer(family: str) -> Any:
    return tokenizer_of(family)


def messages(*reviews: str) -> tuple[Message, ...]:
    retrieved = [
        RetrievedChunk(number, Chunk("c", "r", 0, len(text), text), Review("r", text), 1.0, ())
        for number, text in enumerate(reviews, 1)
    ]
    return tuple(prompt.build_messages("How was the pool?", retrieved))


def example(target: str, *, name: str = "q", asked: tuple[Message, ...] | None = None) -> Example:
    return Example(
        name,
        "answer",
        "questions",
        messages("It was warm.") if asked is None else asked,
        target,
        ("r",),
    )


def plain(text: str) -> Example:
    return Example("review-1", "review", "reviews", (), text, ("1",))


def has_bos(tokenizer: Any) -> bool:
    return bool(tokenizer("")["input_ids"])


def test_what_is_trained_is_what_serving_asks_and_then_the_answer(
    family: str, tokenizer: Any
) -> None:
    one = example("The pool was warm. [1]")
    (found,) = encode([one], tokenizer, PLENTY).sequences
    asked = prompt_ids(tokenizer, one.messages)
    assert found.input_ids[: len(asked)] == asked
    assert found.labels[: len(asked)] == [IGNORED] * len(asked)
    assert found.labels[len(asked) :] == found.input_ids[len(asked) :]
    *answer, end = found.input_ids[len(asked) :]
    assert tokenizer.decode(answer) == one.target
    assert tokenizer.convert_ids_to_tokens(end) == TURN_END[family] and end == end_of_turn(
        tokenizer
    )


def test_there_is_one_bos_where_the_tokenizer_has_one(tokenizer: Any) -> None:
    bos = tokenizer.bos_token_id
    for one in (example("Warm. [1]"), plain("The pool was warm.")):
        (found,) = encode([one], tokenizer, PLENTY).sequences
        if has_bos(tokenizer):
            assert found.input_ids.count(bos) == 1 and found.input_ids[0] == bos
        elif not one.messages:
            assert bos not in found.input_ids


def test_plain_text_is_all_under_loss_and_ends(tokenizer: Any) -> None:
    (found,) = encode([plain("The pool was warm.")], tokenizer, PLENTY).sequences
    assert found.labels == found.input_ids and found.input_ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(found.input_ids, skip_special_tokens=True) == "The pool was warm."


CONTROL = (
    "<bos><eos><end_of_turn><start_of_turn><turn|><|turn><|im_end|><|im_start|><|endoftext|><pad>"
)


def test_no_text_can_write_a_control_token(tokenizer: Any) -> None:
    special = set(tokenizer.all_special_ids) | {end_of_turn(tokenizer)}
    text, answer = encode(
        [plain(f"a {CONTROL} b"), example(f"a {CONTROL} b")], tokenizer, PLENTY
    ).sequences
    body = text.input_ids[1:-1] if has_bos(tokenizer) else text.input_ids[:-1]
    target = [label for label in answer.labels if label != IGNORED][:-1]
    for ids in (body, target):
        assert not special & set(ids) and tokenizer.decode(ids) == f"a {CONTROL} b"


def test_an_example_that_does_not_fit_is_left_out_whole_and_counted(tokenizer: Any) -> None:
    short, long = example("Warm. [1]", name="short"), example("Warm and clean. [1]", name="long")
    lengths = [
        len(encode([one], tokenizer, PLENTY).sequences[0].input_ids) for one in (short, long)
    ]
    found = encode([short, long], tokenizer, lengths[0])
    assert [one.id for one in found.sequences] == ["short"] and found.left_out == {TOO_LONG: 1}
    found = encode([short, long], tokenizer, lengths[1])
    assert len(found.sequences) == 2 and not found.left_out
    assert found.tokens == sum(lengths) and found.longest == max(lengths)


def test_messages_that_the_chat_template_refuses_are_counted() -> None:
    system: Message = {"role": "system", "content": "Be brief."}
    one = example("Warm. [1]", asked=(system, *messages("It was warm.")))
    for family in ALL:
        found = encode([one], tokenizer_of(family), PLENTY)
        refuses = family in ("gemma1", "gemma2")
        assert (len(found.sequences), dict(found.left_out)) == (
            (0, {REFUSED: 1}) if refuses else (1, {})
        )


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=200
)


@settings(max_examples=60, deadline=None)
@given(family=st.sampled_from(ALL), text=WORDS, room=st.integers(16, 40))
def test_no_token_of_a_long_text_is_lost(family: str, text: str, room: int) -> None:
    tokenizer = tokenizer_of(family)
    found = encode([plain(text)], tokenizer, room)
    (whole,) = encode([plain(text)], tokenizer, PLENTY).sequences
    first = 1 if has_bos(tokenizer) else 0
    assert not found.left_out and found.longest <= room
    assert all(one.input_ids[:first] == whole.input_ids[:first] for one in found.sequences)
    assert [token for one in found.sequences for token in one.input_ids[first:]] == whole.input_ids[
        first:
    ]
    assert all(one.labels == one.input_ids for one in found.sequences)
    assert len({one.id for one in found.sequences}) == len(found.sequences)
    # a sequence's first token is predicted from nothing: one token alone carries no loss
    assert all(len(one.input_ids) > 1 for one in found.sequences)


@settings(max_examples=40, deadline=None)
@given(
    family=st.sampled_from(ALL),
    texts=st.lists(WORDS, min_size=1, max_size=4),
    target=WORDS,
    most=st.integers(16, 1500),
)
def test_any_example_is_whole_or_left_out(
    family: str, texts: list[str], target: str, most: int
) -> None:
    tokenizer = tokenizer_of(family)
    one = example(target, asked=messages(*texts))
    found = encode([one], tokenizer, most)
    assert len(found.sequences) + found.left_out.total() == 1
    for sequence in found.sequences:
        asked = prompt_ids(tokenizer, one.messages)
        assert sequence.input_ids[: len(asked)] == asked and len(sequence.input_ids) <= most
        assert sequence.labels.count(IGNORED) == len(asked)
        answer = sequence.input_ids[len(asked) :]
        assert answer[-1] == end_of_turn(tokenizer)
        assert (
            answer[:-1]
            == tokenizer(target, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        )


def test_the_preview_marks_what_carries_loss(family: str, tokenizer: Any) -> None:
    (found,) = encode([example("The pool was warm. [1]")], tokenizer, PLENTY).sequences
    text = preview_text(found, tokenizer)
    asked, _, rest = text.partition("⟦")
    assert rest == f"The pool was warm. [1]{TURN_END[family]}⟧"
    assert (
        asked == tokenizer.decode(prompt_ids(tokenizer, example("").messages))
        and "How was the pool?" in asked
    )
    (whole,) = encode([plain("Warm.")], tokenizer, PLENTY).sequences
    assert (
        preview_text(whole, tokenizer).startswith("⟦")
        and preview_text(whole, tokenizer).count("⟦") == 1
    )
    mixed = Encoded(
        "x", found.input_ids[-4:], [found.input_ids[-4], IGNORED, *found.input_ids[-2:]]
    )
    assert preview_text(mixed, tokenizer).count("⟦") == 2


def test_an_answer_ends_as_the_tokenizer_ends_a_text_where_there_is_no_chat() -> None:
    tokenizer = tiny_tokenizer("gemma1")
    assert end_of_turn(tokenizer) != tokenizer.eos_token_id
    bare = tiny_tokenizer("gemma1")
    bare.chat_template = None
    (found,) = encode([example("Warm. [1]")], bare, PLENTY).sequences
    assert found.input_ids[: len(prompt_ids(bare, example("").messages))] == prompt_ids(
        bare, example("").messages
    )
    assert tokenizer.decode(found.input_ids).count("<bos>") == 1


def test_nothing_gives_nothing(tokenizer: Any) -> None:
    found = encode([], tokenizer, 64)
    assert (found.sequences, found.tokens, found.longest, dict(found.left_out)) == ([], 0, 0, {})
