"""Reading review files.

`rows` and the modules of the formats (what a file holds), `columns` and `layouts` (which column is
what), `cells` (what a cell means), `cleaning` and `language`, `duplicates`, `staging`, `report`,
and `read`, which puts them together.
"""

from rag.ingest.cleaning import STEPS, clean, clean_text
from rag.ingest.columns import FIELDS
from rag.ingest.dates import parse_date
from rag.ingest.read import Import, ReadOptions, import_reviews, read_reviews
from rag.ingest.report import ColumnChoice, ReadReport
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
    "parse_votes",
    "read_reviews",
]
