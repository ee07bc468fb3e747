"""Nested values as the cells of a row."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rag.ingest.formats.rows import LONG_CELL, MAX_CELL, Row

_DEPTH = 20


def make_row(line: int, value: Mapping[str, Any]) -> Row:
    """A row of a nested object; cells that are far too long are left out, which is the row's
    problem.
    """
    cells: dict[str, Any] = {}
    flatten(value, "", cells, 0)
    long = [name for name, cell in cells.items() if isinstance(cell, str) and len(cell) > MAX_CELL]
    for name in long:
        del cells[name]
    return Row(line, cells, LONG_CELL if long else "", ", ".join(long))


def flatten(value: Mapping[str, Any], prefix: str, cells: dict[str, Any], depth: int) -> None:
    """Put an object's values into `cells`: "style.Size"; lists of scalars line by line; other lists
    are left out.
    """
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, Mapping):
            if depth < _DEPTH:
                flatten(inner, f"{name}.", cells, depth + 1)
        elif isinstance(inner, list | tuple):
            if inner and not any(isinstance(one, Mapping | list | tuple) for one in inner):
                cells[name] = "\n".join(str(plain(one)) for one in inner if one is not None)
        else:
            cells[name] = plain(inner)


def plain(value: Any) -> Any:
    """A value as text, number, truth value or None; dates as ISO text; bytes that are no text as
    None.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Decimal):
        number = float(value)
        return (
            int(number)
            if math.isfinite(number) and number.is_integer() and value.as_tuple().exponent == 0
            else number
        )
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return None
    return str(value)
