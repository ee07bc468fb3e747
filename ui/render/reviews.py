"""Files, jobs and the versions of an index: records in, HTML or plain text out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rag.index.admin import Generation
from rag.ingest import ReadReport
from rag.jobs import Job, Stage
from rag.schema import Review
from ui.render import fragment
from ui.render.words import duration, moment, plural, size

STAGES = {
    "reading": ("Reading and cleaning", ""),  # in bytes
    "comparing": ("Comparing", "review"),
    "chunking": ("Splitting into sentences", "review"),
    "resuming": ("Recovered from an interrupted run", "sentence"),
    "embedding": ("Embedding", "sentence"),
    "writing": ("Writing", "sentence"),
    "checking": ("Checking", ""),
}
MODES = {"new": "new index", "update": "add and update", "replace": "replace all"}
STATES = {
    "running": "Running",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "died": "Ended unexpectedly",
}


def stage_line(stage: Stage) -> str:
    """How far a running stage is, at what rate, and how long it still takes; plain text."""
    name, unit = _stage(stage)
    if stage.name == "resuming" or stage.total == 1:
        return _past(stage)
    amount = size if stage.name == "reading" else "{:,.0f}".format
    line = f"{name}: {amount(stage.done)}"
    if stage.total:
        line += f" of {amount(stage.total)}"
    if unit:
        line += f" {unit}s"
    if stage.rate is not None:
        line += f", {amount(stage.rate) if stage.rate >= 10 else f'{stage.rate:.1f}'} a second"
    if stage.seconds_left is not None and stage.updated - stage.started >= 1:
        line += f", about {_roughly(stage.seconds_left)} left"
    return line


def _stage(stage: Stage) -> tuple[str, str]:
    """What a stage does, and what it counts."""
    return STAGES.get(stage.name, (stage.name.capitalize(), ""))


def _roughly(seconds: float) -> str:
    """A guess of a time, no more exact than it is."""
    step = 60 if seconds >= 90 else 5
    return duration(max(5, round(seconds / step) * step)).replace(" 0 s", "")


def stages_html(stages: Sequence[Stage]) -> str:
    """The stages that are over, a line each."""
    return fragment("reviews.html", "past_stages", [_past(stage) for stage in stages])


def _past(stage: Stage) -> str:
    name, unit = _stage(stage)
    elapsed = stage.updated - stage.started
    took = f", {duration(elapsed)}" if elapsed >= 1 and stage.name != "resuming" else ""
    if stage.name == "reading":
        return f"{name}: {size(stage.done)}{took}"
    return f"{name}: {plural(stage.done, unit)}{took}" if unit else f"{name}{took}"


def job_heading_html(job: Job) -> str:
    """What a job does, and in what state it is."""
    state = "Stopping" if job.running and job.cancel_asked is not None else STATES[job.state]
    files = ", ".join(Path(file).name for file in job.spec.files)
    return fragment("reviews.html", "job_heading", job, state, MODES[job.spec.mode], files)


def job_message(job: Job) -> str:
    """Why a job ended early, files called by their names, and an option as the page has it; plain
    text.
    """
    message = job.message.replace(
        "read without --strict to leave it out", "let rows that cannot be used be left out"
    )
    for file in job.spec.files:
        message = message.replace(file, Path(file).name)
    return message


def outcome_html(result: Mapping[str, Any]) -> str:
    """What a job that is done has come to."""
    return fragment("reviews.html", "outcome", defaultdict(_unknown, result))


def result_html(result: Mapping[str, Any]) -> str:
    """The numbers of what a job that is done has done, as `result.json` tells."""
    reports = [defaultdict(_unknown, report) for report in result.get("reports") or ()]
    return fragment("reviews.html", "result", defaultdict(_unknown, result), reports)


def _unknown() -> None:
    """The value of what another version of the program did not write down."""


def files_html(
    reports: Sequence[ReadReport], copies: Sequence[tuple[str, int]], more: int = 0
) -> str:
    """What became of the rows of files. `copies` are counted with the first one's rows; of `more`
    files nothing but their number is told.
    """
    return fragment("reviews.html", "files", reports, copies, more)


def preview_html(reviews: Sequence[Review]) -> str:
    """The first reviews as they would be stored."""
    return fragment("reviews.html", "preview", reviews)


def versions_html(versions: Sequence[Generation]) -> str:
    """The versions of an index as a table, the one in use marked."""
    named = [(version_name(version), version) for version in versions]
    return fragment("reviews.html", "versions", named)


def version_label(version: Generation) -> str:
    """A version in a list to choose from; plain text."""
    held = f" ({plural(version.manifest.reviews, 'review')})" if version.manifest else ""
    return version_name(version) + held


def version_name(version: Generation) -> str:
    """A version as people call it: by when it was made; plain text."""
    if version.manifest is None:
        return version.name
    try:
        return moment(datetime.fromisoformat(version.manifest.created))
    except ValueError:
        return version.name
