"""An embedder that embeds no text twice: examples are made of the same sentences over and over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from rag.embedding import Embedder, Vectors
from rag.progress import Progress, no_progress


class CachedEmbedder:
    """Another embedder, with all its vectors kept in memory (1.5 KB each for the bundled one)."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._documents: dict[str, Vectors] = {}
        self._queries: dict[str, Vectors] = {}

    @property
    def identity(self) -> str:
        return self._embedder.identity

    @property
    def runtime(self) -> str:
        return self._embedder.runtime

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self._cached(texts, self._queries, self._embedder.embed_queries)

    def embed_documents(self, texts: Sequence[str], *, progress: Progress = no_progress) -> Vectors:
        return self._cached(
            texts, self._documents, partial(self._embedder.embed_documents, progress=progress)
        )

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._embedder.count_tokens(texts)

    def _cached(
        self, texts: Sequence[str], cache: dict[str, Vectors], embed: Callable[[list[str]], Vectors]
    ) -> Vectors:
        if new := [text for text in dict.fromkeys(texts) if text not in cache]:
            cache.update(zip(new, embed(new), strict=True))
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return np.stack([cache[text] for text in texts])
