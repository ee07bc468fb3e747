"""Texts to vectors: the `Embedder` protocol, and any sentence-transformers model behind it."""

from __future__ import annotations

import contextlib
import functools

from rag.config import Settings
from rag.embedding.base import Embedder, Vectors, between, query_vector
from rag.embedding.sentence_transformer import SentenceTransformerEmbedder
from rag.runtimes import choose_runtime
from rag.schema import ModelError

__all__ = [
    "Embedder",
    "SentenceTransformerEmbedder",
    "Vectors",
    "between",
    "embedder_of",
    "make_embedder",
    "query_vector",
]


def make_embedder(settings: Settings) -> SentenceTransformerEmbedder:
    """The embedder that the settings name."""
    return SentenceTransformerEmbedder(
        settings.embedding.model,
        batch_size=settings.embedding.batch_size,
        dimension=settings.embedding.dimension,
        query_prompt=None
        if settings.embedding.query_prompt == "auto"
        else settings.embedding.query_prompt,
        document_prompt=None
        if settings.embedding.document_prompt == "auto"
        else settings.embedding.document_prompt,
        runtime=functools.partial(choose_runtime, settings),
    )


def embedder_of(settings: Settings, identity: str) -> Embedder | None:
    """The embedder that has this identity, if it is the one of the settings or the bundled one."""
    for embedder in (make_embedder(settings), SentenceTransformerEmbedder()):
        with contextlib.suppress(ModelError):
            if embedder.identity == identity:
                return embedder
    return None
