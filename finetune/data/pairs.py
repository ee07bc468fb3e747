"""Training pairs for the embedder: a text to search with, a sentence that should be found, and near
misses.

From what a pile of reviews has: questions with the reviews that answer them, titles with the
sentence of their review that says the same at most length, and neighbouring sentences of one chunk
(as in the inverse cloze task, Lee et al. 2019). A near miss (hard negative) is a sentence that the
present embedder finds near the anchor, but less near than 95% of the positive, in a review that is
neither the positive's nor a copy of it (NV-Retriever, Moreira et al. 2024: what is nearer than that
is too often right), and, for a question, none of the other reviews that answer it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Embedder, Vectors
from rag.evaluation.questions import Question
from rag.index import ReviewIndex

KINDS = ("question", "title", "neighbour")
MOST = 4000  # pairs of each kind
_PER_QUESTION = 8  # gold reviews of a question
_LEAST_WORDS = {"title": 3, "neighbour": 5}
# cosine of a question and the gold review's best sentence, below which the review is left out
_NEAR_ENOUGH = 0.2
_MARGIN = 0.95  # of the positive's cosine, from which on a near miss may be right
_LOOKED_AT = 50  # nearest sentences among which a near miss is looked for
_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Pair:
    """What the embedder learns from; `negative` is empty where no near miss was found."""

    kind: str
    anchor: str
    positive: str
    negative: str
    review_row: int  # of the positive


@dataclass(frozen=True, slots=True)
class Draw:
    """How many pairs of each kind at most; the same ones for the same seed."""

    most: int = MOST
    seed: int = 0


class _Candidate(NamedTuple):
    anchor: str
    sentence_row: int
    right_groups: frozenset[int] = frozenset()  # of copies, whose reviews answer the anchor as well


def make_pairs(
    index: ReviewIndex,
    embedder: Embedder,
    questions: Sequence[Question] = (),
    *,
    kinds: Sequence[str] = KINDS,
    draw: Draw = Draw(),
    reviews: NDArray[np.bool_] | None = None,
) -> list[Pair]:
    """Pairs of the kinds wanted, each pair of texts once.

    `embedder` is the one that the index was built with; `reviews` (reviews,) limits which reviews
    may be used.
    """
    allowed = np.ones(index.manifest.reviews, dtype=np.bool_) if reviews is None else reviews
    makers = {
        "question": lambda: _from_questions(index, embedder, questions, allowed),
        "title": lambda: _from_titles(index, embedder, allowed),
        "neighbour": lambda: _from_neighbours(index, allowed, draw),
    }
    pairs: list[Pair] = []
    seen: set[tuple[str, str]] = set()
    for kind in kinds:
        candidates: list[_Candidate] = []
        for candidate in makers[kind]():
            positive = index.sentences([candidate.sentence_row])[0].text
            key = (_plain(candidate.anchor), _plain(positive))
            if key[0] != key[1] and key not in seen:
                seen.add(key)
                candidates.append(candidate)
        if len(candidates) > draw.most:
            generator = np.random.default_rng(draw.seed)
            chosen = generator.choice(len(candidates), draw.most, replace=False)
            candidates = [candidates[place] for place in np.sort(chosen)]
        pairs += _with_negatives(index, embedder, kind, candidates, allowed)
    return pairs


def _from_questions(
    index: ReviewIndex,
    embedder: Embedder,
    questions: Sequence[Question],
    allowed: NDArray[np.bool_],
) -> Iterator[_Candidate]:
    rows_of = index.rows_by_id()
    answerable = [question for question in questions if question.review_ids]
    if not answerable:
        return
    vectors = embedder.embed_queries([question.question for question in answerable])
    for question, vector in zip(answerable, vectors, strict=True):
        ids = sorted(question.review_ids)
        gold = [rows_of[review_id] for review_id in ids if review_id in rows_of]
        right = frozenset(index.review_group[gold].tolist())
        best = [_best_sentence(index, vector, row) for row in gold if allowed[row]]
        near = sorted((pair for pair in best if pair[0] >= _NEAR_ENOUGH), reverse=True)
        for _, sentence in near[:_PER_QUESTION]:
            yield _Candidate(question.question, sentence, right)


def _from_titles(
    index: ReviewIndex, embedder: Embedder, allowed: NDArray[np.bool_]
) -> Iterator[_Candidate]:
    titles = [
        (row, review.title)
        for row, review in enumerate(index.reviews())
        if allowed[row] and len(review.title.split()) >= _LEAST_WORDS["title"]
    ]
    for start in range(0, len(titles), _AT_ONCE):
        block = titles[start : start + _AT_ONCE]
        vectors = embedder.embed_queries([title for _, title in block])
        for (row, title), vector in zip(block, vectors, strict=True):
            yield _Candidate(title, _best_sentence(index, vector, row)[1])


def _from_neighbours(
    index: ReviewIndex, allowed: NDArray[np.bool_], draw: Draw
) -> Iterator[_Candidate]:
    chunk, review = index.sentence_chunk, index.sentence_review
    following = np.flatnonzero((chunk[1:] == chunk[:-1]) & allowed[review[:-1]])
    order = np.random.default_rng(draw.seed).permutation(following)
    for row in np.sort(order[: 2 * draw.most]).tolist():  # some will be too short
        first, second = (sentence.text for sentence in index.sentences([row, row + 1]))
        if min(len(first.split()), len(second.split())) >= _LEAST_WORDS["neighbour"]:
            yield _Candidate(first, row + 1)


def _best_sentence(index: ReviewIndex, vector: Vectors, review_row: int) -> tuple[float, int]:
    first, last = np.searchsorted(index.sentence_review, [review_row, review_row + 1])
    cosines = index.vectors(range(int(first), int(last))) @ vector
    best = int(cosines.argmax())
    return float(cosines[best]), int(first) + best


def _with_negatives(
    index: ReviewIndex,
    embedder: Embedder,
    kind: str,
    candidates: Sequence[_Candidate],
    allowed: NDArray[np.bool_],
) -> Iterator[Pair]:
    usable = allowed[index.sentence_review]
    for start in range(0, len(candidates), _AT_ONCE):
        block = candidates[start : start + _AT_ONCE]
        anchors = embedder.embed_queries([candidate.anchor for candidate in block])
        positives = index.vectors(np.array([candidate.sentence_row for candidate in block]))
        limits = _MARGIN * (anchors * positives).sum(axis=1)
        cosines, rows = index.search(anchors, _LOOKED_AT, None if usable.all() else usable)
        for place, candidate in enumerate(block):
            review = int(index.sentence_review[candidate.sentence_row])
            right = candidate.right_groups | {int(index.review_group[review])}
            far_enough = rows[place][(rows[place] >= 0) & (cosines[place] < limits[place])]
            groups = index.review_group[index.sentence_review[far_enough]]
            negatives = far_enough[~np.isin(groups, list(right))][:1].tolist()
            texts = [near.text for near in index.sentences([candidate.sentence_row, *negatives])]
            negative = texts[1] if negatives else ""
            yield Pair(kind, candidate.anchor, texts[0], negative, review)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
