"""The Parquet tables of an index: their columns, and writing them a batch at a time."""

from __future__ import annotations

import hashlib
import itertools
import json
import operator
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rag.filters import Condition
from rag.index import disk
from rag.reader.stance import StanceModel
from rag.schema import Review, well_formed

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
        ("group", pa.int64()),  # row of the first review that it is a copy of, or its own
    ]
)
REVIEW_FIELDS = [name for name in REVIEW_SCHEMA.names if name not in ("content", "group")]
RATING_COLUMNS = ("rating", "rating_min", "rating_max")
SENTENCE_COLUMNS = ("review_row", "start", "end", "chunk_row")
CHUNK_COLUMNS = ("review_row", "start", "end", "first_sentence", "end_sentence")
SIGNATURE_WORDS = 68
_ROWS = 4096  # reviews in a row group
_CONTENT_FIELDS = [
    name for name in REVIEW_FIELDS if name not in ("review_id", "source", "line", "parts")
]
_TEXT_FIELDS = [
    name
    for name in REVIEW_FIELDS
    if REVIEW_SCHEMA.field(name).type in (pa.string(), pa.large_string())
]

Columns = Mapping[str, NDArray[np.int32]]


def well_formed_review(review: Review) -> Review:
    """The review with texts that can be stored (see `rag.schema.well_formed`)."""
    changes: dict[str, Any] = {}
    for name in _TEXT_FIELDS:
        value = getattr(review, name)
        if (text := well_formed(value)) != value:
            changes[name] = text
    return replace(review, **changes) if changes else review


def content_key(review: Review) -> bytes:
    """Hash of all that a reader of the review sees; where it was found (source, line) is left out."""
    content = []
    for name in _CONTENT_FIELDS:
        value = getattr(review, name)
        content.append(float(value) if isinstance(value, int) else value)  # 8 and 8.0 are one
    content += [review.parts] if review.parts else []  # one without keeps its older key
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).digest()


def to_review(values: Mapping[str, Any]) -> Review:
    """A review from a row of the table."""
    return Review.from_row({name: values[name] for name in REVIEW_FIELDS if name in values})


def rating_fractions(reviews: pa.Table) -> NDArray[np.float64]:
    """(reviews,) ratings as 0..1 of their scale, NaN where there is none."""
    rating, low, high = (numbers(reviews.column(name)) for name in RATING_COLUMNS)
    width = high - low
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(width > 0, np.clip((rating - low) / width, 0, 1), np.nan)


_NOBODY = re.compile(
    r"\W*(?:an? )?(?:anon\w*|guest|unknown|n/?a|none|null|user|customer|reviewer|private|hidden"
    r"|(?:amazon|kindle|google|deleted|verified|former|a google|tripadvisor|trustpilot)"
    r" ?(?:user|customer|member|reviewer|buyer))?\W*",
    re.IGNORECASE,
)
_ONE_PERSON = 5  # reviews of one item under one name; more are of several people of that name


def voices(reviews: pa.Table) -> NDArray[np.int64]:
    """(reviews,) equal for the reviews of one person: copies of one another, and the few that one
    author wrote of one item. What is signed "Anonymous" and the like is each somebody's own.
    """
    voice = numbers(reviews.column("group"))
    authors = reviews.column("author").to_pylist()
    items = reviews.column("item").to_pylist()
    of_author: dict[tuple[str, str], list[int]] = {}
    for row, (author, item) in enumerate(zip(authors, items, strict=True)):
        if author and not _NOBODY.fullmatch(author):
            of_author.setdefault((author.casefold(), item or ""), []).append(row)
    for rows in of_author.values():
        if 1 < len(rows) <= _ONE_PERSON:
            voice[rows] = voice[rows].min()
    return voice


def meeting(reviews: pa.Table, conditions: Sequence[Condition]) -> NDArray[np.bool_]:
    """(reviews,) True where all conditions hold."""
    meets = np.ones(reviews.num_rows, dtype=np.bool_)
    for condition in conditions:
        meets &= _meeting(reviews, condition)
    return meets


def _meeting(reviews: pa.Table, condition: Condition) -> NDArray[np.bool_]:
    """(reviews,) True where the condition holds; it is asked once for each different value."""
    names = RATING_COLUMNS if condition.field == "rating" else (condition.field,)
    codes = np.zeros(reviews.num_rows, dtype=np.int64)  # which combination of values each one has
    for name in names:
        encoded = reviews.column(name).combine_chunks().dictionary_encode(null_encoding="encode")
        codes = codes * len(encoded.dictionary) + encoded.indices.to_numpy(zero_copy_only=False)
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    examples = reviews.select(list(names)).take(pa.array(first)).to_pylist()
    holds = [condition.holds(Review("", "", **values)) for values in examples]
    return np.array(holds, dtype=np.bool_)[which]


def read_table(path: Path, *, memory_map: bool = False) -> pa.Table:
    """A whole Parquet file. `pq.read_table` does the same, and loads pyarrow's data sets first."""
    with pq.ParquetFile(path, memory_map=memory_map) as file:
        return file.read()


def numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    """(rows,) a column of numbers, NaN where a float64 is missing. `to_numpy` does the same, and loads
    pandas first. Raises `ValueError`, `KeyError` for a column of another kind.
    """
    kind = np.dtype(_KINDS[column.type])
    values = np.zeros(len(column), dtype=kind)
    start = 0
    for chunk in column.chunks:
        validity, content = chunk.buffers()
        place = slice(start, start + len(chunk))
        if content is not None and len(chunk):
            values[place] = np.frombuffer(content, kind, len(chunk), chunk.offset * kind.itemsize)
        if chunk.null_count:
            if kind != np.float64:
                raise ValueError("a whole number is missing")
            bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")
            values[place][bits[chunk.offset : chunk.offset + len(chunk)] == 0] = np.nan
        start += len(chunk)
    return values


def taken(table: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    """Some rows of a table. `take` with a numpy array or a list loads pandas first."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(rows, dtype=np.int64))]
    return table.take(pa.Int64Array.from_buffers(pa.int64(), len(rows), buffers))


_KINDS = {pa.int32(): np.int32, pa.int64(): np.int64, pa.float64(): np.float64}


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
    place = REVIEW_SCHEMA.get_field_index("group")
    for start in range(0, len(kept_rows), _ROWS):
        rows = kept_rows[start : start + _ROWS]
        batch = kept.take(pa.array(rows))
        if "parts" not in batch.schema.names:  # the index is older than they are
            none = pa.nulls(len(rows), PARTS)
            batch = batch.add_column(REVIEW_SCHEMA.get_field_index("parts"), "parts", none)
        place = batch.schema.get_field_index("group")
        groups = pa.array(group[start : start + len(rows)])
        yield batch.set_column(place, "group", groups).cast(REVIEW_SCHEMA)
    reviews, done = iter(added), 0
    while pending := list(itertools.islice(reviews, _ROWS)):
        end = done + len(pending)
        values = zip(*map(operator.attrgetter(*REVIEW_FIELDS), pending), strict=True)
        columns: dict[str, Sequence[Any]] = dict(zip(REVIEW_FIELDS, values, strict=True))
        columns["content"] = content[done:end]
        columns["group"] = group[len(kept_rows) + done : len(kept_rows) + end].tolist()
        yield pa.table(columns, schema=REVIEW_SCHEMA)
        done = end


def write_integers(path: Path, columns: Columns) -> disk.NewFile:
    """Write a table of int32 columns."""
    table = pa.table({name: pa.array(column, pa.int32()) for name, column in columns.items()})
    return write_table(path, table.schema, [table])


def write_stance(path: Path, model: StanceModel) -> disk.NewFile:
    """Write how praise and complaint are worded; the last weight is the offset."""
    weights = pa.array([float(weight) for weight in (*model.weights, model.offset)], pa.float64())
    table = pa.table({"weight": weights})
    return write_table(path, table.schema, [table])


def read_stance(path: Path) -> StanceModel:
    """What `write_stance` wrote. Raises `ValueError` for weights that are no numbers."""
    weights = numbers(read_table(path).column("weight"))
    if not np.isfinite(weights).all():
        raise ValueError(f"{path.name} holds weights that are no numbers")
    return StanceModel(weights[:-1].astype(np.float32), float(weights[-1]))
