"""Is each sentence of an answer supported by the reviews it cites?

What a sentence puts in quotation marks must stand in a cited review, word for word. All else is a
claim, and the reader judges it by the cited sentences nearest to it. Without a reader, and for
reviews in a language that it does not read, similarity decides; that cannot tell "the acting is
good" from "the acting is not good".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag.answer import AnswerSentence, Citation
from rag.answering import prompt
from rag.answering.quoting import (
    find_quote,
    is_bare_quotation,
    is_quotation,
    outside_quotes,
    plain_words,
    quoted_parts,
)
from rag.answering.steering import without_steering
from rag.chunking import Span, split_sentences
from rag.embedding import Embedder, Vectors
from rag.generators.thoughts import without_thoughts
from rag.index import ReviewIndex
from rag.reader import Reader
from rag.reader.verdict import READ_LANGUAGES, verdicts
from rag.schema import RetrievedChunk

_EVIDENCE_SENTENCES = 4  # nearest to a claim, by which the reader judges it
_EMPHASIS = re.compile(r"(?<![\w*])\*{1,3}(?=[^\s*])([^*\n]+)(?<=\S)\*{1,3}(?![\w*])")  # **so**
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A sentence of the generated text, before it is checked."""

    text: str
    numbers: tuple[int, ...]


def check_answer(
    text: str,
    retrieved: Sequence[RetrievedChunk],
    index: ReviewIndex,
    embedder: Embedder,
    *,
    threshold: float,
    reader: Reader | None = None,
    subjects: Sequence[str] = (),
) -> tuple[tuple[AnswerSentence, ...], int]:
    """The sentences of `text` with their citations resolved and checked, and how many markers named
    no chunk. `subjects` are names of what all reviews are about, which a review need not repeat.
    """
    pieces = split_answer(text)
    # what speaks to the machine bears nothing out: an obeying model would cite its orders
    known = {found.number: without_steering(found, index) for found in retrieved}
    dropped = sum(number not in known for piece in pieces for number in piece.numbers)
    claims = [piece for piece in pieces if piece.text not in prompt.HEADINGS]
    cited = [[known[number] for number in piece.numbers if number in known] for piece in claims]
    vectors = embedder.embed_documents([piece.text for piece in claims]) if claims else ()
    checked = [
        _checked(piece.text, vector, chunks, index, threshold)
        for piece, vector, chunks in zip(claims, vectors, cited, strict=True)
    ]
    if reader is not None:
        evidence = [
            _nearest(index, vector, chunks) for vector, chunks in zip(vectors, cited, strict=True)
        ]
        checked = _judged(checked, evidence, reader, subjects)
    sentences = iter(checked)
    return tuple(
        AnswerSentence(piece.text, supported=True, score=1.0, heading=True)
        if piece.text in prompt.HEADINGS
        else next(sentences)
        for piece in pieces
    ), dropped


def _judged(
    sentences: Sequence[AnswerSentence],
    evidence: Sequence[Sequence[str]],
    reader: Reader,
    subjects: Sequence[str],
) -> list[AnswerSentence]:
    """The sentences with the reader's verdict by their evidence in place of similarity's. Word for
    word is told by the words alone: bare quotations, and what quotes wrongly, stay as they are.
    """
    places = [
        place
        for place, sentence in enumerate(sentences)
        if evidence[place] and not (is_bare_quotation(sentence.text) or _misquotes(sentence))
    ]
    pairs = [(evidence[place], sentences[place].text) for place in places]
    result = list(sentences)
    for place, verdict in zip(places, verdicts(reader, pairs, subjects), strict=True):
        result[place] = replace(
            sentences[place],
            score=round(verdict.probability, 4),
            supported=verdict.borne_out,
            unsure=verdict.unsure,
            opposite=verdict.opposite,
            missing=verdict.missing,
            citations=_with_verdict(sentences[place].citations, verdict.borne_out),
        )
    return result


def _with_verdict(citations: Sequence[Citation], borne_out: bool) -> tuple[Citation, ...]:
    """Which citations bear the sentence out: those near to it; one at least if it is borne out."""
    best = max((citation.score for citation in citations), default=0.0)
    none = not any(citation.supports for citation in citations)
    return tuple(
        replace(
            citation,
            supports=borne_out and (citation.supports or (none and citation.score == best)),
        )
        for citation in citations
    )


def _misquotes(sentence: AnswerSentence) -> bool:
    """Whether words in quotation marks stand in none of the cited reviews."""
    return not sentence.supported and any(
        is_quotation(quote)
        and not any(find_quote(quote, citation.quote) for citation in sentence.citations)
        for quote in quoted_parts(sentence.text)
    )


# "The provided reviews do not mention it", "There is no information in the reviews about it",
# "I'm sorry, but none of the reviews says anything about that".
_SOURCE = (
    r"(?:(?:any|none|all) of )?(?:(?:the|these|those|your|my|any|no|provided|given|available"
    r"|above|customer"
    r"|guest|user) )*(?:reviews?|reviewers?|excerpts?|context|texts?|information|material)"
    r"(?: (?:provided|given|above|here|available|you provided|in question))*"
)
_TELL = (
    r"(?:say|state|mention|tell|contain|provide|include|discuss|address|describe|cover"
    r"|specify|give|offer|answer"
    r"|indicate|speak|talk|comment|refer|report|touch|reveal|note)"
)
_NOTHING = re.compile(
    rf"\b{_SOURCE} (?:do not|don t|does not|doesn t|did not|didn t|cannot|can not|never)"
    rf" (?:\w+ly )?{_TELL}\b"
    rf"|\b(?:none of the|no) (?:reviews?|reviewers?|excerpts?)(?: \w+)? {_TELL}(?:s|ed)?\b"
    r"|\b(?:there is|there s|there are|i (?:see|find|found|have)|contains?|provides?) (?:no"
    r"|not enough|not any"
    r"|insufficient|nothing)\b(?: \w+){0,3}? ?(?:information|mention|details?|reviews?|answer)\b"
    rf"|\bnothing (?:\w+ )?(?:in|from) {_SOURCE}"
    r"|\b(?:is|are|was|were) not (?:mentioned|stated|discussed|addressed|covered"
    rf"|specified) (?:in|by) {_SOURCE}"
    r"|\bi (?:cannot|can not|can t|am unable to|m unable to|could not|am not able to)"
    r" (?:answer|find|determine|tell|say)\b"
    r"|\b(?:cannot|can not|can t) be (?:answered|determined|told) (?:from|with|by) "
)


def is_refusal(sentences: Sequence[AnswerSentence]) -> bool:
    """True when the answer says that the reviews do not say, in whatever words, and nothing that is
    cited.
    """
    if not sentences:
        return False
    first = plain_words(sentences[0].text)
    if len(sentences) == 1 and first == plain_words(prompt.REFUSAL):
        return True  # whatever it cites
    refuses = first.startswith(plain_words(prompt.REFUSAL)) or _NOTHING.search(first) is not None
    return refuses and not any(sentence.citations for sentence in sentences)


def split_answer(text: str) -> list[_Piece]:
    """Generated text cut into sentences, each with the numbers it cites.

    A marker belongs to the words before it, also when it stands after the full stop ("Good. [1] But
    ..."). A sentence is never cut inside quotation marks, and a list item is a sentence of its own.
    """
    pieces: list[_Piece] = []
    # half an emoji, which a model can stop at, is no text
    text = without_thoughts(text.encode("utf-8", "replace").decode())
    for line in text.splitlines():
        line = _EMPHASIS.sub(r"\1", _BULLET.sub("", line)).strip().strip("*#").strip()
        if not line:
            continue
        clean, markers = prompt.strip_markers(line)
        spans = outside_quotes(clean, split_sentences(clean))
        if not spans:
            if pieces:  # a line of markers only belongs to the sentence before it
                numbers = tuple(
                    dict.fromkeys((*pieces[-1].numbers, *(n for m in markers for n in m.numbers)))
                )
                pieces[-1] = _Piece(pieces[-1].text, numbers)
            continue
        cited: list[list[int]] = [[] for _ in spans]
        for marker in markers:
            owner = max(
                (i for i, (start, _) in enumerate(spans) if start < marker.position), default=0
            )
            cited[owner].extend(marker.numbers)
        pieces.extend(
            _Piece(clean[start:end], tuple(dict.fromkeys(numbers)))
            for (start, end), numbers in zip(spans, cited, strict=True)
        )
    return pieces


def _checked(
    text: str,
    vector: Vectors,
    cited: Sequence[RetrievedChunk],
    index: ReviewIndex,
    threshold: float,
) -> AnswerSentence:
    quotes = [quote for quote in quoted_parts(text) if is_quotation(quote)]
    bare = is_bare_quotation(text)
    citations, unfound = [], set(quotes)
    for found in cited:
        if not found.sentences:
            continue
        similarities = index.vectors([sentence.row for sentence in found.sentences]) @ vector
        best = int(np.argmax(similarities))
        start, end = found.sentences[best].start, found.sentences[best].end
        score = float(np.clip(similarities[best], 0, 1))
        places = {
            quote: place
            for quote in quotes
            if (place := find_quote(quote, found.chunk.text)) is not None and _within(place, found)
        }
        unfound -= places.keys()
        for quote, place in places.items():
            start, end = found.chunk.start + place[0], found.chunk.start + place[1]
            if bare and plain_words(found.chunk.text[slice(*place)]) == plain_words(
                quote
            ):  # nothing was left out
                score = 1.0
        # a review that says much the same does not bear out somebody else's words
        supports = score >= threshold and (not quotes or bool(places))
        citations.append(Citation.of(found, start, end, score, supports=supports))
    score = max((citation.score for citation in citations if citation.supports), default=0.0)
    supported = not unfound and score >= threshold
    best_score = max((citation.score for citation in citations), default=0.0)
    return AnswerSentence(text, supported, score if supported else best_score, tuple(citations))


def _within(place: Span, found: RetrievedChunk) -> bool:
    """Whether a place in a chunk's text lies in sentences that may bear something out, blanks
    aside.
    """
    first, last = found.chunk.start + place[0], found.chunk.start + place[1]
    covered = sum(
        max(0, min(last, sentence.end) - max(first, sentence.start)) for sentence in found.sentences
    )
    between = sum(map(str.isspace, found.chunk.text[slice(*place)]))
    return covered + between >= last - first


def _nearest(
    index: ReviewIndex, vector: Vectors, cited: Sequence[RetrievedChunk]
) -> tuple[str, ...]:
    """The cited sentences nearest to a claim, in reading order; none where a review is not in a
    language that the reader reads.
    """
    if any(chunk.review.language not in READ_LANGUAGES for chunk in cited):
        return ()
    sentences = [sentence for chunk in cited for sentence in chunk.sentences]
    if not sentences:
        return ()
    similarity = index.vectors([sentence.row for sentence in sentences]) @ vector
    nearest = np.sort(np.argsort(-similarity)[:_EVIDENCE_SENTENCES])
    return tuple(sentences[place].text for place in nearest.tolist())
