"""Reading review files: CSV, TSV, JSON, JSON Lines and Parquet, plain or .gz, columns found by name.

A row without text is reported, never skipped silently; what could not be understood in a row that is kept
(a rating of "N/A", a date in words of a language we do not read) is simply absent from the review.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rag.reviews.cells import clean_text, parse_date, parse_rating, parse_votes
from rag.reviews.files import SURPLUS, read_rows
from rag.schema import Review, ReviewFileError

# Names are compared lower-case, letters and digits only; earlier names win over later ones.
_COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    "review_id": ("reviewid", "id", "uuid"),
    "text": (
        "text", "review", "reviewtext", "reviewbody", "body", "content", "comment", "comments", "description",
        "verifiedreviews", "reviewcontent", "usercomment", "textofthereview", "message",
    ),
    "title": ("title", "summary", "headline", "reviewtitle", "subject"),
    "rating": ("rating", "score", "stars", "overall", "overallrating", "userrate", "userrating", "reviewrating"),
    "date": ("date", "reviewdate", "reviewtime", "createdat", "timestamp", "dateofcreationofthereview", "published"),
    "author": ("author", "user", "username", "reviewer", "reviewername", "name"),
    "item": (
        "item", "itemid", "product", "productid", "asin", "imdbid", "listingid", "showid", "movie", "airlinename",
        "variation",
    ),
    "helpful_votes": ("helpfulvotes", "helpful", "votes", "vote", "thumbsup", "likes"),
    "language": ("language", "lang"),
}  # fmt: skip


@dataclass(slots=True)
class ReadReport:
    """What became of the rows of a file: ``kept + sum(dropped.values()) == read``."""

    columns: dict[str, str] = field(default_factory=dict)
    read: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    renamed: int = 0  # reviews whose id another one had, which now ends in "-2" or so

    def drop(self, reason: str, where: str) -> None:
        """Count one row as dropped, and remember where for the first few."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        if len(self.examples) < 5:
            self.examples.append(f"{where}: {reason}")


def read_reviews(
    path: Path, *, mapping: Mapping[str, str] | None = None, taken: set[str] | None = None
) -> tuple[list[Review], ReadReport]:
    """All reviews of a file, and a report of its rows.

    `mapping` gives column names for fields (``{"text": "Review_body"}``) where the names are not recognised.
    Ids are the file's own, else a hash of the content; `taken` holds ids of other files, and grows.
    Raises `ReviewFileError` for a file that cannot be read, has no text column, or has no usable row.
    """
    rows = list(read_rows(path))
    report = ReadReport(read=len(rows))
    if not rows:
        raise ReviewFileError(f"{path} has no rows.")
    seen = list(dict.fromkeys(name for _, row in rows[:100] for name in row if name != SURPLUS))
    report.columns = find_columns(seen, mapping or {}, path)
    reviews = []
    for line, row in rows:
        _rejoin_surplus(row, report.columns)
        review = _review(row, report.columns, path.name, line)
        if SURPLUS in row:
            report.drop(
                "more cells than columns (quote a text that has the separator in it)", f"{path.name}, line {line}"
            )
        elif review.text:
            reviews.append(review)
        else:
            report.drop("no text", f"{path.name}, line {line}")
    report.kept = len(reviews)
    if not reviews and set(report.dropped) == {"no text"}:
        raise ReviewFileError(f'{path}: no row has text in the column "{report.columns["text"]}".')
    if not reviews:
        raise ReviewFileError(f"{path}: no row can be used. {report.examples[0]}.")
    return with_unique_ids(_with_scale(reviews), report, set() if taken is None else taken), report


def find_columns(names: Iterable[str], mapping: Mapping[str, str], path: Path) -> dict[str, str]:
    """Field -> column name, for the fields that were found. Raises `ReviewFileError` when text is not among them."""
    names = list(names)
    if not names:
        raise ReviewFileError(f"{path} has no columns.")
    for wanted, name in mapping.items():
        if wanted not in _COLUMN_NAMES:
            raise ReviewFileError(f'Cannot map a column to "{wanted}": the fields are {", ".join(_COLUMN_NAMES)}.')
        if name not in names:
            raise ReviewFileError(f'{path} has no column "{name}". Its columns: {", ".join(map(repr, names))}.')
    plain = {re.sub(r"\W|_", "", name.lower()): name for name in reversed(names)}
    found = dict(mapping)
    for wanted, known in _COLUMN_NAMES.items():
        match = next((plain[name] for name in known if name in plain and plain[name] not in found.values()), None)
        if wanted not in found and match is not None:
            found[wanted] = match
    if "text" not in found and len(names) == 1:
        found["text"] = names[0]
    if "text" not in found:
        raise ReviewFileError(
            f"{path}: cannot tell which column holds the review text. Its columns: {', '.join(map(repr, names))}. "
            f"Say which, for example --map text={names[0]!r}."
        )
    return found


def _rejoin_surplus(row: dict[str, Any], columns: Mapping[str, str]) -> None:
    """Put a text back together that was cut at its own separators, where it is the last column, and only there."""
    last = next(reversed([name for name in row if name != SURPLUS]), None)
    if SURPLUS in row and last == columns["text"]:
        row[last] += row.pop(SURPLUS)


def _review(row: Mapping[str, Any], columns: Mapping[str, str], source: str, line: int) -> Review:
    def cell(name: str) -> str:
        value = row.get(columns.get(name, ""))
        if value is None or value != value:
            return ""
        return str(value).encode("utf-8", "replace").decode().strip()  # half an emoji cannot be stored

    rating = parse_rating(cell("rating"))
    return Review(
        review_id=cell("review_id"),
        text=clean_text(cell("text")),
        title=clean_text(cell("title")),
        rating=rating[0] if rating else None,
        rating_max=(rating[1] or 0.0) if rating else 0.0,
        date=parse_date(cell("date")),
        author=cell("author"),
        item=cell("item"),
        helpful_votes=parse_votes(cell("helpful_votes")),
        language=cell("language"),
        source=source,
        line=line,
    )


def _with_scale(reviews: list[Review]) -> list[Review]:
    """Give every rating one scale: the one written in the file ("8/10"), else the smallest usual one that fits."""
    values = [review.rating for review in reviews if review.rating is not None]
    if not values:
        return reviews
    written = max(review.rating_max for review in reviews)
    lowest = min(0.0, *values)  # 1/-1 scales
    highest = written or next((top for top in (1.0, 5.0, 10.0, 100.0) if max(values) <= top), max(values))
    if lowest == 0.0 and min(values) >= 1 and highest in (5.0, 10.0):
        lowest = 1.0  # stars and marks out of ten begin at one
    return [replace(review, rating_min=lowest, rating_max=highest) for review in reviews]


def _content_hash(review: Review) -> str:
    content = json.dumps([review.text, review.title, review.rating, review.date, review.author, review.item])
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def with_unique_ids(reviews: Iterable[Review], report: ReadReport, taken: set[str]) -> list[Review]:
    """Give an id to every review: its own; where it has none, a hash of its content; "-2" and so on where one is taken.

    `taken` holds the ids that are gone already, and grows. What was changed is noted in the report.
    """
    result = []
    reviews = list(reviews)
    given = {review.review_id for review in reviews}
    numbers: dict[str, int] = {}  # the last one tried for an id
    for review in reviews:
        key = name = review.review_id or _content_hash(review)
        number = numbers.get(key, 1)
        while name in taken or (name != key and name in given):
            number += 1
            name = f"{key}-{number}"
        numbers[key] = number
        if name != key and review.review_id:
            report.renamed += 1
        taken.add(name)
        result.append(replace(review, review_id=name))
    return result
