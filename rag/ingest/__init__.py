"""Reading review files.

`formats` (what a file holds), `columns`, `layouts` and `enclosing` (which column is what), `values`
(what a cell means), `cleaning` and `language`, `ids` and `duplicates` (which reviews are the same),
`staging`, `report`, and `read`, which puts them together.
"""

from rag.ingest.cleaning import STEPS, clean, clean_text
from rag.ingest.columns import FIELDS
from rag.ingest.read import Import, ReadOptions, import_reviews, read_reviews
from rag.ingest.report import ColumnChoice, ReadReport
from rag.ingest.staging import temporary_folder
from rag.ingest.values import parse_date, parse_rating, parse_votes

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
    "parse_votes",
    "read_reviews",
    "temporary_folder",
]
