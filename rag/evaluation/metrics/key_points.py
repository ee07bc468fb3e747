"""Does the answer say what a good answer must?"""

from rag.evaluation.metrics.registry import AnswerCase, Metric


def _recalled(case: AnswerCase) -> float | None:
    question = case.question
    # the key point of a count question is a number, which similarity cannot tell from another
    if not question.answerable or question.kind == "count" or not question.key_points:
        return None
    if not case.claims:
        return 0.0
    embed = case.embedder.embed_documents
    similarity = embed(question.key_points) @ embed([claim.text for claim in case.claims]).T
    return float((similarity.max(axis=1) >= case.support_threshold).mean())


KEY_POINTS = Metric(
    name="key_points",
    title="key points",
    meaning="share of a question's key points that some sentence of the answer comes close to "
    "(cosine of their embeddings at or over the support threshold)",
    measure=_recalled,
)
