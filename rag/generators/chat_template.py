"""Messages to the ids of a prompt, through the chat template that comes with a model."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rag.schema import GeneratorError, Message

UNLOCKED: AbstractContextManager[object] = nullcontext()
_TEMPLATE_S = 10.0  # a chat template is a program, and comes with the model


def prompt_ids(
    tokenizer: Any,
    messages: Sequence[Message],
    lock: AbstractContextManager[object] = UNLOCKED,
) -> list[int]:
    """The token ids of the whole prompt: chat template and generation prompt included, and one BOS
    at most.

    A template usually writes the BOS itself, so the tokenizer is not asked for special tokens;
    where the template writes none, the BOS is added if the tokenizer adds one to plain text. A
    model without a chat template gets the messages' text followed by a line ``Answer:``. Templates
    of models that can think are told not to. Training must build its prompts here too. `lock` is
    held while the tokenizer works. Raises `GeneratorError` if the template refuses the messages,
    or does not come to an end.
    """
    text = _prompt_text(tokenizer, messages)
    with lock:
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        bos = tokenizer.bos_token_id
        if bos is not None and ids[:1] != [bos] and tokenizer("")["input_ids"][:1] == [bos]:
            ids = [bos, *ids]
    return ids


def _prompt_text(tokenizer: Any, messages: Sequence[Message]) -> str:
    if tokenizer.chat_template is None:
        return "\n\n".join(message["content"] for message in messages) + "\n\nAnswer:\n"
    from jinja2.exceptions import TemplateError

    def render() -> str:
        return str(
            tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,
            )
        )

    try:
        return _within(_TEMPLATE_S, render)
    except TemplateError as error:
        raise GeneratorError(
            f"The model's chat template refuses these messages: {error}."
        ) from error
    except TimeoutError:
        raise GeneratorError(
            f"The model's chat template did not come to an end within {_TEMPLATE_S:g} s. The model "
            "folder is damaged or was made to do harm: use another model."
        ) from None


class _GivenUpError(BaseException):
    """Raised inside a thread that is given up."""


def _within(seconds: float, work: Callable[[], str]) -> str:
    """What `work` returns or raises, if it is done in time; else `TimeoutError`.

    It runs in a thread of its own, which is stopped at its next step of Python when the time is
    over; a step that never ends is left behind.
    """
    done: list[str] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            done.append(work())
        except Exception as error:
            failed.append(error)
        except _GivenUpError:
            pass

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    worker.join(seconds)
    if done:
        return done[0]
    if failed:
        raise failed[0]
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(worker.ident or 0), ctypes.py_object(_GivenUpError)
    )
    worker.join(1)
    raise TimeoutError
