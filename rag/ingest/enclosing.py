"""What encloses a list of reviews in a file: the business they are of, the sheet they stand in.

Formats call its cells by their path: "../name" in the nearest object, "../../name" further out,
"/name" at the top of the file. They speak of all its reviews at once, so they are never a review's
own text, rating, title or author; they say what is reviewed and when, where no other column does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from rag.ingest.columns import Recognised
from rag.ingest.report import ColumnChoice

_NAMES = tuple(
    """name displayname title businessname placename hotelname restaurantname productname
    producttitle appname trackname gamename moviename bookname business place hotel restaurant
    product app game movie film show book item asin sku slug productid businessid placeid appid id
    sheet""".split()
)
_NAMES_INSIDE = ("name", "displayname", "title")  # of an object of the enclosing one
_PEOPLE = ("author", "user", "owner", "reviewer", "publisher", "creator")
_DATES = ("date", "day", "reviewdate", "publishedat", "createdat")


def is_enclosing(name: str) -> bool:
    """Whether a column is of what encloses the reviews."""
    return name.startswith(("../", "/"))


def own_columns(names: Iterable[str], mapping: Mapping[str, str]) -> list[str]:
    """The reviews' own columns, and those that somebody named."""
    return [name for name in names if not is_enclosing(name) or name in mapping.values()]


def with_enclosing(
    recognised: Recognised, names: Iterable[str], mapping: Mapping[str, str]
) -> Recognised:
    """With the item and the date of what encloses the reviews, where they have none of their own."""
    enclosing = [name for name in names if is_enclosing(name) and name not in mapping.values()]
    columns = dict(recognised.columns)
    for field, column in (("item", _naming(enclosing)), ("date", _dating(enclosing))):
        if column and field not in columns and field not in mapping:
            columns[field] = ColumnChoice(column, "it is of what the reviews stand in")
            enclosing.remove(column)
    return replace(recognised, columns=columns, unused=[*recognised.unused, *enclosing])


def _naming(names: Iterable[str]) -> str:
    """The column that says what is reviewed, or ""."""
    ranked = [
        (level, len(parts), _NAMES.index(plain), name)
        for name, level, parts, plain in _parts(names)
        if plain in _NAMES
        and (len(parts) == 1 or plain in _NAMES_INSIDE)
        and not any(part.casefold() in _PEOPLE for part in parts)
    ]
    return min(ranked)[-1] if ranked else ""


def _dating(names: Iterable[str]) -> str:
    """The column that says when the reviews were written, or "": the date of a whole file is that
    of its export.
    """
    ranked = [
        (_DATES.index(plain), name)
        for name, level, parts, plain in _parts(names)
        if plain in _DATES and len(parts) == 1 and level == 1
    ]
    return min(ranked)[-1] if ranked else ""


def _parts(names: Iterable[str]) -> Iterator[tuple[str, int, list[str], str]]:
    """(name, how far out, its parts, the last one in lower case, letters only) of each."""
    for name in names:
        level = name.count("../") or 100
        parts = name.removeprefix("../" * level).lstrip("/").split(".")
        yield name, level, parts, re.sub(r"[\W_]", "", parts[-1].casefold())
