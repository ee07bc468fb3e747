"""Every write to an index goes through here: create, write, flush, rename, remove.

A file counts as written when its bytes were flushed (fsync) and its folder's entry was too, so a
power cut can lose only what nobody points to yet. One place for all of it also means that a test
can stop the program at, or play a power cut after, any single operation. POSIX: rename(2) replaces
atomically; fsync(2) on a folder makes its entries durable.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

_MOST_AT_ONCE = 1 << 24  # bytes in one write call


class NewFile(io.RawIOBase):
    """A file being written from start to end; `sha256` and `size` are of what was written so far."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        self._descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o644
        )

    def writable(self) -> bool:
        """It can be written."""
        return True

    def write(self, data: Any) -> int:
        """Write all of `data`. Raises `OSError`."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), _MOST_AT_ONCE):
            piece = view[start : start + _MOST_AT_ONCE]
            while len(piece):
                written = os.write(self._descriptor, piece)
                self._digest.update(piece[:written])
                self.size += written
                piece = piece[written:]
        return len(view)

    def tell(self) -> int:
        """Where the next byte goes."""
        return self.size

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of what was written."""
        return self._digest.hexdigest()

    def sync(self) -> None:
        """Make what was written survive a power cut."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; not the same as making it durable."""
        if not self.closed:
            super().close()
            os.close(self._descriptor)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[NewFile]:
    """A new file at `path`; flushed to the disk on leaving, unless an error left it unfinished."""
    file = NewFile(path)
    try:
        yield file
        file.sync()
    finally:
        file.close()


def write_bytes(path: Path, content: bytes) -> NewFile:
    """Write a small file whole; the closed file knows its hash and size."""
    with new_file(path) as file:
        file.write(content)
    return file


def sync_folder(folder: Path) -> None:
    """Make a folder's entries survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Create a folder, and those above it that are missing."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
        sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Rename within one folder, replacing a file there, durably."""
    os.replace(source, target)
    sync_folder(target.parent)


def replace_file(path: Path, content: BinaryIO) -> None:
    """Give the file at `path` new content, atomically: a reader or a crash finds the old one or the
    new one.
    """
    pending = path.with_name(path.name + ".new")
    remove(pending)
    with new_file(pending) as file:
        shutil.copyfileobj(content, file, 1 << 20)
    move(pending, path)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it; nothing happens where there is none."""
    if path.is_dir() and not path.is_symlink():
        for inner in path.iterdir():
            remove(inner)
        os.rmdir(path)
    else:
        with contextlib.suppress(
            FileNotFoundError, NotADirectoryError
        ):  # nor where a file is taken for its folder
            os.unlink(path)
