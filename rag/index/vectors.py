"""The vectors of an index: a file of full vectors, mapped into memory, and an approximate index
where they are many.

Exact search reads every vector, so its time grows with their number; from `FLAT_MOST` on, an
inverted file with 8-bit codes (FAISS IVF-SQ8) names candidates, which are scored again with the
full vectors. Scores are therefore always exact; only which sentences are looked at is approximate.
A search limited to few sentences looks at just those, exactly. Chosen with ``python -m
tests.benchmarks.vector_index``.

Questions are harder than sentences as queries: they lie between the clusters. On 618,825 sentences
of film reviews, with 160 questions of the sample, 3,146 lists and 96 sentences wanted, recall@10
(and ms): 32 lists looked into .79 (0.7), 128 .89 (1.5), 256 .93 (2.6), 512 .96 (5.3), 786 .975
(7.2), all vectors 1 (87). So a quarter of the lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from rag.embedding import Vectors
from rag.index.arrays import BLOCK, release

Mask = NDArray[np.bool_]
"""(sentences,) True where a sentence may be found."""

FLAT_MOST = 200_000  # vectors up to which exact search is quick enough to be the default
EXACT_MOST = 50_000  # sentences that a filter leaves, up to which just those are searched, exactly
_CANDIDATES = 4  # candidates scored again for each result wanted
_LISTS_PROBED = 1 / 4  # share of the inverted lists that a search looks into
_PICKING = 6  # times as long as reading a vector in its turn takes copying it out from among others
RECALL_QUERIES = 200
RECALL_AT = 10


def choose_type(setting: str, count: int) -> str:
    """ "flat" or "ivf_sq8": what the setting says, and for "auto" what the number of vectors asks
    for.
    """
    return ("flat" if count <= FLAT_MOST else "ivf_sq8") if setting == "auto" else setting


class VectorSearch:
    """Search over the vectors of one generation."""

    def __init__(self, vectors: Vectors, approximate: Any | None = None) -> None:
        self.vectors = vectors
        self.approximate = approximate

    def search(
        self, queries: Vectors, k: int, where: Mask | None = None
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """Cosines, best first, and rows; both (queries, at most k). Where fewer were found, rows
        end in -1.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if where is not None:
            allowed = np.flatnonzero(where)
            few = len(allowed) <= EXACT_MOST or k * _CANDIDATES >= len(allowed)
            if few or self.approximate is None:
                return self._exact_among(queries, min(k, len(allowed)), allowed)
        k = min(k, len(self.vectors))
        if self.approximate is None or k * _CANDIDATES >= len(self.vectors):
            return self._exact(queries, k)
        return self._approximate(queries, k, where)

    def _exact(self, queries: Vectors, k: int) -> tuple[Vectors, NDArray[np.int64]]:
        scores, rows = faiss.knn(queries, self.vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
        return scores, rows

    def _exact_among(
        self, queries: Vectors, k: int, allowed: NDArray[np.int64]
    ) -> tuple[Vectors, NDArray[np.int64]]:
        best = np.empty((len(queries), 0), dtype=np.float32)
        rows = np.empty((len(queries), 0), dtype=np.int64)
        for block, cosines in self._scored(queries, allowed):
            top = _tops(cosines, k)
            best = np.concatenate([best, np.take_along_axis(cosines, top, axis=1)], axis=1)
            rows = np.concatenate([rows, block[top]], axis=1)
            top = _tops(best, k)
            best = np.take_along_axis(best, top, axis=1)
            rows = np.take_along_axis(rows, top, axis=1)
        return best, rows

    def _scored(
        self, queries: Vectors, allowed: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """The allowed rows, some at a time, and their cosines, (queries, rows)."""
        if len(allowed) * _PICKING < len(self.vectors):
            for start in range(0, len(allowed), BLOCK):
                block = allowed[start : start + BLOCK]
                yield block, queries @ self.vectors[block].T
            return
        for start in range(0, len(self.vectors), BLOCK):
            first, last = np.searchsorted(allowed, [start, start + BLOCK])
            block = allowed[first:last]
            yield block, (queries @ self.vectors[start : start + BLOCK].T)[:, block - start]

    def _approximate(
        self, queries: Vectors, k: int, where: Mask | None
    ) -> tuple[Vectors, NDArray[np.int64]]:
        assert self.approximate is not None
        selector = (
            None if where is None else faiss.IDSelectorBitmap(np.packbits(where, bitorder="little"))
        )
        probes = max(min(self.approximate.nlist, 32), round(self.approximate.nlist * _LISTS_PROBED))
        parameters = faiss.SearchParametersIVF(sel=selector, nprobe=probes)
        _, candidates = self.approximate.search(queries, k * _CANDIDATES, params=parameters)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        for number, names in enumerate(candidates):
            names = names[names >= 0]
            cosines = self.vectors[names] @ queries[number]
            top = _top(cosines, k)
            scores[number, : len(top)], rows[number, : len(top)] = cosines[top], names[top]
        return scores, rows

    def recall(self, questions: int = RECALL_QUERIES) -> float:
        """Share of the true first ten that search finds, over so many sentences of the index as
        queries.
        """
        some = np.random.default_rng(0).permutation(len(self.vectors))[:questions]
        queries = np.ascontiguousarray(self.vectors[np.sort(some)])
        # FAISS multiplies many queries six times as slowly as numpy
        _, true = self._exact_among(queries, RECALL_AT, np.arange(len(self.vectors)))
        release(self.vectors)
        _, rows = self.search(queries, true.shape[1])
        shared = sum(len(np.intersect1d(*pair)) for pair in zip(true, rows, strict=True))
        return shared / true.size


def _tops(scores: Vectors, k: int) -> NDArray[np.int64]:
    """(queries, at most k) places of the k largest of each line."""
    tops = [_top(line, k) for line in scores]
    return np.array(tops, dtype=np.int64).reshape(len(scores), -1 if tops else 0)


def _top(scores: Vectors, k: int) -> NDArray[np.int64]:
    """Places of the k largest, largest first; of equals the earlier."""
    if len(scores) > k:
        some = np.sort(np.argpartition(-scores, k - 1)[:k]) if k else np.empty(0, dtype=np.int64)
    else:
        some = np.arange(len(scores))
    return np.asarray(some[np.argsort(-scores[some], kind="stable")], dtype=np.int64)
