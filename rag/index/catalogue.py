"""What an index's reviews are about, for understanding questions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rag.index.facets import facets_of
from rag.index.snapshot import ReviewIndex
from rag.schema import Review
from rag.understanding.catalogue import Catalogue, catalogue_of

_MOST_READ = (
    6000  # reviews whose texts are read for names, evenly spread; takes about half a second
)


def index_catalogue(index: ReviewIndex) -> Catalogue:
    """The catalogue of an index.

    Items, dates and ratings are those of all reviews, names and words those of some thousands.
    """
    facets = facets_of(index)
    read = catalogue_of(index.name, _spread(index))
    items = dict(facets.items.listed) or dict(read.items)
    return replace(
        read, reviews=facets.reviews, items=items, dates=facets.dates, scale=facets.ratings
    )


def _spread(index: ReviewIndex) -> Iterator[Review]:
    step = max(1, -(-index.manifest.reviews // _MOST_READ))
    for row in range(0, index.manifest.reviews, step):
        yield index.review(row)
