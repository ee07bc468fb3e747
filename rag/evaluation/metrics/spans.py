"""Do the gold answers' words lie in what a prompt can hold?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from rag.evaluation.metrics.registry import RetrievalCase, RetrievalMetric
from rag.schema import RetrievedChunk

SPAN_TOKENS = 1024


def _share(case: RetrievalCase) -> float | None:
    """Share of the gold spans that lie wholly inside the chunks, best first, that fit into the
    tokens.
    """
    if not case.question.spans:
        return None
    parts = _parts(_fitting(case))
    inside = [
        any(first <= start and end <= last for first, last in parts.get(review_id, ()))
        for review_id, start, end in case.question.spans
    ]
    return sum(inside) / len(inside)


def _fitting(case: RetrievalCase) -> list[RetrievedChunk]:
    chunks: list[RetrievedChunk] = []
    tokens = 0
    counts = case.embedder.count_tokens([chunk.chunk.text for chunk in case.chunks])
    for chunk, count in zip(case.chunks, counts, strict=True):
        tokens += count
        if tokens > SPAN_TOKENS:
            break
        chunks.append(chunk)
    return chunks


def _parts(chunks: Sequence[RetrievedChunk]) -> dict[str, list[tuple[int, int]]]:
    """Review id -> (start, end) of what the chunks hold of it; neighbours are one part where only
    blanks lie between.
    """
    parts: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for chunk in sorted(chunks, key=lambda chunk: (chunk.chunk.start, chunk.chunk.end)):
        start, end = chunk.chunk.start, chunk.chunk.end
        earlier = parts[chunk.review.review_id]
        if earlier and not chunk.review.text[earlier[-1][1] : start].strip():
            earlier[-1] = (earlier[-1][0], max(end, earlier[-1][1]))
        else:
            earlier.append((start, end))
    return parts


SPANS = RetrievalMetric(
    name=f"spans@{SPAN_TOKENS}",
    meaning="share of the gold answers' spans that lie wholly inside the retrieved chunks, best "
    f"first, that fit into {SPAN_TOKENS} of the embedder's tokens",
    measure=_share,
)
