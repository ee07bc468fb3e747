"""Vectors that no model made, for measuring questions to many reviews without embedding these: mixtures of
the vectors of the first texts, with a little noise. A single text, a question, is embedded as ever.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_SEED = 64  # vectors that the others are made of


def make_up_vectors(system: str) -> None:
    """Let this process's embedder of passages make them up. Raises `KeyError` for a system whose
    embedder is not known here.
    """
    if system.startswith("reviewqa"):
        from rag.embedding import SentenceTransformerEmbedder as Embedder

        Embedder.embed_documents = _mixing(Embedder.embed_documents)  # type: ignore[method-assign]
    elif system == "txtai":
        from txtai.models.pooling.base import Pooling

        Pooling.encode = _mixing(Pooling.encode)
    else:
        from sentence_transformers import SentenceTransformer

        SentenceTransformer.encode = _mixing(SentenceTransformer.encode)


def _mixing(encode: Callable[..., Any]) -> Callable[..., Any]:
    """The method, which embeds the first few texts and makes up what it says of the others."""
    seed: list[Any] = []
    some = np.random.default_rng(0)

    @functools.wraps(encode)
    def made_up(self: Any, texts: str | Sequence[str], *more: Any, **options: Any) -> Any:
        if isinstance(texts, str) or len(texts) == 1:
            return encode(self, texts, *more, **options)
        if len(seed) < _SEED:
            seed.extend(np.asarray(encode(self, list(texts[:_SEED]), *more, **options)))
        vectors = np.array(seed, dtype=np.float32)
        share = some.uniform(0.5, 1, (len(texts), 1)).astype(np.float32)
        first, second = (vectors[some.integers(len(vectors), size=len(texts))] for _ in range(2))
        noise = some.normal(0, 0.02, first.shape).astype(np.float32)
        mixed = share * first + (1 - share) * second + noise
        return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)

    return made_up
