"""What an index's reviews are about, for understanding questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rag.index.facets import FACET_COLUMNS, facets_in
from rag.index.snapshot import ReviewIndex
from rag.schema import Review
from rag.understanding.catalogue import Catalogue, catalogue_of

_MOST_READ = (
    6000  # reviews whose texts are read for names, evenly spread; takes about half a second
)
_READ = ["text", "item"]  # of each of them
_ROWS = 2048  # reviews in memory at once


def index_catalogue(index: ReviewIndex) -> Catalogue:
    """The catalogue of an index: the one that was kept, or else it is computed."""
    return (index.catalogue or computed_catalogue(index)).called(index.name)


def computed_catalogue(index: ReviewIndex) -> Catalogue:
    """The catalogue that an index's reviews have, without a name.

    Items, dates and ratings are those of all reviews, names and words those of some thousands.
    """
    reviews = index.reviews_table
    return _computed(reviews, reviews.select(_READ).to_batches(max_chunksize=_ROWS))


def catalogue_in(path: Path) -> Catalogue:
    """The same of a file of reviews; its texts are never in memory all at once."""
    with pq.ParquetFile(path) as file:
        columns = file.read(columns=list(FACET_COLUMNS))
        return _computed(columns, file.iter_batches(_ROWS, columns=_READ))


def _computed(reviews: pa.Table, texts: Iterable[pa.RecordBatch]) -> Catalogue:
    facets = facets_in(reviews)
    read = catalogue_of("", _spread(texts, max(1, -(-facets.reviews // _MOST_READ))))
    items = dict(facets.items.listed) or dict(read.items)
    return replace(
        read, reviews=facets.reviews, items=items, dates=facets.dates, scale=facets.ratings
    )


def _spread(texts: Iterable[pa.RecordBatch], step: int) -> Iterator[Review]:
    """Each `step`-th review."""
    begin = 0
    for batch in texts:
        rows = pa.array(range(-begin % step, len(batch), step), pa.int64())
        for values in batch.take(rows).to_pylist():
            yield Review("", values["text"], item=values["item"] or "")
        begin += len(batch)
