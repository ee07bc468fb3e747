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

from collections.abc import Iterable, Iterator, Sequence
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


class _Found(NamedTuple):
    anchor: str
    sentence_row: int
    right_groups: frozenset[int] = frozenset()  # of copies, whose reviews answer the anchor as well


def make_pairs(
    index: ReviewIndex,
    embedder: Embedder,
    questions: Sequence[Question] = (),
    *,
    kinds: Sequence[str] = KINDS,
    most: int = MOST,
    reviews: NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> list[Pair]:
    """Pairs of the kinds wanted, at most `most` of each, each pair of texts once; the same ones for
    the same seed.

    `embedder` is the one that the index was built with; `reviews` (reviews,) limits which reviews
    may be used.
    """
    allowed = np.ones(index.manifest.reviews, dtype=np.bool_) if reviews is None else reviews
    makers = {
        "question": lambda: _from_questions(index, embedder, questions, allowed),
        "title": lambda: _from_titles(index, embedder, allowed),
        "neighbour": lambda: _from_neighbours(index, allowed, most, seed),
    }
    pairs: list[Pair] = []
    seen: set[tuple[str, str]] = set()
    for kind in kinds:
        found: list[_Found] = []
        for one in makers[kind]():
            key = (_plain(one.anchor), _plain(index.sentences([one.sentence_row])[0].text))
            if key[0] != key[1] and key not in seen:
                seen.add(key)
                found.append(one)
        if len(found) > most:
            chosen = np.random.default_rng(seed).choice(len(found), most, replace=False)
            found = [found[place] for place in np.sort(chosen)]
        pairs += _with_negatives(index, embedder, kind, found, allowed)
    return pairs


def _from_questions(
    index: ReviewIndex,
    embedder: Embedder,
    questions: Sequence[Question],
    allowed: NDArray[np.bool_],
) -> Iterator[_Found]:
    rows_of = {review_id: row for row, review_id in enumerate(index.review_ids())}
    answerable = [question for question in questions if question.review_ids]
    if not answerable:
        return
    vectors = embedder.embed_queries([question.question for question in answerable])
    for question, vector in zip(answerable, vectors, strict=True):
        found = []
        gold = [
            rows_of[review_id] for review_id in sorted(question.review_ids) if review_id in rows_of
        ]
        right = frozenset(index.review_group[gold].tolist())
        for row in gold:
            if allowed[row]:
                cosine, sentence = _best_sentence(index, vector, row)
                if cosine >= _NEAR_ENOUGH:
                    found.append((cosine, sentence))
        for _, sentence in sorted(found, reverse=True)[:_PER_QUESTION]:
            yield _Found(question.question, sentence, right)


def _from_titles(
    index: ReviewIndex, embedder: Embedder, allowed: NDArray[np.bool_]
) -> Iterator[_Found]:
    titles = [
        (row, review.title)
        for row, review in enumerate(index.reviews())
        if allowed[row] and len(review.title.split()) >= _LEAST_WORDS["title"]
    ]
    for start in range(0, len(titles), _AT_ONCE):
        block = titles[start : start + _AT_ONCE]
        for (row, title), vector in zip(
            block, embedder.embed_queries([title for _, title in block]), strict=True
        ):
            yield _Found(title, _best_sentence(index, vector, row)[1])


def _from_neighbours(
    index: ReviewIndex, allowed: NDArray[np.bool_], most: int, seed: int
) -> Iterator[_Found]:
    chunk, review = index.sentence_chunk, index.sentence_review
    following = np.flatnonzero((chunk[1:] == chunk[:-1]) & allowed[review[:-1]])
    some = np.sort(
        np.random.default_rng(seed).permutation(following)[: 2 * most]
    )  # some will be too short
    for first in some.tolist():
        one, other = index.sentences([first, first + 1])
        if min(len(one.text.split()), len(other.text.split())) >= _LEAST_WORDS["neighbour"]:
            yield _Found(one.text, first + 1)


def _best_sentence(index: ReviewIndex, vector: Vectors, review_row: int) -> tuple[float, int]:
    first, last = np.searchsorted(index.sentence_review, [review_row, review_row + 1])
    cosines = index.vectors(range(int(first), int(last))) @ vector
    best = int(cosines.argmax())
    return float(cosines[best]), int(first) + best


def _with_negatives(
    index: ReviewIndex,
    embedder: Embedder,
    kind: str,
    found: Sequence[_Found],
    allowed: NDArray[np.bool_],
) -> Iterable[Pair]:
    usable = allowed[index.sentence_review]
    for start in range(0, len(found), _AT_ONCE):
        block = found[start : start + _AT_ONCE]
        anchors = embedder.embed_queries([one.anchor for one in block])
        nearest = (anchors * index.vectors(np.array([one.sentence_row for one in block]))).sum(
            axis=1
        )
        cosines, sentences = index.search(anchors, _LOOKED_AT, None if usable.all() else usable)
        for one, limit, near, candidates in zip(block, nearest, cosines, sentences, strict=True):
            review = int(index.sentence_review[one.sentence_row])
            right = one.right_groups | {int(index.review_group[review])}
            negative = next(
                (
                    int(candidate)
                    for cosine, candidate in zip(near, candidates, strict=True)
                    if candidate >= 0
                    and cosine < _MARGIN * limit
                    and int(index.review_group[index.sentence_review[candidate]]) not in right
                ),
                None,
            )
            texts = index.sentences(
                [one.sentence_row] if negative is None else [one.sentence_row, negative]
            )
            yield Pair(
                kind, one.anchor, texts[0].text, texts[1].text if len(texts) > 1 else "", review
            )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
