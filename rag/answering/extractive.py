"""Answers without a language model: the reviews' own sentences, sorted into praise and complaint,
quoted and cited.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rag.answering import prompt
from rag.chunking import split_sentences
from rag.embedding import Embedder, Vectors, query_vector
from rag.generators.base import never_cancelled
from rag.ingest.injection import addresses_the_model
from rag.reader.stance import LeaningModel, side_of
from rag.schema import Message, Side
from rag.understanding.intent import asked_side, wants_overview

_PER_SIDE = 5  # quotes under one heading
_RELEVANT = 0.75  # a quote's relevance, as a share of the best quote's
_LEANING_WEIGHT = 0.1  # of leaning beside relevance, when the question asks for one side
_OUTSPOKEN = 0.2  # of leaning to either side beside centrality, in an overview
_SAME = 0.80  # similarity from which two quotes would repeat each other
_ECHO = 0.75  # similarity from which another review is cited as saying much the same
_BREVITY = 0.1  # of relevance, for a quote of no words at all
_SHORT_WORDS = 8  # a shorter sentence is quoted with the one after it
_FEWEST_WORDS = 4  # of a sentence worth quoting
_FEWEST_WORDS_ALONE = 7  # and where no question gives it a meaning
_MAX_QUOTE_WORDS = 45
_HEADINGS: dict[Side, str] = {
    "praise": prompt.PRAISE_HEADING,
    "criticism": prompt.CRITICISM_HEADING,
    "neutral": prompt.NEUTRAL_HEADING,
}


@dataclass(frozen=True, slots=True)
class DigestQuote:
    """A quotation, with the number of its review and then of those that say much the same."""

    text: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Quote:
    """A sentence that could be quoted, with its review's number; `leaning` as in `rag.reader.stance`."""

    number: int
    text: str
    leaning: float
    relevance: float
    vector: Vectors


class ExtractiveGenerator:
    """A digest of the retrieved reviews in their own words. Instant, and every sentence is a
    verbatim quote.
    """

    name = "extractive (no language model)"
    stop_tokens: tuple[str, ...] = ()

    def __init__(self, embedder: Embedder, leaning: LeaningModel) -> None:
        self._embedder = embedder
        self._leaning = leaning

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens by the embedder's tokenizer."""
        return sum(self._embedder.count_tokens([message["content"] for message in messages]))

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_new_tokens: int,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Iterator[str]:
        """One line at a time: headings, and quotes with their citations."""
        groups = self.digest(messages)
        if not groups:
            yield prompt.REFUSAL
            return
        left = max_new_tokens
        for number, (heading, chosen) in enumerate(groups):
            if len(groups) > 1 or heading != prompt.NEUTRAL_HEADING:
                yield ("\n" if number else "") + heading + "\n"
            for quote in chosen:
                line = f"- “{quote.text}” {prompt.write_marker(quote.numbers)}\n"
                left -= len(line) // 4
                if cancelled() or left < 0:
                    return
                yield line

    def digest(self, messages: Sequence[Message]) -> list[tuple[str, list[DigestQuote]]]:
        """What the prompt's reviews say in answer to its question: (heading, quotes), best first;
        empty if nothing.
        """
        question, reviews = prompt.read_prompt(messages)
        quotes = self._quotes(question, reviews)
        if not quotes:
            return []
        groups = _grouped(quotes, asked_side(question), overview=wants_overview(question))
        return [
            (
                heading,
                [
                    DigestQuote(_shortened(quote.text), tuple(_echoes(quote, quotes)))
                    for quote in chosen
                ],
            )
            for heading, chosen in groups
        ]

    def _quotes(self, question: str, reviews: Sequence[prompt.PromptReview]) -> list[_Quote]:
        """Every sentence worth quoting, most relevant first.

        No sentence is near to a question about everything; for an overview those are relevant that
        are most like all the others (degree centrality, as in LexRank, Erkan & Radev 2004) and take
        a side.
        """
        overview = wants_overview(question)
        fewest = _FEWEST_WORDS_ALONE if overview else _FEWEST_WORDS
        found = [(review, *pair) for review in reviews for pair in _quotable(review.text, fewest)]
        if not found:
            return []
        vectors = self._embedder.embed_documents([sentence for _, sentence, _ in found])
        asked = vectors.mean(axis=0) if overview else query_vector(self._embedder, question)
        leanings = [
            self._leaning.leaning(v, review.rating)
            for (review, *_), v in zip(found, vectors, strict=True)
        ]
        quotes = [
            _Quote(
                review.number,
                text,
                leaning,
                float(vector @ asked) + overview * _OUTSPOKEN * abs(leaning) - _brevity(text),
                vector,
            )
            for (review, _, text), vector, leaning in zip(found, vectors, leanings, strict=True)
        ]
        return sorted(quotes, key=lambda quote: -quote.relevance)


def _brevity(text: str) -> float:
    """What a quote loses for saying little: "Number one is obviously the VIPs." is near to a
    question and no answer.

    The numbers of the sample's train and dev questions do not move by it; the answers read better.
    """
    return _BREVITY * max(0, _SHORT_WORDS - len(text.split())) / _SHORT_WORDS


def _quotable(text: str, fewest_words: int) -> Iterator[tuple[str, str]]:
    """(sentence, what to quote): a short sentence is quoted together with the one after it, which
    it leads up to.
    """
    spans = split_sentences(text)
    for place, (start, end) in enumerate(spans):
        sentence = text[start:end]
        if len(re.findall(r"\w+", sentence)) < fewest_words and (
            sentence.isascii() or len(sentence) < 8
        ):
            continue
        if len(sentence.split()) < _SHORT_WORDS and place + 1 < len(spans):
            end = spans[place + 1][1]
        if not addresses_the_model(text[start:end]):
            yield sentence, text[start:end]


def _grouped(
    quotes: Sequence[_Quote], asked: Side, *, overview: bool
) -> list[tuple[str, list[_Quote]]]:
    """(heading, quotes): both sides, the fuller one first, or the side that was asked for; then
    what is on neither.

    A quote stands under a side's heading only if it leans there clearly; when one side is asked
    for, quotes that lean clearly to the other are left out.
    """
    best = quotes[0].relevance
    relevant = (
        list(quotes)
        if overview
        else [quote for quote in quotes if quote.relevance >= _RELEVANT * best]
    )
    if asked != "neutral":
        sign = 1 if asked == "praise" else -1
        relevant = [
            quote for quote in relevant if side_of(quote.leaning) in (asked, "neutral")
        ] or relevant
        relevant.sort(key=lambda quote: -quote.relevance - _LEANING_WEIGHT * sign * quote.leaning)
    sides: dict[Side, list[_Quote]] = {"praise": [], "criticism": [], "neutral": []}
    for quote in _chosen(relevant, 3 * _PER_SIDE):
        sides[side_of(quote.leaning)].append(quote)
    groups = [(side, found[:_PER_SIDE]) for side, found in sides.items() if found]
    groups.sort(key=lambda group: (group[0] == "neutral", -len(group[1])))
    return [(_HEADINGS[side], found) for side, found in groups]


def _chosen(quotes: Sequence[_Quote], most: int) -> list[_Quote]:
    """The first quotes, one a review, none repeating another."""
    chosen: list[_Quote] = []
    for quote in quotes:
        if len(chosen) == most:
            break
        if all(
            quote.number != other.number and float(quote.vector @ other.vector) < _SAME
            for other in chosen
        ):
            chosen.append(quote)
    return chosen


def _echoes(quote: _Quote, quotes: Sequence[_Quote]) -> list[int]:
    """The quoted review's number, then those of reviews that say much the same and do not lean the
    other way.
    """
    numbers = [quote.number]
    for other in quotes:
        agrees = float(other.vector @ quote.vector) >= _ECHO and other.leaning * quote.leaning >= 0
        if agrees and other.number not in numbers:
            numbers.append(other.number)
    return numbers[:4]


def _shortened(text: str) -> str:
    """A quote of bearable length: cut at a clause, with an ellipsis; inner double quotes made
    single.
    """
    text = text.replace("“", "‘").replace("”", "’").replace('"', "'")
    words = text.split(" ")
    if len(words) <= _MAX_QUOTE_WORDS:
        return text
    kept = " ".join(words[:_MAX_QUOTE_WORDS])
    cut = max(kept.rfind(mark) for mark in (",", ";", ":", " -", " –", " —"))
    return (kept[:cut] if cut > len(kept) // 2 else kept) + " …"
