"""Where in a JSON file its rows are, told from its beginning."""

from __future__ import annotations

import ast
import io
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Literal

from rag.ingest.formats.header import has_usual_name

Kind = Literal["lines", "items", "values", "columns", "index"]
_TOKENS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?$)|-?Infinity|NaN', re.DOTALL)
_TAIL = re.compile(r"\\{0,200}[-A-Za-z0-9]{0,9}$")
_ANSWERS = re.compile(  # lists in a review that are no reviews
    r"item\.(?:.*\.)?[^.]*(?:repl|respon|answer|owner)[^.]*\.item(?:\.|$)", re.IGNORECASE
)
_REVIEWS = re.compile(  # a list so called holds the reviews of what it stands in
    r"(?:^|\.)[^.]*(?:reviews?|feedbacks?|opinions?|testimonials|bewertungen|rezensionen|avis|reseñas|"
    r"recensioni|recenzje|opinie|отзывы)\.item$",
    re.IGNORECASE,
)
_CHUNK = 1 << 16
_MAX_DEPTH, _MAX_KEY = 200, 500
_DECODER = json.JSONDecoder(strict=False)  # a tabulator in a string is no reason to lose a review
MAX_ENTRY = 64 * 1024 * 1024  # characters of one entry, which is built in memory


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file holds its rows.

    "lines": an object a line. "items": a list at `path` (as ijson writes it). "values": objects,
    one after another. "columns": a list or an object of cells for each column. "index": an object
    of rows, by key, at the top or under the key `path`.
    """

    kind: Kind
    path: str = ""

    @property
    def label(self) -> str:
        """In words."""
        if self.kind == "items" and self.path != "item":
            return f"JSON, a list in {re.sub(r'[.]?item(?=[.]|$)', '[]', self.path.removesuffix('.item'))}"
        return {
            "lines": "JSON Lines",
            "items": "JSON array",
            "values": "JSON objects",
            "columns": "JSON by columns",
            "index": "JSON by rows",
        }[self.kind]


class TooLong(Exception):
    """A string or an entry that must not be held in memory."""


class Utf8:
    """A text as the stream of bytes that ijson takes: NaN and Infinity, which JSON has not, become
    null.
    """

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._carry, self._in_string, self._run = "", False, 0
        self.since = 0  # characters since the consumer last set this to 0
        self.read_in_all = 0  # characters

    def read(self, size: int = -1) -> bytes:
        """The next bytes, about 64 KiB, whatever `size` is (but 0 for 0). Raises `TooLong`."""
        if size == 0:
            return b""
        fresh = self._text.read(_CHUNK)
        chunk = self._carry + fresh
        self._carry = ""
        if fresh:
            tail = _TAIL.search(chunk, max(0, len(chunk) - 300))
            if tail and tail.start():
                chunk, self._carry = chunk[: tail.start()], chunk[tail.start() :]
        self.since += len(chunk)
        self.read_in_all += len(chunk)
        if self.since > MAX_ENTRY:
            raise TooLong("an entry of more than 64 MiB")
        began = self._in_string
        quotes = chunk.replace("\\\\", "").replace('\\"', "").count('"')
        self._in_string ^= bool(quotes % 2)
        self._run = self._run + len(chunk) if self._in_string and not quotes else 0
        if self._run > MAX_ENTRY // 8:
            raise TooLong("a string of more than 8 MiB")
        if "NaN" in chunk or "Infinity" in chunk:
            opened = '"' * began
            chunk = _TOKENS.sub(
                lambda token: token[0] if token[0][0] == '"' else "null", opened + chunk
            )[len(opened) :]
        return chunk.encode("utf-8", "replace")


def walk(reader: Utf8) -> Iterator[tuple[str, str, Any]]:
    """(path, event, value) as of `ijson.parse`, whose time grows with the square of the depth; this
    one ends it.

    Raises `TooLong`, and `ijson.JSONError` where the text is not JSON.
    """
    import ijson

    paths = [""]  # of the value to come in each object and list that is open
    for event, value in ijson.basic_parse(reader, multiple_values=True):
        if event == "map_key":
            outer = paths[-2]
            paths[-1] = f"{outer}.{value[:_MAX_KEY]}" if outer else value[:_MAX_KEY]
            yield outer, event, value
        elif event in ("start_map", "start_array"):
            yield paths[-1], event, value
            if len(paths) > _MAX_DEPTH:
                raise TooLong("nested too deeply")
            paths.append(f"{paths[-1]}.item".removeprefix(".") if event == "start_array" else "")
        elif event in ("end_map", "end_array"):
            paths.pop()
            yield paths[-1], event, value
        else:
            yield paths[-1], event, value


def decode_line(line: str) -> list[Any]:
    """The values of a line, mostly one. Raises `ValueError` where it is neither JSON nor a Python
    literal.
    """
    line = line.strip().lstrip("\ufeff")
    try:
        try:
            return [_DECODER.decode(line)]
        except json.JSONDecodeError as error:
            if error.msg == "Extra data":
                return _several(line)
            if not re.match(
                r"\{\s*u?'", line
            ):  # some collections of reviews are lines of Python, as printed
                raise ValueError(f"{error.msg}, character {error.colno}") from error
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return [ast.literal_eval(line)]
    except (RecursionError, SyntaxError, MemoryError, TypeError) as error:
        raise ValueError(
            "nested too deeply" if isinstance(error, RecursionError) else "it cannot be parsed"
        ) from error


def _several(line: str) -> list[Any]:
    values, position = [], 0
    while position < len(line):
        value, position = _DECODER.raw_decode(line, position)
        values.append(value)
        gap = re.compile(r"[\s,]*").match(line, position)
        position = gap.end() if gap else position
    return values


def find_shape(sample: str, *, whole: bool) -> Shape:
    """The shape of a file that begins with `sample`; `whole` says that nothing follows it."""
    start = sample.lstrip("\ufeff \t\r\n")
    if not start.startswith("["):
        lines = [line for line in sample.split("\n") if line.strip()][: 50 + (not whole)]
        full = lines if whole else lines[:-1]
        if len(full) > 1:
            good = sum(_is_object(line) and not line.rstrip().endswith(",") for line in full)
            if (good and good >= 0.5 * len(full)) or all(map(_is_object, full)):
                return Shape("lines")
        elif full and len(lines) > 1 and _is_object(full[0]) and lines[1].lstrip().startswith("{"):
            return Shape("lines")
        if not start.startswith("{"):
            return Shape("lines")
    return _Survey(start).shape(whole)


def _is_object(line: str) -> bool:
    try:
        return all(isinstance(value, dict) for value in decode_line(line))
    except ValueError:
        return False


class _Survey:
    """What stands where in the first part of a file."""

    def __init__(self, sample: str) -> None:
        import ijson

        self.text: dict[
            str, int
        ] = {}  # characters of strings, by the path of the list's entries they belong to
        self.root: dict[
            str, tuple[str, list[str], int]
        ] = {}  # by key: what its value is, its keys, scalars in it
        self.objects: set[str] = set()  # paths at which entries are objects
        self.values = 0  # objects at the top
        self.array, self.whole = sample.startswith("["), True
        rows: list[str] = []
        try:
            for prefix, event, value in walk(Utf8(io.StringIO(sample))):
                if event == "start_map":
                    rows.append(
                        prefix
                        if prefix == "item" or prefix.endswith(".item")
                        else (rows or [""])[-1]
                    )
                    self.values += prefix == ""
                    self.text.setdefault(rows[-1], 0)
                    self.objects.add(rows[-1])
                elif event == "end_map":
                    rows.pop()
                elif event == "string":
                    listed = prefix == "item" or prefix.endswith(".item")
                    at = prefix if listed else (rows or [""])[-1]
                    self.text[at] = self.text.get(at, 0) + len(value)
                if not self.array and self.values == 1:
                    self._note(len(rows), prefix, event, value)
        except (ijson.JSONError, ValueError, TooLong, RecursionError):
            self.whole = False

    def _note(self, depth: int, prefix: str, event: str, value: Any) -> None:
        if depth == 1 and event == "map_key":
            self._key = value
            self.root[value] = ("scalar", [], 0)
        elif depth == 1 and event == "start_array" and prefix == self._key:
            self.root[self._key] = ("list", [], 0)
        elif depth == 2 and event == "start_map" and prefix == self._key:
            self.root[self._key] = ("object", [], 0)
        elif depth == 2 and event == "map_key" and self.root[self._key][0] == "object":
            self.root[self._key][1].append(value)
        elif event in ("string", "number", "boolean", "null") and (
            (depth == 1 and prefix == f"{self._key}.item")
            or (depth == 2 and prefix.count(".") == self._key.count(".") + 1)
        ):
            kind, keys, scalars = self.root[self._key]
            self.root[self._key] = (kind, keys, scalars + 1)

    def shape(self, whole: bool) -> Shape:
        lists = {
            path: size
            for path, size in self.text.items()
            if (path == "item" or path.endswith(".item")) and not _ANSWERS.search(path)
        }
        tables = {path: size for path, size in lists.items() if path in self.objects}
        named = {path: size for path, size in tables.items() if _REVIEWS.search(path) and size}
        best = max(named or lists, key=lambda path: lists[path], default="item")
        if self.array:
            small = lists.get("item", 0) < 0.25 * lists.get(best, 0)
            return Shape("items", best if named or small else "item")
        if self.values == 1:
            if named or max(tables.values(), default=0) > self.text.get("", 0):
                return Shape("items", max(named or tables, key=lambda path: lists[path]))
            columns = self._columns()
            if columns:
                return columns
            if lists and lists[best] > self.text.get("", 0):
                return Shape("items", best)
            for name, (kind, keys, scalars) in self.root.items():
                rows = kind == "object" and len(keys) > 1 and not scalars
                numbered = len(self.root) == 1 and all(re.search(r"\d", key) for key in keys)
                if rows and (numbered or _REVIEWS.search(f"{name}.item")):
                    return Shape("index", name)
        return Shape("values" if self.whole or not whole else "lines")

    def _columns(self) -> Shape | None:
        """Column-oriented, or rows by key: all values of the one object are of one kind, and alike."""
        values = list(self.root.values())
        if not values or {kind for kind, _, _ in values} not in ({"object"}, {"list"}):
            return None
        if values[0][0] == "list":
            full = values if self.whole else values[:-1] or values
            alike = {scalars for _, _, scalars in full}
            return Shape("columns") if len(alike) == 1 and alike != {0} else None
        if all(key.isdecimal() for _, keys, _ in values for key in keys) and values[0][2]:
            return Shape("columns")
        full = values if self.whole else values[:-1]
        if len(full) > 1 and (all(map(str.isdecimal, self.root)) or has_usual_name(full[0][1])):
            return None if has_usual_name(self.root) else Shape("index")
        if (
            len(full) > 1
            and len({frozenset(keys) for _, keys, _ in full[:5]}) == 1
            and values[0][2]
        ):
            return Shape(
                "columns" if has_usual_name(self.root) or len(full) < len(full[0][1]) else "index"
            )
        return None
