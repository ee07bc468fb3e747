"""A review index on disk.

`store` (layout and switch), `manifest`, `disk` (durable writes); `options`, `diff`, `chunk_batch`,
`embedding_cache`, `bm25_writer`, `generation` and `writer` (writing a generation); `tables`,
`arrays`, `vectors`, `approximate`, `stems` and `bm25` (its files); `snapshot` (opening and
searching), `filters`, `facets`, `topics`; `verify`, `admin` (whole indexes), `ingest` (from review
files).
"""

from typing import TYPE_CHECKING

from rag.lazy import exporter

if TYPE_CHECKING:
    from rag.index.manifest import Manifest
    from rag.index.options import BuildOptions, Change, Mode
    from rag.index.snapshot import ReviewIndex, open_index
    from rag.index.store import index_folder, list_indexes
    from rag.index.verify import verify_index
    from rag.index.writer import Changed, build_index, change_index

__all__ = [
    "BuildOptions",
    "Change",
    "Changed",
    "Manifest",
    "Mode",
    "ReviewIndex",
    "build_index",
    "change_index",
    "index_folder",
    "list_indexes",
    "open_index",
    "verify_index",
]

__getattr__ = exporter(
    "rag.index",
    {
        "rag.index.manifest": ("Manifest",),
        "rag.index.options": ("BuildOptions", "Change", "Mode"),
        "rag.index.snapshot": ("ReviewIndex", "open_index"),
        "rag.index.store": ("index_folder", "list_indexes"),
        "rag.index.verify": ("verify_index",),
        "rag.index.writer": ("Changed", "build_index", "change_index"),
    },
)
