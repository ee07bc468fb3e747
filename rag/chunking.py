"""A review cut into sentences, and sentences gathered into chunks, with character offsets. Pure.

The sentence is the unit of evidence: every sentence gets a vector, and a chunk (a run of whole
sentences) is ranked by its best one. Boundaries always fall between user-perceived characters
(Unicode UAX #29), so an emoji made of several code points is never cut.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import regex
import sentencex

from rag.schema import Chunk, Review

MAX_SENTENCE_CHARS = 400
"""Longer "sentences" (rants without a full stop) are cut at a comma or a blank: embedders read only
so far.
"""

TokenCounter = Callable[[Sequence[str]], list[int]]
"""Texts -> how many tokens of the embedder each has."""

Span = tuple[int, int]

_GRAPHEME = regex.compile(r"\X")
_BREAK_AFTER = ("; ", ", ", ": ", " - ", " ", "。", "、", "，")


@dataclass(frozen=True, slots=True)
class ChunkedReview:
    """A review's sentences as spans, its chunks, and for each chunk which sentences (first,
    past-the-last).
    """

    sentences: list[Span]
    chunks: list[Chunk]
    chunk_sentences: list[tuple[int, int]]


def split_sentences(text: str, language: str = "") -> list[Span]:
    """Spans of the sentences of `text`, in order, not overlapping, without surrounding blanks.

    Together they cover every character that is not white space. Line breaks always end a sentence.
    """
    spans: list[Span] = []
    for line_start, line_end in _lines(text):
        for start, end in _sentencex_spans(text[line_start:line_end], language):
            spans.extend(_shorten(text, *_trim(text, line_start + start, line_start + end)))
    spans = _join_stray_marks(text, [span for span in spans if span[0] < span[1]])
    return _whole_graphemes(text, spans)


def chunk_review(
    review: Review, count_tokens: TokenCounter, *, chunk_tokens: int, whole: bool = False
) -> ChunkedReview:
    """Sentences and chunks of a review.

    A chunk takes whole sentences while it stays within `chunk_tokens`; a single longer sentence is
    a chunk of its own. Sentences are dealt evenly, so that a review does not end in a crumb. With
    `whole`, the review is one sentence and one chunk (the setting for published whole-document
    figures).
    """
    if whole:
        spans = [_trim(review.text, 0, len(review.text))]
        runs = [(0, 1)]
    else:
        spans = split_sentences(review.text, review.language)
        counts = count_tokens([review.text[start:end] for start, end in spans])
        runs = list(_runs(counts, chunk_tokens))
    chunks = []
    for first, last in runs:
        start, end = spans[first][0], spans[last - 1][1]
        chunks.append(make_chunk(review.review_id, review.text, start, end))
    return ChunkedReview(spans, chunks, runs)


def make_chunk(review_id: str, text: str, start: int, end: int) -> Chunk:
    """The chunk of the review with this id and text that covers start..end."""
    return Chunk(f"{review_id}:{start}-{end}", review_id, start, end, text[start:end])


def _runs(counts: Sequence[int], limit: int) -> Iterator[tuple[int, int]]:
    """Split the sentences into the fewest runs within `limit` tokens, of about equal length."""
    pieces = _greedy(counts, limit)
    if len(pieces) > 1:
        even = _greedy(counts, min(limit, -(-sum(counts) // len(pieces)) + max(counts) // 2))
        if len(even) == len(pieces):
            pieces = even
    yield from pieces


def _greedy(counts: Sequence[int], limit: int) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    first = total = 0
    for number, count in enumerate(counts):
        if number > first and total + count > limit:
            runs.append((first, number))
            first, total = number, 0
        total += count
    if first < len(counts):
        runs.append((first, len(counts)))
    return runs


def _lines(text: str) -> Iterator[Span]:
    start = 0
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if text[start:end].strip():
            yield start, end
        start = end + 1


def _sentencex_spans(line: str, language: str) -> Iterator[Span]:
    for boundary in sentencex.get_sentence_boundaries(language or "en", line):
        yield boundary["start_index"], boundary["end_index"]


def _trim(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _shorten(text: str, start: int, end: int) -> Iterator[Span]:
    """Cut an over-long span, at punctuation or a blank where there is one, never inside a grapheme."""
    while end - start > MAX_SENTENCE_CHARS:
        window = text[start : start + MAX_SENTENCE_CHARS]
        cut = 0
        for mark in _BREAK_AFTER:
            cut = window.rfind(mark) + len(mark)
            if cut > MAX_SENTENCE_CHARS // 3:
                break
        else:
            cut = MAX_SENTENCE_CHARS
        cut = _grapheme_boundary(text, start, end, start + cut)
        yield _trim(text, start, cut)
        start = _trim(text, cut, end)[0]
    yield start, end


def _grapheme_boundary(text: str, start: int, end: int, cut: int) -> int:
    """The last grapheme boundary at or before `cut`; past the first grapheme in any case."""
    boundary = start
    for match in _GRAPHEME.finditer(text, start, end):
        if match.end() > cut and boundary > start:
            break
        boundary = match.end()
    return boundary


def _whole_graphemes(text: str, spans: list[Span]) -> list[Span]:
    """Widen spans to grapheme boundaries, joining those that then meet (blank + combining mark, "!"
    + U+FE0F).
    """
    if text.isascii():
        return spans
    boundaries = [0, *(match.end() for match in _GRAPHEME.finditer(text))]
    widened: list[Span] = []
    for start, end in spans:
        start = boundaries[bisect.bisect_right(boundaries, start) - 1]
        end = boundaries[bisect.bisect_left(boundaries, end)]
        if widened and start < widened[-1][1]:
            widened[-1] = (widened[-1][0], end)
        else:
            widened.append((start, end))
    return widened


def _join_stray_marks(text: str, spans: list[Span]) -> list[Span]:
    """Join pieces without a letter or digit ("😍😍", "!!!", a closing quote) to the sentence before
    them.
    """
    joined: list[Span] = []
    for start, end in spans:
        wordless = not any(character.isalnum() for character in text[start:end])
        if joined and wordless and "\n" not in text[joined[-1][1] : start]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
