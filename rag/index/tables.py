"""The Parquet tables of an index: their columns, and writing them a batch at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rag.index import disk
from rag.index.filters import Condition
from rag.reader.stance import LeaningModel
from rag.schema import Review

PARTS = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("side", pa.string())]))
REVIEW_SCHEMA = pa.schema(
    [
        ("review_id", pa.string()),
        ("text", pa.large_string()),
        ("title", pa.string()),
        ("rating", pa.float64()),
        ("rating_min", pa.float64()),
        ("rating_max", pa.float64()),
        ("date", pa.string()),
        ("author", pa.string()),
        ("item", pa.string()),
        ("helpful_votes", pa.int64()),
        ("language", pa.string()),
        ("source", pa.string()),
        ("line", pa.int64()),
        ("parts", PARTS),
        ("content", pa.binary(16)),  # `content_key`: tells whether a review has changed
        (
            "group",
            pa.int64(),
        ),  # row of the first review of which this one is a copy; its own where it is none
    ]
)
REVIEW_FIELDS = [name for name in REVIEW_SCHEMA.names if name not in ("content", "group")]
SENTENCE_COLUMNS = ("review_row", "start", "end", "chunk_row")
CHUNK_COLUMNS = ("review_row", "start", "end", "first_sentence", "end_sentence")
SIGNATURE_WORDS = 68
_ROWS = 4096  # reviews in a row group

Columns = Mapping[str, NDArray[np.int32]]


def content_key(review: Review) -> bytes:
    """Hash of all that a reader of the review sees; where it was found (source, line) is left out."""
    content = [
        getattr(review, name)
        for name in REVIEW_FIELDS
        if name not in ("review_id", "source", "line", "parts")
    ]
    content += [review.parts] if review.parts else []  # a review without keeps its older key
    content = [
        float(value) if isinstance(value, int) else value for value in content
    ]  # 8 and 8.0 are one rating
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).digest()


def chunk_id(review_id: str, start: int, end: int) -> str:
    """A chunk's id: its review and the characters it covers."""
    return f"{review_id}:{start}-{end}"


def to_review(values: Mapping[str, Any]) -> Review:
    """A review from a row of the table."""
    return Review.from_row({name: values[name] for name in REVIEW_FIELDS if name in values})


def rating_fractions(reviews: pa.Table) -> NDArray[np.float64]:
    """(reviews,) ratings as 0..1 of their scale, NaN where there is none."""
    rating, low, high = (
        np.asarray(reviews.column(name).to_numpy(), dtype=np.float64)
        for name in ("rating", "rating_min", "rating_max")
    )
    width = high - low
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(width > 0, np.clip((rating - low) / width, 0, 1), np.nan)


def meeting(reviews: pa.Table, condition: Condition) -> NDArray[np.bool_]:
    """(reviews,) True where the condition holds; it is asked once for each different value."""
    names = (
        ("rating", "rating_min", "rating_max")
        if condition.field == "rating"
        else (condition.field,)
    )
    codes = np.zeros(
        reviews.num_rows, dtype=np.int64
    )  # which combination of values each review has
    for name in names:
        encoded = reviews.column(name).combine_chunks().dictionary_encode(null_encoding="encode")
        codes = codes * len(encoded.dictionary) + encoded.indices.to_numpy(zero_copy_only=False)
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    examples = reviews.select(list(names)).take(pa.array(first)).to_pylist()
    return np.array(
        [condition.holds(Review("", "", **values)) for values in examples], dtype=np.bool_
    )[which]


def write_table(path: Path, schema: pa.Schema, batches: Iterable[pa.Table]) -> disk.NewFile:
    """Write a Parquet file from tables of its rows; the closed file knows its hash and size."""
    with disk.new_file(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(batch)
    return file


def review_batches(
    kept: pa.Table,
    kept_rows: NDArray[np.int64],
    added: Iterable[Review],
    content: list[bytes],
    group: NDArray[np.int64],
) -> Iterator[pa.Table]:
    """Tables of the rows `kept_rows` of `kept`, then of the reviews `added`.

    `content` holds the added reviews' content keys; `group` is of all reviews, kept and added.
    """
    for start in range(0, len(kept_rows), _ROWS):
        rows = kept_rows[start : start + _ROWS]
        batch = kept.take(pa.array(rows))
        if "parts" not in batch.schema.names:  # the index is older than they are
            none = pa.nulls(len(rows), PARTS)
            batch = batch.add_column(REVIEW_SCHEMA.get_field_index("parts"), "parts", none)
        place = batch.schema.get_field_index("group")
        yield batch.set_column(place, "group", pa.array(group[start : start + len(rows)])).cast(
            REVIEW_SCHEMA
        )
    pending: list[Review] = []
    done = 0

    def table() -> pa.Table:
        columns = {name: [getattr(review, name) for review in pending] for name in REVIEW_FIELDS}
        columns["content"] = content[done : done + len(pending)]
        columns["group"] = group[
            len(kept_rows) + done : len(kept_rows) + done + len(pending)
        ].tolist()
        return pa.table(columns, schema=REVIEW_SCHEMA)

    for review in added:
        pending.append(review)
        if len(pending) == _ROWS:
            yield table()
            done += len(pending)
            pending = []
    if pending:
        yield table()


def write_integers(path: Path, columns: Columns) -> disk.NewFile:
    """Write a table of int32 columns."""
    schema = pa.schema([(name, pa.int32()) for name in columns])
    return write_table(
        path,
        schema,
        [pa.table({name: pa.array(column) for name, column in columns.items()}, schema)],
    )


def write_leaning(path: Path, model: LeaningModel) -> disk.NewFile:
    """Write how praise and complaint are worded; the last weight is the offset."""
    weights = pa.array([float(weight) for weight in (*model.weights, model.offset)], pa.float64())
    table = pa.table({"weight": weights})
    return write_table(path, table.schema, [table])


def read_ratings(path: Path) -> pa.Table:
    """The rating columns alone."""
    return pq.read_table(path, columns=["rating", "rating_min", "rating_max"])


def read_languages(path: Path) -> list[str]:
    """The language of each review, "" where it is not known."""
    return list(map(str, pq.read_table(path, columns=["language"]).column("language").to_pylist()))


def read_sources(path: Path) -> list[str]:
    """Names of the files that the reviews came from, sorted."""
    return sorted(
        filter(None, pq.read_table(path, columns=["source"]).column("source").unique().to_pylist())
    )
