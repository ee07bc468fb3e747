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

import io
import mmap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from rag.embedding import Vectors
from rag.index import disk
from rag.progress import Progress, no_progress

Mask = NDArray[np.bool_]
"""(sentences,) True where a sentence may be found."""

FLAT_MOST = 200_000  # vectors up to which exact search is quick enough to be the default
EXACT_MOST = 50_000  # sentences that a filter leaves, up to which just those are searched, exactly
_CANDIDATES = 4  # candidates scored again for each result wanted
_LISTS_PROBED = 1 / 4  # share of the inverted lists that a search looks into
_TRAINING = 64  # vectors for each list to train on
_BLOCK = 65_536  # rows at once
_PICKING = 6  # times as long as reading a vector in its turn takes copying it out from among others
RECALL_QUERIES = 200
FEWER_QUERIES = 48  # where only some vectors are new
RECALL_AT = 10


def write_array(
    path: Path, shape: tuple[int, ...], dtype: Any, blocks: Iterator[NDArray[Any]]
) -> disk.NewFile:
    """Write a .npy file of known shape from consecutive blocks of rows; the closed file knows its
    hash and size.
    """
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header,
        {
            "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
            "fortran_order": False,
            "shape": shape,
        },
    )
    with disk.new_file(path) as file:
        file.write(header.getvalue())
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype=dtype))
    return file


def map_array(path: Path) -> NDArray[Any]:
    """A .npy file mapped into memory, read-only. Raises `OSError` or `ValueError`."""
    try:
        return np.asarray(np.lib.format.open_memmap(path, mode="r"))
    except (OSError, ValueError):
        raise
    # numpy reads the header as Python: a damaged one raises whatever its tokenizer does
    except Exception as error:
        raise ValueError(f"{path.name} has a damaged header: {error}") from error


def release(array: NDArray[Any]) -> None:
    """Give back the memory that reading a mapped array took; what is in it stays readable, from the
    disk's cache.
    """
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    if base is not None:
        base.madvise(mmap.MADV_DONTNEED)


def choose_type(setting: str, count: int) -> str:
    """ "flat" or "ivf_sq8": what the setting says, and for "auto" what the number of vectors asks
    for.
    """
    return ("flat" if count <= FLAT_MOST else "ivf_sq8") if setting == "auto" else setting


def lists_for(count: int) -> int:
    """How many inverted lists suit this many vectors: about four times its square root."""
    return max(1, min(int(4 * count**0.5), count // 40))


def build_approximate(vectors: Vectors, *, progress: Progress = no_progress) -> Any:
    """IVF-SQ8 over `vectors`, with lists learnt from some of them."""
    count, dimension = vectors.shape
    lists = lists_for(count)
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimension),
        dimension,
        lists,
        faiss.ScalarQuantizer.QT_8bit,
        faiss.METRIC_INNER_PRODUCT,
    )
    index.cp.niter = 10
    some = np.random.default_rng(0).permutation(count)[: max(lists * _TRAINING, 10_000)]
    training = vectors[np.sort(some)]
    release(vectors)
    index.train(training)
    del training
    return _added(index, vectors, progress)


def extend_approximate(
    earlier: Any, kept: NDArray[np.int64], vectors: Vectors, *, progress: Progress = no_progress
) -> Any:
    """An index over `vectors`, of which the first len(kept) are those at the rows `kept`, ascending,
    of an `earlier` index: their codes are taken from there, in the lists that were learnt then.
    """
    index = faiss.clone_index(earlier)
    index.reset()
    row_of = np.full(earlier.ntotal, -1, dtype=np.int64)
    row_of[kept] = np.arange(len(kept))
    lists = earlier.invlists
    for number in range(earlier.nlist):
        size = lists.list_size(number)
        if not size:
            continue
        rows = row_of[faiss.rev_swig_ptr(lists.get_ids(number), size)]
        codes = faiss.rev_swig_ptr(lists.get_codes(number), size * lists.code_size)
        stay = rows >= 0
        rows, codes = rows[stay], np.ascontiguousarray(codes.reshape(size, -1)[stay])
        if len(rows):
            pointers = (faiss.swig_ptr(rows), faiss.swig_ptr(codes))
            index.invlists.add_entries(number, len(rows), *pointers)
    index.ntotal = len(kept)
    return _added(index, vectors, progress)


def _added(index: Any, vectors: Vectors, progress: Progress) -> Any:
    """The index with those of the vectors that it does not have yet."""
    count = len(vectors)
    for start in range(index.ntotal, count, _BLOCK):
        index.add(np.ascontiguousarray(vectors[start : start + _BLOCK]))
        release(vectors)
        progress("writing", min(start + _BLOCK, count), count)
    return index


def write_approximate(index: Any, path: Path) -> disk.NewFile:
    """Write a FAISS index. Raises `OSError`."""
    with disk.new_file(path) as file:
        problem: list[BaseException] = []

        def write(data: bytes) -> int:
            try:
                return file.write(data)
            except BaseException as error:  # C++ calls this: what is raised here would be lost
                problem.append(error)
                return 0

        try:
            faiss.write_index(index, faiss.PyCallbackIOWriter(write))
        except RuntimeError:
            if not problem:
                raise
        if problem:
            raise problem[0]
    return file


def read_approximate(path: Path) -> Any:
    """The FAISS index in a file. Raises `RuntimeError` where it is none."""
    return faiss.read_index(str(path))


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
            for start in range(0, len(allowed), _BLOCK):
                block = allowed[start : start + _BLOCK]
                yield block, queries @ self.vectors[block].T
            return
        for start in range(0, len(self.vectors), _BLOCK):
            first, last = np.searchsorted(allowed, [start, start + _BLOCK])
            block = allowed[first:last]
            yield block, (queries @ self.vectors[start : start + _BLOCK].T)[:, block - start]

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
        _, true = self._exact(queries, min(RECALL_AT, len(self.vectors)))
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


def blocks_of(
    rows: NDArray[np.int64], take: Callable[[NDArray[np.int64]], NDArray[Any]]
) -> Iterator[NDArray[Any]]:
    """What `take` gives for the rows, some at a time."""
    for start in range(0, len(rows), _BLOCK):
        yield take(rows[start : start + _BLOCK])


def sample(
    vectors: Vectors, most: int, rows: Sequence[int] | NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """At most `most` of the rows (all of them by default), the same ones each time, in order."""
    all_rows = np.arange(len(vectors)) if rows is None else np.asarray(rows, dtype=np.int64)
    if len(all_rows) <= most:
        return all_rows
    return np.sort(np.random.default_rng(0).choice(all_rows, most, replace=False))
