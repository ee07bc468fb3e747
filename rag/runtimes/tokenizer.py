"""Texts to token numbers by a folder's `tokenizer.json`, in batches of a size that computes well. The
transformers library does the first as well, and takes seconds to load.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.runtimes.base import Batch

TOKENS_AT_ONCE = 4096  # of a batch, padding included
TEXTS_AT_ONCE = 64
_FEW = 4  # texts in a batch that is padded to one of few widths
_WIDTH = 8  # tokens that such a width is a multiple of


class Tokenizer:
    """Threads may share it. Raises `OSError`, `ValueError` where the folder has none."""

    def __init__(self, folder: Path, most_tokens: int) -> None:
        """A text or a pair has at most `most_tokens`; of a pair, the longer text is cut."""
        from tokenizers import Tokenizer as FromFile

        self.most_tokens = most_tokens
        self._lock = threading.Lock()  # it keeps the way of cutting that was set last
        try:
            self._tokenizer: Any = FromFile.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # tokenizers raises nothing narrower
            raise ValueError(f"{folder / 'tokenizer.json'}: {error}") from error
        self._padding = int((self._tokenizer.padding or {}).get("pad_id", 0))
        self._tokenizer.no_padding()

    def batches(
        self,
        texts: Sequence[str] | Sequence[tuple[str, str]],
        texts_at_once: int = TEXTS_AT_ONCE,
    ) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """Which texts (or pairs) a batch holds, and the batch: those with most tokens first, so that
        there is little padding.
        """
        with self._lock:
            self._tokenizer.enable_truncation(self.most_tokens, strategy="longest_first")
            encoded = self._tokenizer.encode_batch_fast(list(texts))
        lengths = np.array([len(text) for text in encoded], dtype=np.int64)
        order = np.argsort(-lengths, kind="stable")
        start = 0
        while start < len(order):
            most = max(1, min(texts_at_once, TOKENS_AT_ONCE // int(lengths[order[start]])))
            rows = order[start : start + most]
            yield rows, self._padded([encoded[row] for row in rows], lengths[rows])
            start += most

    def _padded(self, encoded: Sequence[Any], lengths: NDArray[np.int64]) -> Batch:
        width = int(lengths.max())
        if len(encoded) <= _FEW:  # a question: OpenVINO takes 10 ms to prepare for a new shape
            width = max(width, min(-(-width // _WIDTH) * _WIDTH, self.most_tokens))
        inside = np.arange(width) < lengths[:, None]
        ids = np.full(inside.shape, self._padding, dtype=np.int64)
        types = np.zeros(inside.shape, dtype=np.int64)
        ids[inside] = np.concatenate([text.ids for text in encoded])
        types[inside] = np.concatenate([text.type_ids for text in encoded])
        return Batch(ids, inside.astype(np.float32), types)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without special tokens, not cut."""
        with self._lock:
            self._tokenizer.no_truncation()
            encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(text) for text in encoded]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where each token of a text begins and ends in it, in characters; not cut."""
        with self._lock:
            self._tokenizer.no_truncation()
            return list(self._tokenizer.encode(text, add_special_tokens=False).offsets)
