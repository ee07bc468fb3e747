"""The layout of an index on disk, its manifest, and the atomic switch from one generation to the
next.

    <indexes_dir>/<name>/CURRENT                  names the live generation
    <indexes_dir>/<name>/<generation>/manifest.json
    <indexes_dir>/<name>/<generation>/reviews.parquet  sentences.parquet  chunks.parquet
    vectors.npy  signatures.npy
                                      leaning.parquet  words.json
                                      {sentence,review}_words.{weight,row,begin}.npy and, where
                                      search is approximate, vectors.faiss
    <indexes_dir>/<name>/.work/                   vectors that an unfinished build has made so far

A writer works in a folder beside the live generation and switches CURRENT at the end, so a reader
is never disturbed and a crash at any moment leaves the last good generation live. Nothing is
pickled.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rag.files import sha256_of
from rag.index import disk
from rag.index.bm25 import LEXICAL_FILES
from rag.schema import IndexFileError

FORMAT_VERSION = 3
STANCE_FILE = "leaning.parquet"  # the name that indexes of this format have always had
DATA_FILES = (
    "reviews.parquet",
    "sentences.parquet",
    "chunks.parquet",
    "vectors.npy",
    "signatures.npy",
    STANCE_FILE,
    *LEXICAL_FILES,
)
APPROXIMATE_FILE = "vectors.faiss"
HASHED_ON_OPENING = 256 * 2**20  # bytes; of larger files opening checks the size, and `verify` all
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SWITCHING = ".switching-"
_GENERATION = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index holds and how it was made.

    `files` maps a file's name to its hex SHA-256, `sizes` to its bytes. `imports` tells of each
    file that was read: its name, columns, cleaning steps and counts. `stemmer` is Snowball's name
    for the language that words are stemmed in, or empty. `voices` counts the reviews less the
    copies of others among them.
    """

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
    voices: int
    exact_duplicates: int
    near_duplicates: int
    created: str
    sources: list[str]
    imports: list[dict[str, Any]]
    vector_index: dict[str, Any]
    stemmer: str
    files: dict[str, str]
    sizes: dict[str, int]

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of a generation's folder. Raises `IndexFileError`."""
        path = folder / "manifest.json"
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            version = values["format_version"]
            if version != FORMAT_VERSION:
                raise IndexFileError(
                    f"{path} has format version {version}, and this program reads version "
                    f"{FORMAT_VERSION}. "
                    "Rebuild the index from its review files: reviewqa index build FILE --name "
                    f"{folder.parent.name}"
                )
            for name in ("files", "sizes", "vector_index"):
                if not isinstance(values[name], dict):
                    raise TypeError(f'"{name}" is no table')
            if not all(isinstance(record, dict) for record in values["imports"]):
                raise TypeError('"imports" holds what is no table')
            return cls(**{field.name: values[field.name] for field in dataclasses.fields(cls)})
        except OSError as error:
            raise IndexFileError(
                f"Cannot read {path}: {error.strerror}. Rebuild the index."
            ) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise IndexFileError(f"{path} is damaged ({error}). Rebuild the index.") from error

    @property
    def data_files(self) -> tuple[str, ...]:
        """Names of the files that this generation must have beside the manifest."""
        return (
            *DATA_FILES,
            *([APPROXIMATE_FILE] if self.vector_index.get("type") != "flat" else []),
        )


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
        return (folder / "CURRENT").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


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


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json` and make the folder durable."""
    with disk.new_file(folder / "manifest.json") as file:
        file.write(json.dumps(dataclasses.asdict(manifest), indent=2, ensure_ascii=False).encode())
    disk.sync_folder(folder)


def damaged_files(folder: Path, manifest: Manifest, *, thorough: bool) -> list[str]:
    """What is wrong with a generation's data files, in sentences. Large files are hashed only if
    `thorough`.
    """
    problems = []
    for name in manifest.data_files:
        path = folder / name
        try:
            if not path.is_file():
                problems.append(f"{name} is missing.")
            elif path.stat().st_size != manifest.sizes.get(name):
                problems.append(
                    f"{name} is not the file that was written: it has {path.stat().st_size} bytes, "
                    f"and the manifest says {manifest.sizes.get(name)}."
                )
            elif (thorough or path.stat().st_size <= HASHED_ON_OPENING) and sha256_of(
                path
            ) != manifest.files.get(name):
                problems.append(
                    f"{name} is not the file that was written: its SHA-256 differs from the "
                    "manifest's."
                )
        except OSError as error:
            problems.append(f"{name} cannot be read: {error.strerror}.")
    return problems


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
    disk.replace_file(folder / "CURRENT", f"{generation}\n".encode("ascii"))


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
