"""The `Embedder` protocol, and what a question is searched with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.progress import Progress, no_progress
from rag.understanding.intent import content_words

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Texts to vectors; one of the two things that tests replace."""

    @property
    def identity(self) -> str:
        """Name and weights hash: two embedders with one identity give the same vectors."""
        ...

    @property
    def runtime(self) -> str:
        """What computes the vectors: under another runtime they differ a little."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) float32, rows of length one, with the model's query prompt if it
        has one.
        """
        ...

    def embed_documents(self, texts: Sequence[str], *, progress: Progress = no_progress) -> Vectors:
        """(len(texts), dimension) float32, rows of length one, with the model's document prompt if
        it has one.
        """
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without the special tokens around it."""
        ...


def query_vector(embedder: Embedder, question: str, content_weight: float = 1.0) -> Vectors:
    """(dimension,) unit vector to search with: halfway between the question and its content words.

    `content_weight` is the words' weight beside the question's; 0 searches with the plain question.

    "What do people say about" draws the embedding towards sentences about people saying things.
    Share of gold reviews among the first twelve, sample, train / dev / test: question .47 / .55 /
    .45, halfway .49 / .60 / .49.
    """
    plain, words = embedder.embed_queries([question, content_words(question) or question])
    return between(plain, words, content_weight)


def between(plain: Vectors, words: Vectors, weight: float) -> Vectors:
    """The unit vector of `plain` and `weight` times `words`."""
    both = plain + weight * words
    return np.asarray(both / max(float(np.linalg.norm(both)), 1e-12), dtype=np.float32)
