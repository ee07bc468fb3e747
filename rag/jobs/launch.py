"""Starting jobs, and clearing away old ones."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from filelock import FileLock, lock_descriptor

from rag.config import Settings
from rag.index import index_folder
from rag.jobs.files import remove_unused_uploads
from rag.jobs.job import (
    CANCEL_FILE,
    JOB,
    JOB_FILE,
    JOBS_FOLDER,
    LOCK_FILE,
    LOG_FILE,
    REJECTS_FILE,
    STATUS_FILE,
    Job,
    JobError,
    JobRecord,
    JobSpec,
    is_locked,
    job_folders,
    list_jobs,
    write_record,
)
from rag.runtimes.base import threads

KEEP = 20  # finished jobs
# -P: a file json.py in the working folder is not ours
PROCESS = (sys.executable, "-P", "-u", "-m", "rag.jobs.run")


def start(settings: Settings, spec: JobSpec, *, process: Sequence[str] = PROCESS) -> Job:
    """Start a job; `process` is the command that gets its folder.

    Raises `JobError` when another job works on the same index or the job cannot be started, and
    `IndexFileError` for a name that no index can have.
    """
    index_folder(settings.paths.indexes_dir, spec.index)
    settings = settings.changed({"paths.indexes_dir": settings.paths.indexes_dir.absolute()})
    record = JobRecord(spec, settings, time.time())
    name = f"{datetime.fromtimestamp(record.started):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    folder = settings.paths.indexes_dir / JOBS_FOLDER / name
    with _alone(settings.paths.indexes_dir, spec.index):
        _prune(settings.paths.indexes_dir)
        try:
            folder.mkdir()
            return _spawn(folder, record, process)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def start_again(job: Job, *, process: Sequence[str] = PROCESS) -> Job:
    """Start a job that ended once more, as it was. Raises `JobError` as `start` does."""
    record = JobRecord(job.spec, job.settings, time.time())
    with _alone(job.settings.paths.indexes_dir, job.spec.index):
        for name in (STATUS_FILE, CANCEL_FILE, REJECTS_FILE):
            (job.folder / name).unlink(missing_ok=True)
        return _spawn(job.folder, record, process)


def forget(job: Job) -> None:
    """Remove a job's folder and the uploads that only it used. Raises `JobError` while it runs."""
    with _alone(job.settings.paths.indexes_dir):
        now = Job.read(job.folder)
        if now is not None and now.running:
            raise JobError("The job is still running: cancel it first.")
        shutil.rmtree(job.folder, ignore_errors=True)
        remove_unused_uploads(job.settings.paths.indexes_dir)


@contextlib.contextmanager
def _alone(indexes_dir: Path, index: str = "") -> Iterator[None]:
    """Nobody else starts or removes a job meanwhile, and none works on `index`. What cannot be
    written becomes a `JobError`.
    """
    folder = indexes_dir / JOBS_FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / LOCK_FILE):
            for job in list_jobs(indexes_dir):
                if job.running and job.spec.index == index:
                    raise JobError(
                        f'The index "{index}" is being worked on since '
                        f"{datetime.fromtimestamp(job.started):%H:%M}. Wait until that is done, or "
                        "cancel it."
                    )
            yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise JobError(f"The work could not be started in {folder}: {reason}.") from error


def _spawn(folder: Path, record: JobRecord, process: Sequence[str]) -> Job:
    """Write what the job does and start its process, which inherits the lock: there is no moment
    without it.
    """
    with open(folder / LOCK_FILE, "wb") as lock, open(folder / LOG_FILE, "ab") as log:
        lock_descriptor(lock.fileno())
        write_record(JOB, folder / JOB_FILE, record)
        child = subprocess.Popen(
            [*process, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # half of them: whoever asks a question meanwhile finds a core that is free
            env=os.environ | {"OMP_NUM_THREADS": str(max(1, threads() // 2))},
            start_new_session=True,
            pass_fds=(lock.fileno(),),
        )
    # so that the process leaves no zombie behind
    threading.Thread(target=child.wait, daemon=True).start()
    return Job(folder, record.spec, record.settings, record.started, "running")


def _prune(indexes_dir: Path) -> None:
    """Remove all finished jobs but the newest, and what has the name of a job and is none."""
    kept = [job.folder for job in list_jobs(indexes_dir) if not job.running][:KEEP]
    for folder in job_folders(indexes_dir):
        if folder not in kept and not is_locked(folder / LOCK_FILE):
            shutil.rmtree(folder, ignore_errors=True)
    remove_unused_uploads(indexes_dir)
