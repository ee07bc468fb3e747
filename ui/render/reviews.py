"""Files, jobs and generations as markup. Pure: records in, HTML or plain text out; what others
wrote is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rag.answering.prompt import rating_words
from rag.index.admin import Generation
from rag.jobs import Job, Stage
from rag.schema import Review
from ui.render.answers import escape

PREVIEW_CHARACTERS = 240
STAGES = {
    "reading": ("Reading and cleaning", ""),  # in bytes
    "comparing": ("Comparing", "review"),
    "chunking": ("Cutting into sentences", "review"),
    "resuming": ("Found from an interrupted run", "sentence"),
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
    "died": "Ended without a word",
}


def count(number: Any) -> str:
    """A number with its thousands set apart."""
    return f"{number:,}" if isinstance(number, int) else escape(str(number))


def plural(number: int, noun: str) -> str:
    """ "1 row", "2 rows"."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """A span of time in words: "40 s", "3 min 20 s", "2 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(number: float) -> str:
    """Bytes in words."""
    for unit in ("bytes", "KB", "MB"):
        if number < 1000:
            return (
                f"{number:.0f} {unit}"
                if unit == "bytes" or number >= 10
                else f"{number:.1f} {unit}"
            )
        number /= 1000
    return f"{number:.1f} GB"


def moment(at: datetime) -> str:
    """Day and time of this machine's clock."""
    return f"{at.astimezone():%-d %b %Y, %H:%M}"


def stage_line(stage: Stage) -> str:
    """How far a running stage is, at what rate, and how long it still takes; plain text."""
    name, unit = _stage(stage)
    if stage.name == "resuming" or stage.total == 1:
        return _past(stage)
    amount = size if stage.name == "reading" else lambda number: f"{number:,.0f}"
    units = f" {unit}s" if unit else ""
    line = (
        f"{name}: {amount(stage.done)}"
        + (f" of {amount(stage.total)}" if stage.total else "")
        + units
    )
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
    return duration(
        round(seconds / 60) * 60 if seconds >= 90 else max(5, round(seconds / 5) * 5)
    ).replace(" 0 s", "")


def stages_html(stages: Sequence[Stage]) -> str:
    """The stages that are over, a line each."""
    items = "".join(f"<li>{escape(_past(stage))}</li>" for stage in stages)
    return f'<div class="qa qa-past"><ul class="qa-stages">{items}</ul></div>' if items else ""


def _past(stage: Stage) -> str:
    name, unit = _stage(stage)
    elapsed = stage.updated - stage.started
    took = f", {duration(elapsed)}" if elapsed >= 1 and stage.name != "resuming" else ""
    if stage.name == "reading":
        return f"{name}: {size(stage.done)}{took}"
    return f"{name}: {plural(stage.done, unit)}{took}" if unit else f"{name}{took}"


def job_heading_html(job: Job) -> str:
    """What a job does, and in what state it is."""
    names = ", ".join(Path(file).name for file in job.spec.files) or "no file"
    state = "Stopping" if job.running and job.cancel_asked is not None else STATES[job.state]
    when = f"started {moment(datetime.fromtimestamp(job.started))}"
    if job.finished is not None:
        when += f", took {duration(job.finished - job.started)}"
    return (
        '<div class="qa qa-job"><p class="qa-job-top"><span class="qa-state '
        f'qa-state-{job.state}">{state}</span> '
        f"<strong><bdi>{escape(job.spec.index)}</bdi></strong></p>"
        f'<p class="qa-meta">{MODES[job.spec.mode]} from <bdi>{escape(names)}</bdi>, '
        f"{escape(when)}</p></div>"
    )


def job_message(job: Job) -> str:
    """Why a job ended early, files called by their names; plain text."""
    message = job.message
    for file in job.spec.files:
        message = message.replace(file, Path(file).name)
    return message


def result_html(result: Mapping[str, Any]) -> str:
    """What a job that is done has done."""
    facts: list[tuple[str, Any]] = [
        *(
            (f"{name} reviews", result.get(name))
            for name in ("new", "changed", "unchanged", "removed")
        ),
        ("sentences embedded", result.get("embedded")),
        ("carried over", result.get("carried")),
        ("from an interrupted run", result.get("resumed") or None),
        ("exact copies", result.get("exact_duplicates")),
        ("near copies", result.get("near_duplicates")),
    ]
    held = f"{plural(result.get('reviews', 0), 'review')} in {plural(result.get('sentences', 0), 'sentence')}"
    same = not any(result.get(name) for name in ("new", "changed", "removed"))
    summary = (
        f"Nothing is new: the index stays as it is, with {held}."
        if same
        else f"The index now has {held}."
    )
    reports = "".join(report_html(report) for report in result.get("reports") or ())
    return f'<div class="qa qa-report"><p>{summary}</p>{facts_html(facts)}{reports}</div>'


def facts_html(facts: Iterable[tuple[str, Any]]) -> str:
    """Numbers beside each other, each with its name; those that are None are left out."""
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{count(value)}</dd></div>"
        for name, value in facts
        if value is not None
    )
    return f'<dl class="qa-facts">{items}</dl>'


def report_html(report: Mapping[str, Any], more: Sequence[tuple[str, Any]] = ()) -> str:
    """What became of a file's rows: counts, with `more` of them, and what was dropped and why, with
    examples.
    """
    dropped: Mapping[str, int] = report.get("dropped") or {}
    reasons = "".join(
        f"<li>{escape(reason)}: {count(number)}</li>" for reason, number in dropped.items()
    )
    examples = "".join(
        f"<li>{escape(cut(str(example)))}</li>" for example in report.get("examples") or ()
    )
    parts = [
        f"<h4><bdi>{escape(str(report.get('file', '')))}</bdi></h4>",
        facts_html(
            [
                ("rows read", report.get("read")),
                ("kept", report.get("kept")),
                ("dropped", sum(dropped.values())),
                *more,
            ]
        ),
        *(f'<p class="qa-meta">{escape(cut(note))}</p>' for note in _notes(report)),
    ]
    if report.get("skipped"):
        parts.append(f'<p class="qa-label">Passed over: {escape(cut(str(report["skipped"])))}</p>')
    if reasons:
        parts.append(f'<p class="qa-label">Dropped, by reason</p><ul>{reasons}</ul>')
    if examples:
        parts.append(f"<details><summary>The first of them</summary><ul>{examples}</ul></details>")
    return f'<section class="qa-file">{"".join(parts)}</section>'


def _notes(report: Mapping[str, Any]) -> list[str]:
    """How a file was understood, a line each."""
    layout, scale, renamed = report.get("layout"), report.get("rating_scale"), report.get("renamed")
    counted = (("cleaned", "Changed by cleaning"), ("languages", "Languages"))
    notes = [
        str(report.get("format") or ""),
        f"The layout of {layout}" if layout else "",
        f"Ratings: {scale} ({report.get('rating_reason') or 'as written'})" if scale else "",
        *(
            f"Left empty, because unreadable: {field} of {unread['count']} rows (the first: "
            f"{unread['example']})"
            for field, unread in report.get("unread", {}).items()
        ),
        *(
            f"{title}: {', '.join(f'{name} {number:,}' for name, number in report[key].items())}"
            for key, title in counted
            if report.get(key)
        ),
        f"Columns not used: {', '.join(map(str, report['unused']))}"
        if report.get("unused")
        else "",
        *map(str, report.get("notes") or ()),
        f"Ids that stood there before, and now end in -2 or so: {renamed}" if renamed else "",
    ]
    return [note for note in notes if note]


def preview_html(reviews: Sequence[Review]) -> str:
    """The first reviews as they would be stored."""
    rows = "".join(
        f'<article class="qa-card"><p class="qa-meta">{" · ".join(_facts(review))}</p>'
        f"{_title(review)}"
        f'<p class="qa-text" dir="auto">{escape(cut(review.text))}</p></article>'
        for review in reviews
    )
    return f'<div class="qa qa-preview" tabindex="0" role="region" aria-label="The first reviews">{rows}</div>'


def _title(review: Review) -> str:
    return f'<h4 dir="auto">{escape(cut(review.title))}</h4>' if review.title else ""


def _facts(review: Review) -> list[str]:
    rated = f"rated {rating_words(review)}" if review.rating is not None else "no rating"
    votes = f"{review.helpful_votes} found this helpful" if review.helpful_votes else ""
    facts = [
        rated,
        review.date,
        review.item,
        review.author,
        votes,
        review.language,
        f"id {review.review_id}",
    ]
    return [f"<bdi>{escape(cut(fact, 60))}</bdi>" for fact in facts if fact]


def cut(text: str, most: int = PREVIEW_CHARACTERS) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most and len(text) <= 4 * most else line[:most].rstrip() + " …"


def generations_html(generations: Sequence[Generation]) -> str:
    """The generations of an index as a table, the live one marked."""
    rows = "".join(f"<tr>{_generation_cells(generation)}</tr>" for generation in generations)
    return (
        '<div class="qa qa-scroll"><table><thead><tr>'
        '<th scope="col">Made</th><th scope="col">Reviews</th><th scope="col">Sentences</th>'
        '<th scope="col">Size</th><th scope="col"><span class="qa-hidden">Live</span></th>'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _generation_cells(generation: Generation) -> str:
    badge = '<span class="qa-state qa-state-done">live</span>' if generation.live else ""
    made = generation.manifest
    counts = ("damaged", "") if made is None else (count(made.reviews), count(made.sentences))
    return (
        f"<td>{escape(generation_name(generation))}</td>"
        + "".join(
            f'<td class="qa-number-cell">{value}</td>' for value in (*counts, size(generation.size))
        )
        + f"<td>{badge}</td>"
    )


def generation_label(generation: Generation) -> str:
    """A generation in a list to choose from; plain text."""
    held = f" ({plural(generation.manifest.reviews, 'review')})" if generation.manifest else ""
    return generation_name(generation) + held


def generation_name(generation: Generation) -> str:
    """A generation as people call it: by when it was made; plain text."""
    try:
        return (
            moment(datetime.fromisoformat(generation.manifest.created))
            if generation.manifest
            else generation.name
        )
    except ValueError:
        return generation.name
