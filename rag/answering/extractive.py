"""Answers without a language model: the reviews' own sentences, sorted into praise and criticism,
quoted and cited.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.answer import QUOTING, AnswerSentence, Citation
from rag.answering import prompt
from rag.answering.base import Draft
from rag.answering.quoting import find_quote
from rag.embedding import Vectors
from rag.generators.base import never_cancelled
from rag.ingest.injection import addresses_the_model
from rag.reader.stance import side_of
from rag.retrieval.evidence import Evidence
from rag.schema import Side
from rag.understanding.plan import QuestionPlan

_PER_SIDE = 5  # quotes under one heading
_RELEVANT = 0.75  # a quote's relevance, as a share of the best quote's
_ANSWERS_WEIGHT = 0.4  # of the probability that a sentence answers, beside a cosine of 1
_STANCE_WEIGHT = 0.1  # of stance beside relevance, when the question asks for one side
_OUTSPOKEN = 0.2  # of stance to either side beside centrality, in an overview
_SAME = 0.80  # similarity from which two quotes would repeat each other
_ECHO = 0.75  # similarity from which another review is cited as saying much the same
_BREVITY = 0.1  # of relevance, for a quote of no words at all
_SHORT_WORDS = 8  # a shorter sentence is quoted with the one after it
_FEWEST_WORDS = 4  # of a sentence worth quoting
_FEWEST_WORDS_ALONE = 7  # and where no question gives it a meaning
_MAX_QUOTE_WORDS = 45
_MOST_CITED = 4  # reviews for one quote


@dataclass(frozen=True, slots=True)
class _Quote:
    """A sentence that could be quoted, of the chunk at `place`; `text` may go on with the next."""

    place: int
    text: str
    stance: float
    relevance: float
    vector: Vectors


class ExtractiveAnswerer:
    """Answers in the retrieved reviews' own words: instant, and every sentence is quoted word for
    word. It embeds nothing: it uses what the index holds.

    `most_characters` is about how long an answer gets, headings aside.
    """

    name = QUOTING

    def __init__(self, *, most_characters: int) -> None:
        self._most_characters = most_characters

    def answer(
        self,
        plan: QuestionPlan,
        evidence: Evidence,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Iterator[str | Draft]:
        """One line at a time: headings, and quotes with their citations."""
        quotes = _quotes(plan.is_overview, evidence)
        if plan.is_fact or plan.intent == "fact":
            groups = _nearest(quotes)
        else:
            groups = _grouped(quotes, plan.side, overview=plan.is_overview)
        if not groups:
            yield prompt.REFUSAL
            yield Draft((prompt.REFUSED,), evidence.chunks)
            return
        sentences: list[AnswerSentence] = []
        left = self._most_characters
        for heading, group in groups:
            if len(groups) > 1 or heading != prompt.NEUTRAL_HEADING:
                yield ("\n" if sentences else "") + heading + "\n"
                sentences.append(AnswerSentence(heading, supported=True, score=1.0, heading=True))
            for quote in group:
                sentence = self._cited(quote, quotes, evidence)
                numbers = [citation.number for citation in sentence.citations]
                line = f"- {sentence.text} {prompt.write_marker(numbers)}\n"
                left -= len(line)
                if cancelled() or left < 0:
                    yield Draft(_without_empty_heading(sentences), evidence.chunks)
                    return
                yield line
                sentences.append(sentence)
        yield Draft(tuple(sentences), evidence.chunks)

    def _cited(self, quote: _Quote, quotes: Sequence[_Quote], evidence: Evidence) -> AnswerSentence:
        """The quotation, citing its review and then those that say much the same."""
        text = shortened(quote.text)
        citations = tuple(
            self._citation(text, quote.vector, place, evidence) for place in _echoes(quote, quotes)
        )
        return AnswerSentence(f"“{text}”", True, 1.0, citations)

    def _citation(self, quote: str, vector: Vectors, place: int, evidence: Evidence) -> Citation:
        """Where the chunk at `place` has these words, or else the sentence that is most like them:
        a review that says much the same does not bear out somebody else's words.
        """
        source = evidence.chunks[place]
        span = find_quote(quote, source.chunk.text)
        if span is not None:
            start, end = source.chunk.start + span[0], source.chunk.start + span[1]
            return Citation.of(source, start, end, 1.0, supports=True)
        similarity = evidence.vectors[evidence.rows_of(place)] @ vector
        nearest = source.sentences[int(np.argmax(similarity))]
        score = float(np.clip(similarity.max(), 0, 1))
        return Citation.of(source, nearest.start, nearest.end, score, supports=False)


def _without_empty_heading(sentences: Sequence[AnswerSentence]) -> tuple[AnswerSentence, ...]:
    return tuple(sentences[:-1] if sentences and sentences[-1].heading else sentences)


def _quotes(overview: bool, evidence: Evidence) -> list[_Quote]:
    """Every sentence worth quoting, most relevant first.

    No sentence is near to a question about everything; for an overview those are relevant that are
    most like all the others (degree centrality, as in LexRank, Erkan & Radev 2004) and take a side.
    """
    rows, texts = _quotable(evidence, _FEWEST_WORDS_ALONE if overview else _FEWEST_WORDS)
    vectors = evidence.vectors[rows]
    if overview or evidence.question_vector is None:
        towards = vectors.mean(axis=0) if len(rows) else np.zeros(vectors.shape[1])
    else:
        towards = evidence.question_vector
    quotes = []
    for row, text in zip(rows.tolist(), texts, strict=True):
        stance = float(evidence.stances[row])
        relevance = float(evidence.vectors[row] @ towards) - _brevity(text)
        if evidence.answers is not None:
            relevance += _ANSWERS_WEIGHT * float(evidence.answers[row])
        if overview:
            relevance += _OUTSPOKEN * abs(stance)
        place = int(evidence.owner[row])
        quotes.append(_Quote(place, text, stance, relevance, evidence.vectors[row]))
    return sorted(quotes, key=lambda quote: -quote.relevance)


def _brevity(text: str) -> float:
    """What a quote loses for saying little: "Number one is obviously the VIPs." is near to a
    question and no answer.

    The numbers of the sample's train and dev questions do not move by it; the answers read better.
    """
    return _BREVITY * max(0, _SHORT_WORDS - len(text.split())) / _SHORT_WORDS


def _quotable(evidence: Evidence, fewest_words: int) -> tuple[NDArray[np.int64], list[str]]:
    """Rows of the sentences worth quoting, and what to quote of each: a short sentence is quoted
    together with the one after it, which it leads up to.
    """
    rows: list[int] = []
    texts: list[str] = []
    for place, source in enumerate(evidence.chunks):
        if not source.sentences:
            continue
        first = int(evidence.rows_of(place)[0])
        steers = [
            addresses_the_model(sentence.text, evidence.vectors[row], evidence.embedder)
            for row, sentence in enumerate(source.sentences, first)
        ]
        for number, sentence in enumerate(source.sentences):
            words = len(re.findall(r"\w+", sentence.text))
            if words < fewest_words and (sentence.text.isascii() or len(sentence.text) < 8):
                continue
            last = number
            is_short = len(sentence.text.split()) < _SHORT_WORDS
            if is_short and number + 1 < len(source.sentences):
                last += 1
            if not any(steers[number : last + 1]):
                text = source.review.text[sentence.start : source.sentences[last].end]
                rows.append(first + number)
                texts.append(" ".join(text.split()))
    return np.array(rows, dtype=np.int64), texts


def _grouped(
    quotes: Sequence[_Quote], asked: Side, *, overview: bool
) -> list[tuple[str, list[_Quote]]]:
    """(heading, quotes): both sides, the fuller one first, or the side that was asked for; then
    what is on neither.

    A quote stands under a side's heading only if its stance is clear; when one side is asked for,
    quotes that are clearly of the other are left out.
    """
    relevant = list(quotes)
    if quotes and not overview:
        floor = _RELEVANT * quotes[0].relevance
        relevant = [quote for quote in quotes if quote.relevance >= floor]
    if asked != "neutral":
        sign = 1 if asked == "praise" else -1
        agreeing = [quote for quote in relevant if side_of(quote.stance) in (asked, "neutral")]
        relevant = agreeing or relevant
        relevant.sort(key=lambda quote: -quote.relevance - _STANCE_WEIGHT * sign * quote.stance)
    sides: dict[Side, list[_Quote]] = {"praise": [], "criticism": [], "neutral": []}
    for quote in _distinct(relevant, 3 * _PER_SIDE):
        sides[side_of(quote.stance)].append(quote)
    groups = [(side, group[:_PER_SIDE]) for side, group in sides.items() if group]
    groups.sort(key=lambda group: (group[0] == "neutral", -len(group[1])))
    return [(prompt.HEADING_OF[side], group) for side, group in groups]


def _nearest(quotes: Sequence[_Quote]) -> list[tuple[str, list[_Quote]]]:
    """What answers a question of fact: the quotes nearest to it, whichever side they are on."""
    floor = _RELEVANT * quotes[0].relevance if quotes else 0.0
    chosen = _distinct([quote for quote in quotes if quote.relevance >= floor], _PER_SIDE)
    return [(prompt.HEADING_OF["neutral"], chosen)] if chosen else []


def _distinct(quotes: Sequence[_Quote], most: int) -> list[_Quote]:
    """The first quotes, one a review, none repeating another."""
    chosen: list[_Quote] = []
    for quote in quotes:
        if len(chosen) == most:
            break
        if all(
            quote.place != other.place and float(quote.vector @ other.vector) < _SAME
            for other in chosen
        ):
            chosen.append(quote)
    return chosen


def _echoes(quote: _Quote, quotes: Sequence[_Quote]) -> list[int]:
    """The quoted chunk's place, then those of chunks that say much the same and do not take the
    other side.
    """
    places = [quote.place]
    for other in quotes:
        agrees = float(other.vector @ quote.vector) >= _ECHO and other.stance * quote.stance >= 0
        if agrees and other.place not in places:
            places.append(other.place)
    return places[:_MOST_CITED]


def shortened(text: str, most: int = _MAX_QUOTE_WORDS) -> str:
    """A quote of at most so many words: cut at a clause, with an ellipsis; without the bullet of a list
    item, inner double quotes made single.
    """
    text = text.lstrip("-–—•* ").replace("“", "‘").replace("”", "’").replace('"', "'")
    words = text.split(" ")
    if len(words) <= most:
        return text
    kept = " ".join(words[:most])
    cut = max(kept.rfind(mark) for mark in (",", ";", ":", " -", " –", " —"))
    return (kept[:cut] if cut > len(kept) // 2 else kept) + " …"
