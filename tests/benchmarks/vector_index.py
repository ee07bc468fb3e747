"""Which FAISS index for how many vectors: ``python -m tests.benchmarks.vector_index`` prints time,
recall and memory.

Takes the vectors of an index (``--index``, by default squid-game) and, for sizes beyond its own,
makes more by mixing pairs of them with a little noise, so that they lie as real sentences do: in
clusters on a low-dimensional shape. Random vectors would make every approximate index look useless.
Queries are vectors that are not in the index.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import faiss
import numpy as np

from rag.embedding import Vectors
from rag.index.approximate import build_approximate
from rag.index.vectors import Mask, VectorSearch
from tests.benchmarks.measuring import chosen_index, milliseconds, options, show

QUERIES = 200
K = 96  # twelve chunks, eight sentences fetched for each
SIZES = (10_000, 100_000, 200_000, 600_000)
HEADER = ["vectors", "index", "ms a query", "recall@10", "ms, 1% kept", "recall@10, 1% kept"]
HEADER += ["MB", "built in s"]


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


def recall(exact: np.ndarray, near: np.ndarray) -> float:
    """Share of the exact first ten among the first ten of `near`."""
    shared = [len({*a[:10]} & {*b[:10]}) / 10 for a, b in zip(exact, near, strict=True)]
    return float(np.mean(shared))


def cells(
    flat: VectorSearch, search: VectorSearch, queries: Vectors, kept: Mask | None
) -> list[object]:
    """Milliseconds a query, and recall against exact search."""
    spent = milliseconds(lambda query: search.search(query[None, :], K, kept), list(queries[:50]))
    exact, near = flat.search(queries, K, kept)[1], search.search(queries, K, kept)[1]
    return [float(np.median(spent)), f"{recall(exact, near):.3f}"]


def rows(seed: Vectors, count: int) -> Iterator[list[object]]:
    """The lines of one size."""
    vectors = vectors_like(seed, count + QUERIES)
    order = np.random.default_rng(1).permutation(len(vectors))
    queries, vectors = vectors[order[:QUERIES]], vectors[order[QUERIES:]]
    kept = np.zeros(len(vectors), dtype=np.bool_)
    kept[np.random.default_rng(2).permutation(len(vectors))[: len(vectors) // 100]] = True
    start = time.perf_counter()
    approximate = build_approximate(vectors)
    seconds = f"{time.perf_counter() - start:.0f}"
    megabytes = f"{len(faiss.serialize_index(approximate)) / 1e6:.0f}"
    flat, ivf = VectorSearch(vectors), VectorSearch(vectors, approximate)
    for name, search, *size in (
        ("flat", flat, "0", "0"),
        ("ivf_sq8, re-scored", ivf, megabytes, seconds),
    ):
        everywhere = cells(flat, search, queries, None)
        yield [count, name, *everywhere, *cells(flat, search, queries, kept), *size]


def main() -> None:
    """Print a table a size."""
    parser = options(__doc__, index="squid-game")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    arguments = parser.parse_args()
    seed = np.asarray(chosen_index(arguments).all_vectors)
    for count in arguments.sizes:
        show(f"{count:,} vectors", HEADER, list(rows(seed, count)))


if __name__ == "__main__":
    main()
