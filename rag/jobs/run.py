"""The inside of a job's process: do the work, write down how far it is, and how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rag.jobs.files import remove_unused_uploads
from rag.jobs.job import (
    CANCEL_FILE,
    CANCELLED,
    LOG_FILE,
    PROGRESS_FILE,
    RESULT_FILE,
    Job,
    JobError,
    Stage,
    write_json,
)
from rag.schema import ReviewQAError

WRITE_EVERY_S = 0.3


class Progress:
    """Called with (stage, done, total); others read it in progress.json. Raises `KeyboardInterrupt`
    when cancelled.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stages: list[Stage] = []
        self._written = 0.0
        self._write()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Stage `stage` has done this much of `total`."""
        now = time.time()
        if not self._stages or self._stages[-1].name != stage:
            self._stages.append(Stage(stage, done, total, done, now, now))
            self._write()
        else:
            self._stages[-1] = replace(self._stages[-1], done=done, total=total, updated=now)
            if done >= total or now - self._written >= WRITE_EVERY_S:
                self._write()

    def _write(self) -> None:
        # The request is looked for, too: a signal may come before there is a handler, or while C
        # code runs.
        if (self._folder / CANCEL_FILE).exists():
            raise KeyboardInterrupt
        self._written = time.time()
        with contextlib.suppress(
            OSError
        ):  # a full disk must not end the work on account of its progress
            stages = [asdict(stage) for stage in self._stages]
            write_json(self._folder / PROGRESS_FILE, {"pid": os.getpid(), "stages": stages})


Work = Callable[[Job, Progress], dict[str, Any]]
"""Does what a job's spec says, and returns what is to be told of it; must be fit for JSON."""


def run_job(folder: Path, work: Work) -> None:
    """Do the work of the job in `folder`, and write its outcome. Raises `JobError` where there is
    no job.
    """
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background process inherits it ignored
    job = Job.read(folder)
    if job is None:
        raise JobError(f"{folder} holds no job that can be read.")
    outcome: dict[str, Any]
    try:
        outcome = {"state": "done", "result": work(job, Progress(folder))}
    except KeyboardInterrupt:
        outcome = {"state": "cancelled", "message": CANCELLED}
    except ReviewQAError as error:
        outcome = {"state": "failed", "message": str(error)}
    except BaseException as error:
        traceback.print_exc()
        what = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        outcome = {
            "state": "failed",
            "message": f"Something unforeseen went wrong ({what}). The index is whole. "
            f"The details are in {folder / LOG_FILE}.",
        }
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from here on there is nothing left to cancel
    write_json(folder / RESULT_FILE, {**outcome, "finished": time.time()})
    remove_unused_uploads(job.settings.paths.indexes_dir)
