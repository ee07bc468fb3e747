"""The entries of a list in a JSON file, each with what encloses it; as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rag.ingest.formats.flatten import flatten
from rag.ingest.formats.json_shape import Shape, Utf8, walk
from rag.ingest.formats.rows import MAX_CELL

_WAIT = 16 * 1024 * 1024  # characters of entries that wait for what follows them in their parent
_MOST_NAMES = 1000  # of a parent


@dataclass(slots=True)
class _Frame:
    """An object or a list that is open; `cells` are an object's scalars so far, flattened."""

    cells: dict[str, Any] | None
    key: str = ""

    def put(self, name: str, value: Any) -> None:
        if self.cells is None or value is None or len(self.cells) >= _MOST_NAMES:
            return
        if not isinstance(value, str) or len(value) <= MAX_CELL:
            self.cells[name] = value


@dataclass(slots=True)
class Entries:
    """(entry, cells of what encloses it) of a file with this shape, in order.

    The cells of the nearest enclosing object are called "../name", of the next one "../../name",
    of the one at the top of the file "/name". Entries wait until the object they are in has ended, for its name may
    follow them, but no longer than `_WAIT` characters. Raises `TooLong`, and `ijson.JSONError` where
    the text is not JSON.
    """

    shape: Shape
    reader: Utf8
    _frames: list[_Frame] = field(default_factory=list)
    _waiting: list[Any] = field(default_factory=list)
    _parent: _Frame | None = None  # the object that the waiting entries are in
    _since: int = 0  # characters read before the first one that waits
    _hurried: bool = False

    def __iter__(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        import ijson

        builder: Any = None
        depth = 0
        try:
            for prefix, event, value in walk(self.reader):
                opens, closes = event.startswith("start_"), event.startswith("end_")
                if builder is not None:
                    builder.event(event, value)
                    depth += opens - closes
                    if not depth:
                        yield from self._take(builder.value)
                        builder = None
                elif opens and self._is_entry(prefix):
                    builder, depth = ijson.ObjectBuilder(), 1
                    builder.event(event, value)
                    self.reader.since = 0
                elif opens:
                    self._frames.append(_Frame({} if event == "start_map" else None))
                elif closes:
                    if self._frames[-1] is self._parent:
                        yield from self._flush()
                        self._parent, self._hurried = None, False
                    self._close()
                elif event == "map_key":
                    self._frames[-1].key = value
                elif prefix == self.shape.path and self.shape.kind != "index":
                    yield from self._take(value)
                elif self._frames:
                    self._frames[-1].put(self._frames[-1].key, value)
                if builder is None:
                    self.reader.since = 0
        except Exception:
            yield from self._flush()  # what came before the damage
            raise

    def _is_entry(self, prefix: str) -> bool:
        if self.shape.kind != "index":
            return prefix == self.shape.path
        keys = [frame.key for frame in self._frames]
        return keys[:-1] == ([self.shape.path] if self.shape.path else []) and len(keys) > 0

    def _close(self) -> None:
        """An object or a list has ended; an object's cells are also those of the one it is in."""
        frame = self._frames.pop()
        if self._frames and frame.cells and self._frames[-1].cells is not None:
            outer = self._frames[-1]
            flat: dict[str, Any] = {}
            flatten({outer.key: frame.cells}, "", flat, 0)
            for name, value in flat.items():
                outer.put(name, value)

    def _take(self, value: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
        if self.shape.kind == "index" and isinstance(value, dict):
            value = {"id": self._frames[-1].key, **value}
        objects = [frame for frame in self._frames if frame.cells is not None]
        if self.shape.kind == "index":
            objects.pop()  # the rows themselves, by key
        self._parent = objects[-1] if objects else None
        if self._parent is None:
            yield value, {}
        else:
            if not self._waiting:
                self._since = self.reader.read_in_all
            self._waiting.append(value)
            if self.reader.read_in_all - self._since > _WAIT or self._hurried:
                self._hurried = True  # until this parent ends
                yield from self._flush()

    def _flush(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        cells: dict[str, Any] = {}
        objects = [frame for frame in self._frames if frame.cells is not None]
        while objects and objects[-1] is not self._parent:
            objects.pop()
        for level, frame in enumerate(reversed(objects), 1):
            prefix = "/" if frame is self._frames[0] else "../" * level
            cells |= {f"{prefix}{name}": value for name, value in (frame.cells or {}).items()}
        waiting, self._waiting = self._waiting, []
        for value in waiting:
            yield value, cells
