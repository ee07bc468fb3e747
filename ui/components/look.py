"""A look into a review file before it is imported: its columns, what they are taken for, and the
first reviews.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.ingest import ReadOptions, ReadReport, import_reviews, temporary_folder
from rag.ingest.formats.registry import open_sources
from rag.ingest.formats.rows import RowSource
from rag.schema import ReviewFileError

WHOLE_ROWS = 4000  # a file with so many rows at most is read to its end: a few seconds
SAMPLE_ROWS = 1000  # of a larger one, so many


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
    whole = _is_small(sources)
    if not whole:
        options = dataclasses.replace(options, most_files=1, most_rows=SAMPLE_ROWS)
    with temporary_folder() as folder:
        try:
            imported = import_reviews([location], folder, options)
        except ReviewFileError as error:
            # here a column is chosen from a list
            message = re.split(r" (?:Say|Name) .*--map", str(error))[0]
            return Look(_columns(sources[0]), whole, len(sources), error=message)
        # the first file of several may be of another kind
        report = next(report for report in imported.reports if not report.skipped)
        source = next(source for source in sources if source.name == report.file)
        others = [other for other in imported.reports if other is not report]
        copies = imported.exact_duplicates, imported.near_duplicates
        return Look(_columns(source), whole, len(sources), report, others, *copies)


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


def _columns(source: RowSource) -> list[str]:
    rows = itertools.islice(source, SAMPLE_ROWS)
    return list(dict.fromkeys(name for row in rows for name in row.cells))
