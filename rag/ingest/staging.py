"""Cleaned reviews on their way into an index: on the disk, so that a large file needs no large
memory.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from rag.schema import Review, ReviewFileError

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
        self.ids_from_content = False  # then the reviews' own ids are not given

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
        for review in self.with_given_ids():
            yield replace(review, review_id="") if self.ids_from_content else review

    def with_given_ids(self) -> Iterator[Review]:
        """The reviews with the ids of their file, whatever is thought of them."""
        import pyarrow.parquet as pq

        if not self.count:
            return
        with pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches(batch_size=_ROWS):
                for values in batch.to_pylist():
                    yield Review.from_row(values)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for staged reviews that goes at the end. Raises `ReviewFileError` where none can be
    made.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="reviewqa-", ignore_cleanup_errors=True)
    except OSError as error:
        raise ReviewFileError(
            f"There is no folder for temporary files that can be written to ({_reason(error)}). "
            "Make room, or name another folder in TMPDIR."
        ) from error
    with folder as name:
        yield Path(name)


@contextlib.contextmanager
def needing_room(staging: Path) -> Iterator[None]:
    """Turn what happens when the disk or the memory is full into a `ReviewFileError`."""
    try:
        yield
    except MemoryError as error:
        raise ReviewFileError(
            "There is not enough memory to read these files. Close other programs, or give the "
            "files in parts."
        ) from error
    except OSError as error:
        raise ReviewFileError(
            f"Cannot write to the working folder {staging}: {_reason(error)}. Make room there; "
            "where it is a temporary one, TMPDIR can name another."
        ) from error


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
