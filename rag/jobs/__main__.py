"""``python -m rag.jobs FOLDER``: the process of one job, started by `rag.jobs.launch`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from rag.config import LOG_VARIABLE
from rag.jobs.job import REJECTS_FILE, Job
from rag.jobs.run import Progress, run_job


def rebuild_index(job: Job, progress: Progress) -> dict[str, Any]:
    """The work of the app's jobs."""
    from rag.index.ingest import rebuild
    from rag.ingest.read import ReadOptions
    from rag.logging import configure_logging, quiet_libraries

    configure_logging(1, os.environ.get(LOG_VARIABLE, ""))
    quiet_libraries()
    spec = job.spec
    options = ReadOptions(
        mapping=spec.mapping,
        steps=spec.steps,
        strict=spec.strict,
        max_unpack_ratio=job.settings.reading.max_unpack_ratio,
    )
    made = rebuild(
        job.settings,
        spec.index,
        spec.files,
        mode=spec.mode,
        options=options,
        delete=spec.delete,
        rejects=job.folder / REJECTS_FILE,
        progress=progress,
    )
    return made.as_dict()


if __name__ == "__main__":
    os.nice(5)  # whoever asks a question meanwhile comes first
    run_job(Path(sys.argv[1]), rebuild_index)
