"""Examples for a model too small to find evidence: quotations in, two or three sentences that say
the same out.

The quotations are what the digest picks for the question, from all reviews or a part of them; the
sentences are those of the question's key points that they bear out, each citing the quotations that
say it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag.answering import prompt
from rag.answering.extractive import DigestQuote
from rag.chunking import split_sentences
from rag.embedding import Embedder
from rag.evaluation.questions import Question
from rag.schema import RetrievedChunk

_FEWEST_STATEMENTS, _MOST_STATEMENTS = 2, 3
_MOST_CITED = 3
# cosine from which a quotation of a review that makes a point is taken to be where it makes it
_NEAR = 0.40


def phrased(
    question: Question,
    groups: Sequence[tuple[str, Sequence[DigestQuote]]],
    passages: Sequence[RetrievedChunk],
    embedder: Embedder,
    threshold: float,
) -> str:
    """The target for quotations of `passages`: key points, each with the quotations that say it; ""
    if none does.

    Where the question set says which reviews make a point (`point_reviews`), a quotation of one of
    these has to be near to it; else, one of the question's gold reviews, and by `threshold`.
    """
    quotes = [quote for _, found in groups for quote in found]
    reviews = {found.number: found.review.review_id for found in passages}
    parts = [
        (owner, quote.text[start:end])
        for owner, quote in enumerate(quotes)
        for start, end in split_sentences(quote.text)
    ]
    if not parts or not question.key_points:
        return ""
    points = embedder.embed_documents(list(question.key_points))
    likeness = points @ embedder.embed_documents([text for _, text in parts]).T
    similarity = np.full((len(points), len(quotes)), -1.0)
    for column, (owner, _) in enumerate(parts):
        similarity[:, owner] = np.maximum(similarity[:, owner], likeness[:, column])
    made_by = question.point_reviews or (question.review_ids,) * len(question.key_points)
    near = _NEAR if question.point_reviews else threshold
    found = []
    for row, (statement, ids) in enumerate(zip(question.key_points, made_by, strict=True)):
        places = [
            place
            for place in np.argsort(-similarity[row]).tolist()
            if similarity[row, place] >= near and reviews.get(quotes[place].numbers[0]) in ids
        ]
        if places:
            found.append(
                (sorted(places[:_MOST_CITED]), float(similarity[row, places[0]]), statement)
            )
    if len(found) < min(_FEWEST_STATEMENTS, len(question.key_points), len(quotes)):
        return ""  # half an answer teaches to give half an answer
    # the best borne out ones, in the order of the quotations
    best = sorted(sorted(found, key=lambda one: (-len(one[0]), -one[1]))[:_MOST_STATEMENTS])
    return " ".join(
        f"{statement.rstrip('. ')}. {prompt.write_marker([place + 1 for place in places])}"
        for places, _, statement in best
    )
