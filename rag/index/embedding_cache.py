"""Vectors made so far: what lets an interrupted build go on where it stopped.

While a build embeds, each batch is written to ``<index>/.work/<embedder>/<number>-<hash>.batch``:
the keys (BLAKE2b-128 of each sentence's text), then the vectors, both as .npy. A batch has its name
only once it is whole and flushed, and its name holds the hash of its bytes, so whatever a crash
leaves is either a good batch or is known for rubbish. Keyed by text, a vector serves whichever
review the sentence stands in, and a text that occurs a thousand times is embedded once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Vectors
from rag.files import sha256_of
from rag.index import disk

WORK_FOLDER = ".work"
KEY_BYTES = 16
Keys = NDArray[np.bytes_]
"""(n,) of 16 bytes each."""

_BATCH = re.compile(r"(\d{6})-([0-9a-f]{16})\.batch")


def text_key(text: str) -> bytes:
    """What a sentence's vector is found by."""
    return hashlib.blake2b(text.encode(), digest_size=KEY_BYTES).digest()


def as_keys(data: bytes | bytearray) -> Keys:
    """Keys laid end to end, as an array."""
    return np.frombuffer(bytes(data), dtype=f"S{KEY_BYTES}")


class EmbeddingCache:
    """The vectors of one embedder in an index's work folder."""

    def __init__(self, folder: Path, embedder: str, dimension: int) -> None:
        """Find the good batches, and remove what is broken."""
        self._dimension = dimension
        self._folder = folder / WORK_FOLDER / hashlib.sha256(embedder.encode()).hexdigest()[:16]
        self._keys: list[Keys] = []
        self._take: list[Callable[[NDArray[np.int64]], Vectors]] = []  # places -> vectors
        self._number = 0
        for path in sorted(self._folder.glob("*")):
            keys = self._read(path)
            if keys is None:
                disk.remove(path)
            else:
                self._number = int(path.name[:6])
                self._know(keys, path)

    def find(self, keys: Keys) -> NDArray[np.int64]:
        """Where each key's vector is, for `vectors`; -1 where there is none."""
        stored = np.concatenate([as_keys(b""), *self._keys])
        if not len(stored):
            return np.full(len(keys), -1, dtype=np.int64)
        order = np.argsort(stored, kind="stable")
        places = np.minimum(np.searchsorted(stored, keys, sorter=order), len(stored) - 1)
        nearest = order[places]
        return np.where(stored[nearest] == keys, nearest, -1).astype(np.int64)

    def vectors(self, places: NDArray[np.int64]) -> Vectors:
        """(len(places), dimension) vectors."""
        result = np.empty((len(places), self._dimension), dtype=np.float32)
        start = 0
        for keys, take in zip(self._keys, self._take, strict=True):
            inside = (places >= start) & (places < start + len(keys))
            if inside.any():
                result[inside] = take(places[inside] - start)
            start += len(keys)
        return result

    def add(self, keys: Keys, vectors: Vectors) -> None:
        """Keep a batch, durably. Raises `OSError`."""
        disk.make_folder(self._folder)
        pending = self._folder / "pending"
        disk.remove(pending)
        with disk.new_file(pending) as file:
            as_bytes = np.frombuffer(keys.tobytes(), dtype=np.uint8).reshape(-1, KEY_BYTES)
            for array in (as_bytes, np.ascontiguousarray(vectors)):
                np.lib.format.write_array(file, array, version=(1, 0))
        self._number += 1
        path = self._folder / f"{self._number:06d}-{file.sha256[:16]}.batch"
        disk.move(pending, path)
        self._know(keys, path)

    def lend(self, keys: Keys, vectors: Vectors, rows: NDArray[np.int64]) -> None:
        """Let `find` find rows of vectors that lie elsewhere, too."""
        self._keys.append(keys)
        self._take.append(lambda places: vectors[rows[places]])

    def _know(self, keys: Keys, path: Path) -> None:
        """Take a batch's vectors from its file when they are asked for: held, they would take up
        memory.
        """
        self._keys.append(keys)
        self._take.append(lambda places: np.asarray(_arrays(path)[1][places]))

    def _read(self, path: Path) -> Keys | None:
        """The keys of the batch at `path`; None if it is not a good one."""
        name = _BATCH.fullmatch(path.name)
        try:
            if name is None or not sha256_of(path).startswith(name.group(2)):
                return None
            keys, vectors = _arrays(path)
        except (OSError, ValueError, EOFError):
            return None
        right = keys.dtype == np.uint8 and vectors.dtype == np.float32
        shapes = ((len(keys), KEY_BYTES), (len(keys), self._dimension))
        right = right and (keys.shape, vectors.shape) == shapes
        return as_keys(keys.tobytes()) if right else None


def _arrays(path: Path) -> tuple[NDArray[np.uint8], Vectors]:
    """A batch's keys, (n, 16), and vectors, (n, dimension). Raises `OSError`, `ValueError`."""
    with path.open("rb") as file:
        keys, vectors = (np.load(file, allow_pickle=False), np.load(file, allow_pickle=False))
    return keys, vectors


def older_than(folder: Path, generation: Path) -> bool:
    """Whether all batches were kept before this generation was finished, and none since."""
    finished = (generation / "manifest.json").stat().st_mtime_ns
    return all(path.stat().st_mtime_ns <= finished for path in (folder / WORK_FOLDER).glob("*/*"))


def remove_cache(folder: Path) -> None:
    """Remove an index's work folder."""
    disk.remove(folder / WORK_FOLDER)
