"""How a text of separated cells is written: its separator, its quotes, its header, told from a
sample.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rag.ingest.formats.header import (
    Header,
    find_header,
    fit,
    has_usual_name,
    header_at,
    is_value,
    is_word,
    names_text,
    trimmed,
)
from rag.ingest.formats.records import Records, Separation

SEPARATORS = ",;\t|$^~¦\x01\x1f，；｜"
_SHOWN = {"\t": "tabs", "\x01": "U+0001", "\x1f": "U+001F"}
_RECORDS = 400
_MARGIN = 0.05  # by which an unusual way of quoting must fit better than the usual one


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the cells of a file are told apart."""

    separation: Separation
    header: Header
    line: int  # of the header, or of the first row where there is none
    last_is_text: bool = False  # surplus cells can only be pieces of the last column
    single: bool = False  # one column
    sure: bool = False  # that these are columns, and no prose with commas in it

    def describe(self, encoding: str) -> str:
        """ "CSV separated by ';', UTF-16, header in line 1"."""
        separator, mark = self.separation.separator, self.separation.mark
        how = f"separated by {_SHOWN.get(separator) or repr(separator)}"
        if self.separation.outer:
            how += ", each row quoted whole"
        elif mark != '"':
            how += f", quoted with {mark}" if mark else ", not quoted"
        names = f"header in line {self.line}" if self.header.given else "no header"
        return ", ".join(["CSV of one column" if self.single else f"CSV {how}", encoding, names])


@dataclass(frozen=True, slots=True)
class _Sample:
    """The first records, as one way of separating reads them."""

    separation: Separation
    records: list[list[str]]  # without blank ones
    lines: list[int]  # where each begins, from 1
    wrong: int  # records that are not as this way of separating would have written them
    plain: int  # marks found to be plain characters
    quoted: int  # records with a cell that is quoted rightly

    @property
    def columns(self) -> int:
        return trimmed(self.records[header_at(self.records)])

    @property
    def fit(self) -> float:
        """How well the records go with the header; below 0 where hardly anything does."""
        at, columns = header_at(self.records), self.columns
        score = fit(self.records[at + 1 :], columns) if columns > 1 else 0.0
        if columns > 1 and len(self.records) == at + 1:
            score = 0.5
        return score - 0.2 * bool(at) - 0.3 * self.wrong / len(self.records)

    @property
    def likely(self) -> bool:
        """Whether these may be columns at all."""
        return self.fit > 0.3 or (header_at(self.records) == 0 and self.columns > 1)


def sniff(lines: Sequence[str], suffix: str = "", *, whole: bool = True) -> Dialect:
    """The dialect of a file with these first lines; `whole` says that they are all."""
    match = re.match(r'"?sep=(.)"?\s*$', lines[0]) if lines else None
    skip, forced = (1, match.group(1)) if match else (0, "")
    lines = lines[skip:]
    wrapped = _rows_quoted_whole(lines, whole)
    if wrapped is not None:
        return replace(wrapped, line=wrapped.line + skip)
    usual = forced or ("\t" if suffix == "tsv" else ",")
    candidates = [
        separator
        for separator in forced or SEPARATORS
        if separator in (usual, ",") or any(separator in line for line in lines[:_RECORDS])
    ]
    samples = [_best(lines, separator, whole) for separator in candidates]
    samples = [sample for sample in samples if sample.records]

    def rank(sample: _Sample) -> tuple[bool, float, int]:
        by_name = 0.3 * (sample.separation.separator == "\t" and suffix == "tsv")
        return (
            sample.likely or sample.fit + by_name > 0.3,
            round(sample.fit + by_name, 2),
            sample.columns,
        )

    best = max(samples, key=rank, default=None)
    if best is None or not rank(best)[0]:  # one column; the separator is only there to be quoted
        best = _read(lines, Separation(usual), whole)
    if not best.records:
        return Dialect(Separation(usual, width=1), Header(0, True, ()), skip + 1, single=True)
    return _dialect(best, skip)


def _dialect(sample: _Sample, skip: int) -> Dialect:
    header = find_header(sample.records)
    rows = sample.records[header.at + 1 :]
    single = len(header.names) == 1
    separation = replace(sample.separation, width=1) if single else sample.separation
    fitting = len(rows) > 1 and fit(rows, len(header.names)) > 0.9 and not sample.wrong
    prose = any(name.endswith((".", "!", "?")) for name in header.names)
    named = separation.separator != "," or has_usual_name(header.names)
    return Dialect(
        separation,
        header,
        skip + sample.lines[header.at],
        last_is_text=single or _last_is_text(header, rows),
        single=single,
        sure=not single and header.given and fitting and not prose and named,
    )


def _best(lines: Sequence[str], separator: str, whole: bool) -> _Sample:
    """The sample read in the way of quoting that the lines bear out best; the usual one, where
    nothing speaks against it.
    """
    usual = _read(lines, Separation(separator), whole)
    if not usual.records:
        return usual
    best = usual
    for separation in _other_quotings(lines, separator):
        sample = _read(lines, separation, whole)
        if not sample.records:
            continue
        if separation.mark and separation.mark == best.separation.mark:
            better = sample.fit > best.fit or sample.wrong + sample.plain < best.wrong + best.plain
        elif separation.mark:
            all_over = not usual.quoted and sample.quoted >= 0.5 * len(sample.records)
            better = sample.fit > best.fit + _MARGIN or (all_over and sample.fit >= best.fit)
        else:
            wanted = best.fit + _MARGIN * bool(best.quoted)
            joined = len(sample.records) < len(best.records)  # lines that end in a backslash go on
            better = sample.fit > wanted or (sample.fit == wanted and joined)
        best = sample if better else best
    if best.plain > best.quoted:
        return _read(lines, replace(best.separation, mark=""), whole)
    return best


def _other_quotings(lines: Sequence[str], separator: str) -> Iterator[Separation]:
    shown = lines[:_RECORDS]
    if any('\\"' in line for line in shown):
        yield Separation(separator, escaped=True)
    opening = re.compile(rf"(?:^|{re.escape(separator)})'")
    if any(opening.search(line) for line in shown):
        yield Separation(separator, "'")
        if any("\\'" in line for line in shown):
            yield Separation(separator, "'", escaped=True)
    if any(f"\\{separator}" in line or line.rstrip("\r\n").endswith("\\") for line in shown):
        yield Separation(separator, "", escaped=True)


def _read(lines: Sequence[str], separation: Separation, whole: bool) -> _Sample:
    """The first records; one that the end of the sample cuts is left out."""
    sample = _records(lines, separation, whole)
    if not sample.records or not separation.mark:
        return sample
    shaped = _with_shape(lines, sample)
    if not (sample.wrong or sample.quoted):
        return replace(sample, separation=shaped)  # a mark may stand further down
    return _records(lines, shaped, whole)


def _records(lines: Sequence[str], separation: Separation, whole: bool) -> _Sample:
    unread = iter(lines)
    records = Records(lambda limit: next(unread, ""), separation)
    kept: list[list[str]] = []
    numbers: list[int] = []
    for line, cells, problem in records:
        cut = problem and records.ended and not whole and len(lines) - line < 200
        if cut or len(kept) == _RECORDS or records.in_vain > 10:
            break  # the sample ends here, not the cell; or enough was read, perhaps in vain
        if any(cell.strip() for cell in cells):
            kept.append(cells)
            numbers.append(line)
    counts = (records.wrong, len(records.plain), records.quoted)
    return _Sample(separation, kept, numbers, *counts)


def _with_shape(lines: Sequence[str], sample: _Sample) -> Separation:
    """With what most lines look like when their marks are plain characters."""
    separation = sample.separation
    lines_cut = [line.rstrip("\r\n").split(separation.separator) for line in lines[1:_RECORDS]]
    width = len(sample.records[header_at(sample.records)])
    good = [record for record in sample.records[1:] if len(record) == width]
    alone = [row for row in lines_cut if len(row) == width]
    if len(good) <= 0.5 * len(sample.records[1:]) and len(alone) <= 0.5 * len(lines_cut):
        width = Counter(map(len, lines_cut)).most_common(1)[0][0] if lines_cut else width
        good, alone = [], [row for row in lines_cut if len(row) == width]
    mark = re.escape(separation.mark)
    whole = re.compile(f"{mark}.*{mark}")
    if any(_mostly(whole.fullmatch, cells) for cells in _columns(alone)):
        return separation  # a column is quoted throughout: marks quote in this file
    columns = _columns(good if len(good) > 0.5 * len(alone) else alone)
    values = tuple(at for at, cells in enumerate(columns) if _mostly(is_value, cells))
    words = tuple(at for at, cells in enumerate(columns) if _mostly(is_word, cells))
    return replace(separation, width=width, values=values, words=words)


def _columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[cell.strip() for cell in column] for column in zip(*rows, strict=True)]


def _mostly(holds: Callable[[str], object], cells: Sequence[str]) -> bool:
    return bool(cells) and sum(bool(cell and holds(cell)) for cell in cells) >= 0.95 * len(cells)


def _rows_quoted_whole(lines: Sequence[str], whole: bool) -> Dialect | None:
    """The dialect of a file whose rows were each quoted once more, as one cell; None for others."""
    if not sum(line.startswith('"') for line in lines[1:]) > 0.3 * len(lines[1:]):
        return None
    for outer in ",;\t":
        sample = _read(lines, Separation(outer), whole)
        rows = [record[0] for record in sample.records[1:] if trimmed(record) == 1]
        fewest = 0.8 * (len(sample.records) - 1)
        if sample.wrong or not rows or len(rows) < fewest or sample.quoted < fewest:
            continue
        first = sample.records[0]
        head = first[0] if trimmed(first) == 1 else outer.join(first[: trimmed(first)])
        inner = io.StringIO("".join(f"{row}\n" for row in [head, *rows]), newline="")
        dialect = _table_within(inner.readlines())
        if dialect is not None:
            separation = replace(dialect.separation, outer=outer)
            return replace(dialect, separation=separation, line=sample.lines[0])
    return None


def _table_within(lines: Sequence[str]) -> Dialect | None:
    """The dialect of what was quoted whole, if that is a table."""
    samples = [_read(lines, Separation(separator), True) for separator in ",;\t|"]
    samples = [sample for sample in samples if sample.records]
    if not samples:
        return None
    best = max(samples, key=lambda sample: (sample.fit, sample.columns))
    dialect = _dialect(best, 0)
    rows = best.records[dialect.header.at + 1 :]
    table = not dialect.single and dialect.header.given and dialect.header.at == 0
    return dialect if table and fit(rows, len(dialect.header.names)) > 0.9 else None


def _last_is_text(header: Header, rows: Sequence[Sequence[str]]) -> bool:
    """Whether the last column is the one with the review's text, so that a surplus can only be a
    piece of it.
    """
    last = len(header.names) - 1
    if header.given and names_text(header.names[last]):
        return True
    lengths = [
        sum(len(row[at]) for row in rows if at < len(row)) / max(1, len(rows)) for at in range(last)
    ]
    length = sum(len(cell) for row in rows for cell in row[last:]) / max(1, len(rows))
    return length > 20 and length >= 2 * max(lengths, default=0)
