"""A look into a review file before it is imported: its columns, what they are taken for, and the
first reviews.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.ingest import ReadOptions, ReadReport, import_reviews, temporary_folder
from rag.ingest.formats.registry import open_sources
from rag.ingest.formats.rows import Row, RowSource
from rag.schema import ReviewFileError

WHOLE_ROWS = 4000  # a file with so many rows at most is read to its end: a few seconds
SAMPLE_ROWS = 1000  # of a larger one, so many
SAMPLE_NAME = "sample.jsonl"


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. `error` says why it cannot be imported like this; then only `columns` are
    certain.
    """

    columns: list[str]
    whole: bool  # whether all of it was read
    files: int
    report: ReadReport | None = None
    others: Sequence[ReadReport] = ()  # of the other files in it, where all of it was read
    exact_duplicates: int = 0
    near_duplicates: int = 0
    error: str = ""


def look(location: Path, options: ReadOptions) -> Look:
    """Read a file, or the beginning of a large one. Raises `ReviewFileError` where there are no
    rows at all.
    """
    try:
        return _look(location, options)
    except ReviewFileError as error:  # where an upload is kept is of no use to anybody
        raise ReviewFileError(str(error).replace(str(location), location.name)) from error


def _look(location: Path, options: ReadOptions) -> Look:
    sources = open_sources(location, max_unpack_ratio=options.max_unpack_ratio)
    sample = list(itertools.islice(sources[0], SAMPLE_ROWS))
    whole = _is_small(sources)
    with temporary_folder() as folder:
        staging = folder / "staging"
        staging.mkdir()
        read = location if whole else _write_sample(sample, folder)
        try:
            imported = import_reviews([read], staging, options)
        except ReviewFileError as error:
            message = (
                str(error).replace(str(read), location.name).replace(SAMPLE_NAME, location.name)
            )
            message = re.split(r" (?:Say|Name) .*--map", message)[
                0
            ]  # here it is chosen from a list
            return Look(_columns(sample), whole, len(sources), error=message)
        report = imported.reports[0]
        if whole and report.skipped:  # the first file of several may be of another kind
            report = next(one for one in imported.reports if not one.skipped)
            sample = list(
                itertools.islice(
                    next(one for one in sources if one.name == report.file), SAMPLE_ROWS
                )
            )
        if not whole:
            _place(report, sources[0], sample)
        others = [one for one in imported.reports if one is not report]
        copies = imported.exact_duplicates, imported.near_duplicates
        return Look(_columns(sample), whole, len(sources), report, others, *copies)


def _is_small(sources: Sequence[RowSource]) -> bool:
    """Whether all files together have `WHOLE_ROWS` rows at most; bytes would not tell, for some are
    packed.
    """
    rows = 0
    for source in sources:
        with contextlib.suppress(ReviewFileError):  # the import will tell of it
            rows += sum(1 for _ in itertools.islice(source, WHOLE_ROWS + 1 - rows))
        if rows > WHOLE_ROWS:
            return False
    return True


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.cells))


def _write_sample(rows: Sequence[Row], folder: Path) -> Path:
    """The rows that can be read, in a file of their own."""
    path = folder / SAMPLE_NAME
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            if not row.problem:
                cells = {
                    name: None if value != value else value for name, value in row.cells.items()
                }  # no NaN in JSON
                file.write(json.dumps(cells, default=str) + "\n")
    return path


def _place(report: ReadReport, source: RowSource, rows: Sequence[Row]) -> None:
    """Let the report of a sample speak of the file that it was taken from, and of the rows that
    cannot be read.
    """
    lines = [row.line for row in rows if not row.problem]
    report.file, report.format = source.name, source.format
    places = [
        re.fullmatch(rf"{re.escape(SAMPLE_NAME)}, line (\d+): (.*)", text, re.DOTALL)
        for text in report.examples
    ]
    report.examples = [
        f"{source.name}, line {lines[int(place[1]) - 1]}: {place[2]}" for place in places if place
    ]
    for row in rows:
        if row.problem:
            report.read += 1
            report.drop(row.problem, f"{source.name}, line {row.line}")
