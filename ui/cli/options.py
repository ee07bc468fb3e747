"""What several commands share: the settings, the options for reading files, the example under a
command's help.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag.config import Settings, load_settings
from rag.schema import ReviewFileError

if TYPE_CHECKING:
    from rag.ingest import ReadOptions
    from rag.ingest.ids import IdChoice

Command = Callable[..., Any]
_SCALE = "reviewqa.scale"


def example(text: str) -> str:
    """The epilog of a command's help."""
    return f"\b\nExample:\n  {text}"


class Context:
    """What the options before the command say; the settings are read when first asked for."""

    def __init__(self, settings_file: Path | None, overrides: dict[str, Any]) -> None:
        self._file = settings_file
        self._overrides = overrides

    def settings(self, **more: Any) -> Settings:
        """The settings, with a command's own options on top."""
        return load_settings(self._file, overrides={**self._overrides, **more})


def _keep_scale(context: click.Context, _: click.Parameter, stated: str | None) -> None:
    from rag.ingest import parse_scale

    try:
        context.meta[_SCALE] = parse_scale(stated) if stated else None
    except ReviewFileError as error:
        raise click.BadParameter(str(error)) from error


def reading_options(command: Command) -> Command:
    """The options of every command that reads review files."""
    for option in (
        click.option(
            "--no-clean",
            "skipped",
            multiple=True,
            metavar="STEP",
            help="Leave out a cleaning step: html, invisible, furniture, unicode, spaces or language; may be repeated.",
        ),
        click.option(
            "--scale",
            metavar="LOWEST..HIGHEST",
            expose_value=False,  # `read_options` finds it, so that no command has to hand it on
            callback=_keep_scale,
            help="What ratings are out of, for example 1..10; otherwise it is told from the file.",
        ),
        click.option("--strict", is_flag=True, help="Stop at the first row that cannot be used."),
        click.option(
            "--id",
            "ids",
            type=click.Choice(["auto", "column", "content"]),
            default="auto",
            help="What tells reviews apart: the file's ids (column), or what they say (content); "
            "auto takes the ids, unless they only count the rows.",
        ),
        click.option(
            "--map",
            "mapping",
            multiple=True,
            metavar="FIELD=COLUMN,...",
            help="Which column holds a field; an empty COLUMN switches the field off; text=Pros+Cons reads both; "
            "may be repeated.",
        ),
    ):
        command = option(command)
    return command


def read_options(
    settings: Settings,
    mapping: Sequence[str],
    strict: bool,
    skipped: Sequence[str],
    ids: IdChoice = "auto",
) -> ReadOptions:
    """The options as `rag.ingest` takes them. Raises `click.BadParameter`."""
    from rag.ingest import STEPS, ReadOptions
    from rag.ingest.language import languages_read_by

    for step in skipped:
        if step not in STEPS:
            raise click.BadParameter(
                f"{step!r} is no cleaning step: {', '.join(STEPS)}", param_hint="--no-clean"
            )
    return ReadOptions(
        mapping=parse_mapping(mapping),
        steps=tuple(step for step in STEPS if step not in skipped),
        strict=strict,
        ids=ids,
        max_unpack_ratio=settings.max_unpack_ratio,
        scale=click.get_current_context().meta.get(_SCALE),
        readable=languages_read_by(settings.embedder),
    )


def parse_mapping(stated: Sequence[str]) -> dict[str, str]:
    """``text=Review_body,rating=Review Rating`` as a table. Columns may have commas and equals
    signs in their names.

    Raises `click.BadParameter`, also for a field that is given twice.
    """
    from rag.ingest import FIELDS

    mapping: dict[str, str] = {}
    field = "|".join(map(re.escape, FIELDS))
    for text in stated:
        begins = list(re.finditer(rf"(?:^|,)\s*({field})\s*=", text))
        if not begins or begins[0].start() != 0:
            raise click.BadParameter(
                f"{text!r}: write FIELD=COLUMN, for example text=Review_body; the fields are "
                f"{', '.join(FIELDS)}",
                param_hint="--map",
            )
        ends = [match.start() for match in begins[1:]] + [len(text)]
        for match, end in zip(begins, ends, strict=True):
            if match.group(1) in mapping:
                raise click.BadParameter(
                    f"{match.group(1)} is given twice; a text in several columns is "
                    "text=COLUMN+COLUMN",
                    param_hint="--map",
                )
            mapping[match.group(1)] = text[match.end() : end].strip()
    return mapping


def picked_index(settings: Settings, name: str | None) -> str:
    """The index that was named, or the only one there is. Raises `click.UsageError`."""
    from rag.index import list_indexes

    if name:
        return name
    names = list_indexes(settings.indexes_dir)
    if len(names) == 1:
        return names[0]
    raise click.UsageError(
        f"Say which index with --index NAME: {', '.join(names)}."
        if names
        else "There is no index yet."
    )
