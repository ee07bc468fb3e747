"""What the command line prints: safe text, progress, and an answer in words or as JSON."""

from __future__ import annotations

import json
import unicodedata
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from rag.answering.prompt import rating_words
from rag.schema import Answer

if TYPE_CHECKING:  # loading them costs a second
    from rag.index.ingest import Rebuilt
    from rag.ingest import Import, ReadReport


def safe(text: str) -> str:
    """`text` without control characters: reviews and models must not be able to drive the terminal.

    Nor with lone surrogates (a file's name may have some), which cannot be printed.
    """
    return "".join(c if c in "\n\t" or not _drives(c) else "\ufffd" for c in text)


def _drives(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs") and character != "\u200d"


def say(text: str, *, err: bool = False, newline: bool = True) -> None:
    """Print untrusted text."""
    click.echo(safe(text), err=err, nl=newline)


def say_json(value: Any) -> None:
    """Print a value as JSON, all control characters escaped; JSON itself asks that only of the
    first 32.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo("".join(json.dumps(c)[1:-1] if c != "\n" and _drives(c) else c for c in text))


class StageProgress:
    """A progress bar a stage on standard error: counts, rate and time left."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> StageProgress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Stage `stage` has done this much of `total`; `note` is shown beside it."""
        if self._bar is None or stage != self._stage:
            if self._bar is not None:
                self._bar.close()
            scale = stage == "reading"  # counts bytes
            self._stage = stage
            self._bar = tqdm(
                total=total or None,
                desc=stage,
                unit="B" if scale else "",
                unit_scale=scale,
                mininterval=0.5,
            )
        if note:
            self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(done - self._bar.n)


def report_lines(report: ReadReport) -> str:
    """What became of a file's rows, and which column was taken for what, and why."""
    known = f" This is the layout of {report.layout}." if report.layout else ""
    lines = [
        f"{report.file} ({report.format}): {report.read} rows read"
        f"{f' from {report.lines} lines' if report.lines else ''}, {report.kept} kept.{known}"
    ]
    lines += [
        f"  {field} = {choice.name!r}: {choice.reason}" for field, choice in report.columns.items()
    ]
    if report.rating_scale:
        lines.append(f"  ratings on the scale {report.rating_scale}: {report.rating_reason}")
    lines += [
        f"  left empty, because unreadable: {field} of {unread.count} rows (the first: "
        f"{unread.example})"
        for field, unread in report.unread.items()
    ]
    lines += [f"  dropped {count}: {reason}" for reason, count in report.dropped.items()]
    lines += [f"    {example}" for example in report.examples]
    if report.cleaned:
        lines.append(
            "  cleaned: "
            + ", ".join(f"{step} in {count} rows" for step, count in report.cleaned.items())
        )
    if report.languages:
        lines.append(
            "  languages: "
            + ", ".join(f"{code} {count}" for code, count in report.languages.items())
        )
    lines += [f"  note: {note}" for note in report.notes]
    if report.skipped:
        lines.append(f"  passed over: {report.skipped}")
    if report.renamed:
        lines.append(
            f"  {report.renamed} ids were there before; these reviews got ids that end in -2 or so."
        )
    return "\n".join(lines)


def preview_lines(report: ReadReport) -> str:
    """The first reviews as they would be stored."""
    lines = []
    for review in report.preview:
        about = [
            review.review_id,
            review.title,
            review.date,
            review.author,
            review.item,
            review.language,
        ]
        if review.rating is not None:
            about.insert(1, f"rated {rating_words(review)}")
        text = " ".join(review.text.split())
        lines.append(
            f"  | {', '.join(filter(None, about))}\n  |   "
            f"{text[:160]}{' ...' if len(text) > 160 else ''}"
        )
    return "\n".join(lines)


def import_line(imported: Import) -> str:
    """All files together, and the copies among their reviews."""
    return (
        f"In all: {imported.read} rows read, {imported.kept} kept, "
        f"{sum(imported.dropped.values())} dropped. "
        f"Copies of other reviews: {imported.exact_duplicates} exact, {imported.near_duplicates} "
        "nearly so; "
        "each group speaks once."
    )


def import_object(imported: Import) -> dict[str, Any]:
    """What `reviewqa reviews check --json` prints."""
    return {
        "read": imported.read,
        "kept": imported.kept,
        "dropped": dict(imported.dropped),
        "duplicates": {"exact": imported.exact_duplicates, "near": imported.near_duplicates},
        "files": [report.as_dict() for report in imported.reports],
    }


def rebuilt_lines(made: Rebuilt) -> str:
    """What an import did to an index."""
    if not (made.new or made.changed or made.removed):
        return (
            f'Nothing is new: the index "{made.name}" stays as it is, with {made.reviews} reviews.'
        )
    lines = [
        f"{made.new} new, {made.changed} changed, {made.unchanged} unchanged, {made.removed} "
        "removed reviews; "
        f"{made.embedded} sentences embedded, {made.carried} carried over"
        + (f", {made.resumed} found from an interrupted run." if made.resumed else "."),
        f"Copies of other reviews: {made.exact_duplicates} exact, {made.near_duplicates} nearly "
        "so; "
        "each group speaks once.",
    ]
    if made.rejects is not None:
        lines.append(f"The rows that were dropped are in {made.rejects}.")
    lines.append(
        f'The index "{made.name}" is live: {made.reviews} reviews, {made.chunks} chunks, '
        f"{made.sentences} sentences, "
        f'in {made.seconds:.0f} s. Ask it: reviewqa ask "..." --index {made.name}'
    )
    return "\n".join(lines)


def answer_object(answer: Answer) -> dict[str, Any]:
    """The answer as `reviewqa ask --json` prints it."""
    return {
        "question": answer.question,
        "searched_for": answer.searched_for,
        "answer": answer.text,
        "refused": answer.refused,
        "generator": answer.generator,
        "generator_reason": answer.generator_reason,
        "sentences": [
            {
                "text": sentence.text,
                "heading": sentence.heading,
                "supported": sentence.supported,
                "score": round(sentence.score, 4),
                "citations": [
                    {
                        "number": citation.number,
                        "review_id": citation.review_id,
                        "start": citation.start,
                        "end": citation.end,
                        "quote": citation.quote,
                    }
                    for citation in sentence.citations
                ],
            }
            for sentence in answer.sentences
        ],
        "retrieved": [
            {
                "number": found.number,
                "review_id": found.review.review_id,
                "chunk_id": found.chunk.chunk_id,
                "score": round(found.score, 4),
                "text": found.chunk.text,
            }
            for found in answer.retrieved
        ],
        "dropped_markers": answer.dropped_markers,
        "notes": list(answer.notes),
        "timings": {name: round(value, 4) for name, value in answer.timings.items()},
    }


def answer_footer(answer: Answer) -> str:
    """What follows a streamed answer: what is not supported, what was cited, and who answered."""
    lines = ["", ""]
    if answer.searched_for:
        lines += [f'Searched for: "{answer.searched_for}"', ""]
    unsupported = [sentence.text for sentence in answer.sentences if not sentence.supported]
    if unsupported:
        lines += [
            "Not supported by the reviews they cite:",
            *(f"  ! {text}" for text in unsupported),
            "",
        ]
    cited = {citation.number for sentence in answer.sentences for citation in sentence.citations}
    shown = [
        found
        for found in answer.retrieved
        if found.number in cited or (answer.refused and found.number <= 3)
    ]
    if shown:
        lines.append("Closest reviews:" if answer.refused else "Cited reviews:")
    for found in shown:
        about = ", ".join(
            filter(
                None,
                (found.review.review_id, f"rated {rating_words(found.review)}", found.review.date),
            )
        )
        lines.append(f"  [{found.number}] {about}: {' '.join(found.chunk.text.split())}")
    lines += [
        "",
        *answer.notes,
        f"Answered by {answer.generator}: {answer.generator_reason}. "
        f"{answer.timings['total_s']:.1f} s.",
    ]
    return "\n".join(lines)
