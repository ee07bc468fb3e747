"""The process of a job that does no real work: ``job_work.py WHAT FOLDER``.

What it returns when it succeeds is the JSON in the environment's JOB_RESULT, if there is any.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from rag.jobs.job import Job
from rag.jobs.run import run_job
from rag.progress import Progress
from rag.schema import IndexFileError

LONG_S = 60.0
BRIEF_S = 3.0
STEPS = 5


def work(job: Job, progress: Progress) -> dict[str, Any]:
    """What the first argument says."""
    what = sys.argv[1]
    if what == "deaf":  # neither the signal nor the progress can stop it
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        progress("embedding", 1, 100)
        time.sleep(LONG_S)
    if what == "fail":
        raise IndexFileError("The disk is full. Make room.")
    if what == "crash":
        raise ZeroDivisionError("of all things")
    if what == "exit":
        sys.exit(3)
    progress("reading", 0, STEPS)
    end = time.monotonic() + {"wait": LONG_S, "brief": BRIEF_S}.get(what, 0.0)
    for done in range(1, STEPS + 1):
        time.sleep(0.05)
        progress("reading", done, STEPS)
    while time.monotonic() < end:
        time.sleep(0.02)
        progress("embedding", 1, 100)
    result: dict[str, Any] = json.loads(os.environ.get("JOB_RESULT", '{"reviews": 3}'))
    return result


if __name__ == "__main__":
    run_job(Path(sys.argv[2]), work)
