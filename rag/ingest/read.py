"""Reviews from files: columns recognised, text cleaned, every row accounted for, all of it as a
stream.

A row that cannot be used is reported, never skipped silently; what could not be understood in a row
that is kept (a rating of "N/A", a date in words of a language we do not read) is simply absent from
the review.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import itertools
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from rag.ingest.cleaning import STEPS, clean, without_invisible
from rag.ingest.column_content import is_no_text, is_nothing
from rag.ingest.columns import Recognised, recognise
from rag.ingest.duplicates import Groups, group, signature
from rag.ingest.formats.rows import Row, RowSource, open_sources
from rag.ingest.language import Languages, language_name, unreadable
from rag.ingest.printed_lists import list_column, unfolded
from rag.ingest.report import MOST_PREVIEWED, ReadReport, count_in, most_first
from rag.ingest.staging import StagedReviews
from rag.ingest.text_parts import review_text
from rag.ingest.values import parse_votes
from rag.ingest.whole_file import WholeFile
from rag.schema import Review, ReviewFileError

Progress = Callable[[str, int, int], None]
SAMPLE_ROWS = 1000  # rows looked at before the columns are decided
NO_TEXT = "no text"
_LONGEST_ID = 200
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How files are read: columns given by hand (field -> column), cleaning steps, whether a bad
    row stops all.

    `scale` is what all ratings are out of (lowest, highest), None to find out. `earlier` are the
    records of the imports that an index was made from: what they decided stays as it was.
    `readable` are the languages that the embedder reads; none where it may read all.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[str, ...] = STEPS
    strict: bool = False
    max_unpack_ratio: float = 200.0
    scale: tuple[float, float] | None = None
    earlier: Sequence[Mapping[str, Any]] = ()
    readable: Sequence[str] = ()


def no_read_progress(stage: str, done: int, total: int) -> None:
    """The default for `progress`: say nothing."""


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
                yield replace(review, review_id=_unique_id(review, taken, numbers, self._given))

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
    progress: Progress = no_read_progress,
) -> Import:
    """Read all reviews at `locations` (see `open_sources`) into the folder `staging`.

    `progress` is called with ("reading", bytes done, bytes in all). Raises `ReviewFileError` for a
    file that cannot be read, in which the text cannot be found or no row can be used (in a folder
    or an archive of several files such a file is reported and passed over, unless all are such),
    and with `options.strict` for the first bad row.
    """
    options = options or ReadOptions()
    imported = Import(staging)
    opened = [
        open_sources(location, max_unpack_ratio=options.max_unpack_ratio) for location in locations
    ]
    total = sum(source.total for sources in opened for source in sources)
    before = 0
    for location, sources in zip(locations, opened, strict=True):
        problems: list[ReviewFileError] = []
        for source in sources:
            tell = functools.partial(_tell, progress, source, before, total)
            try:
                _read_source(source, imported, options, tell)
            except ReviewFileError as error:
                if len(sources) == 1 or options.strict:
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
    with tempfile.TemporaryDirectory(prefix="reviewqa-") as staging:
        imported = import_reviews([path], Path(staging), ReadOptions(mapping=mapping or {}))
        return list(imported), imported.reports[0]


def _tell(progress: Progress, source: RowSource, before: int, total: int) -> None:
    progress("reading", min(before + source.done, total) if total else source.done, total)


def _read_source(
    source: RowSource, imported: Import, options: ReadOptions, tell: Callable[[], None]
) -> None:
    report = ReadReport(file=source.name, format=source.format)
    staged = imported._begin(report)
    rows = iter(source)
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
    recognised = recognise(
        names, [row for row in sample if not row.problem] or sample, options.mapping, source.name
    )
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
                report.renamed += review.review_id in imported._given
                if review.review_id:
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
    staged.finish()
    report.languages = most_first(report.languages)
    report.notes += filter(None, [unreadable(report.languages, options.readable)])
    whole.settle(report)
    report.preview = [_with_id(whole.settled(review)) for review in report.preview]
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
        review_id=_plain_id(cell("review_id")),
        text=cleaned.text,
        title=" ".join(clean(cell("title"), options.steps).text.split()),
        rating=rating,
        rating_max=total,
        date=whole.date(raw("date")),
        author=_plain(cell("author")),
        item=_plain(cell("item")),
        helpful_votes=cleaned.votes if votes is None else votes,
        language=language,
        source=report.file,
        line=row.line,
        parts=parts,
    )


def _plain(text: str) -> str:
    """One line without control characters and what is invisible."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", without_invisible(text)).strip()


def _plain_id(text: str) -> str:
    text = _plain(text)
    return text if len(text) <= _LONGEST_ID else hashlib.sha256(text.encode()).hexdigest()[:24]


def _with_id(review: Review) -> Review:
    return review if review.review_id else replace(review, review_id=_content_hash(review))


def _content_hash(review: Review) -> str:
    content = json.dumps(
        [review.text, review.title, review.rating, review.date, review.author, review.item]
    )
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _unique_id(
    review: Review, taken: set[str], numbers: dict[str, int], given: Iterable[str]
) -> str:
    """The review's own id, or a hash of its content; "-2" and so on where that is taken. `taken`
    grows.
    """
    key = name = review.review_id or _content_hash(review)
    number = numbers.get(key, 1)
    while name in taken or (name != key and name in given):
        number += 1
        name = f"{key}-{number}"
    numbers[key] = number
    taken.add(name)
    return name
