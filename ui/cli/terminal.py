"""What the command line prints: safe text, progress, and an answer in words or as JSON."""

from __future__ import annotations

import contextlib
import json
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:  # loading them takes a while
    from tqdm import tqdm

    from rag.ingest import Import


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


def agreed(question: str) -> bool:
    """Whether the user says yes; without a terminal nobody is asked, and that is a no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return click.confirm(safe(question), err=True)


def say_json(value: Any) -> None:
    """Print a value as JSON, all control characters escaped; JSON itself asks that only of the
    first 32.
    """
    click.echo(json_text(value, indent=2))


def json_text(value: Any, indent: int | None = None) -> str:
    """A value as JSON that cannot drive the terminal."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return "".join(json.dumps(c)[1:-1] if c != "\n" and _drives(c) else c for c in text)


class StageProgress(contextlib.AbstractContextManager["StageProgress"]):
    """A progress bar a stage on standard error: counts, rate and time left."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: tqdm[Any] | None = None

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Stage `stage` has done this much of `total`; `note` is shown beside it."""
        from tqdm import tqdm

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


def show(macro: str, *values: object) -> None:
    """Print what a macro of ``terminal.txt`` makes of `values`."""
    from ui.render import fragment

    say(fragment("terminal.txt", macro, *values).rstrip("\n"))


def import_object(imported: Import) -> dict[str, Any]:
    """What `reviewqa reviews check --json` prints."""
    return {
        "read": imported.read,
        "kept": imported.kept,
        "dropped": dict(imported.dropped),
        "duplicates": {"exact": imported.exact_duplicates, "near": imported.near_duplicates},
        "files": [report.as_dict() for report in imported.reports],
    }
