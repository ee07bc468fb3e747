"""Vectors made so far: what lets an interrupted build go on where it stopped.

While a build embeds, each batch is written to ``<index>/.work/<embedder>/<number>-<hash>.batch``:
the keys (BLAKE2b-128 of each sentence's text), then the vectors, both as .npy. A batch has its name
only once it is whole and flushed, and its name holds the hash of its bytes, so whatever a crash
leaves is either a good batch or is known for rubbish. Keyed by text, a vector serves whichever
review the sentence stands in, and a text that occurs a thousand times is embedded once.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
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
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


def as_keys(data: bytes | bytearray) -> Keys:
    """Keys laid end to end, as an array."""
    return np.frombuffer(bytes(data), dtype=f"S{KEY_BYTES}")


class EmbeddedBatches:
    """The batches of one embedder in an index's work folder."""

    def __init__(self, folder: Path, embedder: str, dimension: int) -> None:
        """Find the good batches, and remove what is broken."""
        self._dimension = dimension
        self._folder = folder / WORK_FOLDER / hashlib.sha256(embedder.encode()).hexdigest()[:16]
        self._keys: list[Keys] = []
        self._vectors: list[_Stored | _Rows] = []
        self._number = 0
        for path in sorted(self._folder.glob("*")):
            if not self._load(path):
                disk.remove(path)

    def __len__(self) -> int:
        """How many vectors there are."""
        return sum(len(keys) for keys in self._keys)

    def find(self, keys: Keys) -> NDArray[np.int64]:
        """Where each key's vector is, for `vectors`; -1 where there is none."""
        if not len(self):
            return np.full(len(keys), -1, dtype=np.int64)
        known = np.concatenate(self._keys)
        order = np.argsort(known, kind="stable")
        places = np.minimum(np.searchsorted(known, keys, sorter=order), len(known) - 1)
        found = order[places]
        return np.where(known[found] == keys, found, -1).astype(np.int64)

    def vectors(self, places: NDArray[np.int64]) -> Vectors:
        """(len(places), dimension) vectors."""
        result = np.empty((len(places), self._dimension), dtype=np.float32)
        start = 0
        for batch in self._vectors:
            here = (places >= start) & (places < start + len(batch))
            if here.any():
                result[here] = batch[places[here] - start]
            start += len(batch)
        return result

    def add(self, keys: Sequence[bytes], vectors: Vectors) -> None:
        """Keep a batch, durably."""
        disk.make_folder(self._folder)
        self._number += 1
        pending = self._folder / "pending"
        disk.remove(pending)
        with disk.new_file(pending) as file:
            for array in (
                np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, KEY_BYTES),
                vectors,
            ):
                file.write(_npy_header(array))
                file.write(np.ascontiguousarray(array))
        path = self._folder / f"{self._number:06d}-{file.sha256[:16]}.batch"
        disk.move(pending, path)
        if not self._load(path, check=False):
            raise OSError(f"{path} cannot be read back")

    def lend(self, keys: Keys, vectors: Vectors, rows: NDArray[np.int64]) -> None:
        """Let `find` find rows of vectors that lie elsewhere, too."""
        self._keys.append(keys)
        self._vectors.append(_Rows(vectors, rows))

    def _load(self, path: Path, *, check: bool = True) -> bool:
        """Add the batch at `path`; False if it is not a good one."""
        name = _BATCH.fullmatch(path.name)
        if name is None or (check and not sha256_of(path).startswith(name.group(2))):
            return False
        try:
            with path.open("rb") as file:
                keys = np.load(file, allow_pickle=False)
                shape, _, kind = _read_header(file)
                stored = _Stored(path, file.tell(), *shape)
        except (OSError, ValueError, EOFError, TypeError):
            return False
        if (
            keys.dtype != np.uint8
            or keys.ndim != 2
            or keys.shape[1] != KEY_BYTES
            or kind != np.float32
        ):
            return False
        if (stored.count, stored.dimension) != (len(keys), self._dimension):
            return False
        self._keys.append(as_keys(keys.tobytes()))
        self._vectors.append(stored)
        self._number = max(self._number, int(name.group(1)))
        return True


@dataclass(frozen=True, slots=True)
class _Stored:
    """The vectors of a batch, read when they are asked for: mapped all together they would count as
    memory.
    """

    path: Path
    offset: int
    count: int
    dimension: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, places: NDArray[np.int64]) -> Vectors:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            vectors = np.fromfile(file, dtype=np.float32, count=self.count * self.dimension)
        return np.asarray(vectors.reshape(self.count, self.dimension)[places])


@dataclass(frozen=True, slots=True)
class _Rows:
    """Some rows of an array, taken only when they are asked for."""

    array: Vectors
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: NDArray[np.int64]) -> Vectors:
        return self.array[self.rows[places]]


def older_than(folder: Path, generation: Path) -> bool:
    """Whether all batches were kept before this generation was finished, and none since."""
    finished = (generation / "manifest.json").stat().st_mtime_ns
    return all(path.stat().st_mtime_ns <= finished for path in (folder / WORK_FOLDER).glob("*/*"))


def remove_embedded(folder: Path) -> None:
    """Remove an index's work folder."""
    disk.remove(folder / WORK_FOLDER)


def _npy_header(array: NDArray[np.generic]) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    return header.getvalue()


def _read_header(file: io.BufferedReader) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    np.lib.format.read_magic(file)
    return np.lib.format.read_array_header_1_0(file)
