"""Rows of Parquet files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO, Any

from rag.ingest.formats.flatten import make_row
from rag.ingest.formats.header import column_names
from rag.ingest.formats.rows import DAMAGED, Format, Row, RowSource
from rag.ingest.formats.unpack import FREE_UNPACKED, Packed
from rag.schema import ReviewFileError, short_reason

_BATCH = 512  # rows


class ParquetSource(RowSource):
    """A Parquet file."""

    def __init__(self, packed: Packed) -> None:
        self._packed = packed
        with packed.spool() as file:
            parquet = self._open(file)
            rows, size = int(parquet.metadata.num_rows), os.fstat(file.fileno()).st_size
            groups = range(parquet.metadata.num_row_groups)
            unpacked = sum(parquet.metadata.row_group(group).total_byte_size for group in groups)
        if unpacked > max(FREE_UNPACKED, packed.ratio * size):
            raise ReviewFileError(
                f"{packed.where} unpacks to more than {packed.ratio:g} times its size. It is not "
                "read."
            )
        super().__init__(packed.name, "Parquet", rows)

    def _open(self, file: IO[bytes]) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(file, pre_buffer=False)
        except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: BaseException) -> ReviewFileError:
        return ReviewFileError(
            f"{self._packed.where} is not a Parquet file that can be read: {short_reason(error)}."
        )

    def __iter__(self) -> Iterator[Row]:
        import pyarrow as pa

        number = 0
        self.done = 0
        with self._packed.spool() as file:
            try:
                for batch in self._open(file).iter_batches(batch_size=_BATCH, use_threads=False):
                    for value in _to_microseconds(batch).to_pylist():
                        number += 1
                        self.done = number
                        yield make_row(number, value)
            except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
                if not number:
                    raise self._unreadable(error) from error
                yield Row(number + 1, {}, f"{DAMAGED} ({short_reason(error)})")
        self.done = self.total


def _to_microseconds(batch: Any) -> Any:
    """Times in nanoseconds cannot be turned into Python's."""
    import pyarrow as pa

    arrays = [
        column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns"
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, names=_unique_names(batch))


def _unique_names(batch: Any) -> list[str]:
    """The names of a batch's columns, a repeated one with its number."""
    names: list[str] = list(batch.schema.names)
    return names if len(set(names)) == len(names) else list(column_names(names))


FORMAT = Format(
    "Parquet",
    ("parquet",),
    lambda packed, table: [ParquetSource(packed)],
    tells=lambda packed, start: start.startswith(b"PAR1"),
)
