"""Do the gold answers' words lie in what a prompt can hold?"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from rag.evaluation.metrics.registry import Metric, RetrievalCase
from rag.schema import RetrievedChunk

SPAN_TOKENS = 1024


def _share(case: RetrievalCase) -> float | None:
    if not case.question.spans:
        return None
    tokens = np.cumsum(case.embedder.count_tokens([chunk.chunk.text for chunk in case.chunks]))
    parts = _parts(case.chunks[: int(np.searchsorted(tokens, SPAN_TOKENS, side="right"))])
    inside = [_covers(parts[span[0]], *span[1:]) for span in case.question.spans]
    return float(np.mean(inside))


def _covers(parts: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    return any(first <= start and end <= last for first, last in parts)


def _parts(chunks: Sequence[RetrievedChunk]) -> dict[str, list[tuple[int, int]]]:
    """Review id -> (start, end) of what the chunks hold of it; neighbours are one part where only
    blanks lie between.
    """
    parts: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for chunk in sorted(chunks, key=lambda chunk: chunk.chunk.start):
        start, end = chunk.chunk.start, chunk.chunk.end
        earlier = parts[chunk.review.review_id]
        if earlier and not chunk.review.text[earlier[-1][1] : start].strip():
            first, last = earlier.pop()
            start, end = first, max(last, end)
        earlier.append((start, end))
    return parts


SPANS = Metric(
    name=f"spans@{SPAN_TOKENS}",
    meaning="share of the gold answers' spans that lie wholly inside the retrieved chunks, best "
    f"first, that fit into {SPAN_TOKENS} of the embedder's tokens",
    measure=_share,
)
