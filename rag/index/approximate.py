"""An approximate index over vectors: an inverted file with 8-bit codes (FAISS IVF-SQ8)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from rag.embedding import Vectors
from rag.index import disk
from rag.index.arrays import BLOCK, release
from rag.index.vectors import RECALL_QUERIES, VectorSearch
from rag.progress import Progress, no_progress

FEWER_QUERIES = 48  # that recall is measured with where only some vectors are new
_TRAINING = 64  # vectors for each list to train on


def lists_for(count: int) -> int:
    """How many inverted lists suit this many vectors: about four times its square root."""
    return max(1, min(int(4 * count**0.5), count // 40))


def updated(
    earlier: Any | None,
    kept: NDArray[np.int64],
    vectors: Vectors,
    *,
    progress: Progress = no_progress,
) -> tuple[Any, dict[str, Any]]:
    """The index of `vectors`: an `earlier` one extended (see `extend_approximate`), or built where there
    is none or its lists were learnt from far fewer vectors, or far more. And what is told of it.
    """
    lists = lists_for(len(vectors))
    if earlier is not None and not 0.5 <= earlier.nlist / lists <= 2:
        earlier = None
    if earlier is None:
        index, questions = build_approximate(vectors, progress=progress), RECALL_QUERIES
    else:
        index = extend_approximate(earlier, kept, vectors, progress=progress)
        questions = FEWER_QUERIES
    return index, {
        "lists": index.nlist,
        "lists_learnt": "now" if earlier is None else "earlier",
        "recall_at_10": round(VectorSearch(vectors, index).recall(questions), 4),
    }


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
    for start in range(index.ntotal, count, BLOCK):
        index.add(np.ascontiguousarray(vectors[start : start + BLOCK]))
        release(vectors)
        progress("writing", min(start + BLOCK, count), count)
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
