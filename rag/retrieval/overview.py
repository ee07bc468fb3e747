"""What a whole corpus speaks of: its themes, the widest first, each with a praising and a
complaining sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import faiss
import numpy as np

from rag.index import ReviewIndex
from rag.index.vectors import Mask
from rag.reader.stance import side_of
from rag.retrieval.diversify import Limits, fold_copies, numbered
from rag.retrieval.fusion import Hit
from rag.schema import RetrievedChunk

THEMES = 12
_SENTENCES = (
    20_000  # enough to see the themes of any corpus; k-means over them takes about a second
)


def overview(
    index: ReviewIndex, limits: Limits, where: Mask | None = None, *, themes: int = THEMES
) -> list[RetrievedChunk]:
    """At most `limits.top_k` chunks that stand for the whole corpus: what most reviews speak of,
    from both sides.

    A question such as "what are the positive and negative aspects?" resembles no sentence of any
    review, so searching for it finds nothing of use. Instead the sentence vectors are grouped
    (k-means), and each theme, the one that most reviews share first, gives its most typical
    praising sentence and its most typical complaint. `score` is the cosine of that sentence and its
    theme.
    """
    rows = index.sample_sentences(_SENTENCES, where)
    if not len(rows):
        return []
    vectors = index.vectors(rows)
    stances = np.array(
        [index.sentence_stance(int(row), vector) for row, vector in zip(rows, vectors, strict=True)]
    )
    kmeans = faiss.Kmeans(
        vectors.shape[1],
        min(themes, len(rows)),
        niter=20,
        seed=0,
        spherical=True,
        min_points_per_centroid=1,
    )
    kmeans.train(vectors)
    centroids = np.asarray(kmeans.centroids)
    similarity = vectors @ centroids.T
    theme = similarity.argmax(axis=1)
    voice = index.review_group[index.sentence_review[rows]]
    spoken_of = [len(set(voice[theme == number])) for number in range(len(centroids))]
    side_taken = np.array([side_of(float(stance)) for stance in stances])
    praising, complaining = side_taken == "praise", side_taken == "criticism"
    sides = (
        [praising, complaining]
        if praising.any() or complaining.any()
        else [np.ones(len(rows), dtype=bool)]
    )
    piles: list[list[Hit]] = [[] for _ in sides]
    for number in np.argsort(spoken_of)[::-1]:
        for side, pile in zip(sides, piles, strict=True):
            members = np.flatnonzero((theme == number) & side)
            if len(members):
                best = members[int(similarity[members, number].argmax())]
                cosine = float(similarity[best, number])
                pile.append(
                    Hit(int(index.sentence_chunk[rows[best]]), int(rows[best]), cosine, cosine)
                )
    return numbered(index, fold_copies(index, _dealt(piles), limits))


def _dealt(piles: Sequence[Sequence[Hit]]) -> Iterable[Hit]:
    """Round-robin: the best of each pile, then the second of each."""
    for place in range(max((len(pile) for pile in piles), default=0)):
        for pile in piles:
            if place < len(pile):
                yield pile[place]
