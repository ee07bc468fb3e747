"""Reading review files.

`rows` and the modules of the formats (what a file holds), `columns` and `layouts` (which column is
what), `cells` (what a cell means), `cleaning` and `language`, `duplicates`, `staging`, `report`,
and `read`, which puts them together.
"""

from rag.reviews.cells import parse_date, parse_rating, parse_votes
from rag.reviews.cleaning import STEPS, clean, clean_text
from rag.reviews.columns import FIELDS
from rag.reviews.read import Import, ReadOptions, import_reviews, read_reviews
from rag.reviews.report import ColumnChoice, ReadReport

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
