"""What is at a location, told by its content first and by its name second.

To add a format: write one module beside this one with a `Format` in it, and list it in `FORMATS`.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from rag.ingest.formats import delimited, json_rows, parquet, sheets, sqlite, text
from rag.ingest.formats.encoding import detect, open_text
from rag.ingest.formats.rows import Format, RowSource
from rag.ingest.formats.unpack import PACKINGS, ZIP, Packed, open_zip
from rag.schema import ReviewFileError

FORMATS: tuple[Format, ...] = (
    json_rows.FORMAT,
    delimited.FORMAT,
    parquet.FORMAT,
    sheets.FORMAT,
    sqlite.FORMAT,
    text.FORMAT,  # the last one: any text will do
)
MOST_FILES = 2000  # of one folder or archive: each is staged and reported by itself

_FOREIGN = (  # beginnings of files that hold no rows that are read here
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF89a", "a GIF picture"),
    (b"{\\rtf", "an RTF document"),
    (
        b"\xd0\xcf\x11\xe0",
        "an old (or encrypted) Office file, such as .xls or .doc; save it as .xlsx or CSV",
    ),
    *((b"BZh%d1AY&SY" % level, "a .bz2 archive; unpack it") for level in range(1, 10)),
    (b"\xfd7zXZ\0", "an .xz archive; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a .7z archive; unpack it"),
    (b"Rar!", "a .rar archive; unpack it"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"\x89HDF", "an HDF5 file"),
    (b"ARROW1\0\0", "an Arrow (Feather) file; save it as Parquet"),
    (b"Obj\x01", "an Avro file; save it as Parquet"),
    (b"\x80\x04\x95", "a Python pickle, which is never opened; save it as CSV or Parquet"),
)
_OFFICE = (  # members of .zip files that are documents
    ("word/", "a Word document"),
    ("ppt/", "a PowerPoint file"),
    ("content.xml", "an OpenDocument file"),
)


def open_sources(location: str | Path, *, max_unpack_ratio: float = 200.0) -> list[RowSource]:
    """The sources of rows at `location`: a file, archive, folder, database's table
    ("a.sqlite::table") or "hf:NAME".

    Raises `ReviewFileError` where nothing there can be read as reviews; also while iterating, where
    a file breaks off.
    """
    location = str(location)
    if location.startswith("hf:"):
        from rag.ingest.formats.hub import HubSource

        return [HubSource(location)]
    path, table = Path(location), ""
    try:
        if not path.exists() and "::" in location:
            before, _, table = location.rpartition("::")
            path = Path(before)
        if path.is_dir():
            return _open_folder(path, max_unpack_ratio)
        if not path.exists():
            raise ReviewFileError(f"There is no file {path}.")
        if not path.is_file():
            raise ReviewFileError(f"{path} is neither a file nor a folder.")
        if not path.stat().st_size:
            raise ReviewFileError(f"{path} is empty: it has no rows.")
    except (OSError, ValueError) as error:
        raise ReviewFileError(f"Cannot read {location!r}: {error}.") from error
    sources = open_file(Packed(path, path.name, ratio=max_unpack_ratio), table)
    if table and not isinstance(sources[0], sqlite.SqliteSource):
        raise ReviewFileError(f"{path} is not an SQLite database: it has no tables to name.")
    return sources


def open_file(packed: Packed, table: str = "") -> list[RowSource]:
    """The sources in a file. Raises `ReviewFileError`."""
    start = packed.sample(4096)
    if not packed.packing:
        packing = next((name for name, magic in PACKINGS.items() if start.startswith(magic)), "")
        if packing:
            return open_file(replace(packed, packing=packing), table)
    if not start:
        raise ReviewFileError(f"{packed.where} is empty: it has no rows.")
    _refuse_foreign(packed, start)
    for format in FORMATS:
        if format.tells(packed, start):
            return format.open(packed, table)
    if start.startswith(ZIP):
        return _open_zip(packed)
    binary = _is_binary(start)
    for format in FORMATS:
        # nearly any bytes are rows to the format of separated values
        if packed.ending in format.endings and not (binary and format is delimited.FORMAT):
            return format.open(packed, table)
    if not binary:
        for format in FORMATS:
            source = format.guess(packed)
            if source is not None:
                return [source]
    raise ReviewFileError(
        f"{packed.where} cannot be read: it is neither text nor a known format. Known: {_known()}."
    )


def _known() -> str:
    labels = ", ".join(format.label for format in FORMATS)
    return f"{labels}, or these as .gz, .zst or .zip"


def _is_data(name: str) -> bool:
    """Whether a file's name is that of a format, other than plain text."""
    ending = Packed(Path(name), name).ending
    return any(ending in format.endings for format in FORMATS)


def _refuse_foreign(packed: Packed, start: bytes) -> None:
    what = next((name for magic, name in _FOREIGN if start.startswith(magic)), "")
    if start[257:262] == b"ustar":
        what = "a .tar archive; unpack it and give the folder"
    if re.match(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)", start[:200], re.IGNORECASE):
        what = "a web page; save the reviews in it as CSV"
    elif start.lstrip().startswith(b"<?xml"):
        what = "an XML file; save it as CSV"
    if what:
        raise ReviewFileError(
            f"{packed.where} cannot be read: it is {what}. What is read: {_known()}."
        )


def _is_binary(start: bytes) -> bool:
    try:
        # control characters in sound UTF-8 are rows of odd text, not another kind of file
        codecs.getincrementaldecoder("utf-8")().decode(start)
        return False
    except UnicodeDecodeError:
        pass
    with open_text(io.BytesIO(start), detect(start, whole=False)) as stream:
        content = stream.read()
    strange = re.findall(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]", content)
    # one or two that are frequent may be what separates values
    return len(strange) > 0.05 * len(content) and (len(set(strange)) > 2 or "\ufffd" in strange)


def _open_folder(folder: Path, ratio: float) -> list[RowSource]:
    home = folder.resolve()
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.is_file()
        and not path.name.startswith(".")
        and path.resolve().is_relative_to(home)
        and (_is_data(path.name) or path.suffix.lower() == ".zip")
    ]
    _require_few(str(folder), files)
    if files:
        sources = [open_sources(path, max_unpack_ratio=ratio) for path in files]
        return [source for several in sources for source in several]
    texts = text.find_texts(folder)
    if texts:
        return [text.TextFolderSource(folder, texts)]
    below = (path for path in sorted(folder.rglob("*")) if path.is_file())
    inside = next((path for path in below if _is_data(path.name)), None)
    advice = f" {inside.parent} has some: give that folder." if inside else ""
    raise ReviewFileError(f"The folder {folder} has no review files ({_known()}).{advice}")


def _open_zip(packed: Packed) -> list[RowSource]:
    if packed.member or packed.packing:
        raise ReviewFileError(
            f"{packed.where} is an archive inside an archive. Unpack the outer one."
        )
    archive, members = open_zip(packed.path, packed.ratio)
    for sign, what in _OFFICE:
        if any(name.startswith(sign) for name in members):
            raise ReviewFileError(
                f"{packed.where} cannot be read: it is {what}. What is read: {_known()}."
            )
    data = [name for name in members if _is_data(name)]
    texts = text.review_texts([name for name in members if text.is_text_name(name)])
    if len(texts) > 1 and not data:
        return [text.TextFolderSource(packed.path, texts, zipped=True)]
    _require_few(packed.where, data or texts)
    opened = [
        open_file(replace(packed, name=f"{packed.name}/{name}", member=name, archive=archive))
        for name in data or texts
    ]
    if not opened:
        shown = ", ".join(map(repr, islice(members, 5)))
        listing = f"It has: {shown}{', ...' if len(members) > 5 else ''}." if shown else ""
        raise ReviewFileError(
            f"{packed.where} has no review files in it ({_known()}). {listing or 'It is empty.'}"
        )
    return [source for several in opened for source in several]


def _require_few(where: str, files: Sequence[object]) -> None:
    if len(files) > MOST_FILES:
        raise ReviewFileError(
            f"{where} has {len(files):,} review files, and at most {MOST_FILES:,} are read at "
            "once. Put their rows together in fewer files, or give them in parts."
        )
