"""A review index on disk.

`store` (layout and switch), `disk` (durable writes), `compare`, `cut`, `embedded` and `build`
(writing a generation), `tables` and `vectors` (its files), `reader` (opening and searching),
`verify`, `manage` (whole indexes).
"""

from rag.index.snapshot import ReviewIndex
from rag.index.store import Manifest, index_folder, list_indexes
from rag.index.verify import verify_index
from rag.index.writer import BuildProgress, Changed, build_index, change_index

__all__ = [
    "BuildProgress",
    "Changed",
    "Manifest",
    "ReviewIndex",
    "build_index",
    "change_index",
    "index_folder",
    "list_indexes",
    "verify_index",
]
