"""A second, closer look at the first chunks: a cross-encoder, named in the settings (a hub name or
a folder), reads question and chunk together.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from rag.config import Settings
from rag.embedding import Vectors
from rag.logging import quiet_libraries
from rag.schema import ModelError, first_line

_log = logging.getLogger(__name__)

NONE = "none"


class Reranker(Protocol):
    """Scores chunks for a question anew."""

    @property
    def name(self) -> str:
        """What it is called in settings."""
        ...

    def score(self, question: str, texts: Sequence[str]) -> Vectors:
        """(len(texts),) float32, larger is better. Raises `ModelError`."""
        ...


class CrossEncoderReranker:
    """Any sentence-transformers cross-encoder, by hub name or folder; loaded on first use."""

    def __init__(self, name: str, *, batch_size: int = 32) -> None:
        self.name = name
        self._batch_size = batch_size

    @functools.cached_property
    def _model(self) -> Any:
        quiet_libraries()
        _log.info("Loading the reranker %s.", self.name)
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


def make_reranker(settings: Settings) -> Reranker | None:
    """The reranker that the settings name, or None; it is loaded once, however many ask for it."""
    name = settings.retrieval.reranker
    return None if name == NONE else _cross_encoder(name)


@functools.lru_cache(maxsize=1)
def _cross_encoder(name: str) -> CrossEncoderReranker:
    return CrossEncoderReranker(name)
