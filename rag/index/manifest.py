"""The manifest of a generation: what it holds, how it was made, and the hash of each of its files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from rag.files import read_small, sha256_of
from rag.index import disk
from rag.index.bm25 import BM25_FILES, TIMES_FILES
from rag.schema import IndexFileError

FORMAT_VERSION = 3
STANCE_FILE = "leaning.parquet"  # the name that indexes of this format have always had
APPROXIMATE_FILE = "vectors.faiss"
CATALOGUE_FILE = "catalogue.json"
TOPICS_FILE = "topics.json"
DATA_FILES = (
    "reviews.parquet",
    "sentences.parquet",
    "chunks.parquet",
    "vectors.npy",
    "signatures.npy",
    STANCE_FILE,
    *BM25_FILES,
)
HASHED_ON_OPENING = 256 * 2**20  # bytes; of larger files opening checks the size, and `verify` all
_MANIFEST_FILE = "manifest.json"
_LARGEST_MANIFEST = 64 * 2**20  # bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index holds and how it was made.

    `files` maps a file's name to its hex SHA-256, `sizes` to its bytes. `imports` tells of each
    file that was read: its name, columns, cleaning steps and counts. `stemmer` is Snowball's name
    for the language that words are stemmed in, or empty. `voices` counts the reviews less the
    copies of others among them. `runtime` computed the vectors; an older index does not say.
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
    runtime: str = "torch float32"

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of a generation's folder. Raises `IndexFileError`."""
        path = folder / _MANIFEST_FILE
        try:
            values = json.loads(read_small(path, _LARGEST_MANIFEST))
            version = values["format_version"]
            if version == FORMAT_VERSION:
                return _MANIFEST.validate_python(values)
        except OSError as error:
            raise IndexFileError(
                f"Cannot read {path}: {error.strerror}. Rebuild the index."
            ) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            what = " ".join(str(error).split())[:200]
            raise IndexFileError(f"{path} is damaged ({what}). Rebuild the index.") from error
        raise IndexFileError(
            f"{path} has format version {version}, and this program reads version "
            f"{FORMAT_VERSION}. Rebuild the index from its review files: reviewqa index build FILE "
            f"--name {folder.parent.name}"
        )

    def write(self, folder: Path) -> None:
        """Write the manifest of a generation, and make its folder durable. Raises `OSError`."""
        with disk.new_file(folder / _MANIFEST_FILE) as file:
            text = json.dumps(asdict(self), indent=2, ensure_ascii=False)
            file.write(text.encode(errors="backslashreplace"))  # half a pair, as JSON writes it
        disk.sync_folder(folder)

    @property
    def approximate(self) -> bool:
        """Whether search goes through an approximate index."""
        return self.vector_index.get("type") != "flat"

    @property
    def data_files(self) -> tuple[str, ...]:
        """Names of the files that this generation must have beside the manifest."""
        approximate = (APPROXIMATE_FILE,) if self.approximate else ()
        kept = [name for name in (CATALOGUE_FILE, TOPICS_FILE, *TIMES_FILES) if name in self.files]
        return (*DATA_FILES, *approximate, *kept)  # older ones lack what is only kept


def damaged_files(folder: Path, manifest: Manifest, *, thorough: bool) -> list[str]:
    """What is wrong with a generation's data files, in sentences. Large files are hashed only if
    `thorough`.
    """
    return [
        f"{name} {problem}"
        for name in manifest.data_files
        if (problem := _damage(folder / name, manifest, thorough=thorough))
    ]


def _damage(path: Path, manifest: Manifest, *, thorough: bool) -> str:
    """What is wrong with a data file; empty when nothing is."""
    try:
        if not path.is_file():
            return "is missing."
        size, expected = path.stat().st_size, manifest.sizes.get(path.name)
        if size != expected:
            return (
                f"is not the file that was written: it has {size} bytes, and the manifest says "
                f"{expected}."
            )
        hashed = thorough or size <= HASHED_ON_OPENING
        if hashed and sha256_of(path) != manifest.files.get(path.name):
            return "is not the file that was written: its SHA-256 differs from the manifest's."
    except OSError as error:
        return f"cannot be read: {error.strerror}."
    return ""


_MANIFEST = TypeAdapter(Manifest)
