"""Review files that jobs may read: uploaded ones, kept under names of our own, and named ones
inside one folder.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import time
import unicodedata
from pathlib import Path
from typing import BinaryIO

from rag.config.groups import Paths
from rag.ingest.formats.registry import FORMATS
from rag.ingest.formats.unpack import PACKINGS
from rag.jobs.job import list_jobs
from rag.schema import ReviewFileError

# of the files that the app takes
ENDINGS = (*(ending for format in FORMATS for ending in format.endings), "txt", "zip", *PACKINGS)
UPLOADS_FOLDER = ".uploads"
ABANDONED_S = 24 * 3600.0  # an upload that no job uses is removed after this
_LONGEST_STEM = 80  # bytes


def safe_name(name: str) -> str:
    """The last part of a client's file name with letters, digits, dots, dashes and underscores
    only.
    """
    plain = re.sub(
        r"[^\w.-]+", "_", unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    ).lstrip("._-")
    stem, endings = re.fullmatch(r"(.*?)((?:\.\w{1,8}){0,2})", plain, re.DOTALL).groups()  # type: ignore[union-attr]
    return (stem.encode()[:_LONGEST_STEM].decode(errors="ignore") or "reviews") + endings


def store_upload(indexes_dir: Path, name: str, content: BinaryIO) -> Path:
    """Keep an uploaded file; its path. Raises `ReviewFileError` when it cannot be written."""
    folder = indexes_dir.absolute() / UPLOADS_FOLDER / secrets.token_hex(8)
    path = folder / safe_name(name)
    try:
        folder.mkdir(parents=True)
        with open(path, "xb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ReviewFileError(
            f"The uploaded file cannot be kept in {folder.parent}: {error.strerror}."
        ) from error
    return path


def remove_unused_uploads(indexes_dir: Path) -> None:
    """Remove the uploads whose jobs are done, and those of the day before that no job uses."""
    needed: set[Path] = set()
    used: set[Path] = set()
    for job in list_jobs(indexes_dir):
        (used if job.state == "done" else needed).update(
            Path(file).parent for file in job.spec.files
        )
    try:
        folders = list((indexes_dir.absolute() / UPLOADS_FOLDER).iterdir())
    except OSError:
        return
    for folder in folders:
        with contextlib.suppress(OSError):
            abandoned = time.time() - folder.stat().st_mtime > ABANDONED_S
            if folder not in needed and (folder in used or abandoned):
                shutil.rmtree(folder, ignore_errors=True)


def named_file(paths: Paths, name: str) -> Path:
    """The review file or folder `name` inside `paths.reviews_dir`, its links followed.

    Raises `ReviewFileError` when there is none, when it, or a link in it, leads out of that folder
    or to what is hidden or kept by the program, or when its name is not that of a review file.
    """
    name = name.strip()
    try:
        root = paths.reviews_dir.resolve()
        path = (root / name).resolve()
        inside = path.is_relative_to(root) and path != root
        if not (inside and all(link.resolve().is_relative_to(root) for link in _links(path))):
            raise ReviewFileError(
                f'"{name}" is not inside {root}, the only folder that the app reads. '
                "Put the file there, or set paths.reviews_dir to another folder."
            )
        if _is_private(path, root, paths):
            raise ReviewFileError(f'"{name}" is hidden or kept by the program, and not shown.')
        if not path.exists():
            raise ReviewFileError(f'There is no file "{name}" in {root}.')
        if not path.is_dir() and path.suffix.lower().lstrip(".") not in ENDINGS:
            raise ReviewFileError(
                f'"{name}" is not called like a review file. The endings are {", ".join(ENDINGS)}.'
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise ReviewFileError(f'"{name}" cannot be the name of a file ({error}).') from error
    return path


def _is_private(path: Path, root: Path, paths: Paths) -> bool:
    """Whether anything on the way to `path` is hidden, or it holds or lies in a folder that the
    program keeps: indexes (with the uploads of others), models, runs.
    """
    kept = (
        paths.indexes_dir,
        paths.models_dir,
        paths.runs_dir,
        paths.cache_dir,
        paths.history_dir,
    )
    folders = [folder.resolve() for folder in kept]
    return any(part.startswith(".") for part in path.relative_to(root).parts) or any(
        path.is_relative_to(folder) or folder.is_relative_to(path) for folder in folders
    )


def _links(path: Path) -> list[Path]:
    """The symbolic links below a folder."""
    return [entry for entry in path.rglob("*") if entry.is_symlink()]
