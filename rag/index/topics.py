"""What an index's reviews speak of: found in some thousands of them, and looked up in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rag.embedding import Vectors
from rag.index import tables
from rag.index.arrays import release
from rag.index.catalogue import computed_catalogue
from rag.index.snapshot import ReviewIndex
from rag.reader.stance import StanceModel, with_ratings
from rag.topics.definition import Definition, Kept, Rows, Sides, rows_of
from rag.topics.finding import find_topics
from rag.topics.sides import sides_of
from rag.understanding.catalogue import Catalogue
from rag.understanding.names import words_of

_MOST_READ = 3000  # reviews in which topics are looked for, evenly spread
_MOST_CHANGED = 0.05  # share of the reviews up to which topics found earlier are taken over
_MOST_ITEMS = 200  # whose names are no topics
_ROWS = 2048  # reviews in memory at once
_BLOCK = 65_536  # vectors at once
_KNOWN_SIDES = {"praise": 1, "criticism": -1, "neutral": 0}
_COLUMNS = ["group", "author", "item", "language", *tables.RATING_COLUMNS, "parts"]


@dataclass(frozen=True, eq=False)
class _Material:
    """What topics are made of: the `reviews` without their texts, which `texts` reads in order; the
    sentences' `review` rows (rising), `start` and `end`; their `vectors`.
    """

    reviews: pa.Table
    texts: Callable[[], Iterator[str]]
    review: NDArray[np.int32]
    start: NDArray[np.int32]
    end: NDArray[np.int32]
    vectors: Vectors
    stance: StanceModel
    catalogue: Catalogue

    @cached_property
    def fractions(self) -> NDArray[np.float64]:
        """(reviews,) the ratings, 0 to 1."""
        return tables.rating_fractions(self.reviews)

    @cached_property
    def parts(self) -> list[list[dict[str, Any]] | None] | None:
        """The parts of each review whose side a file told; None where no review has any."""
        parts = self.reviews.column("parts") if "parts" in self.reviews.schema.names else None
        if parts is None or parts.null_count == len(parts):
            return None
        told: list[list[dict[str, Any]] | None] = parts.to_pylist()
        return told

    def sentences(self, step: int = 1, first: int = 0) -> Iterator[tuple[int, str]]:
        """(row, text) of the sentences of each `step`-th review, from the row `first` on."""
        begin = np.searchsorted(self.review, np.arange(self.reviews.num_rows + 1))
        for row, text in enumerate(self.texts()):
            if row % step == 0:
                for place in range(max(begin[row], first), begin[row + 1]):
                    yield place, text[self.start[place] : self.end[place]]


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """What an update takes over: the `topics` of an index of so many `sentences`, of which the rows
    `kept`, ascending, come first now; `changed` reviews come or go.
    """

    topics: Kept
    sentences: int
    kept: NDArray[np.int64]
    changed: int


def index_topics(index: ReviewIndex) -> Kept:
    """The topics of an index: those that were kept, or else they are computed."""
    return index.topics if index.topics is not None else computed_topics(index)


def computed_topics(index: ReviewIndex) -> Kept:
    """The topics that an index's reviews have."""
    return _computed(_material_of(index))


def looked_up(index: ReviewIndex, definitions: Sequence[Definition]) -> Kept:
    """Topics that were found earlier, with the sentences that an index has of them."""
    return _looked_up(_material_of(index), definitions)


def _material_of(index: ReviewIndex) -> _Material:
    table = index.reviews_table

    def texts() -> Iterator[str]:
        for batch in table.select(["text"]).to_batches(max_chunksize=_ROWS):
            yield from batch.column("text").to_pylist()

    return _Material(
        reviews=table,
        texts=texts,
        review=index.sentence_review,
        start=index.sentence_start,
        end=index.sentence_end,
        vectors=index.all_vectors,
        stance=index.stance,
        catalogue=index.catalogue or computed_catalogue(index),
    )


def topics_in(
    path: Path,
    sentences: tables.Columns,
    vectors: Vectors,
    stance: StanceModel,
    about: Catalogue,
    earlier: Carried | None = None,
) -> Kept:
    """The same of a file of reviews; its texts are never in memory all at once. What is carried over
    is not looked for again, unless too many reviews changed since it was found.
    """

    def texts() -> Iterator[str]:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS, columns=["text"]):
                yield from batch.column("text").to_pylist()

    review, start, end = (sentences[name] for name in tables.SENTENCE_COLUMNS[:3])
    there = pq.read_schema(path).names  # an older index lacks some
    columns = pq.read_table(path, columns=[name for name in _COLUMNS if name in there])
    material = _Material(columns, texts, review, start, end, vectors, stance, about)
    if earlier is None or earlier.topics.changed + earlier.changed > (
        _MOST_CHANGED * columns.num_rows
    ):
        return _computed(material)
    return _carried(material, earlier)


def _carried(material: _Material, earlier: Carried) -> Kept:
    """The topics found earlier, with their sentences that stay and those that the others have."""
    topics, stay = earlier.topics, len(earlier.kept)
    added = material.sentences(first=stay)
    found = rows_of(topics.definitions, (text for _, text in added))
    row_of = np.full(earlier.sentences, -1, dtype=np.int32)
    row_of[earlier.kept] = np.arange(stay, dtype=np.int32)
    rows, sides = [], []
    for old, old_sides, (places, clauses) in zip(topics.rows, topics.sides, found, strict=True):
        new = (places + stay).astype(np.int32)
        stays = row_of[old] >= 0
        rows.append(np.concatenate([row_of[old][stays], new]))
        sides.append(np.concatenate([old_sides[stays], _sides(material, new, clauses)]))
    changed = topics.changed + earlier.changed
    return Kept(topics.definitions, tuple(rows), tuple(sides), changed)


def _computed(material: _Material) -> Kept:
    reviews = material.reviews
    step = max(1, -(-reviews.num_rows // _MOST_READ))
    read = list(material.sentences(step))
    voices = tables.voices(reviews)
    rows = np.array([row for row, _ in read], dtype=np.int64)
    definitions = find_topics(
        [(int(voices[material.review[row]]), text) for row, text in read],
        material.vectors[rows],
        sided=(_sides(material, rows, np.zeros(len(rows), dtype=np.int8)) != 0).tolist(),
        language=_language(reviews),
        subjects=_subjects(material.catalogue),
    )
    return _looked_up(material, definitions)


def _looked_up(material: _Material, definitions: Sequence[Definition]) -> Kept:
    found = rows_of(definitions, (text for _, text in material.sentences()))
    sides = tuple(_sides(material, rows, clauses) for rows, clauses in found)
    return Kept(tuple(definitions), tuple(rows for rows, _ in found), sides)


def _language(reviews: pa.Table) -> str:
    """The language of most reviews whose language is known; English where none is."""
    known = Counter(filter(None, reviews.column("language").to_pylist()))
    known.pop("unknown", None)
    return min(known, key=lambda language: (-known[language], language), default="en")


def _subjects(catalogue: Catalogue) -> set[str]:
    """Names of what the reviews are of: subjects, items, and what these are also called."""
    items = list(catalogue.items)[:_MOST_ITEMS]
    words = {word for item in items for word in words_of(item)}
    return {*filter(None, catalogue.subjects), *catalogue.aliases, *words}


def _sides(material: _Material, rows: Rows | NDArray[np.int64], clauses: Sides) -> Sides:
    """The side of each of some sentences, whose clauses on a topic are on the sides `clauses`."""
    sides = np.zeros(len(rows), dtype=np.int8)
    for begin in range(0, len(rows), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        chosen = rows[block]
        wording = material.vectors[chosen] @ material.stance.weights + material.stance.offset
        release(material.vectors)
        stances = with_ratings(wording, material.fractions[material.review[chosen]])
        sides[block] = sides_of(stances, clauses[block])
    if material.parts is not None:
        _apply_columns(sides, rows, material, material.parts)
    return sides


def _apply_columns(
    sides: Sides,
    rows: Rows | NDArray[np.int64],
    material: _Material,
    told: Sequence[Sequence[Mapping[str, Any]] | None],
) -> None:
    """Where a file told the side of a part of a review, its sentences are on it."""
    for place, row in enumerate(rows.tolist()):
        start = int(material.start[row])
        for part in told[int(material.review[row])] or ():
            if part["start"] <= start < part["end"]:
                sides[place] = _KNOWN_SIDES[part["side"]]
