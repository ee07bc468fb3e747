"""Does an answer say the same twice?"""

from __future__ import annotations

from collections.abc import Sequence

from rag.embedding import Embedder
from rag.evaluation.metrics.registry import AnswerCase, AnswerMetric

_SAME = 0.9  # cosine


def repeated(sentences: Sequence[str], embedder: Embedder) -> float:
    """Share of the sentences that say what one before them said; 0 without any."""
    vectors = embedder.embed_documents(list(sentences))
    similarity = vectors @ vectors.T
    again = sum(bool((similarity[row, :row] >= _SAME).any()) for row in range(len(sentences)))
    return again / max(1, len(sentences))


def _repeated(case: AnswerCase) -> float | None:
    sentences = [claim.text for claim in case.claims]
    return repeated(sentences, case.embedder) if sentences else None


REPEATED = AnswerMetric(
    name="repeated",
    meaning="share of an answer's sentences that say what one before them said (cosine of at least "
    f"{_SAME})",
    larger_is_better=False,
    measure=_repeated,
)
