"""A review index on disk: `store` (layout and switch), `build` (writing one), `reader` (opening and searching)."""

from rag.index.build import BuildProgress, build_index
from rag.index.reader import ReviewIndex
from rag.index.store import Manifest, index_folder, list_indexes
from rag.index.verify import verify_index

__all__ = [
    "BuildProgress",
    "Manifest",
    "ReviewIndex",
    "build_index",
    "index_folder",
    "list_indexes",
    "verify_index",
]
