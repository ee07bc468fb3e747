"""A sentence-transformers model that is a plain BERT encoder with its states averaged: its vectors,
without that library, which takes seconds to load.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rag.runtimes.base import Floats, Runtime, mean_states
from rag.runtimes.bert import is_bert, read_bert
from rag.runtimes.choice import load_encoder
from rag.runtimes.tokenizer import Tokenizer

Pooling = Literal["mean", "cls"]


@dataclass(frozen=True, slots=True)
class SentenceModel:
    """What a folder says of a model that `SentenceEncoder` computes."""

    folder: Path
    pooling: Pooling
    most_tokens: int
    prompts: dict[str, str]

    @classmethod
    def of(cls, folder: Path) -> SentenceModel | None:
        """None where the folder holds a model of any other kind, or none."""
        if not is_bert(folder):
            return None
        modules = _read(folder / "modules.json")
        kinds = [str(module.get("type")).rpartition(".")[2] for module in modules or ()]
        if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
            return None
        if modules[0].get("path"):
            return None
        pooling = _pooling(_read(folder / str(modules[1].get("path")) / "config.json") or {})
        most = _most_tokens(folder)
        if pooling is None or most is None:
            return None
        stated = (_read(folder / "config_sentence_transformers.json") or {}).get("prompts") or {}
        return cls(folder, pooling, most, dict(stated))


class SentenceEncoder:
    """Texts to unit vectors. Threads must take turns. Raises `OSError`, `ValueError`, `KeyError`,
    `RuntimeError` where the model is damaged.
    """

    def __init__(self, model: SentenceModel, runtime: Runtime) -> None:
        self.model = model
        self.tokenizer = Tokenizer(model.folder, model.most_tokens)
        weights = read_bert(model.folder)
        self.dimension = weights.width
        self._encoder = load_encoder(weights, runtime)

    @property
    def runtime(self) -> Runtime:
        """What computes it."""
        return self._encoder.runtime

    def vectors(self, texts: Sequence[str], dimension: int, rows_at_once: int) -> Floats:
        """(len(texts), dimension) of length one: the first `dimension` of the model's."""
        vectors = np.empty((len(texts), dimension), dtype=np.float32)
        for rows, batch in self.tokenizer.batches(texts, rows_at_once):
            states = self._encoder.states(batch)
            if self.model.pooling == "cls":
                pooled = states[batch.starts, :dimension]
            else:
                pooled = mean_states(states, batch.starts, batch.ends)[:, :dimension]
            lengths = np.linalg.norm(pooled, axis=1, keepdims=True)
            vectors[rows] = pooled / np.maximum(lengths, 1e-12)
        return vectors


def _pooling(config: dict[str, Any]) -> Pooling | None:
    if config.get("include_prompt") is False:
        return None
    modes = [
        name.removeprefix("pooling_mode_")
        for name, value in config.items()
        if name.startswith("pooling_mode_") and value is True
    ] or [str(config.get("pooling_mode"))]
    if modes in (["mean_tokens"], ["mean"]):
        return "mean"
    return "cls" if modes in (["cls_token"], ["cls"]) else None


def _most_tokens(folder: Path) -> int | None:
    stated = (_read(folder / "sentence_bert_config.json") or {}).get("max_seq_length")
    most = stated or (_read(folder / "tokenizer_config.json") or {}).get("model_max_length")
    positions = _read(folder / "config.json").get("max_position_embeddings")
    if not isinstance(most, int) or not isinstance(positions, int):
        return None
    return min(most, positions)


def _read(path: Path) -> Any:
    """A file's JSON; None where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
