"""The process of a job: do the work, write down how far it is, and how it ended.

``python -m rag.jobs.run FOLDER`` does the work of the app's jobs; `rag.jobs.launch` starts it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag.jobs.files import remove_unused_uploads
from rag.jobs.job import (
    CANCEL_FILE,
    CANCELLED,
    LOG_FILE,
    REJECTS_FILE,
    STATUS,
    STATUS_FILE,
    Job,
    JobError,
    Stage,
    Status,
    write_record,
)
from rag.progress import Progress
from rag.schema import ReviewQAError

WRITE_EVERY_S = 0.3
Work = Callable[[Job, Progress], dict[str, Any]]
"""Does what a job's spec says, and returns what is to be told of it; must be fit for JSON."""


class JobProgress:
    """A `Progress` that others read in `STATUS_FILE`. Raises `KeyboardInterrupt` when the job is
    cancelled.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written = 0.0
        self.status = Status(os.getpid())

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Stage `stage` has done this much of `total`."""
        now, stages = time.time(), self.status.stages
        begins = not stages or stages[-1].name != stage
        if begins:
            stages = (*stages, Stage(stage, done, total, done, now, now))
        else:
            stages = (*stages[:-1], replace(stages[-1], done=done, total=total, updated=now))
        self.status = replace(self.status, stages=stages)
        if begins or done >= total or now - self._written >= WRITE_EVERY_S:
            self.write()

    def write(self) -> None:
        """Tell others. The request to stop is looked for, too: a signal may come before there is a
        handler, or while C code runs.
        """
        if (self._folder / CANCEL_FILE).exists():
            raise KeyboardInterrupt
        self._written = time.time()
        with contextlib.suppress(OSError):  # a full disk must not end the work
            write_record(STATUS, self._folder / STATUS_FILE, self.status)


def run_job(folder: Path, work: Work) -> None:
    """Do the work of the job in `folder`, and write its outcome. Raises `JobError` where there is
    no job.
    """
    # a shell's background process inherits it ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    job = Job.read(folder)
    if job is None:
        raise JobError(f"{folder} holds no job that can be read.")
    progress = JobProgress(folder)
    outcome: dict[str, Any] = {"state": "failed"}
    try:
        progress.write()
        outcome = {"state": "done", "result": work(job, progress)}
    except KeyboardInterrupt:
        outcome = {"state": "cancelled", "message": CANCELLED}
    except ReviewQAError as error:
        outcome["message"] = str(error)
    except BaseException as error:
        traceback.print_exc()
        what = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        outcome["message"] = (
            f"Something unforeseen went wrong ({what}). The index is whole. The details are in "
            f"{folder / LOG_FILE}."
        )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from here on there is nothing left to cancel
    status = replace(progress.status, **outcome, finished=time.time())
    write_record(STATUS, folder / STATUS_FILE, status)
    remove_unused_uploads(job.settings.paths.indexes_dir)


def rebuild_index(job: Job, progress: Progress) -> dict[str, Any]:
    """The work of the app's jobs."""
    from rag.index.ingest import rebuild
    from rag.ingest import ReadOptions, parse_scale
    from rag.logging import quiet_libraries

    quiet_libraries()
    spec = job.spec
    options = ReadOptions(
        mapping=spec.mapping,
        steps=spec.steps,
        strict=spec.strict,
        max_unpack_ratio=job.settings.reading.max_unpack_ratio,
        scale=parse_scale(spec.scale) if spec.scale else None,
    )
    return rebuild(
        job.settings,
        spec.index,
        spec.files,
        mode=spec.mode,
        options=options,
        delete=spec.delete,
        rejects=job.folder / REJECTS_FILE,
        progress=progress,
    ).as_dict()


if __name__ == "__main__":
    os.nice(5)  # whoever asks a question meanwhile comes first
    run_job(Path(sys.argv[1]), rebuild_index)
