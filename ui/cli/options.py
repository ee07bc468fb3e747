"""What several commands share: the settings, the options for reading files, the example under a
command's help.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag.schema import ReviewFileError
from ui.cli import terminal

if TYPE_CHECKING:
    from rag.config import Settings
    from rag.ingest import ReadOptions
    from rag.ingest.ids import IdChoice

Command = Callable[..., Any]


def example(text: str) -> str:
    """The epilog of a command's help."""
    return f"\b\nExample:\n  {text}"


class Context:
    """What the options before the command say; the settings are read when first asked for."""

    def __init__(self, settings_file: Path | None, overrides: dict[str, Any]) -> None:
        self._file = settings_file
        self._overrides = overrides

    def settings(self, changes: Mapping[str, Any] | None = None) -> Settings:
        """The settings, with a command's own options on top, by name: ``{"server.port": 8600}``."""
        return self.settings_with_origins(changes)[0]

    def settings_with_origins(
        self, changes: Mapping[str, Any] | None = None
    ) -> tuple[Settings, dict[str, str]]:
        """The settings, and where each value that is no default came from, by name. On a terminal
        the user is asked for a consent that is missing.
        """
        return self._load(changes) if changes else self._stated

    @functools.cached_property
    def _stated(self) -> tuple[Settings, dict[str, str]]:
        return self._load({})

    def _load(self, changes: Mapping[str, Any]) -> tuple[Settings, dict[str, str]]:
        from rag.config import ConsentError, load_with_origins

        overrides = {**self._overrides, **changes}
        try:
            return load_with_origins(self._file, overrides=overrides)
        except ConsentError as error:
            if not terminal.agreed(f"{error}\nUse {error.file} as it is?"):
                raise
            error.record()
        return load_with_origins(self._file, overrides=overrides)

    def index_folder(self, name: str) -> Path:
        """The folder of an index. Raises `IndexFileError` where no index can have that name."""
        from rag.index import index_folder

        return index_folder(self.settings().paths.indexes_dir, name)


def options_as(record: type[Any]) -> Callable[[Command], Command]:
    """Let a command take all options that the dataclass `record` has fields for as one value,
    `options`.
    """
    names = [field.name for field in dataclasses.fields(record)]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(*arguments: Any, **stated: Any) -> Any:
            options = record(**{name: stated.pop(name) for name in names})
            return command(*arguments, options=options, **stated)

        return run

    return decorate


@dataclass(frozen=True, slots=True)
class Reading:
    """How review files are read, as the options of a command say."""

    mapping: tuple[str, ...]
    strict: bool
    skipped: tuple[str, ...]
    scale: str
    ids: IdChoice
    rejects: Path | None

    def checked(self, settings: Settings) -> ReadOptions:
        """The options as `rag.ingest` takes them. Raises `click.BadParameter`."""
        from rag.ingest import STEPS, ReadOptions, parse_scale
        from rag.ingest.language import languages_read_by

        for step in self.skipped:
            if step not in STEPS:
                raise click.BadParameter(
                    f"{step!r} is not a cleaning step: {', '.join(STEPS)}", param_hint="--no-clean"
                )
        return ReadOptions(
            mapping=parse_mapping(self.mapping),
            steps=tuple(step for step in STEPS if step not in self.skipped),
            strict=self.strict,
            ids=self.ids,
            max_unpack_ratio=settings.reading.max_unpack_ratio,
            scale=_parsed(parse_scale, self.scale) if self.scale else None,
            readable=languages_read_by(settings.embedding.model),
        )


def _parsed(parse: Callable[[str], tuple[float, float]], text: str) -> tuple[float, float]:
    try:
        return parse(text)
    except ReviewFileError as error:
        raise click.BadParameter(str(error), param_hint="--scale") from error


def reading_options(command: Command) -> Command:
    """The options of every command that reads review files, as one `Reading`."""
    command = options_as(Reading)(command)
    for option in (
        click.option(
            "--rejects",
            type=click.Path(path_type=Path),
            help="Write all rows that cannot be used to this CSV file.",
        ),
        click.option(
            "--no-clean",
            "skipped",
            multiple=True,
            metavar="STEP",
            help="Leave out a cleaning step: html, invisible, furniture, unicode, spaces or "
            "language; may be repeated.",
        ),
        click.option(
            "--scale",
            default="",
            metavar="LOWEST..HIGHEST",
            help="What ratings are out of, for example 1..10; otherwise it is told from the file.",
        ),
        click.option(
            "--id",
            "ids",
            type=click.Choice(["auto", "column", "content"]),
            default="auto",
            help="What tells reviews apart: the file's ids (column), or what they say (content); "
            "auto takes the ids, unless they only count the rows.",
        ),
        click.option("--strict", is_flag=True, help="Stop at the first row that cannot be used."),
        click.option(
            "--map",
            "mapping",
            multiple=True,
            metavar="FIELD=COLUMN,...",
            help="Which column holds a field; an empty COLUMN switches the field off; "
            "text=Pros+Cons reads both; may be repeated.",
        ),
    ):
        command = option(command)
    return command


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
    names = list_indexes(settings.paths.indexes_dir)
    if len(names) == 1:
        return names[0]
    raise click.UsageError(
        f"Say which index with --index NAME: {', '.join(names)}."
        if names
        else "There is no index yet."
    )
