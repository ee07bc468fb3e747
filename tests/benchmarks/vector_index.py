"""Which FAISS index for how many vectors: ``python -m tests.benchmarks.vector_index`` prints time,
recall and memory.

Takes the vectors of an index (``--index``, by default squid-game) and, for sizes beyond its own,
makes more by mixing pairs of them with a little noise, so that they lie as real sentences do: in
clusters on a low-dimensional shape. Random vectors would make every approximate index look useless.
Queries are vectors that are not in the index.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import faiss
import numpy as np

from rag.embedding import Vectors
from rag.index.vectors import Mask, VectorSearch, build_approximate
from tests.benchmarks.measuring import chosen_index, milliseconds, options, show

QUERIES = 200
K = 96  # twelve chunks, eight sentences fetched for each
SIZES = (10_000, 100_000, 200_000, 600_000)
HEADER = ["vectors", "index", "ms a query", "recall@10", "ms, 1% kept", "recall@10, 1% kept"]
HEADER += ["MB", "built in s"]

Search = Callable[[Vectors, Mask | None], np.ndarray]
"""(queries, dimension) and what is kept, None for all -> (queries, K) rows, best first."""


def vectors_like(seed: Vectors, count: int) -> Vectors:
    """`count` unit vectors: the seed's own as far as they go, then mixtures of two of them and
    noise.
    """
    rng = np.random.default_rng(0)
    if count <= len(seed):
        return np.ascontiguousarray(seed[rng.permutation(len(seed))[:count]])
    vectors = np.empty((count, seed.shape[1]), dtype=np.float32)
    vectors[: len(seed)] = seed
    for start in range(len(seed), count, 65_536):
        size = min(65_536, count - start)
        vectors[start : start + size] = mixtures(seed, size, rng)
    return vectors


def mixtures(seed: Vectors, count: int, rng: np.random.Generator) -> Vectors:
    """`count` unit vectors, each between two of the seed's, with a little noise."""
    share = rng.uniform(0.5, 1.0, (count, 1)).astype(np.float32)
    noise = rng.normal(0, 0.02, (count, seed.shape[1])).astype(np.float32)
    mixed = (
        share * seed[rng.integers(len(seed), size=count)]
        + (1 - share) * seed[rng.integers(len(seed), size=count)]
    )
    mixed += noise
    return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), dtype=np.float32)


def recall(exact: np.ndarray, found: np.ndarray) -> float:
    """Share of the exact first ten among the first ten found."""
    shared = [len({*a[:10]} & {*b[:10]}) / 10 for a, b in zip(exact, found, strict=True)]
    return float(np.mean(shared))


def search_of(index: VectorSearch) -> Search:
    """How the product searches."""
    return lambda queries, kept: index.search(queries, K, kept)[1]


def hnsw_search(graph: Any) -> Search:
    """How HNSW is searched; what is kept is told to FAISS as bits."""

    def search(queries: Vectors, kept: Mask | None) -> np.ndarray:
        limits = None
        if kept is not None:
            selector = faiss.IDSelectorBitmap(np.packbits(kept, bitorder="little"))
            limits = faiss.SearchParametersHNSW(sel=selector, efSearch=128)
        return np.asarray(graph.search(queries, K, params=limits)[1])

    return search


def build_hnsw(vectors: Vectors) -> Any:
    """HNSW32 with 64 looked at while searching, for comparison."""
    graph = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efSearch = 64
    graph.add(vectors)
    return graph


def candidates(vectors: Vectors, hnsw: bool) -> Iterator[tuple[str, Search, float, float]]:
    """Name, search, megabytes when written and seconds to build; the exact one first."""
    yield "flat", search_of(VectorSearch(vectors)), 0.0, 0.0
    builders = {"ivf_sq8, re-scored": build_approximate}
    if hnsw:
        builders["hnsw32"] = build_hnsw
    for name, build in builders.items():
        start = time.perf_counter()
        index = build(vectors)
        seconds = time.perf_counter() - start
        search = hnsw_search(index) if build is build_hnsw else None
        megabytes = len(faiss.serialize_index(index)) / 1e6
        yield name, search or search_of(VectorSearch(vectors, index)), megabytes, seconds


def rows(seed: Vectors, count: int, hnsw: bool) -> Iterator[list[object]]:
    """The lines of one size."""
    vectors = vectors_like(seed, count + QUERIES)
    order = np.random.default_rng(1).permutation(len(vectors))
    queries, vectors = vectors[order[:QUERIES]], vectors[order[QUERIES:]]
    kept = np.zeros(len(vectors), dtype=np.bool_)
    kept[np.random.default_rng(2).permutation(len(vectors))[: len(vectors) // 100]] = True
    exact: list[np.ndarray] = []
    for name, search, megabytes, seconds in candidates(vectors, hnsw):
        row: list[object] = [count, name]
        for place, mask in enumerate((None, kept)):
            found = search(queries, mask)
            if name == "flat":
                exact.append(found)
            spent = milliseconds(lambda query: search(query[None, :], mask), queries[:50])  # noqa: B023
            row += [float(np.median(spent)), f"{recall(exact[place], found):.3f}"]
        yield [*row, f"{megabytes:.0f}", f"{seconds:.0f}"]


def main() -> None:
    """Print a table a size."""
    parser = options(__doc__, index="squid-game")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--hnsw", action="store_true", help="HNSW too; its building takes minutes")
    arguments = parser.parse_args()
    seed = np.asarray(chosen_index(arguments).all_vectors)
    for count in arguments.sizes:
        show(f"{count:,} vectors", HEADER, list(rows(seed, count, arguments.hnsw)))


if __name__ == "__main__":
    main()
