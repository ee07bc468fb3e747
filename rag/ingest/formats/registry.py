"""What is at a location, told by its content first and by its name second."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rag.ingest.formats.rows import RowSource
from rag.ingest.formats.unpack import Packed, list_zip
from rag.schema import ReviewFileError

DELIMITED, JSON = ("csv", "tsv", "tab", "psv"), ("json", "jsonl", "ndjson")
TABLES = ("parquet", "xlsx", "xlsm", "sqlite", "sqlite3", "db")
PACKINGS = ("gz", "zst")
DATA = (*DELIMITED, *JSON, *TABLES)
KNOWN = "CSV, TSV, JSON, JSON Lines, Parquet, Excel (.xlsx), SQLite, .txt, or these as .gz, .zst or .zip"
_MAX_MEMBERS = 10_000

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


def open_location(location: str, ratio: float) -> list[RowSource]:
    """See `rag.ingest.formats.rows.open_sources`."""
    if location.startswith("hf:"):
        from rag.ingest.formats.hub import HubSource

        return [HubSource(location)]
    path, table = Path(location), ""
    try:
        if not path.exists() and "::" in location:
            before, _, table = location.rpartition("::")
            path = Path(before)
        if path.is_dir():
            return _open_folder(path, ratio)
        if not path.exists():
            raise ReviewFileError(f"There is no file {path}.")
        if not path.is_file():
            raise ReviewFileError(f"{path} is neither a file nor a folder.")
        if not path.stat().st_size:
            raise ReviewFileError(f"{path} is empty: it has no rows.")
    except (OSError, ValueError) as error:
        raise ReviewFileError(f"Cannot read {location!r}: {error}.") from error
    sources = open_file(Packed(path, path.name, ratio=ratio), table)
    if table and not sources[0].format.startswith("SQLite"):
        raise ReviewFileError(f"{path} is not an SQLite database: it has no tables to name.")
    return sources


def _open_folder(folder: Path, ratio: float) -> list[RowSource]:
    from rag.ingest.formats.text_folder import TextFolderSource, find_texts

    home = folder.resolve()
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.startswith(".")
    ]
    files = [path for path in files if path.resolve().is_relative_to(home)]
    data = [path for path in files if _suffix(path.name) in DATA or path.suffix.lower() == ".zip"]
    if data:
        return [source for path in data for source in open_location(str(path), ratio)]
    texts = find_texts(folder)
    if texts:
        return [TextFolderSource(folder, texts)]
    inside = next(
        (
            path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and _suffix(path.name) in DATA
        ),
        None,
    )
    advice = f" {inside.parent} has some: give that folder." if inside else ""
    raise ReviewFileError(f"The folder {folder} has no review files ({KNOWN}).{advice}")


def _suffix(name: str) -> str:
    """The ending that says what is in a file, in lower case: "csv" of "a.CSV.gz"."""
    parts = name.lower().split(".")[1:]
    while parts and parts[-1] in PACKINGS:
        parts.pop()
    return parts[-1] if parts else ""


def open_file(packed: Packed, table: str = "") -> list[RowSource]:
    """The sources in a file. Raises `ReviewFileError`."""
    start = packed.sample(4096)
    if not packed.packing:
        packing = (
            "gz"
            if start.startswith(b"\x1f\x8b")
            else "zst"
            if start.startswith(b"\x28\xb5\x2f\xfd")
            else ""
        )
        if packing:
            return open_file(replace(packed, packing=packing), table)
    if start.startswith(b"PK\x03\x04") or start.startswith(b"PK\x05\x06"):
        return _open_zip(packed)
    suffix = _suffix(packed.name)
    if start.startswith(b"SQLite format 3\0"):
        from rag.ingest.formats.tables import SqliteSource

        return [SqliteSource(packed, table)]
    if start.startswith(b"PAR1") or suffix == "parquet":
        from rag.ingest.formats.tables import ParquetSource

        return [ParquetSource(packed)]
    _refuse_foreign(packed, start, suffix)
    return [_open_text(packed, start, suffix)]


def _refuse_foreign(packed: Packed, start: bytes, suffix: str) -> None:
    what = next((name for magic, name in _FOREIGN if start.startswith(magic)), "")
    if start[257:262] == b"ustar":
        what = "a .tar archive; unpack it and give the folder"
    if re.match(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)", start[:200], re.IGNORECASE):
        what = "a web page; save the reviews in it as CSV"
    elif start.lstrip().startswith(b"<?xml"):
        what = "an XML file; save it as CSV"
    elif suffix in ("xlsx", "xlsm", "sqlite", "sqlite3"):
        what = what or f"no .{suffix} file, though its name says so"
    if what:
        raise ReviewFileError(
            f"{packed.where} cannot be read: it is {what}. What is read: {KNOWN}."
        )
    if suffix not in DELIMITED + JSON and _is_binary(start):
        raise ReviewFileError(
            f"{packed.where} cannot be read: it is neither text nor a known format. Known: {KNOWN}."
        )
    if not start:
        raise ReviewFileError(f"{packed.where} is empty: it has no rows.")


def _as_text(start: bytes) -> str:
    from rag.ingest.formats.encoding import detect, open_text

    with open_text(io.BytesIO(start), detect(start, whole=False)) as stream:
        return stream.read()


def _is_binary(start: bytes) -> bool:
    text = _as_text(start)
    strange = len(re.findall(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]", text))
    return strange > 0.05 * len(text)


def _open_text(packed: Packed, start: bytes, suffix: str) -> RowSource:
    from rag.ingest.formats.delimited import DelimitedSource
    from rag.ingest.formats.json_rows import JsonSource
    from rag.ingest.formats.text_folder import TextSource

    if suffix in DELIMITED:
        return DelimitedSource(packed, suffix)
    if suffix in JSON:
        return JsonSource(packed)
    if _as_text(start).lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        json = JsonSource(packed)
        first = next(iter(json), None)
        if first is not None and not first.problem:
            return json
    source = DelimitedSource(packed, suffix)
    return source if source.dialect.sure else TextSource(packed)


def _open_zip(packed: Packed) -> list[RowSource]:
    from rag.ingest.formats.sheets import open_sheets
    from rag.ingest.formats.text_folder import TextFolderSource, is_text_name, review_texts

    nested = bool(packed.member or packed.packing)
    if nested:
        if _suffix(packed.name) in ("xlsx", "xlsm"):
            return [*open_sheets(packed)]
        raise ReviewFileError(
            f"{packed.where} is an archive inside an archive. Unpack the outer one."
        )
    archive = list_zip(packed.path, packed.ratio)
    if any(name.startswith("xl/") for name in archive.members):
        return [*open_sheets(packed)]
    for sign, what in (
        ("word/", "a Word document"),
        ("ppt/", "a PowerPoint file"),
        ("content.xml", "an OpenDocument file"),
    ):
        if any(name.startswith(sign) for name in archive.members):
            raise ReviewFileError(
                f"{packed.where} cannot be read: it is {what}. What is read: {KNOWN}."
            )
    data = [name for name in archive.members if _suffix(name) in DATA]
    texts = review_texts(
        [name for name in archive.members if is_text_name(name.rsplit("/", 1)[-1])]
    )
    if len(texts) > 1 and not data:
        return [TextFolderSource(packed.path, texts, archive)]
    if len(data or texts) > _MAX_MEMBERS:
        raise ReviewFileError(
            f"{packed.where} has more than {_MAX_MEMBERS:,} files. Unpack it and give the folder."
        )
    sources = [
        source
        for name in data or texts
        for source in open_file(replace(packed, name=f"{packed.name}/{name}", member=name))
    ]
    if not sources:
        raise ReviewFileError(
            f"{packed.where} has no review files in it ({KNOWN}).{_listing(archive.members)}"
        )
    return sources


def _listing(members: Sequence[str]) -> str:
    return (
        f" It has: {', '.join(map(repr, members[:5]))}{', ...' if len(members) > 5 else ''}."
        if members
        else " It is empty."
    )
