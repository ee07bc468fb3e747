"""Background work on indexes: `job` (what is on disk), `launch` (start, start again, forget), `run`
(inside the process), `files` (what it may read). A job is a process of its own: it goes on when the
app's page, or the app itself, is closed.

    <indexes_dir>/.jobs/<job>/job.json        what to do; written once
                              status.json     how far each stage has come, and how it ended
                              cancel          somebody asked it to stop; when, its time says
                              rejects.csv     the rows that could not be used
                              log.txt         what the process printed
                              LOCK            locked by the running process, through the operating
                                              system
"""

from rag.index.options import Mode
from rag.jobs.files import ENDINGS, named_file, remove_unused_uploads, store_upload
from rag.jobs.job import Job, JobError, JobSpec, Stage, State, list_jobs
from rag.jobs.launch import forget, start, start_again

__all__ = [
    "ENDINGS",
    "Job",
    "JobError",
    "JobSpec",
    "Mode",
    "Stage",
    "State",
    "forget",
    "list_jobs",
    "named_file",
    "remove_unused_uploads",
    "start",
    "start_again",
    "store_upload",
]
