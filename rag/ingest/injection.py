"""Sentences of a review that speak to the machine that reads it, and not to people.

English rules, by what such a sentence is made of: an order or a duty, the machine it is laid on,
what that machine writes and for whom, what it was told before, and the words of its trade. Each
adds points; people and stories take some away. No part tells by itself, except the frames of a
conversation and text in code, which have no place in a review. The fence around a prompt, not
this, is what keeps such text from acting: this keeps it from being taken for an opinion.

The points are those of a logistic regression on the sentences of `tests/data/planted.jsonl` and on
honest reviews, rounded.
"""

from __future__ import annotations

import base64
import binascii
import operator
import re
import unicodedata

from rag.ingest import injection_patterns as patterns

_POINTS = (
    8,  # a machine is told what to do
    9,  # what it was told before is undone
    12,  # a part to play
    7,  # words put into its mouth
    9,  # what it writes is to be so
    3,  # what it writes, for whom, what from
    2,  # a machine is named
    3,  # an order
    7,  # an order about what it writes
    5,  # an order in the words of its trade
    3,  # an order first of all, near its trade
    9,  # each word of its trade, up to 3
    3,  # each word near that trade, up to 4
    4,  # praise
    7,  # a quotation after a word of saying
    2,  # you
    2,  # every, only, never; up to 2
    -7,  # people who could be meant
    -4,  # a story that could be meant
    -5,  # no order and no duty
)
_ENOUGH = 13

_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_SPACED = re.compile(r"(?:\b\w[ ._-]){2,}\w\b")
_WITH_DIGITS = re.compile(r"\b(?=\w*[a-z])(?=\w*\d)\w{4,}\b")
_REPEATED = re.compile(r"([^\w\s])\1{3,}")
_LONGEST = 2000  # characters looked at: five times the longest sentence that the chunker makes
_LEET = str.maketrans("013457", "oieast")


def addresses_the_model(sentence: str) -> bool:
    """Whether a sentence of a review reads as if written to steer the machine that reads it."""
    text = _plain(sentence)
    if patterns.MARKS.search(text) and patterns.FRAME.search(text):
        return True
    if patterns.CODED.search(text) or _hides_base64(sentence):
        return True
    if not _is_worth_a_look(text):
        return False
    points: int = sum(map(operator.mul, _POINTS, _signals(text)))
    return points >= _ENOUGH


def _is_worth_a_look(text: str) -> bool:
    """A quick look that most sentences end with: the signals take half a millisecond."""
    if patterns.TRADE.search(text):
        return True
    nearby = len(set(patterns.NEARBY.findall(text)))
    hints = (
        patterns.YOUR.search,
        patterns.SCOPE.search,
        patterns.NAMED.search,
        patterns.ORDER_FIRST.match,
    )
    if nearby > 1 or (nearby and any(hint(text) for hint in hints)):
        return True
    return any(
        strong.search(text) for strong in (patterns.UNDONE, patterns.ROLE, patterns.DUTY_OF_OUTPUT)
    )


def _signals(text: str) -> tuple[int, ...]:
    """What the sentence is made of, in the order of `_POINTS`."""
    told, undone, role = (
        bool(each.search(text)) for each in (patterns.TOLD, patterns.UNDONE, patterns.ROLE)
    )
    matter, named = bool(patterns.MATTER.search(text)), bool(patterns.NAMED.search(text))
    first, order = bool(patterns.ORDER_FIRST.search(text)), bool(patterns.ORDER.search(text))
    trade = min(len(set(patterns.TRADE.findall(text))), 3)
    nearby = min(len(set(patterns.NEARBY.findall(text))), 4)
    to_people = not (named or told)
    return (
        told,
        undone,
        role,
        bool(patterns.DICTATED.search(text)),
        bool(patterns.DUTY_OF_OUTPUT.search(text)),
        matter,
        named,
        order,
        order and matter,
        order and trade > 0,
        first and nearby > 1,
        trade,
        nearby,
        bool(patterns.PRAISE.search(text)),
        bool(patterns.QUOTED.search(text)),
        bool(patterns.YOUR.search(text)),
        min(len(set(patterns.SCOPE.findall(text))), 2),
        to_people and bool(patterns.PEOPLE.search(text)),
        to_people and bool(patterns.STORY.search(text)),
        not (order or told or undone or role or patterns.DUTIES.search(text)),
    )


def _plain(sentence: str) -> str:
    """The sentence in small letters, with the tricks that hide a word from a pattern undone."""
    text = unicodedata.normalize("NFKC", sentence[:_LONGEST]).casefold().replace("’", "'")
    text = _REPEATED.sub(r"\1\1\1", text)
    text = _SPACED.sub(lambda match: re.sub(r"[ ._-]", "", match.group()), text)
    text = _WITH_DIGITS.sub(lambda match: match.group().translate(_LEET), text)
    return " ".join(text.split())


def _hides_base64(sentence: str) -> bool:
    """Whether the sentence holds words written in base64."""
    for match in _BASE64.finditer(sentence[:_LONGEST]):
        try:
            hidden = base64.b64decode(match.group(), validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            continue
        if hidden.isprintable() and " " in hidden:
            return True
    return False
