"""Cleaned reviews on their way into an index: on the disk, so that a large file needs no large
memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from rag.schema import Review

_ROWS = 2000
_KINDS = {
    "rating": "float64",
    "rating_min": "float64",
    "rating_max": "float64",
    "helpful_votes": "int64",
    "line": "int64",
}
_NAMES = [field.name for field in fields(Review)]


class StagedReviews:
    """Reviews written one after another to a Parquet file, then read again as often as is needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending: list[Review] = []
        self._writer: Any = None
        self.count = 0

    def add(self, review: Review) -> None:
        """Append a review."""
        self._pending.append(review)
        self.count += 1
        if len(self._pending) == _ROWS:
            self._write()

    def finish(self) -> None:
        """Write what is left. Call once, before reading."""
        self._write()
        if self._writer is not None:
            self._writer.close()

    def _write(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._pending:
            return
        kinds = {name: getattr(pa, _KINDS.get(name, "large_string"))() for name in _NAMES}
        part = [("start", pa.int32()), ("end", pa.int32()), ("side", pa.string())]
        schema = pa.schema({**kinds, "parts": pa.list_(pa.struct(part))})
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, schema)
        columns = {name: [getattr(review, name) for review in self._pending] for name in _NAMES}
        self._writer.write_table(pa.table(columns, schema=schema))
        self._pending = []

    def __iter__(self) -> Iterator[Review]:
        import pyarrow.parquet as pq

        if not self.count:
            return
        with pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches(batch_size=_ROWS):
                for values in batch.to_pylist():
                    yield Review.from_row(values)
