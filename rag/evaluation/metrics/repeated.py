"""Does an answer say the same twice?"""

from collections.abc import Sequence

import numpy as np

from rag.embedding import Embedder
from rag.evaluation.metrics.registry import AnswerCase, Metric

_SAME = 0.9  # cosine


def repeated(sentences: Sequence[str], embedder: Embedder) -> float:
    """Share of the sentences that say what one before them said; 0 without any."""
    vectors = embedder.embed_documents(list(sentences))
    earlier = np.tril(vectors @ vectors.T, -1)
    return float((earlier >= _SAME).any(axis=1).sum()) / max(1, len(sentences))


def _repeated(case: AnswerCase) -> float | None:
    return repeated([claim.text for claim in case.claims], case.embedder) if case.claims else None


REPEATED = Metric(
    name="repeated",
    meaning="share of an answer's sentences that say what one before them said (cosine of at least "
    f"{_SAME})",
    larger_is_better=False,
    measure=_repeated,
)
