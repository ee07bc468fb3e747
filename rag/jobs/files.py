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

from rag.jobs.job import list_jobs
from rag.schema import ReviewFileError

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


def named_file(folder: Path, name: str) -> Path:
    """The file or folder `name` inside `folder`, its links followed.

    Raises `ReviewFileError` when there is none, or it, or a link in it, leads out of `folder`.
    """
    try:
        root = folder.resolve()
        path = (root / name.strip()).resolve()
        inside = path.is_relative_to(root) and path != root
        if inside and not path.exists():
            raise ReviewFileError(f'There is no file "{name.strip()}" in {root}.')
        links = (entry for entry in path.rglob("*") if entry.is_symlink()) if inside else ()
        if inside and all(link.resolve().is_relative_to(root) for link in links):
            return path
    except (OSError, ValueError, RuntimeError) as error:
        raise ReviewFileError(f'"{name}" cannot be the name of a file ({error}).') from error
    raise ReviewFileError(
        f'"{name.strip()}" is not inside {root}, the only folder that the app reads. '
        "Put the file there, or set reviews_dir to another folder."
    )
