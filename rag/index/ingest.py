"""Composes an import: read review files, compare, embed what is new, and make the result the live
index.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.config import Settings
from rag.embedding import Embedder, make_embedder
from rag.index import (
    BuildOptions,
    Change,
    Mode,
    ReviewIndex,
    change_index,
    disk,
    index_folder,
)
from rag.index.options import Counts
from rag.index.store import writer_lock
from rag.ingest import STEPS, Import, ReadOptions, ReadReport, import_reviews
from rag.ingest.ids import are_versions
from rag.ingest.language import languages_read_by
from rag.progress import Progress
from rag.schema import IndexFileError

REJECTED = "rejected.csv"
_STAGING = ".reading-"


@dataclass(slots=True, kw_only=True)
class Rebuilt(Counts):
    """What an import did, and what the index holds now."""

    name: str
    generation: str
    mode: Mode
    reviews: int
    sentences: int
    chunks: int
    exact_duplicates: int
    near_duplicates: int
    reports: list[ReadReport]
    rejects: Path | None
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {
            **values,
            "reports": [report.as_dict() for report in self.reports],
            "rejects": str(self.rejects) if self.rejects else None,
            "seconds": round(self.seconds, 2),
        }


def rebuild(
    settings: Settings,
    name: str,
    locations: Sequence[str | Path],
    *,
    mode: Mode,
    options: ReadOptions | None = None,
    delete: Sequence[str] = (),
    rejects: Path | None = None,
    progress: Progress,
    embedder: Embedder | None = None,
) -> Rebuilt:
    """Read the files at `locations` and write the next generation of the index `name` from them.

    `delete` names ids to remove (not with mode "new"). Rejected rows, if there are any, are written
    to the file `rejects`, or to "rejected.csv" in the index's folder. An update cleans and cuts
    reviews, and reads ratings and dates of the same kind of file, as the index was made. Raises
    `ReviewFileError` for files that cannot be used and `IndexFileError` for all that goes wrong
    with the index; the generation that was live stays live until the new one is whole.
    """
    begun = time.monotonic()
    folder = index_folder(settings.paths.indexes_dir, name)
    options = options or ReadOptions(max_unpack_ratio=settings.reading.max_unpack_ratio)
    options = dataclasses.replace(options, readable=languages_read_by(settings.embedding.model))
    build_options = BuildOptions.from_settings(settings)
    embedder = embedder or make_embedder(settings)
    live = None
    if mode != "new":
        live = ReviewIndex.open(folder)
        options = dataclasses.replace(
            options, steps=_steps_of(live, options), earlier=live.manifest.imports
        )
        made_with = {name: getattr(live.manifest, name) for name in ("chunking", "chunk_tokens")}
        build_options = dataclasses.replace(build_options, **made_with)
    if not locations and not delete:
        raise IndexFileError("There is nothing to do: give review files, or ids to delete.")
    if live is not None:  # better told now than after an hour of reading
        live.check_fingerprint(embedder, build_options)
    with writer_lock(folder):
        pass
    with _staging(settings.paths.indexes_dir) as staging:
        imported = import_reviews(locations, staging, options, progress) if locations else None
        rejected = imported.rejects if imported is not None else None
        kept_rejects = keep_rejects(rejected, rejects or folder / REJECTED)
        if imported is not None and live is not None and options.ids == "auto":
            _settle_ids(imported, live)
        reports = imported.reports if imported is not None else []
        imports = [_record(report, options, mode) for report in reports]
        change = Change(mode=mode, delete=delete, imports=imports)
        incoming = imported if imported is not None else ()
        changed = change_index(incoming, embedder, folder, change, build_options, progress)
    manifest = changed.index.manifest
    stated = ("reviews", "sentences", "chunks", "exact_duplicates", "near_duplicates")
    return Rebuilt(
        name=name,
        generation=changed.index.generation.name,
        mode=mode,
        reports=reports,
        rejects=kept_rejects,
        seconds=time.monotonic() - begun,
        **{field.name: getattr(changed, field.name) for field in dataclasses.fields(Counts)},
        **{name: getattr(manifest, name) for name in stated},
    )


@contextlib.contextmanager
def _staging(indexes_dir: Path) -> Iterator[Path]:
    """A folder for cleaned reviews, on the disk that has room for the index; what killed runs left
    goes first.
    """
    for left in indexes_dir.glob(f"{_STAGING}*"):
        owner = left.name.removeprefix(_STAGING).partition("-")[0]
        if not (owner.isdigit() and _runs(int(owner))):
            shutil.rmtree(left, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(
            dir=indexes_dir, prefix=f"{_STAGING}{os.getpid()}-"
        ) as folder:
            yield Path(folder)
    except MemoryError as error:
        raise IndexFileError(
            "There is not enough memory for this. Close other programs, or give the files in "
            "parts. The index that was live still is."
        ) from error
    except OSError as error:
        raise IndexFileError(
            f"Cannot work in {indexes_dir}: {error.strerror or error}. The index that was live "
            "still is."
        ) from error


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _settle_ids(imported: Import, live: ReviewIndex) -> None:
    """Decide by what is in the index whether the ids of each file tell reviews apart.

    Ids that only count rows do, where the index has most of them with the same texts: it is the
    same file again. Ids do not, where the index has all of them with other texts.
    """
    table = live.reviews_table
    rows = {review_id: row for row, review_id in enumerate(table.column("review_id").to_pylist())}
    texts = table.column("text")
    for report, staged in imported.files():
        pairs: list[tuple[str, str]] = []
        count = 0
        for review in staged.with_given_ids():
            row = rows.get(review.review_id)
            count += bool(review.review_id)
            if row is not None:
                pairs.append((texts[row].as_py(), review.text))
        same = sum(text == other for text, other in pairs)
        versions = sum(are_versions(text, other) for text, other in pairs)
        if staged.ids_from_content and pairs and same >= 0.5 * len(pairs):
            imported.use_ids(report, staged)
        elif not staged.ids_from_content and 1 < count == len(pairs) and versions < 0.5 * count:
            imported.use_content(report, staged)


def _record(report: ReadReport, options: ReadOptions, mode: Mode) -> dict[str, Any]:
    """What the manifest keeps of a file that was read."""
    return {
        "file": report.file,
        "format": report.format,
        "layout": report.layout,
        "mode": mode,
        "columns": {field: choice.name for field, choice in report.columns.items()},
        "cleaning": list(options.steps),
        "read": report.read,
        "kept": report.kept,
        "dropped": dict(report.dropped),
        "rating_scale": report.rating_scale,
        "day_first": report.day_first,
        "frequent_languages": report.frequent_languages,
    }


def _steps_of(live: ReviewIndex, options: ReadOptions) -> tuple[str, ...]:
    """The cleaning steps that the index was made with, so that an unchanged review is known again."""
    stated = [record.get("cleaning") for record in live.manifest.imports]
    made_with = next((steps for steps in stated if isinstance(steps, list)), None)
    return (
        options.steps if made_with is None else tuple(step for step in STEPS if step in made_with)
    )


def keep_rejects(rejected: Path | None, target: Path | None) -> Path | None:
    """Copy the rejected rows, if there are any, out of the staging folder to the file `target`, and
    name it.

    Raises `IndexFileError` when it cannot be written.
    """
    if rejected is None or target is None:
        return None
    if target.is_dir():
        raise IndexFileError(
            f"Cannot write the rejected rows to {target}: it is a folder. Name a file."
        )
    try:
        disk.make_folder(target.parent)
        with rejected.open("rb") as file:
            disk.replace_file(target, file)
    except OSError as error:
        raise IndexFileError(
            f"Cannot write the rejected rows to {target}: {error.strerror}."
        ) from error
    return target
