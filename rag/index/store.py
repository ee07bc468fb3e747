"""The layout of an index on disk, and the atomic switch from one generation to the next.

    <indexes_dir>/<name>/CURRENT                  names the live generation
    <indexes_dir>/<name>/<generation>/manifest.json
    <indexes_dir>/<name>/<generation>/reviews.parquet  sentences.parquet  chunks.parquet
    vectors.npy  signatures.npy
                                      leaning.parquet  catalogue.json  words.json
                                      {sentence,review}_words.{weight,row,begin,times}.npy and, where
                                      search is approximate, vectors.faiss
    <indexes_dir>/<name>/.work/                   vectors that an unfinished build has made so far

A writer works in a folder beside the live generation and switches CURRENT at the end, so a reader
is never disturbed and a crash at any moment leaves the last good generation live. Nothing is
pickled.
"""

from __future__ import annotations

import contextlib
import io
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from rag.files import read_small
from rag.index import disk
from rag.schema import IndexFileError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LONGEST_CURRENT = 100  # bytes; a generation's name has 24
_SWITCHING = ".switching-"
_GENERATION = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")


def index_folder(indexes_dir: Path, name: str) -> Path:
    """The folder of index `name`. Raises `IndexFileError` for a name that could leave
    `indexes_dir`.
    """
    if not _NAME.fullmatch(name):
        raise IndexFileError(
            f"{name!r} cannot be the name of an index: use letters, digits, dots, dashes and "
            "underscores, "
            "64 at most, beginning with a letter or digit."
        )
    return indexes_dir / name


def list_indexes(indexes_dir: Path) -> list[str]:
    """Names of the indexes that have a live generation, sorted."""
    if not indexes_dir.is_dir():
        return []
    return sorted(
        p.name
        for p in indexes_dir.iterdir()
        if _NAME.fullmatch(p.name) and (p / "CURRENT").is_file()
    )


def live_generation(folder: Path) -> Path:
    """Folder of the generation that CURRENT names. Raises `IndexFileError`."""
    try:
        generation = _read_current(folder)
    except FileNotFoundError as error:
        names = list_indexes(folder.parent)
        hint = f"Indexes here: {', '.join(names)}." if names else "There are none yet."
        raise IndexFileError(
            f'There is no index "{folder.name}" in {folder.parent}. {hint} '
            f"Build one with: reviewqa index build FILE --name {folder.name}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise IndexFileError(
            f"Cannot read {folder / 'CURRENT'}: {getattr(error, 'strerror', None) or error}. Go "
            f"back to a generation that is there: reviewqa index rollback {folder.name}"
        ) from error
    if not _GENERATION.fullmatch(generation) or not (folder / generation).is_dir():
        if live_name(folder) != generation:
            return live_generation(folder)  # a writer switched, and removed it, just then
        raise IndexFileError(
            f"{folder / 'CURRENT'} names {generation!r}, which is no generation of this index. "
            f"Go back to one that is there (reviewqa index rollback {folder.name}), or rebuild it."
        )
    return folder / generation


def live_name(folder: Path) -> str:
    """What CURRENT says, or nothing where it cannot be read: for writers, who mend what they find."""
    try:
        return _read_current(folder)
    except (OSError, UnicodeDecodeError):
        return ""


def _read_current(folder: Path) -> str:
    return read_small(folder / "CURRENT", _LONGEST_CURRENT).decode("ascii").strip()


def generations(folder: Path) -> list[str]:
    """Names of the finished generations, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if _GENERATION.fullmatch(path.name))


@contextlib.contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the index for writing. The lock is the operating system's, so a crash cannot leave it
    behind.

    Raises `IndexFileError` when another process holds it, and when the folder cannot be written to.
    """
    lock = FileLock(folder / "LOCK")
    try:
        disk.make_folder(folder)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise IndexFileError(
            f'Another process is writing the index "{folder.name}". Wait until it is done.'
        ) from error
    except OSError as error:
        raise IndexFileError(
            f"Cannot write the index in {folder}: {error.strerror or error}."
        ) from error
    try:
        yield
    finally:
        lock.release()


def new_generation(folder: Path) -> str:
    """A fresh generation's name; names sort by time, also within a second and when the clock was
    set back.
    """
    newest = max(generations(folder), default="")
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    if stamp <= newest[:15]:
        return f"{newest[:15]}-{int(newest[16:], 16) + 1:08x}"
    return f"{stamp}-{secrets.randbits(24):08x}"


def building_folder(folder: Path, generation: str) -> Path:
    """Where a generation is written before it gets its name."""
    return folder / f".building-{generation}"


def switch(folder: Path, generation: str) -> None:
    """Make the generation that was written in its building folder the live one, atomically.

    Meanwhile a mark tells that it was never live yet: after a crash it is not taken for one to go
    back to.
    """
    disk.sync_folder(building_folder(folder, generation))
    mark = folder / f"{_SWITCHING}{generation}"
    with disk.new_file(mark):
        pass
    disk.sync_folder(folder)
    disk.move(building_folder(folder, generation), folder / generation)
    make_live(folder, generation)
    disk.remove(mark)


def make_live(folder: Path, generation: str) -> None:
    """Let CURRENT name a finished generation."""
    disk.replace_file(folder / "CURRENT", io.BytesIO(f"{generation}\n".encode("ascii")))


def remove_generation(folder: Path, generation: str) -> None:
    """Remove a generation; renamed first, so that a crash half way leaves nothing that looks whole."""
    leaving = folder / f".removing-{generation}"
    disk.remove(leaving)
    disk.move(folder / generation, leaving)
    disk.remove(leaving)


def prune(folder: Path, keep: int) -> list[str]:
    """Remove all generations but the live one and the `keep` newest others; their names. Call with
    the lock held.
    """
    live = live_name(folder)
    others = [name for name in generations(folder) if name != live]
    gone = others[: max(0, len(others) - keep)]
    for name in gone:
        remove_generation(folder, name)
    return gone


def remove_unfinished(folder: Path) -> None:
    """Remove what interrupted writers left, but for the vectors in .work. Call with the lock held."""
    for mark in folder.glob(f"{_SWITCHING}*"):
        generation = mark.name.removeprefix(_SWITCHING)
        if generation in generations(folder) and generation != live_name(folder):
            remove_generation(folder, generation)
        disk.remove(mark)
    for pattern in (".building-*", ".removing-*"):
        for path in folder.glob(pattern):
            disk.remove(path)
    disk.remove(folder / "CURRENT.new")
