"""What is done with whole indexes: go back a generation, make room, copy, rename, delete, export."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rag.index import disk, store, tables
from rag.index.embedding_cache import WORK_FOLDER, remove_cache
from rag.index.manifest import Manifest
from rag.index.snapshot import ReviewIndex
from rag.index.verify import problems_of
from rag.schema import IndexFileError

_EXPORT_ROWS = 2048
_REJECTED = ("rejected.csv", "rejected.csv.new")  # what an import leaves beside the generations
_UNFINISHED = (".building-", ".removing-", ".switching-")


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation of an index, for lists. `manifest` is None where it cannot be read."""

    name: str
    live: bool
    manifest: Manifest | None
    size: int  # bytes on the disk


def list_generations(folder: Path) -> list[Generation]:
    """All generations, newest first. Raises `IndexFileError` where there is no index."""
    names = store.generations(folder)
    if not names:
        store.live_generation(folder)
    live = store.live_name(folder)
    return [
        Generation(name, name == live, _manifest(folder / name), _size(folder / name))
        for name in reversed(names)
    ]


def rollback(folder: Path, generation: str | None = None) -> str:
    """Make an earlier generation live: the named one, or the newest that is older than the live
    one; its name.

    It is checked first. Raises `IndexFileError` when there is none, or it is damaged.
    """
    with _writing(folder):
        store.remove_unfinished(
            folder
        )  # what a killed writer never made live is nothing to go back to
        names, live = store.generations(folder), store.live_name(folder)
        if generation is None:
            older = [name for name in names if name < live] if live in names else names
            if not older:
                raise IndexFileError(
                    f'The index "{folder.name}" has no earlier generation to go back to.'
                )
            generation = older[-1]
        if generation not in names:
            raise IndexFileError(
                f'The index "{folder.name}" has no generation {generation!r}. It has: '
                f"{', '.join(names) or 'none'}."
            )
        problems = problems_of(folder / generation)
        if problems:
            raise IndexFileError(
                f"Generation {generation} is damaged, and the live one stays: {problems[0]}"
            )
        store.make_live(folder, generation)
    return generation


def collect_garbage(folder: Path, keep: int) -> tuple[list[str], int]:
    """Remove what unfinished writers left, and all generations but the live one and the `keep`
    newest others.

    The names of those removed, and the bytes that became free.
    """
    with _writing(folder):
        before = _size(folder)
        store.live_generation(
            folder
        )  # a broken CURRENT must not cost the generation that it should name
        store.remove_unfinished(folder)
        remove_cache(folder)
        gone = store.prune(folder, keep)
        return gone, before - _size(folder)


def copy_index(source: Path, target: Path) -> None:
    """Copy the live generation of one index to a new one. Raises `IndexFileError` where the target
    is there.
    """
    _require_free(target)
    with _writing(source), store.writer_lock(target):
        generation = store.live_generation(source)
        store.remove_unfinished(target)
        building = store.building_folder(target, generation.name)
        disk.make_folder(building)
        try:
            for path in sorted(generation.iterdir()):
                with path.open("rb") as old, disk.new_file(building / path.name) as new:
                    shutil.copyfileobj(old, new, 1 << 20)
            store.switch(target, generation.name)
        except BaseException:
            store.remove_unfinished(target)
            raise


def rename_index(source: Path, target: Path) -> None:
    """Rename an index. Raises `IndexFileError` where the target is there."""
    _require_free(target)
    with _writing(source), store.writer_lock(target):
        store.live_generation(source)
        store.remove_unfinished(target)
        disk.remove(target / "LOCK")
        os.rmdir(target)
        disk.move(source, target)


def delete_index(folder: Path) -> None:
    """Remove an index with all its generations; what else lies in its folder stays.

    Raises `IndexFileError` where there is none, or another process is writing it.
    """
    with _writing(folder):
        disk.remove(folder / "CURRENT")  # from now on it is no index, whatever happens
        disk.sync_folder(folder)
        for path in _ours(folder):
            if path.name != "LOCK":
                disk.remove(path)
        disk.remove(folder / "LOCK")
        if not any(folder.iterdir()):
            os.rmdir(folder)
        disk.sync_folder(folder.parent)


def export_index(index: ReviewIndex, path: Path) -> int:
    """Write reviews with their sentences, chunks and vectors to one Parquet file, a row a sentence;
    how many rows.

    Columns: all of a review but its text, then chunk_id, chunk_start, chunk_end, sentence_start,
    sentence_end, sentence (its text), vector (float32 list); and review_text on the first sentence
    of each review, null on the others. Raises `IndexFileError` where there is such a file, or it
    cannot be written.
    """
    fields = [tables.REVIEW_SCHEMA.field(name) for name in tables.REVIEW_FIELDS if name != "text"]
    schema = pa.schema(
        [
            *fields,
            ("review_text", pa.large_string()),
            ("copy_of", pa.string()),
            ("chunk_id", pa.string()),
            ("chunk_start", pa.int32()),
            ("chunk_end", pa.int32()),
            ("sentence_start", pa.int32()),
            ("sentence_end", pa.int32()),
            ("sentence", pa.string()),
            ("vector", pa.list_(pa.float32(), index.manifest.dimension)),
        ]
    )
    pending = path.with_name(path.name + ".part")
    try:
        if path.is_dir():
            raise IndexFileError(
                f"{path} is a folder. Name a file, for example {path / index.name}.parquet"
            )
        if path.exists():
            raise IndexFileError(f"{path} is there already. Name another file, or remove it.")
        disk.remove(pending)
        starts = range(0, index.manifest.sentences, _EXPORT_ROWS)
        tables.write_table(pending, schema, (_export_batch(index, row, schema) for row in starts))
        disk.move(pending, path)
    except OSError as error:
        raise IndexFileError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            disk.remove(pending)
    return index.manifest.sentences


def _export_batch(index: ReviewIndex, start: int, schema: pa.Schema) -> pa.Table:
    """The next rows of an export, from the sentence at `start` on."""
    rows = np.arange(start, min(start + _EXPORT_ROWS, index.manifest.sentences))
    sentences = index.sentences(rows)
    review_rows, chunk_rows = index.sentence_review[rows], index.sentence_chunk[rows]
    before = index.sentence_review[start - 1] if start else -1
    begins_review = np.diff(review_rows, prepend=before) != 0
    leaders = index.review_group[review_rows]
    reviews = index.reviews_table.take(pa.array(review_rows))
    columns: dict[str, Any] = {
        name: reviews.column(name) for name in tables.REVIEW_FIELDS if name != "text"
    }
    columns["review_text"] = pc.if_else(pa.array(begins_review), reviews.column("text"), None)
    copied = index.reviews_table.column("review_id").take(pa.array(leaders))
    columns["copy_of"] = pc.if_else(pa.array(leaders == review_rows), "", copied)
    columns["chunk_id"] = [index.chunk(int(row)).chunk_id for row in chunk_rows]
    columns["chunk_start"] = index.chunk_start[chunk_rows]
    columns["chunk_end"] = index.chunk_end[chunk_rows]
    columns["sentence_start"] = index.sentence_start[rows]
    columns["sentence_end"] = index.sentence_end[rows]
    columns["sentence"] = [sentence.text for sentence in sentences]
    flat = pa.array(index.vectors(rows).reshape(-1))
    columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, index.manifest.dimension)
    return pa.table(columns, schema=schema)


def require_index(folder: Path) -> None:
    """Raise `IndexFileError` unless there is an index in `folder`, be it a damaged or an unfinished
    one.
    """
    if not folder.is_dir() or all(path.name in ("LOCK", *_REJECTED) for path in _ours(folder)):
        store.live_generation(folder)  # says that there is none, and which there are


def _ours(folder: Path) -> list[Path]:
    """What this program has put into an index's folder. Other files there are the user's."""
    names = {"CURRENT", "CURRENT.new", "LOCK", WORK_FOLDER, *_REJECTED, *store.generations(folder)}
    return [
        path for path in folder.iterdir() if path.name in names or path.name.startswith(_UNFINISHED)
    ]


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Hold the writer's lock of an index that is there. What the disk refuses becomes an
    `IndexFileError`.
    """
    try:
        require_index(folder)
        with store.writer_lock(folder):
            yield
    except OSError as error:
        raise IndexFileError(
            f"Cannot change the index in {folder}: {error.strerror or error}."
        ) from error


def _require_free(folder: Path) -> None:
    """Raise `IndexFileError` unless nothing lies there, or only what an interrupted copy left."""
    if store.live_name(folder) or store.generations(folder) or (folder / WORK_FOLDER).exists():
        raise IndexFileError(
            f'There is an index "{folder.name}" already. Choose another name, or delete that one.'
        )
    left = ("LOCK", "CURRENT.new")
    if folder.exists() and (
        not folder.is_dir()
        or any(p.name not in left and p.name[0] != "." for p in folder.iterdir())
    ):
        raise IndexFileError(
            f"{folder} is there already, and is no index. Choose another name, or remove it."
        )


def _manifest(generation: Path) -> Manifest | None:
    try:
        return Manifest.read(generation)
    except IndexFileError:
        return None


def _size(folder: Path) -> int:
    """Bytes of all files below a folder; files that vanish meanwhile do not count."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total
