"""Rows of Parquet files and SQLite tables."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from rag.ingest.formats.flatten import make_row
from rag.ingest.formats.rows import DAMAGED, MAX_CELL, Row
from rag.ingest.formats.unpack import FREE_UNPACKED, Packed
from rag.schema import ReviewFileError, first_line

_BATCH = 512  # rows
_PATIENCE = 60.0  # seconds in which a table must give a row
_LOOK = 1000  # rows of each table that are measured


class ParquetSource:
    """A Parquet file."""

    def __init__(self, packed: Packed) -> None:
        self._packed = packed
        with packed.spool() as file:
            parquet = self._open(file)
            self.total, size = int(parquet.metadata.num_rows), os.fstat(file.fileno()).st_size
            groups = range(parquet.metadata.num_row_groups)
            unpacked = sum(parquet.metadata.row_group(group).total_byte_size for group in groups)
        if unpacked > max(FREE_UNPACKED, packed.ratio * size):
            raise ReviewFileError(
                f"{packed.where} unpacks to more than {packed.ratio:g} times its size. It is not "
                "read."
            )
        self.name, self.format, self.done = packed.name, "Parquet", 0

    def _open(self, file: IO[bytes]) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(file, pre_buffer=False)
        except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: BaseException) -> ReviewFileError:
        reason = str(error).strip().split("\n")[0].rstrip(".")
        return ReviewFileError(
            f"{self._packed.where} is not a Parquet file that can be read: {reason}."
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
                yield Row(number + 1, {}, f"{DAMAGED} ({first_line(error)})")
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
    from rag.ingest.formats.header import column_names

    names: list[str] = list(batch.schema.names)
    return names if len(set(names)) == len(names) else list(column_names(names))


class SqliteSource:
    """A table, or a view, of an SQLite database, opened so that nothing in it is changed."""

    def __init__(self, packed: Packed, table: str = "") -> None:
        self._packed = packed
        with packed.spool(".sqlite") as file, closing(self._connect(file)) as connection:
            try:
                self.table = table or self._find(connection)
                if table and table not in _tables(connection, "table", "view"):
                    names = ", ".join(map(repr, _tables(connection, "table", "view"))) or "none"
                    raise ReviewFileError(
                        f"{packed.where} has no table {table!r}. Its tables: {names}."
                    )
                self.total = int(
                    connection.execute(f"SELECT count(*) FROM {_quoted(self.table)}").fetchone()[0]
                )
            except sqlite3.Error as error:
                raise self._unreadable(error) from error
        self.name, self.format, self.done = packed.name, f"SQLite, table {self.table!r}", 0

    def _unreadable(self, error: BaseException) -> ReviewFileError:
        slow = "it takes too long" if "interrupted" in str(error) else str(error).rstrip(".")
        return ReviewFileError(f"Cannot read the SQLite database {self._packed.where}: {slow}.")

    def _connect(self, file: IO[bytes]) -> sqlite3.Connection:
        path = Path(file.name).absolute()
        log = path.with_name(path.name + "-wal")
        immutable = "" if log.exists() and log.stat().st_size else "&immutable=1"
        try:
            connection = sqlite3.connect(
                f"{path.as_uri()}?mode=ro{immutable}", uri=True, check_same_thread=False
            )
            connection.text_factory = lambda data: data.decode("utf-8", "reviews.odd")
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 64 * MAX_CELL)
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("PRAGMA query_only=ON")
            self._patience(connection)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        return connection

    def _patience(self, connection: sqlite3.Connection) -> None:
        end = time.monotonic() + _PATIENCE
        connection.set_progress_handler(lambda: time.monotonic() > end, 100_000)

    def _find(self, connection: sqlite3.Connection) -> str:
        """The table with the most text; views are only looked at where no table has any."""
        for kind in ("table", "view"):
            sizes = {name: _text_in(connection, name) for name in _tables(connection, kind)}
            if any(sizes.values()):
                return max(sizes, key=lambda name: sizes[name])
        names = ", ".join(map(repr, _tables(connection, "table", "view"))) or "none"
        raise ReviewFileError(f"{self._packed.where}: no table has text. Its tables: {names}.")

    def __iter__(self) -> Iterator[Row]:
        from rag.ingest.formats.header import column_names

        self.done = number = 0
        with self._packed.spool(".sqlite") as file, closing(self._connect(file)) as connection:
            try:
                cursor = connection.execute(f"SELECT * FROM {_quoted(self.table)}")
                names = column_names([column[0] for column in cursor.description])
                for values in cursor:
                    number += 1
                    if not number % 256:
                        self.done = number
                        self._patience(connection)
                    yield make_row(number, dict(zip(names, values, strict=True)))
            except (sqlite3.Error, OverflowError) as error:
                if not number:
                    raise self._unreadable(error) from error
                yield Row(number + 1, {}, f"{DAMAGED} ({error})")
        self.done = self.total


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _tables(connection: sqlite3.Connection, *kinds: str) -> list[str]:
    rows = connection.execute("SELECT name, type FROM sqlite_master ORDER BY name").fetchall()
    return [
        str(name) for name, kind in rows if kind in kinds and not str(name).startswith("sqlite_")
    ]


def _text_in(connection: sqlite3.Connection, table: str) -> float:
    """About how many characters of text a table has."""
    name = _quoted(table)
    try:
        columns = [str(row[1]) for row in connection.execute(f"PRAGMA table_info({name})")]
        texts = [
            f"CASE WHEN typeof({_quoted(column)})='text' THEN length({_quoted(column)}) ELSE 0 END"
            for column in columns
        ]
        if not texts:
            return 0.0
        query = (
            f"SELECT count(*), sum({' + '.join(texts)}) FROM (SELECT * FROM {name} LIMIT {_LOOK})"
        )
        looked, size = connection.execute(query).fetchone()
        rows = (
            connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            if looked == _LOOK
            else looked
        )
    except sqlite3.Error:
        return 0.0  # a virtual table, or one that is damaged; another may do
    return float(size or 0) * float(rows) / float(max(1, looked))
