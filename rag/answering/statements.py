"""Points as statements of an answer: quoted, counted, with the reviews that they rest on."""

from __future__ import annotations

from rag.answer import AnswerSentence, Citation, KeyPoint, Said
from rag.answering.counting import Count
from rag.answering.extractive import shortened
from rag.answering.headline import COUNTED_EXACTLY
from rag.answering.opinions import Opinions
from rag.index import ReviewIndex
from rag.retrieval.diversify import DistinctHit, numbered
from rag.retrieval.fusion import Hit
from rag.schema import RetrievedChunk, Side

_MOST_CITED = 4
_MOST_SAID = 200  # reviews that a point opens
_MOST_QUOTED_WORDS = 30
_BEFORE = 60  # characters before what a quotation is for


class Statements:
    """Makes statements of sentences among the opinions; the chunks that they cite are numbered from
    `first` as they come.
    """

    def __init__(self, index: ReviewIndex, opinions: Opinions, first: int) -> None:
        self._index, self._opinions, self._first = index, opinions, first
        self._places: dict[int, int] = {}
        self.chunks: list[RetrievedChunk] = []

    def of_point(
        self, place: int, side: Side, count: Count, speak: int, around: int | None = None
    ) -> AnswerSentence:
        """The sentence at a place as a point, made by so many of those who `speak`. Of what is read
        off sentences at a character, `around`, the number is exact, and a long one is told from there.
        """
        places = [place, *(other for other in count.places if other != place)]
        citations = tuple(self._citation(other) for other in places[:_MOST_CITED])
        point = KeyPoint(
            statement=shortened(
                _from_clause(self._opinions.texts[place], around), _MOST_QUOTED_WORDS
            ),
            quoted=True,
            stance=side,
            count=count.number,
            of=speak,
            low=count.low,
            high=count.high,
            about=around is None and count.number > COUNTED_EXACTLY,
            said=tuple(self._said(other) for other in places[:_MOST_SAID]),
            citations=tuple(citation.number for citation in citations),
            opposed=tuple(self._said(other) for other in count.opposed[:_MOST_SAID]),
        )
        return AnswerSentence(f"“{point.statement}”", True, 1.0, citations, points=(point,))

    def quoted(self, place: int) -> AnswerSentence:
        """The sentence at a place, quoted."""
        text = f"“{shortened(self._opinions.texts[place], _MOST_QUOTED_WORDS)}”"
        return AnswerSentence(text, True, 1.0, (self._citation(place),))

    def _said(self, place: int) -> Said:
        sentence = self._index.sentences([int(self._opinions.rows[place])])[0]
        return Said(sentence.review_id, sentence.start, sentence.end, sentence.text)

    def _citation(self, place: int) -> Citation:
        row = int(self._opinions.rows[place])
        chunk_row = int(self._index.sentence_chunk[row])
        if chunk_row not in self._places:
            self._places[chunk_row] = len(self.chunks)
            hit = Hit(chunk_row, row, float(self._opinions.relevance[place]), 0.0)
            number = self._first + len(self.chunks)
            self.chunks += numbered(self._index, [DistinctHit(hit, [])], number)
        chunk = self.chunks[self._places[chunk_row]]
        sentence = self._index.sentences([row])[0]
        return Citation.of(chunk, sentence.start, sentence.end, 1.0, supports=True)


def _from_clause(text: str, around: int | None) -> str:
    """A long text from the clause on that has this character."""
    if around is None:
        return text
    if (
        len(text[:around].split()) < _MOST_QUOTED_WORDS // 2
        or len(text.split()) <= _MOST_QUOTED_WORDS
    ):
        return text
    start = max(text.rfind(mark, 0, around) for mark in (", ", "; ", ": ", " - ", " ("))
    start = (
        text.rfind(" ", 0, max(around - _BEFORE, 0)) if around - start > 2 * _BEFORE else start + 1
    )
    return f"… {text[start:].strip()}"
