"""Reviews printed as a list into one cell of the row of what they review: ``[('Rated 4.0', 'Good
soup.'), ...]`` as Python writes it, or ``[{"rating": 4, "text": "Good soup."}]``.

Each becomes a row of its own, with the other cells of the row; a list that is empty becomes a row
without a text, so that no row goes unsaid.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rag.ingest.formats.rows import Row
from rag.ingest.values import parse_rating

_FEWEST_LISTS = 0.5  # share of a column's cells that must be such lists, or empty ones


def list_column(sample: Sequence[Row]) -> str:
    """The column whose cells are printed lists of reviews; "" where there is none."""
    for name in dict.fromkeys(name for row in sample for name in row.cells):
        cells = [str(row.cells.get(name) or "") for row in sample]
        filled = [cell for cell in cells if cell.strip()]
        if not filled or not all(cell.lstrip().startswith("[") for cell in filled[:20]):
            continue
        lists = [_entries(cell, name) for cell in filled]
        if any(lists) and sum(entries is not None for entries in lists) > _FEWEST_LISTS * len(
            lists
        ):
            return name
    return ""


def unfolded(rows: Iterable[Row], column: str) -> Iterator[Row]:
    """The rows, those with a list in `column` once for each of its entries."""
    for row in rows:
        entries = None if row.problem else _entries(str(row.cells.get(column) or "[]"), column)
        if entries is None:
            yield row
            continue
        cells = {name: cell for name, cell in row.cells.items() if name != column}
        for entry in entries or [{f"{column}.text": None}]:
            yield replace(row, cells={**cells, **entry})


def _entries(cell: str, column: str) -> list[dict[str, Any]] | None:
    """The reviews in a cell as the cells of rows; None where it holds no list of reviews."""
    try:
        values = ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        try:
            values = json.loads(cell)
        except (ValueError, RecursionError):
            return None
    if not isinstance(values, list):
        return None
    entries = [_entry(value, column) for value in values]
    return None if None in entries else [entry for entry in entries if entry]


def _entry(value: Any, column: str) -> dict[str, Any] | None:
    """A review of a rating and a text, in this order or the other, or of named values."""
    if isinstance(value, Mapping):
        return {f"{column}.{name}": inner for name, inner in value.items()} if value else None
    if not isinstance(value, tuple | list) or len(value) != 2:
        return None
    rating, text = value if parse_rating(value[0]) else (value[1], value[0])
    if not isinstance(text, str) or (rating is not None and not parse_rating(rating)):
        return None
    first, _, rest = text.partition("\n")
    text = rest if first.strip() == "RATED" else text  # what Zomato's page writes above each
    return {f"{column}.rating": rating, f"{column}.text": text}
