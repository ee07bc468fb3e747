"""A job as its folder tells of it: what it does, whether it runs, how far it is, how it ended."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rag.config import Settings
from rag.schema import ReviewQAError

JOBS_FOLDER = ".jobs"
JOB_FILE = "job.json"
PROGRESS_FILE = "progress.json"
RESULT_FILE = "result.json"
CANCEL_FILE = "cancel"
REJECTS_FILE = "rejects.csv"
LOG_FILE = "log.txt"
LOCK_FILE = "LOCK"
GRACE_S = 10.0  # between asking a job to stop and ending it by force

Mode = Literal["new", "update", "replace"]
State = Literal["running", "done", "failed", "cancelled", "died"]

DIED = (
    "The work ended without a word: its process was killed, or the machine went down. The index is "
    "whole. "
    "Start it again, and it goes on from what had been embedded."
)
CANCELLED = "Cancelled before it was done. What had been embedded is kept for the next time."

_JOB_NAME = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")


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
        elapsed = self.updated - self.started
        return (
            (self.done - self.first) / elapsed if elapsed > 0 and self.done > self.first else None
        )

    @property
    def seconds_left(self) -> float | None:
        """How long the rest of this stage takes at this rate, or None while that cannot be told."""
        return (
            (self.total - self.done) / self.rate if self.rate and self.total > self.done else None
        )


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
        return (
            self.running
            and self.cancel_asked is not None
            and time.time() - self.cancel_asked >= GRACE_S
        )

    @classmethod
    def read(cls, folder: Path) -> Job | None:
        """The job in `folder`, or None where there is none that can be read."""
        running = is_locked(
            folder / LOCK_FILE
        )  # before the result: whoever lets go of the lock has written it
        job = read_json(folder / JOB_FILE)
        outcome = read_json(folder / RESULT_FILE)
        try:
            spec = JobSpec(
                **{
                    **job["spec"],
                    **{name: tuple(job["spec"][name]) for name in ("files", "steps", "delete")},
                }
            )
            settings, started = Settings(**job["settings"]), float(job["started"])
        except (KeyError, TypeError, ValueError, ReviewQAError):
            return None
        asked = _cancel_asked(folder)
        state: State = outcome.get(
            "state", "running" if running else "cancelled" if asked is not None else "died"
        )
        if state not in ("running", "done", "failed", "cancelled", "died"):
            state = "died"
        result = outcome.get("result")
        finished = outcome.get("finished")
        return cls(
            folder=folder,
            spec=spec,
            settings=settings,
            started=started,
            state=state,
            message=str(
                outcome.get("message") or {"died": DIED, "cancelled": CANCELLED}.get(state, "")
            ),
            finished=finished if isinstance(finished, float) else None,
            cancel_asked=asked,
            stages=_stages(folder),
            result=result if isinstance(result, dict) else {},
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
                write_json(self.folder / CANCEL_FILE, {"asked": time.time()})
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
    found = [job for folder in job_folders(indexes_dir) if (job := Job.read(folder)) is not None]
    return sorted(found, key=lambda job: job.started, reverse=True)


def job_folders(indexes_dir: Path) -> list[Path]:
    """Every folder that has the name of a job."""
    with contextlib.suppress(OSError):
        return [
            path for path in (indexes_dir / JOBS_FOLDER).iterdir() if _JOB_NAME.fullmatch(path.name)
        ]
    return []


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock file. Looking takes a shared lock, so those who look see no
    one but holders.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def read_json(path: Path) -> dict[str, Any]:
    """The table in a file; an empty one where it is missing, half-written or no table."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a file's content, so that a reader finds the old or the new. Raises `OSError`."""
    pending = path.with_name(f".{path.name}.{os.getpid()}")
    pending.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(pending, path)


def _cancel_asked(folder: Path) -> float | None:
    if not (folder / CANCEL_FILE).exists():
        return None
    asked = read_json(folder / CANCEL_FILE).get("asked")
    return asked if isinstance(asked, float) else 0.0


def _stages(folder: Path) -> tuple[Stage, ...]:
    try:
        return tuple(Stage(**stage) for stage in read_json(folder / PROGRESS_FILE)["stages"])
    except (KeyError, TypeError):
        return ()


def _send(folder: Path, number: signal.Signals) -> None:
    """Signal a job's process. Its id is trusted only while the lock is held: ids are used again."""
    pid = read_json(folder / PROGRESS_FILE).get("pid")
    if isinstance(pid, int) and pid > 1 and is_locked(folder / LOCK_FILE):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
