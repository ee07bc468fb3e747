"""Does the answer say what a good answer must?"""

from collections.abc import Sequence

from rag.embedding import Embedder
from rag.evaluation.metrics.registry import AnswerCase, Metric


def recalled(
    key_points: Sequence[str], texts: Sequence[str], embedder: Embedder, threshold: float
) -> float:
    """The share of `key_points` that some text comes close to, by the cosine of their embeddings."""
    if not texts:
        return 0.0
    similarity = embedder.embed_documents(key_points) @ embedder.embed_documents(texts).T
    return float((similarity.max(axis=1) >= threshold).mean())


def _recalled(case: AnswerCase) -> float | None:
    question = case.question
    # the key point of a count question is a number, which similarity cannot tell from another
    if not question.answerable or question.kind == "count" or not question.key_points:
        return None
    texts = [claim.text for claim in case.claims]
    return recalled(question.key_points, texts, case.embedder, case.support_threshold)


KEY_POINTS = Metric(
    name="key_points",
    title="key points",
    meaning="share of a question's key points that some sentence of the answer comes close to "
    "(cosine of their embeddings at or over the support threshold)",
    measure=_recalled,
)
