"""Starting jobs, and clearing away old ones."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from rag.config import Settings
from rag.index import index_folder
from rag.jobs.files import remove_unused_uploads
from rag.jobs.job import (
    CANCEL_FILE,
    JOB_FILE,
    JOBS_FOLDER,
    LOCK_FILE,
    LOG_FILE,
    PROGRESS_FILE,
    REJECTS_FILE,
    RESULT_FILE,
    Job,
    JobError,
    JobSpec,
    is_locked,
    job_folders,
    list_jobs,
    write_json,
)

KEEP = 20  # finished jobs
PROCESS = (
    sys.executable,
    "-P",
    "-u",
    "-m",
    "rag.jobs",
)  # -P: a file json.py in the working folder is not ours


def start(settings: Settings, spec: JobSpec, *, process: Sequence[str] = PROCESS) -> Job:
    """Start a job; `process` is the command that gets its folder.

    Raises `JobError` when another job works on the same index or the job cannot be started, and
    `IndexFileError` for a name that no index can have.
    """
    index_folder(settings.paths.indexes_dir, spec.index)
    indexes_dir = settings.paths.indexes_dir.absolute()
    now = time.time()
    folder = (
        indexes_dir
        / JOBS_FOLDER
        / f"{datetime.fromtimestamp(now):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    )
    with _alone(indexes_dir):
        _refuse_second(indexes_dir, spec.index)
        _prune(indexes_dir)
        try:
            folder.mkdir()
            _spawn(folder, spec, settings.changed({"paths.indexes_dir": indexes_dir}), now, process)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return _read(folder)


def start_again(job: Job, *, process: Sequence[str] = PROCESS) -> Job:
    """Start a job that ended once more, as it was. Raises `JobError` as `start` does."""
    with _alone(job.settings.paths.indexes_dir):
        _refuse_second(job.settings.paths.indexes_dir, job.spec.index)
        for name in (RESULT_FILE, CANCEL_FILE, PROGRESS_FILE, REJECTS_FILE, LOCK_FILE):
            (job.folder / name).unlink(missing_ok=True)
        _spawn(job.folder, job.spec, job.settings, time.time(), process)
    return _read(job.folder)


def forget(job: Job) -> None:
    """Remove a job's folder and the uploads that only it used. Raises `JobError` while it runs."""
    with _alone(job.settings.paths.indexes_dir):
        now = Job.read(job.folder)
        if now is not None and now.running:
            raise JobError("The job is still running: cancel it first.")
        shutil.rmtree(job.folder, ignore_errors=True)
        remove_unused_uploads(job.settings.paths.indexes_dir)


@contextlib.contextmanager
def _alone(indexes_dir: Path) -> Iterator[None]:
    """Nobody else starts or removes a job meanwhile. What the disk refuses becomes a `JobError`."""
    folder = indexes_dir / JOBS_FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / LOCK_FILE, "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise JobError(
            f"The work could not be started in {folder}: {error.strerror or error}."
        ) from error


def _refuse_second(indexes_dir: Path, index: str) -> None:
    other = next(
        (job for job in list_jobs(indexes_dir) if job.running and job.spec.index == index), None
    )
    if other is not None:
        raise JobError(
            f'The index "{index}" is being worked on since '
            f"{datetime.fromtimestamp(other.started):%H:%M}. "
            "Wait until that is done, or cancel it."
        )


def _spawn(
    folder: Path, spec: JobSpec, settings: Settings, now: float, process: Sequence[str]
) -> None:
    """Write what the job does and start its process, which inherits the lock: there is no moment
    without it.
    """
    values = settings.model_dump(mode="json")
    with open(folder / LOCK_FILE, "wb") as lock, open(folder / LOG_FILE, "ab") as log:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_json(
            folder / JOB_FILE,
            {"spec": dataclasses.asdict(spec), "settings": values, "started": now},
        )
        child = subprocess.Popen(
            [*process, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(lock.fileno(),),
        )
    threading.Thread(
        target=child.wait, daemon=True
    ).start()  # so that the process leaves no zombie behind


def _prune(indexes_dir: Path) -> None:
    """Remove all finished jobs but the newest, and what has the name of a job and is none."""
    ended = [job.folder for job in list_jobs(indexes_dir) if not job.running]
    unreadable = [path for path in job_folders(indexes_dir) if Job.read(path) is None]
    for folder in (*ended[KEEP:], *unreadable):
        if not is_locked(folder / LOCK_FILE):
            shutil.rmtree(folder, ignore_errors=True)
    remove_unused_uploads(indexes_dir)


def _read(folder: Path) -> Job:
    job = Job.read(folder)
    if job is None:
        raise JobError(f"The job in {folder} was removed as soon as it was started.")
    return job
