"""Reviews from files: columns recognised, text cleaned, every row accounted for, all of it as a
stream.

A row that cannot be used is reported, never skipped silently; what could not be understood in a row
that is kept (a rating of "N/A", a date in words of a language we do not read) is simply absent from
the review.
"""

from __future__ import annotations

import csv
import functools
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from rag.ingest.cleaning import STEPS, clean
from rag.ingest.column_content import is_no_text, is_nothing
from rag.ingest.columns import Recognised, recognise
from rag.ingest.duplicates import Groups, group, signature
from rag.ingest.enclosing import own_columns, with_enclosing
from rag.ingest.formats.registry import open_sources
from rag.ingest.formats.rows import Row, RowSource
from rag.ingest.ids import IdChoice, count_rows, plain, plain_id, unique_id, with_id
from rag.ingest.language import Languages, language_name, unreadable
from rag.ingest.printed_lists import list_column, unfolded
from rag.ingest.report import MOST_PREVIEWED, ReadReport, count_in, most_first
from rag.ingest.staging import StagedReviews, needing_room, temporary_folder
from rag.ingest.text_parts import review_text
from rag.ingest.values import parse_votes
from rag.ingest.whole_file import WholeFile
from rag.progress import Progress, no_progress
from rag.schema import Review, ReviewFileError

SAMPLE_ROWS = 1000  # rows looked at before the columns are decided
NO_TEXT = "no text"
ROW_NUMBERS = (
    "The ids in {0!r} only count the rows, so they do not tell reviews apart: each review's id is "
    "made of its content. --id column uses them nevertheless."
)
OTHER_TEXTS = (
    "Reviews with other texts have the ids in {0!r} already, so they do not tell reviews apart: "
    "each review's id is made of its content, and both are kept. --id column replaces the earlier "
    "ones."
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How files are read: columns given by hand (field -> column), cleaning steps, whether a bad
    row stops all; of how many files at each location, and how many rows of each file (None: all).

    `ids` says what tells reviews apart. `scale` is what all ratings are out of (lowest, highest),
    None to find out. `earlier` are the records of the imports that an index was made from: what
    they decided stays as it was. `readable` are the languages that the embedder reads; none where
    it may read all.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[str, ...] = STEPS
    strict: bool = False
    ids: IdChoice = "auto"
    max_unpack_ratio: float = 200.0
    scale: tuple[float, float] | None = None
    earlier: Sequence[Mapping[str, Any]] = ()
    readable: Sequence[str] = ()
    most_files: int | None = None
    most_rows: int | None = None


class Import:
    """Reviews read from files, cleaned and staged on the disk; iterating gives them, with unique
    ids, each time anew.

    `reports` has one report for each file. `rejects` is a CSV file of all rows that were dropped,
    if there are any.
    """

    def __init__(self, staging: Path) -> None:
        self.reports: list[ReadReport] = []
        self.rejects: Path | None = None
        self._staging = staging
        self._sources: list[tuple[ReadReport, StagedReviews, WholeFile]] = []
        self._given: set[str] = set()

    @property
    def read(self) -> int:
        """Rows of all files."""
        return sum(report.read for report in self.reports)

    @property
    def kept(self) -> int:
        """Reviews kept, of all files."""
        return sum(report.kept for report in self.reports)

    @property
    def dropped(self) -> dict[str, int]:
        """Rows dropped, by reason, of all files."""
        counts: dict[str, int] = {}
        for report in self.reports:
            for reason, count in report.dropped.items():
                counts[reason] = counts.get(reason, 0) + count
        return counts

    @property
    def exact_duplicates(self) -> int:
        """Reviews whose text another one has, too."""
        return self._groups.exact

    @property
    def near_duplicates(self) -> int:
        """Reviews whose text is nearly that of another one."""
        return self._groups.near

    @functools.cached_property
    def _groups(self) -> Groups:
        rows = [signature(review.text) for _, staged, _ in self._sources for review in staged]
        return group(np.array(rows, dtype=np.uint32).reshape(len(rows), -1))

    def __len__(self) -> int:
        return self.kept

    def __iter__(self) -> Iterator[Review]:
        taken: set[str] = set()
        numbers: dict[str, int] = {}  # the last one tried for an id
        for _, staged, whole in self._sources:
            for review in staged:
                review = whole.settled(review)
                yield replace(review, review_id=unique_id(review, taken, numbers, self._given))

    def files(self) -> list[tuple[ReadReport, StagedReviews]]:
        """The report and the reviews of each file that was read."""
        return [(report, staged) for report, staged, *_ in self._sources]

    def use_ids(self, report: ReadReport, staged: StagedReviews) -> None:
        """Take a file's ids after all."""
        staged.ids_from_content = False
        report.notes = [note for note in report.notes if not note.startswith(ROW_NUMBERS[:10])]

    def use_content(self, report: ReadReport, staged: StagedReviews) -> None:
        """Take no ids of a file, for other reviews have them."""
        staged.ids_from_content, report.renamed = True, 0
        report.notes.append(OTHER_TEXTS.format(report.columns["review_id"].name))

    def _begin(self, report: ReadReport) -> StagedReviews:
        self.reports.append(report)
        return StagedReviews(self._staging / f"{len(self.reports):04d}.parquet")

    def _reject(self, report: ReadReport, row: Row, reason: str) -> None:
        report.drop(reason, f"{report.file}, line {row.line}")
        first = self.rejects is None
        self.rejects = self._staging / "rejected.csv"
        with self.rejects.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if first:
                writer.writerow(("file", "line", "reason", "row"))
            content = row.raw or json.dumps(row.cells, ensure_ascii=False, default=str)
            cells = (
                report.file,
                str(row.line),
                reason,
                content.encode("utf-8", "replace").decode(),
            )
            # a cell that begins like a formula would be run by a spreadsheet
            writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])


def import_reviews(
    locations: Sequence[str | Path],
    staging: Path,
    options: ReadOptions | None = None,
    progress: Progress = no_progress,
) -> Import:
    """Read all reviews at `locations` (see `open_sources`) into the folder `staging`.

    `progress` is called with ("reading", bytes done, bytes in all). Raises `ReviewFileError` for a
    file that cannot be read, in which the text cannot be found or no row can be used (in a folder
    or an archive of several files such a file is reported and passed over, unless all are such),
    and with `options.strict` for the first bad row.
    """
    options = options or ReadOptions()
    imported = Import(staging)
    ratio = options.max_unpack_ratio
    with needing_room(staging):
        opened = [
            open_sources(location, max_unpack_ratio=ratio)[: options.most_files]
            for location in locations
        ]
    total = sum(source.total for sources in opened for source in sources)
    before = 0
    for location, sources in zip(locations, opened, strict=True):
        problems: list[ReviewFileError] = []
        for source in sources:
            tell = functools.partial(_tell, progress, source, before, total)
            try:
                with needing_room(staging):
                    _read_source(source, imported, options, tell)
            except ReviewFileError as error:
                if len(sources) == 1 or (options.strict and not source.doubt):
                    raise
                imported.reports[-1].skipped = str(error)
                problems.append(error)
            before += source.total
        if sources and len(problems) == len(sources):
            raise ReviewFileError(
                f"{location}: none of its {len(sources)} files can be used. {problems[0]}"
            )
    progress("reading", total, total)
    return imported


def read_reviews(
    path: Path, *, mapping: Mapping[str, str] | None = None
) -> tuple[list[Review], ReadReport]:
    """All reviews of one small file in memory, and the report. Raises `ReviewFileError` as
    `import_reviews` does.
    """
    with temporary_folder() as staging:
        imported = import_reviews([path], staging, ReadOptions(mapping=mapping or {}))
        return list(imported), imported.reports[0]


def _tell(progress: Progress, source: RowSource, before: int, total: int) -> None:
    progress("reading", min(before + source.done, total) if total else source.done, total)


def _read_source(
    source: RowSource, imported: Import, options: ReadOptions, tell: Callable[[], None]
) -> None:
    report = ReadReport(file=source.name, format=source.format)
    staged = imported._begin(report)
    if source.doubt and "text" not in options.mapping:
        raise ReviewFileError(
            f"{source.doubt}. If it holds reviews, too, name their column with --map text=COLUMN."
        )
    rows: Iterator[Row] = itertools.islice(source, options.most_rows)
    sample = list(itertools.islice(rows, SAMPLE_ROWS))
    report.format = source.format  # some are known only when reading has begun
    if printed := list_column(sample):
        sample, rows = list(unfolded(sample, printed)), unfolded(rows, printed)
    if not sample:
        raise ReviewFileError(f"{source.name} has no rows.")
    names = list(dict.fromkeys(name for row in sample for name in row.cells))
    if not names:
        report.read = 0
        raise ReviewFileError(
            f"{source.name}, line {sample[0].line}: {sample[0].problem or 'no columns were found'}."
        )
    own = own_columns(names, options.mapping)
    recognised = recognise(
        own, [row for row in sample if not row.problem] or sample, options.mapping, source.name
    )
    recognised = with_enclosing(recognised, names, options.mapping)
    staged.ids_from_content = _counts_rows(sample, recognised, options.ids, report)
    report.columns, report.layout, report.unused = (
        recognised.columns,
        recognised.layout,
        recognised.unused,
    )
    whole = WholeFile(recognised, options.scale, options.earlier)
    languages = _languages(sample, recognised, options)
    report.frequent_languages = languages.frequent
    for number, row in enumerate(itertools.chain(sample, rows), 1):
        report.read += 1
        reason = row.problem
        if not reason:
            review = _review(row, recognised, options, report, whole, languages)
            if review is not None:
                if review.review_id and not staged.ids_from_content:
                    report.renamed += review.review_id in imported._given
                    imported._given.add(review.review_id)
                staged.add(review)
                report.kept += 1
                if len(report.preview) < MOST_PREVIEWED:
                    report.preview.append(review)
                count_in(report.languages, review.language or "unknown")
            else:
                reason = NO_TEXT
        if reason:
            if options.strict:
                raise ReviewFileError(
                    f"{source.name}, line {row.line}: {reason}. Mend that row, or read without "
                    "--strict "
                    "to leave it out."
                )
            imported._reject(report, row, reason)
        if number % 500 == 0:
            tell()
    if staged.ids_from_content:
        report.preview = [replace(review, review_id="") for review in report.preview]
    staged.finish()
    report.lines = source.lines
    report.notes += source.notes
    report.languages = most_first(report.languages)
    report.notes += filter(None, [unreadable(report.languages, options.readable)])
    whole.settle(report)
    report.preview = [with_id(whole.settled(review)) for review in report.preview]
    if not report.kept:
        text = report.columns["text"].name
        where = (
            f"in the column {text!r}"
            if set(report.dropped) == {NO_TEXT}
            else f"({report.examples[0]})"
        )
        raise ReviewFileError(
            f"{source.name}: no row can be used: none of the {report.read} rows has text {where}. "
            f"Its columns: {', '.join(map(repr, names[:60]))}. Name the right one with --map "
            "text=COLUMN."
        )
    imported._sources.append((report, staged, whole))


def _languages(sample: Sequence[Row], recognised: Recognised, options: ReadOptions) -> Languages:
    """The frequent languages of a file: as an index has them, else those of its first rows."""
    for record in options.earlier:
        if "frequent_languages" in record:
            return Languages(record["frequent_languages"])
    if "language" not in options.steps:
        return Languages()
    return Languages.of_sample(
        str(row.cells.get(column.name) or "") for row in sample for column in recognised.text
    )


def _counts_rows(
    sample: Sequence[Row], recognised: Recognised, ids: IdChoice, report: ReadReport
) -> bool:
    """Whether the ids of a file are not to be used, which the report then says."""
    column = recognised.columns.get("review_id")
    if column is None or ids == "column":
        return False
    values = [row.cells.get(column.name) for row in sample if not row.problem]
    if ids == "auto" and not count_rows(values):
        return False
    if ids == "auto":
        report.notes.append(ROW_NUMBERS.format(column.name))
    return True


def _review(
    row: Row,
    recognised: Recognised,
    options: ReadOptions,
    report: ReadReport,
    whole: WholeFile,
    languages: Languages,
) -> Review | None:
    """The review of a row, or None where it has no text."""

    def raw(name: str) -> Any:
        choice = recognised.columns.get(name)
        value = row.cells.get(choice.name) if choice else None
        return None if is_nothing(value) else value

    def cell(name: str) -> str:
        value = raw(name)
        return "" if value is None else str(value).encode("utf-8", "replace").decode().strip()

    cleaned, parts = review_text(row.cells, recognised.text, options.steps)
    if is_no_text(cleaned.text):
        return None
    for step in cleaned.changed:
        count_in(report.cleaned, step)
    language = language_name(cell("language"))
    if not language and "language" in options.steps:
        language = languages.of(cleaned.text)
    votes = parse_votes(raw("helpful_votes")) if raw("helpful_votes") is not None else None
    rating, total = whole.rating(raw("rating"))
    return Review(
        review_id=plain_id(cell("review_id")),
        text=cleaned.text,
        title=" ".join(clean(cell("title"), options.steps).text.split()),
        rating=rating,
        rating_max=total,
        date=whole.date(raw("date")),
        author=plain(cell("author")),
        item=plain(cell("item")),
        helpful_votes=cleaned.votes if votes is None else votes,
        language=language,
        source=report.file,
        line=row.line,
        parts=parts,
    )
