"""A question that leans on earlier ones, put so that it stands alone: by rule, and by the model
where the rule cannot.

The rule of `rag.understanding.follow_up` says whether a question leans on others, and in most cases what is meant.
Only where it could do no more than add words is a model asked, once and briefly, and what it writes
is used only if code finds it to be one short question about what was asked; else the rule's query
is.

How much a model helps depends on the model. The bundled SmolLM2-135M helps not at all: 97% of the
dev dialogues with it and 98% without, 76% of the test ones with and without (`python -m
tests.benchmarks.follow_ups --model smollm2-135m`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from rag.answering.extractive import ExtractiveGenerator
from rag.answering.prompt import REFUSAL, fence, strip_markers
from rag.generators.base import Generator, never_cancelled
from rag.schema import GeneratorError, Message
from rag.understanding.follow_up import StandAlone, stand_alone
from rag.understanding.intent import content_words

MAX_NEW_TOKENS = 64
MAX_WORDS = 40
_STEM = 5
_NEW_WORDS = 2  # content words that were in no question
_INSTRUCTION = (
    "Rewrite the last question so that it can be understood without the questions before it. "
    "Write only the rewritten question, on one line. Do not answer it."
)
_SHOTS = (
    (("How good is the acting?", "And the ending?"), "How good is the ending?"),
    (
        ("Subtitles or the English dub?", "Which one is better?"),
        "Are the subtitles or the English dub better?",
    ),
    (
        ("Is the bathroom clean?", "Does that bother anyone?"),
        "Does the state of the bathroom bother anyone?",
    ),
)
_ASKS = re.compile(
    r"(?:who|whom|whose|what|when|where|which|why|how|is|are|was|were|do|does|did|has|have|had|can|could|will|would|"
    r"should|tell|describe|explain|list|compare|summari[sz]e)\b",
    re.IGNORECASE,
)


def searchable(
    question: str,
    previous: Sequence[str],
    mode: str,
    generator: Generator,
    cancelled: Callable[[], bool] = never_cancelled,
) -> StandAlone:
    """What to search for, as the setting `follow_ups` says: "off", "rule", or "auto", which may ask
    the generator.
    """
    if mode == "off" or not previous:
        return StandAlone(question)
    ruled = stand_alone(question, previous)
    if mode == "rule" or ruled.resolved or isinstance(generator, ExtractiveGenerator):
        return ruled
    messages = rewrite_messages(question, ruled.used)
    try:
        text = "".join(
            generator.stream(messages, max_new_tokens=MAX_NEW_TOKENS, cancelled=cancelled)
        )
    except GeneratorError:  # the answer itself will say what is wrong with the generator
        return ruled
    written = accepted(text, question, ruled.used)
    return replace(ruled, query=written, resolved=True) if written else ruled


def rewrite_messages(question: str, previous: Sequence[str]) -> list[Message]:
    """The messages that ask a model to rewrite `question`; instructions are in the user's turn, as
    in `rag.answering.prompt`.
    """
    messages: list[Message] = []
    for turns, written in _SHOTS:
        messages += [_asked(turns), {"role": "assistant", "content": written}]
    return [*messages, _asked((*previous, question))]


def _asked(turns: Sequence[str]) -> Message:
    *earlier, last = (fence(" ".join(turn.split())) for turn in turns)
    lines = [_INSTRUCTION, *(f"Question: {turn}" for turn in earlier), f"Last question: {last}"]
    return {"role": "user", "content": "\n".join(lines)}


def accepted(text: str, question: str, previous: Sequence[str]) -> str:
    """The rewritten question in what a model wrote; empty if that is none, or is about something
    else.
    """
    lines = text.strip().splitlines()
    if len(lines) != 1:
        return ""
    written = re.sub(
        r"^(?:(?:last |rewritten )?question|rewritten)\s*:\s*",
        "",
        lines[0].strip(),
        flags=re.IGNORECASE,
    )
    written = written.strip(" \"'“”*`")
    words = written.split()
    if (
        not words
        or len(words) > MAX_WORDS
        or written.rstrip(".").casefold() == REFUSAL.rstrip(".").casefold()
    ):
        return ""
    if (
        not (written.endswith("?") or _ASKS.match(written))
        or written.count("?") > 1
        or strip_markers(written)[1]
    ):
        return ""
    theirs, own = _stems(written), _stems(question)
    history = set().union(*(_stems(turn) for turn in previous))
    if (
        not theirs & history
        or (own and not theirs & own)
        or len(theirs - history - own) > _NEW_WORDS
    ):
        return ""
    return written


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in re.findall(r"\w+", content_words(text).casefold())}
