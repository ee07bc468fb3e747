"""Texts without columns: a folder of .txt files, each a review, and a single .txt file.

The folders of the Large Movie Review Dataset are known: train/pos/0_9.txt is review 0, with 9 of 10
points. A single file of at least `MANY_LINES` lines with text has a review in each; one of fewer
lines is one review.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rag.ingest.formats.encoding import SAMPLE, detect, open_text
from rag.ingest.formats.rows import (
    DAMAGED,
    LONG_CELL,
    MAX_CELL,
    MAX_RAW,
    Format,
    Row,
    RowSource,
)
from rag.ingest.formats.unpack import UNREADABLE, Packed
from rag.schema import ReviewFileError

MANY_LINES = 5
_LABELS, _SPLITS = ("pos", "neg", "unsup"), ("train", "test", "dev", "valid", "validation")


def find_texts(folder: Path) -> list[str]:
    """The .txt files below a folder, by their paths in it, sorted by folder and number; links are
    not followed.
    """
    paths = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = Path(place)
        paths += [
            (here / name).relative_to(folder).as_posix()
            for name in files
            if is_text_name(name) and not (here / name).is_symlink()
        ]
    return review_texts(paths)


def is_text_name(name: str) -> bool:
    """Whether a path is that of a text."""
    name = name.rpartition("/")[2]
    return name.lower().endswith(".txt") and not name.startswith(".")


def review_texts(paths: Sequence[str]) -> list[str]:
    """Those that may be reviews, in order: all, or where some lie in pos/, neg/ or unsup/, just
    those.
    """
    labelled = [path for path in paths if path.rpartition("/")[0].rpartition("/")[2] in _LABELS]
    return sorted(
        labelled or paths,
        key=lambda path: (path.rpartition("/")[0], *_number(path.rpartition("/")[2])),
    )


def _number(name: str) -> tuple[int, str]:
    match = re.match(r"\d{1,12}", name)
    return (int(match.group()) if match else 10**12, name)


class TextFolderSource(RowSource):
    """The texts of a folder, or of a .zip of one."""

    def __init__(self, path: Path, texts: Sequence[str], *, zipped: bool = False) -> None:
        self._path, self._texts, self._zipped = path, texts, zipped
        folders = ", in folders by sentiment" if _labels(texts[0]) else ""
        name = path.name or path.resolve().name
        super().__init__(name, f"{len(texts):,} text files{folders}", len(texts))

    def __iter__(self) -> Iterator[Row]:
        self.done = 0
        archive = zipfile.ZipFile(self._path) if self._zipped else None
        try:
            for number, text in enumerate(self._texts, 1):
                self.done = number
                yield self._row(number, text, archive)
        finally:
            if archive:
                archive.close()

    def _row(self, number: int, text: str, archive: zipfile.ZipFile | None) -> Row:
        cells: dict[str, Any] = {"id": text[: -len(".txt")], **_labels(text)}
        try:
            with archive.open(text) if archive else (self._path / text).open("rb") as file:
                data = file.read(4 * MAX_CELL + 1)
        except UNREADABLE as error:
            return Row(number, cells, f"the file {text} cannot be read ({error})", text)
        with open_text(io.BytesIO(data), detect(data), None) as stream:
            content = stream.read()
        if len(content) > MAX_CELL:
            return Row(number, cells, LONG_CELL, content[:MAX_RAW])
        return Row(number, {**cells, "text": content})


def _labels(path: str) -> dict[str, Any]:
    """What the place and the name of a text of the aclImdb layout say."""
    *folders, name = path.split("/")
    if not folders or folders[-1] not in _LABELS:
        return {}
    cells: dict[str, Any] = {"label": folders[-1]}
    if len(folders) > 1 and folders[-2] in _SPLITS:
        cells["split"] = folders[-2]
    match = re.fullmatch(r"\d+_(\d{1,2})\.txt", name, re.IGNORECASE)
    if match and int(match.group(1)):
        cells["rating"] = int(match.group(1))
    return cells


class TextSource(RowSource):
    """A single text file: a review a line, or one in all."""

    def __init__(self, packed: Packed) -> None:
        self._packed = packed
        sample = packed.sample(SAMPLE)
        self._encoding = detect(sample, whole=len(sample) < SAMPLE)
        with open_text(io.BytesIO(sample), self._encoding, None) as text:
            lines = [line for line in text if line.strip()]
        if not lines:
            raise ReviewFileError(f"{packed.where} has no text.")
        self._by_line = len(lines) >= MANY_LINES or len(sample) == SAMPLE
        self._tagged = self._by_line and all(
            re.match(r"__label__\S+\s", line) for line in lines[:-1]
        )
        how = "a review in each line" if self._by_line else "one review"
        with packed.open() as raw:
            super().__init__(packed.name, f"text, {how}, {self._encoding.label}", raw.total)

    def __iter__(self) -> Iterator[Row]:
        self.done = 0
        with self._packed.open() as raw, io.BufferedReader(raw, 1 << 18) as stream:
            text = open_text(stream, self._encoding, None)
            if not self._by_line:
                yield Row(1, {"text": text.read(MAX_CELL)})
            else:
                yield from self._lines(text)
            if raw.damage:
                yield Row(1, {}, f"{DAMAGED} ({raw.damage})")
        self.done = self.total

    def _lines(self, text: io.TextIOWrapper) -> Iterator[Row]:
        number = 0
        while line := text.readline(MAX_CELL + 2):
            number += 1
            if len(line) > MAX_CELL and line[-1] != "\n":
                while (piece := text.readline(MAX_CELL)) and piece[-1] != "\n":
                    pass
                yield Row(number, {}, LONG_CELL, line[:MAX_RAW])
            elif line.strip():
                label, _, rest = line.partition(" ") if self._tagged else ("", "", line)
                cells = {"label": label.removeprefix("__label__")} if self._tagged else {}
                yield Row(number, {**cells, "text": rest.strip()})


FORMAT = Format(
    ".txt",
    (),  # a .txt file may be a table: it is looked into
    lambda packed, table: [TextSource(packed)],
    guess=TextSource,
)
