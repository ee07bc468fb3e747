"""Reading review files: `files` (rows), `cells` (what they mean), `read` (reviews, columns found by name, a report)."""

from rag.reviews.cells import clean_text, parse_date, parse_rating, parse_votes
from rag.reviews.read import ReadReport, find_columns, read_reviews, with_unique_ids

__all__ = [
    "ReadReport",
    "clean_text",
    "find_columns",
    "parse_date",
    "parse_rating",
    "parse_votes",
    "read_reviews",
    "with_unique_ids",
]
