"""Nested values as the cells of a row."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rag.ingest.formats.rows import LONG_CELL, MAX_CELL, Row

_DEPTH = 20
_VALUE_NAMES = ("text", "label", "value", "#text", "$t", "_")
_ANNOTATION = re.compile(r"@.*|attributes|language(_?code)?|lang|locale|type|format", re.IGNORECASE)


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
    are left out. An object that is a value with notes about it is called as the value is.
    """
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, Mapping):
            if depth < _DEPTH:
                value_name = _value_name(inner)
                if value_name:
                    cells[name] = plain(inner[value_name])
                    inner = {other: inner[other] for other in inner if other != value_name}
                flatten(inner, f"{name}.", cells, depth + 1)
        elif isinstance(inner, list | tuple):
            if inner and not any(isinstance(entry, Mapping | list | tuple) for entry in inner):
                cells[name] = "\n".join(str(plain(entry)) for entry in inner if entry is not None)
        else:
            cells[name] = plain(inner)


def _value_name(value: Mapping[str, Any]) -> str:
    """The key of the one value in an object that only annotates it, as {"text": "Good",
    "languageCode": "en"} does; "" where there is none.
    """
    name = next((name for name in _VALUE_NAMES if name in value), "")
    if not name or isinstance(value[name], Mapping | list | tuple):
        return ""
    annotated = all(other == name or _ANNOTATION.fullmatch(str(other)) for other in value)
    return name if annotated else ""


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
