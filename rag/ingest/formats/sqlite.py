"""Rows of SQLite tables."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

from rag.ingest.formats.flatten import make_row
from rag.ingest.formats.header import column_names
from rag.ingest.formats.rows import DAMAGED, MAX_CELL, Format, Row, RowSource
from rag.ingest.formats.unpack import Packed
from rag.schema import ReviewFileError

_MAGIC = b"SQLite format 3\0"
_PATIENCE = 60.0  # seconds in which a table must give a row
_LOOK = 1000  # rows of each table that are measured


class SqliteSource(RowSource):
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
                counted = connection.execute(f"SELECT count(*) FROM {_quoted(self.table)}")
                rows = int(counted.fetchone()[0])
            except sqlite3.Error as error:
                raise self._unreadable(error) from error
        super().__init__(packed.name, f"SQLite, table {self.table!r}", rows)

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


def _open(packed: Packed, table: str) -> list[RowSource]:
    if not packed.sample(len(_MAGIC)).startswith(_MAGIC):
        raise ReviewFileError(
            f"{packed.where} cannot be read: it is no SQLite database, though its name says so."
        )
    return [SqliteSource(packed, table)]


FORMAT = Format(
    "SQLite",
    ("sqlite", "sqlite3", "db"),
    _open,
    tells=lambda packed, start: start.startswith(_MAGIC),
)
