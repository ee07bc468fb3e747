"""Sentences of a review that speak to the machine that reads it, and not to people.

A logistic regression on what such a sentence is made of (the English patterns: an order or a duty,
the machine it is laid on, what that machine writes and for whom, what it was told before), on its
words, and on its vector where the index holds one of the bundled embedder. The frames of a
conversation and text in code have no place in a review and tell by themselves. The fence around a
prompt, not this, is what keeps such text from acting: this keeps it from being taken for an
opinion. ``python -m finetune.injection`` fits the stored weights anew.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
import zlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from rag.ingest import injection_patterns as patterns

Floats = NDArray[np.float32]

WEIGHTS_FILE = "injection.npz"
KINDS = ("seeing", "blind")  # with the sentence's vector, and without
PARTS = ("words", "signals", "vector")
WORDS = 8192  # columns that words and pairs of words are hashed to

_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_SPACED = re.compile(r"(?:\b\w[ ._-]){2,}\w\b")
_WITH_DIGITS = re.compile(r"\b(?=\w*[a-z])(?=\w*\d)\w{4,}\b")
_REPEATED = re.compile(r"([^\w\s])\1{3,}")
_WORD = re.compile(r"[\w']+|[^\w\s]")
_LONGEST = 2000  # characters looked at: five times the longest sentence that the chunker makes
_LEET = str.maketrans("013457", "oieast")
_NO_VECTOR = np.zeros(0, dtype=np.float32)
_KEPT = 20_000  # texts: every overview looks at the same thousands


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A sentence is flagged where the sum is above zero: `words` (WORDS,), `signals`
    (signals,), `vector` (dimension,), empty where no vector is looked at.
    """

    words: Floats
    signals: Floats
    vector: Floats
    bias: float

    def flag(self, text: str, vector: Floats) -> bool:
        """Whether a plain text with this vector is flagged."""
        return bool(vector @ self.vector + self._by_text(text) > 0)

    @lru_cache(_KEPT)  # noqa: B019 - there are two, for as long as the program runs
    def _by_text(self, text: str) -> float:
        """The sum without the vector's part."""
        columns = word_columns(text)
        words = self.words[columns].sum() / max(len(columns), 1) ** 0.5
        return float(self.bias + signals_of(text) @ self.signals + words)


@lru_cache(maxsize=1)
def _stored() -> tuple[str, Weights, Weights]:
    """The embedder's identity, the weights for its vectors, and those for no vector."""
    stored = resources.files("rag.ingest") / WEIGHTS_FILE
    with resources.as_file(stored) as file, np.load(file, allow_pickle=False) as arrays:
        weights = []
        for kind in KINDS:
            words, signals, vector = (arrays[f"{kind}_{part}"].astype(np.float32) for part in PARTS)
            weights.append(Weights(words, signals, vector, float(arrays[f"{kind}_bias"])))
        return str(arrays["identity"]), weights[0], weights[1]


def addresses_the_model(sentence: str, vector: Floats | None = None, embedder: str = "") -> bool:
    """Whether a sentence of a review reads as if written to steer the machine that reads it.

    `vector`, (dimension,), is the sentence's, by the embedder of this identity; one of another
    embedder than the weights are for is not looked at.
    """
    text = plain(sentence)
    if is_framed(sentence, text):
        return True
    if " " not in text:  # one word is no order
        return False
    identity, seeing, blind = _stored()
    if vector is None or embedder != identity:
        return blind.flag(text, _NO_VECTOR)
    return seeing.flag(text, vector)


def is_framed(sentence: str, text: str) -> bool:
    """Whether the sentence, `text` in plain letters, holds a frame of a conversation, an
    order to forget the machine's own, or code.
    """
    if patterns.MARKS.search(text) and patterns.FRAME.search(text):
        return True
    alone = (patterns.UNDOING, patterns.UNDOING_ABROAD, patterns.CODED)
    if any(each.search(text) for each in alone):
        return True
    return _hides_base64(sentence)


def word_columns(text: str) -> list[int]:
    """Columns that the words and pairs of words of a plain text fall into, each once."""
    words = _WORD.findall(text)
    pairs = zip(["^", *words], [*words, "$"], strict=True)
    terms = {*words, *(" ".join(pair) for pair in pairs)}
    return sorted({zlib.crc32(term.encode("utf-8", "replace")) % WORDS for term in terms})


def signals_of(text: str) -> Floats:
    """(signals,) what a plain text is made of."""
    told, undone, role = (
        bool(each.search(text)) for each in (patterns.TOLD, patterns.UNDONE, patterns.ROLE)
    )
    matter, named = bool(patterns.MATTER.search(text)), bool(patterns.NAMED.search(text))
    first, order = bool(patterns.ORDER_FIRST.search(text)), bool(patterns.ORDER.search(text))
    trade = min(len(set(patterns.TRADE.findall(text))), 3)
    nearby = min(len(set(patterns.NEARBY.findall(text))), 4)
    to_people = not (named or told)
    return np.array(
        (
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
        ),
        dtype=np.float32,
    )


def plain(sentence: str) -> str:
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
