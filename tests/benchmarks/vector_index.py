"""Which FAISS index for how many vectors: ``python -m tests.benchmarks.vector_index`` prints time,
recall and memory.

Takes the vectors of an index (``--index``, by default squid-game) and, for sizes beyond its own,
makes more by mixing pairs of them with a little noise, so that they lie as real sentences do: in
clusters on a low-dimensional shape. Random vectors would make every approximate index look useless.
Queries are vectors that are not in the index.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from rag.config import Settings
from rag.embedding import Vectors
from rag.index import ReviewIndex, index_folder
from rag.index.vectors import VectorSearch, build_approximate

QUERIES = 200
K = 96  # twelve chunks, eight sentences fetched for each


def vectors_like(seed: Vectors, count: int) -> Vectors:
    """`count` unit vectors: the seed's own as far as they go, then mixtures of two of them and
    noise.
    """
    rng = np.random.default_rng(0)
    if count <= len(seed):
        return np.ascontiguousarray(seed[rng.permutation(len(seed))[:count]])
    made = np.empty((count, seed.shape[1]), dtype=np.float32)
    made[: len(seed)] = seed
    for start in range(len(seed), count, 65_536):
        size = min(65_536, count - start)
        made[start : start + size] = mixtures(seed, size, rng)
    return made


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


def milliseconds(search: Callable[[Vectors], Any], queries: Vectors) -> float:
    """Median time of one question at a time."""
    times = []
    for query in queries[:50]:
        begun = time.perf_counter()
        search(query[None, :])
        times.append(time.perf_counter() - begun)
    return float(np.median(times)) * 1000


def recall(true: np.ndarray, found: np.ndarray) -> float:
    """Share of the true first ten among the first ten found."""
    return float(
        np.mean([len(set(a[:10]) & set(b[:10])) / 10 for a, b in zip(true, found, strict=True)])
    )


def hnsw(vectors: Vectors) -> Any:
    """HNSW32 with 64 looked at while searching, for comparison."""
    index = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efSearch = 64
    index.add(vectors)
    return index


def size_of(index: Any) -> float:
    """Megabytes when written."""
    return len(faiss.serialize_index(index)) / 1e6


def main() -> None:
    """Print a table a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", default="squid-game")
    parser.add_argument("--indexes-dir", type=Path, default=Settings().paths.indexes_dir)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 200_000, 600_000])
    parser.add_argument("--hnsw", action="store_true", help="HNSW too; its building takes minutes")
    stated = parser.parse_args()
    seed = ReviewIndex.open(index_folder(stated.indexes_dir, stated.index)).all_vectors
    print(
        "| vectors | index | ms a query | recall@10 | ms, 1% kept | recall@10, 1% kept | MB | "
        "built in s |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for count in stated.sizes:
        everything = vectors_like(np.asarray(seed), count + QUERIES)
        order = np.random.default_rng(1).permutation(len(everything))
        queries, vectors = everything[order[:QUERIES]], everything[order[QUERIES:]]
        del everything
        where = np.zeros(len(vectors), dtype=np.bool_)
        where[np.random.default_rng(2).permutation(len(vectors))[: len(vectors) // 100]] = True
        flat = VectorSearch(vectors)
        _, true = flat.search(queries, K)
        _, true_where = flat.search(queries, K, where)
        _row(count, "flat", flat, queries, where, true, true_where, 0.0, 0.0)
        begun = time.perf_counter()
        approximate = build_approximate(vectors)
        took = time.perf_counter() - begun
        searched = VectorSearch(vectors, approximate)
        _row(
            count,
            "ivf_sq8, re-scored",
            searched,
            queries,
            where,
            true,
            true_where,
            size_of(approximate),
            took,
        )
        if stated.hnsw:
            begun = time.perf_counter()
            graph = hnsw(vectors)
            took = time.perf_counter() - begun
            _hnsw_row(count, graph, queries, where, true, true_where, took)


def _row(
    count: int,
    name: str,
    search: VectorSearch,
    queries: Vectors,
    where: np.ndarray,
    true: np.ndarray,
    true_where: np.ndarray,
    size: float,
    took: float,
) -> None:
    found, found_where = search.search(queries, K)[1], search.search(queries, K, where)[1]
    print(
        f"| {count} | {name} | {milliseconds(lambda q: search.search(q, K), queries):.2f} | "
        f"{recall(true, found):.3f} "
        f"| {milliseconds(lambda q: search.search(q, K, where), queries):.2f} | "
        f"{recall(true_where, found_where):.3f} "
        f"| {size:.0f} | {took:.0f} |",
        flush=True,
    )


def _hnsw_row(
    count: int,
    graph: Any,
    queries: Vectors,
    where: np.ndarray,
    true: np.ndarray,
    true_where: np.ndarray,
    took: float,
) -> None:
    bits = np.packbits(where, bitorder="little")
    selector = faiss.IDSelectorBitmap(bits)
    limited = faiss.SearchParametersHNSW(sel=selector, efSearch=128)
    found = graph.search(queries, K)[1]
    found_where = graph.search(queries, K, params=limited)[1]
    print(
        f"| {count} | hnsw32 | {milliseconds(lambda q: graph.search(q, K), queries):.2f} | "
        f"{recall(true, found):.3f} "
        f"| {milliseconds(lambda q: graph.search(q, K, params=limited), queries):.2f} "
        f"| {recall(true_where, found_where):.3f} | {size_of(graph):.0f} | {took:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
