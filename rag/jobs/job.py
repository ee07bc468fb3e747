"""A job as its folder tells of it: what it does, whether it runs, how far it is, how it ended."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from rag.config import Settings
from rag.index.options import Mode
from rag.schema import ReviewQAError

JOBS_FOLDER = ".jobs"
JOB_FILE = "job.json"
STATUS_FILE = "status.json"
CANCEL_FILE = "cancel"
REJECTS_FILE = "rejects.csv"
LOG_FILE = "log.txt"
LOCK_FILE = "LOCK"
GRACE_S = 10.0  # between asking a job to stop and ending it by force

State = Literal["running", "done", "failed", "cancelled", "died"]

DIED = (
    "The work ended without a word: its process was killed, or the machine went down. The index is "
    "whole. Start it again, and it goes on from what had been embedded."
)
CANCELLED = "Cancelled before it was done. What had been embedded is kept for the next time."

_JOB_NAME = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")
_LOOK_S = 0.02  # how long a lock is tried for: others who look hold it for less
Record = TypeVar("Record")


class JobError(ReviewQAError):
    """A job cannot be started, cancelled or forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What a job does: what `rag.index.ingest.rebuild` gets. Empty `steps` mean no cleaning."""

    index: str
    mode: Mode
    files: tuple[str, ...]
    mapping: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    strict: bool = False
    scale: str = ""  # "1..10"; empty to tell it from the file
    delete: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """How far one stage has come; times are seconds since 1970. `first` is what was done when it
    was first heard of.
    """

    name: str
    done: int
    total: int
    first: int
    started: float
    updated: float

    @property
    def rate(self) -> float | None:
        """How many a second, or None while that cannot be told."""
        elapsed, done = self.updated - self.started, self.done - self.first
        return done / elapsed if elapsed > 0 and done > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """How long the rest of this stage takes at this rate, or None while that cannot be told."""
        left = self.total - self.done
        return left / self.rate if self.rate and left > 0 else None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """`JOB_FILE`: written once, when the job is started."""

    spec: JobSpec
    settings: Settings
    started: float


@dataclass(frozen=True, slots=True)
class Status:
    """`STATUS_FILE`: replaced again and again by the job's process, the last time when it ends."""

    pid: int
    stages: tuple[Stage, ...] = ()
    state: Literal["running", "done", "failed", "cancelled"] = "running"
    message: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    finished: float | None = None


JOB = TypeAdapter(JobRecord)
STATUS = TypeAdapter(Status)


@dataclass(frozen=True, slots=True)
class Job:
    """A job at the moment it was read. `result` is `Rebuilt.as_dict()`, once it is done."""

    folder: Path
    spec: JobSpec
    settings: Settings
    started: float
    state: State
    message: str = ""  # why it failed or ended early
    finished: float | None = None
    cancel_asked: float | None = None
    stages: tuple[Stage, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def job_id(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.state == "running"

    @property
    def rejects(self) -> Path | None:
        """The file of rejected rows, where there is one."""
        path = self.folder / REJECTS_FILE
        return path if path.is_file() else None

    @property
    def can_be_forced(self) -> bool:
        """Whether it was asked to stop, and had its time to do so."""
        asked = self.cancel_asked
        return self.running and asked is not None and time.time() - asked >= GRACE_S

    @classmethod
    def read(cls, folder: Path) -> Job | None:
        """The job in `folder`, or None where there is none that can be read."""
        # before the status: whoever lets go of the lock has written how it ended
        running = is_locked(folder / LOCK_FILE)
        record = read_record(JOB, folder / JOB_FILE)
        if record is None:
            return None
        status = read_record(STATUS, folder / STATUS_FILE) or Status(pid=0)
        asked = None
        with contextlib.suppress(OSError):
            asked = (folder / CANCEL_FILE).stat().st_mtime
        state: State = status.state
        if state == "running" and not running:
            state = "died" if asked is None else "cancelled"
        return cls(
            folder=folder,
            spec=record.spec,
            settings=record.settings,
            started=record.started,
            state=state,
            message=status.message or {"died": DIED, "cancelled": CANCELLED}.get(state, ""),
            finished=status.finished,
            cancel_asked=asked,
            stages=status.stages,
            result=status.result,
        )

    def cancel(self) -> None:
        """Ask the job to stop; asked again after `GRACE_S` seconds, end its process. Nothing if it
        runs no more.

        Raises `JobError` when the request cannot be written.
        """
        now = Job.read(self.folder)
        if now is None or not now.running:
            return
        if now.cancel_asked is None:
            try:
                (self.folder / CANCEL_FILE).touch()
            except OSError as error:
                raise JobError(
                    f"The job could not be asked to stop ({error.strerror}). Try again."
                ) from error
            _send(self.folder, signal.SIGINT)
        elif now.can_be_forced:
            _send(self.folder, signal.SIGKILL)


def list_jobs(indexes_dir: Path) -> list[Job]:
    """The jobs on the indexes in a folder, newest first. Folders that hold no readable job are
    passed over.
    """
    jobs = [job for folder in job_folders(indexes_dir) if (job := Job.read(folder)) is not None]
    return sorted(jobs, key=lambda job: job.started, reverse=True)


def job_folders(indexes_dir: Path) -> list[Path]:
    """Every folder that has the name of a job."""
    try:
        paths = list((indexes_dir / JOBS_FOLDER).iterdir())
    except OSError:
        return []
    return [path for path in paths if _JOB_NAME.fullmatch(path.name)]


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock file."""
    try:
        with FileLock(path, timeout=_LOOK_S, poll_interval=_LOOK_S / 4):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def read_record(kind: TypeAdapter[Record], path: Path) -> Record | None:
    """The record in a file; None where it is missing, half-written or none of this kind."""
    try:
        return kind.validate_json(path.read_bytes())
    except (OSError, ValueError, ReviewQAError):
        return None


def write_record(kind: TypeAdapter[Record], path: Path, record: Record) -> None:
    """Replace a file's content, so that a reader finds the old or the new. Raises `OSError`."""
    pending = path.with_name(f".{path.name}.{os.getpid()}")
    pending.write_bytes(kind.dump_json(record, indent=1))
    os.replace(pending, path)


def _send(folder: Path, number: signal.Signals) -> None:
    """Signal a job's process. Its id is trusted only while the lock is held: ids are used again."""
    status = read_record(STATUS, folder / STATUS_FILE)
    if status is not None and status.pid > 1 and is_locked(folder / LOCK_FILE):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(status.pid, number)
