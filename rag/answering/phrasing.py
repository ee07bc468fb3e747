"""A language model too small to find evidence puts into words what the digest found, and is held to
it.

The model gets a few quotations, numbered and grouped for and against, and writes two or three
sentences that cite them (`rag.answering.prompt.build_phrasing_messages`). Which quotations these are, and
whether the reviews say anything at all, is not left to it. A sentence that no quotation bears out
is not passed on, one that cites the wrong quotation is given the right one; where nothing passes,
the quotations themselves are the answer.

Measured before this was built: a 135M model tuned to answer from whole passages named the right one
of four reviews 35% of the time, the same as untuned, and refused 76% of the questions that the
reviews answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rag.answering import prompt
from rag.answering.extractive import DigestQuote, ExtractiveGenerator
from rag.chunking import split_sentences
from rag.embedding import Embedder, Vectors
from rag.generators.base import Generator, never_cancelled
from rag.schema import Message

MOST_QUOTES = 8
_MOST_SENTENCES = 5
_MOST_CITED = 4  # reviews
_REPEATS = 0.90  # cosine from which two sentences say the same
_CITED = re.compile(r"(.*?)((?:\s*\[\d{1,3}\])+)(?:[.!?](?=\s|$))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """The quotations in the prompt; `vectors` (sentences, dimension), `owner` (sentences,) is the
    quotation of each.
    """

    quotes: list[DigestQuote]
    vectors: Vectors
    owner: list[int]


def phrasing_groups(
    groups: Sequence[tuple[str, Sequence[DigestQuote]]],
) -> list[tuple[str, list[DigestQuote]]]:
    """The first quotations of each group, `MOST_QUOTES` in all, taken from the groups in turn."""
    chosen: list[list[DigestQuote]] = [[] for _ in groups]
    for place in range(MOST_QUOTES):
        for kept, (_, quotes) in zip(chosen, groups, strict=True):
            if place < len(quotes) and sum(map(len, chosen)) < MOST_QUOTES:
                kept.append(quotes[place])
    return [(heading, kept) for (heading, _), kept in zip(groups, chosen, strict=True) if kept]


def phrasing_messages(
    question: str, groups: Sequence[tuple[str, Sequence[DigestQuote]]]
) -> list[Message]:
    """What the model is asked, in training as in serving; `groups` as `phrasing_groups` gives them."""
    return prompt.build_phrasing_messages(
        question, [(head, [one.text for one in found]) for head, found in groups]
    )


class PhrasingGenerator:
    """Answers in the words of `model`, which was tuned to phrase, resting on the quotations of
    `digest`.
    """

    def __init__(
        self, model: Generator, digest: ExtractiveGenerator, embedder: Embedder, threshold: float
    ) -> None:
        self._model = model
        self._digest = digest
        self._embedder = embedder
        self._threshold = threshold
        self.name = f"{model.name}, phrasing quotations"
        self.stop_tokens = model.stop_tokens

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens by the digest, which reads the whole prompt; the model gets a far shorter one."""
        return self._digest.count_tokens(messages)

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_new_tokens: int,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Iterator[str]:
        """A sentence at a time, as each is borne out."""
        question, _ = prompt.read_prompt(messages)
        groups = phrasing_groups(self._digest.digest(messages))
        if not groups:
            yield prompt.REFUSAL
            return
        evidence = self._evidence([quote for _, found in groups for quote in found])
        said: list[Vectors] = []
        written = self._model.stream(
            phrasing_messages(question, groups), max_new_tokens=max_new_tokens, cancelled=cancelled
        )
        for text, numbers in sentences_of(written):
            line = self._held_to(text, numbers, evidence, said)
            if line and len(said) <= _MOST_SENTENCES:
                yield (" " if len(said) > 1 else "") + line
        if not said and not cancelled():
            yield from self._digest.stream(
                messages, max_new_tokens=max_new_tokens, cancelled=cancelled
            )

    def _evidence(self, quotes: list[DigestQuote]) -> _Evidence:
        parts = [
            (owner, quote.text[start:end])
            for owner, quote in enumerate(quotes)
            for start, end in split_sentences(quote.text)
        ]
        vectors = self._embedder.embed_documents([text for _, text in parts])
        return _Evidence(quotes, vectors, [owner for owner, _ in parts])

    def _held_to(
        self, text: str, numbers: Sequence[int], evidence: _Evidence, said: list[Vectors]
    ) -> str:
        """The sentence with the reviews that bear it out; empty if none does, or if it was said
        before.
        """
        (vector,) = self._embedder.embed_documents([text])
        if any(float(vector @ before) >= _REPEATS for before in said):
            return ""
        similarity = np.full(len(evidence.quotes), -1.0)
        np.maximum.at(similarity, evidence.owner, evidence.vectors @ vector)
        right = [number - 1 for number in numbers if 0 < number <= len(similarity)]
        right = [place for place in right if similarity[place] >= self._threshold]
        if not right:  # it may have taken one quotation for another
            right = [
                place
                for place in np.argsort(-similarity)[:1].tolist()
                if similarity[place] >= self._threshold
            ]
        if not right:
            return ""
        said.append(vector)
        cited = dict.fromkeys(
            number for place in right for number in evidence.quotes[place].numbers
        )
        return f"{text} {prompt.write_marker(list(cited)[:_MOST_CITED])}"


def sentences_of(pieces: Iterator[str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(sentence, numbers it cites) as soon as each is complete: when the text goes on after its
    markers.
    """
    waiting = ""
    for piece in pieces:
        waiting += piece
        while (
            (match := _CITED.match(waiting))
            and match.end() < len(waiting)
            and waiting[match.end()] not in "[."
        ):
            yield from _sentence(match)
            waiting = waiting[match.end() :]
    while match := _CITED.match(waiting):
        yield from _sentence(match)
        waiting = waiting[match.end() :]
    yield from (
        (text, ())
        for start, end in split_sentences(waiting)
        if _has_words(text := waiting[start:end].strip())
    )


def _sentence(match: re.Match[str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The last sentence before the markers cites them; those before it cite nothing."""
    spans = split_sentences(match.group(1))
    texts = [match.group(1)[start:end].strip() for start, end in spans]
    numbers = tuple(map(int, re.findall(r"\d+", match.group(2))))
    for place, text in enumerate(texts):
        if _has_words(text):
            ended = text if text[-1] in ".!?…" else f"{text}."
            yield ended, numbers if place == len(texts) - 1 else ()


def _has_words(text: str) -> bool:
    return len(re.findall(r"\w+", text)) >= 3
