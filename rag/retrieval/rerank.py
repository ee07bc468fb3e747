"""A second, closer look at the first chunks: `Reranker`, and what there is of it.

A cross-encoder reads question and chunk together, and is named in the settings (a hub name or a
folder). Late interaction (ColBERT's MaxSim, Khattab and Zaharia 2020) needs no weights but the
embedder's: each token of the question looks for its nearest token in the chunk.

Late interaction does not pay as a default. On 2,351 training questions of SubjQA, within their
items, nDCG@10 was .376 for the hybrid score, .348 for late interaction alone and .377 with a fifth
of it, for some 10 ms a chunk.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from rag.config import Settings
from rag.embedding import Embedder, Vectors
from rag.logging import quiet_libraries
from rag.schema import ModelError, SettingsError, first_line

NONE = "none"
LATE_INTERACTION = "late-interaction"


class Reranker(Protocol):
    """Scores chunks for a question anew."""

    @property
    def name(self) -> str:
        """What it is called in settings."""
        ...

    @property
    def weight(self) -> float:
        """Share of its scores in the new ones, beside those that the chunks came with; 1 to replace
        them.
        """
        ...

    def score(self, question: str, texts: Sequence[str]) -> Vectors:
        """(len(texts),) float32, larger is better. Raises `ModelError`."""
        ...


@runtime_checkable
class TokenEmbedder(Protocol):
    """An embedder that also gives a vector for each token."""

    def embed_tokens(self, texts: Sequence[str], *, query: bool = False) -> list[Vectors]:
        """For each text (tokens, dimension) unit vectors."""
        ...


class LateInteractionReranker:
    """Mean over the question's tokens of the cosine with the nearest token of the chunk."""

    name = LATE_INTERACTION
    weight = 0.2

    def __init__(self, embedder: TokenEmbedder) -> None:
        self._embedder = embedder

    def score(self, question: str, texts: Sequence[str]) -> Vectors:
        """(len(texts),) mean of the largest cosines, -1..1."""
        (asked,) = self._embedder.embed_tokens([question], query=True)
        found = self._embedder.embed_tokens(texts)
        return np.array(
            [(asked @ tokens.T).max(axis=1).mean() for tokens in found], dtype=np.float32
        )


class CrossEncoderReranker:
    """Any sentence-transformers cross-encoder, by hub name or folder; loaded on first use."""

    weight = 1.0

    def __init__(self, name: str, *, batch_size: int = 32) -> None:
        self.name = name
        self._batch_size = batch_size

    @functools.cached_property
    def _model(self) -> Any:
        quiet_libraries()
        from safetensors import SafetensorError
        from sentence_transformers import CrossEncoder

        try:
            return CrossEncoder(
                self.name, trust_remote_code=False, model_kwargs={"use_safetensors": True}
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise ModelError(
                f'Cannot load the reranker "{self.name}": '
                f"{first_line(error)} "
                "Give a folder with a cross-encoder, a hub name where a hub can be reached, or "
                f'"{NONE}".'
            ) from error

    def score(self, question: str, texts: Sequence[str]) -> Vectors:
        """(len(texts),) relevance as the model gives it. Raises `ModelError` for a model with more
        than one output.
        """
        scores = self._model.predict(
            [(question, text) for text in texts],
            batch_size=self._batch_size,
            show_progress_bar=False,
        )
        found = np.asarray(scores, dtype=np.float32)
        if found.shape != (len(texts),):
            raise ModelError(
                f'"{self.name}" is no reranker: it gives {found.shape[1:]} numbers for a question '
                "and a text, not one."
            )
        return found


def make_reranker(settings: Settings, embedder: Embedder) -> Reranker | None:
    """The reranker that the settings name, or None. Raises `SettingsError` where the embedder gives
    no tokens.
    """
    if settings.reranker == NONE:
        return None
    if settings.reranker == LATE_INTERACTION:
        if not isinstance(embedder, TokenEmbedder):
            raise SettingsError(
                f'The embedder "{embedder.identity}" gives no vectors of tokens, which '
                f'reranker = "{LATE_INTERACTION}" needs.'
            )
        return LateInteractionReranker(embedder)
    return CrossEncoderReranker(settings.reranker)
