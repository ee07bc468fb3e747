"""Texts to token numbers by a folder's `tokenizer.json`, in batches of a size that computes well. The
transformers library does the first as well, and takes seconds to load.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.runtimes.base import Batch

TOKENS_AT_ONCE = 4096  # of a batch, padding included
ROWS_AT_ONCE = 64
_ROW = 64  # tokens of a row, unless a text is longer or all texts together are shorter
_WIDTH = 8  # tokens that the width of a row is a multiple of: there are few, for OpenVINO
# takes 10 ms to prepare for a new shape


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
        rows_at_once: int = ROWS_AT_ONCE,
    ) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """Which texts (or pairs) a batch holds, and the batch, of at most `rows_at_once` rows; the
        longest texts come first.
        """
        with self._lock:
            self._tokenizer.enable_truncation(self.most_tokens, strategy="longest_first")
            encoded = self._tokenizer.encode_batch_fast(list(texts))
        left = sorted((len(text), place) for place, text in enumerate(encoded))
        while left:
            together = sum(length for length, _ in left[-_ROW:])
            width = max(left[-1][0], min(together, _ROW))
            width = -(-width // _WIDTH) * _WIDTH
            most = max(1, min(rows_at_once, TOKENS_AT_ONCE // width))
            rows = [row for row in (_take_row(left, width) for _ in range(most)) if row]
            places = np.array([place for row in rows for place in row], dtype=np.int64)
            yield places, self._batch(encoded, rows, width)

    def _batch(self, encoded: Sequence[Any], rows: Sequence[Sequence[int]], width: int) -> Batch:
        ids = np.full((len(rows), width), self._padding, dtype=np.int64)
        types, positions, owners = (np.zeros_like(ids) for _ in range(3))
        starts: list[int] = []
        middles: list[int] = []
        ends: list[int] = []
        for number, row in enumerate(rows):
            at = 0
            for place in row:
                text = encoded[place]
                end = at + len(text)
                ids[number, at:end], types[number, at:end] = text.ids, text.type_ids
                positions[number, at:end] = np.arange(end - at)
                owners[number, at:end] = len(starts) + 1
                starts.append(number * width + at)
                middles.append(number * width + end - sum(text.type_ids))
                ends.append(number * width + end)
                at = end
        return Batch(ids, types, positions, owners, *map(np.array, (starts, middles, ends)))

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


def _take_row(left: list[tuple[int, int]], width: int) -> list[int]:
    """Takes texts, (length, place), off a list that is sorted by length until no other has room in a
    row: always the longest that has.
    """
    row: list[int] = []
    while place := bisect_right(left, width, key=itemgetter(0)):
        length, text = left.pop(place - 1)
        width -= length
        row.append(text)
    return row
