"""Small facts about files on disk."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read in pieces, so that a file larger than memory is fine."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_small(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes.

    Anything else in its place is not read: a link would show another file, and a pipe would be
    waited for. Raises `OSError`.
    """
    if path.is_symlink():
        raise OSError(errno.EINVAL, "it is a link, and not a file")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if status.st_size > most:
            raise OSError(errno.EFBIG, f"it has {status.st_size} bytes, and at most {most} belong")
        return file.read(most)


def append_line(file: Path, line: bytes) -> None:
    """Append a short line in one write and flush it, so that processes that append at the same time,
    or a power cut, spoil no other line. The folder is made where it is missing. Raises `OSError`.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab+") as end:  # written at once when it is closed
        size = end.seek(0, os.SEEK_END)
        if size:
            end.seek(size - 1)
            if end.read(1) != b"\n":
                line = b"\n" + line  # a line cut off by a power cut must not spoil this one
        end.write(line + b"\n")
        end.flush()
        os.fsync(end.fileno())


def size_in_words(size: float) -> str:
    """A number of bytes as people write it: "412 KB", "3.5 GB"."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:,.0f} {unit}" if unit == "bytes" or size >= 10 else f"{size:.1f} {unit}"
