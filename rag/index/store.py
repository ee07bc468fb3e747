"""The layout of an index on disk, its manifest, and the atomic switch from one generation to the next.

    <indexes_dir>/<name>/CURRENT                  names the live generation
    <indexes_dir>/<name>/<generation>/manifest.json
    <indexes_dir>/<name>/<generation>/reviews.parquet  sentences.parquet  chunks.parquet  vectors.faiss  leaning.parquet

A writer works in a folder beside the live generation and switches CURRENT at the end, so a reader is never
disturbed and a crash at any moment leaves the last good generation live. Nothing is pickled.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rag.files import sha256_of
from rag.schema import IndexFileError

FORMAT_VERSION = 1
DATA_FILES = ("reviews.parquet", "sentences.parquet", "chunks.parquet", "vectors.faiss", "leaning.parquet")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_GENERATION = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index holds and how it was made. `files` maps a file's name to its hex SHA-256."""

    format_version: int
    fingerprint: str
    embedder: str
    dimension: int
    chunking: str
    chunk_tokens: int
    normalisation: str
    reviews: int
    sentences: int
    chunks: int
    created: str
    sources: list[str]
    files: dict[str, str]

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of a generation's folder. Raises `IndexFileError`."""
        path = folder / "manifest.json"
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            version = values["format_version"]
            if version != FORMAT_VERSION:
                raise IndexFileError(
                    f"{path} has format version {version}, and this program reads version {FORMAT_VERSION}. "
                    "Rebuild the index from its review files."
                )
            if not isinstance(values["files"], dict):
                raise TypeError("its files are no table")
            return cls(**{field.name: values[field.name] for field in dataclasses.fields(cls)})
        except OSError as error:
            raise IndexFileError(f"Cannot read {path}: {error.strerror}. Rebuild the index.") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise IndexFileError(f"{path} is damaged ({error}). Rebuild the index.") from error


def index_folder(indexes_dir: Path, name: str) -> Path:
    """The folder of index `name`. Raises `IndexFileError` for a name that could leave `indexes_dir`."""
    if not _NAME.fullmatch(name):
        raise IndexFileError(
            f"{name!r} cannot be the name of an index: use letters, digits, dots, dashes and underscores, "
            "64 at most, beginning with a letter or digit."
        )
    return indexes_dir / name


def list_indexes(indexes_dir: Path) -> list[str]:
    """Names of the indexes that have a live generation, sorted."""
    if not indexes_dir.is_dir():
        return []
    return sorted(p.name for p in indexes_dir.iterdir() if _NAME.fullmatch(p.name) and (p / "CURRENT").is_file())


def live_generation(folder: Path) -> Path:
    """Folder of the generation that CURRENT names. Raises `IndexFileError`."""
    try:
        generation = (folder / "CURRENT").read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        known = list_indexes(folder.parent)
        hint = f"Indexes here: {', '.join(known)}." if known else "There are none yet."
        raise IndexFileError(
            f'There is no index "{folder.name}" in {folder.parent}. {hint} '
            f"Build one with: reviewqa index build FILE --name {folder.name}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise IndexFileError(f"Cannot read {folder / 'CURRENT'}: {error}.") from error
    if not _GENERATION.fullmatch(generation) or not (folder / generation).is_dir():
        raise IndexFileError(
            f"{folder / 'CURRENT'} names {generation!r}, which is no generation of this index. Rebuild it."
        )
    return folder / generation


@contextlib.contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the index for writing. The lock is the operating system's, so a crash cannot leave it behind."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "LOCK")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as error:
        raise IndexFileError(f'Another process is writing the index "{folder.name}". Wait until it is done.') from error


def new_generation() -> str:
    """A fresh generation's name; names sort by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json` and flush it, and every file beside it, to the disk."""
    with open(folder / "manifest.json", "w", encoding="utf-8") as file:
        json.dump(dataclasses.asdict(manifest), file, indent=2, ensure_ascii=False)
    for path in (*folder.iterdir(), folder):
        _fsync(path)


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of each data file of a generation."""
    return {name: sha256_of(folder / name) for name in DATA_FILES}


def damaged_files(folder: Path, manifest: Manifest) -> list[str]:
    """What is wrong with a generation's data files, in sentences."""
    problems = []
    for name in DATA_FILES:
        path = folder / name
        try:
            if not path.is_file():
                problems.append(f"{name} is missing.")
            elif sha256_of(path) != manifest.files.get(name):
                problems.append(f"{name} is not the file that was written: its SHA-256 differs from the manifest's.")
        except OSError as error:
            problems.append(f"{name} cannot be read: {error.strerror}.")
    return problems


def switch(folder: Path, building: Path, generation: str) -> None:
    """Make `building` the live generation, atomically, and remove all others but the one that was live."""
    kept = {generation, _current(folder)}
    os.replace(building, folder / generation)
    _fsync(folder)
    pending = folder / "CURRENT.new"
    pending.write_text(generation + "\n", encoding="ascii")
    _fsync(pending)
    os.replace(pending, folder / "CURRENT")
    _fsync(folder)
    for old in generations(folder):
        if old not in kept:
            shutil.rmtree(folder / old, ignore_errors=True)


def generations(folder: Path) -> list[str]:
    """Names of the finished generations, oldest first."""
    return sorted(path.name for path in folder.iterdir() if _GENERATION.fullmatch(path.name))


def remove_unfinished(folder: Path) -> None:
    """Remove what interrupted writers left. Call with the lock held."""
    for path in folder.glob(".building-*"):
        shutil.rmtree(path, ignore_errors=True)
    (folder / "CURRENT.new").unlink(missing_ok=True)


def discard(folder: Path, generation: str) -> None:
    """Remove all that a failed writer made of `generation`, unless it is live already. Call with the lock held."""
    if _current(folder) != generation:
        shutil.rmtree(folder / generation, ignore_errors=True)
    remove_unfinished(folder)


def _current(folder: Path) -> str:
    """What CURRENT says, or nothing where it cannot be read."""
    try:
        return (folder / "CURRENT").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
