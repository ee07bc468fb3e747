"""Reading review files.

`formats` (what a file holds), `columns`, `column_names`, `layouts` and `enclosing` (which column is
what), `values`, `dates`, `scales` and `whole_file` (what a cell means), `text_parts` and
`printed_lists` (texts in several columns, several in a cell), `cleaning` and `language`, `ids` and
`duplicates` (which reviews are the same), `staging`, `report`, and `read`, which puts them together.
"""

from typing import TYPE_CHECKING

from rag.lazy import exporter

if TYPE_CHECKING:
    from rag.ingest.cleaning import STEPS, clean, clean_text
    from rag.ingest.column_names import FIELDS
    from rag.ingest.dates import parse_date
    from rag.ingest.read import Import, ReadOptions, import_reviews, read_reviews
    from rag.ingest.report import ColumnChoice, ReadReport
    from rag.ingest.scales import parse_scale
    from rag.ingest.staging import temporary_folder
    from rag.ingest.values import parse_rating, parse_votes

__all__ = [
    "FIELDS",
    "STEPS",
    "ColumnChoice",
    "Import",
    "ReadOptions",
    "ReadReport",
    "clean",
    "clean_text",
    "import_reviews",
    "parse_date",
    "parse_rating",
    "parse_scale",
    "parse_votes",
    "read_reviews",
    "temporary_folder",
]

__getattr__ = exporter(
    "rag.ingest",
    {
        "rag.ingest.cleaning": ("STEPS", "clean", "clean_text"),
        "rag.ingest.column_names": ("FIELDS",),
        "rag.ingest.dates": ("parse_date",),
        "rag.ingest.read": ("Import", "ReadOptions", "import_reviews", "read_reviews"),
        "rag.ingest.report": ("ColumnChoice", "ReadReport"),
        "rag.ingest.scales": ("parse_scale",),
        "rag.ingest.staging": ("temporary_folder",),
        "rag.ingest.values": ("parse_rating", "parse_votes"),
    },
)
