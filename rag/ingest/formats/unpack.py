"""The bytes of a file, plain or packed (.gz, .zst, a member of a .zip), as a stream with a limit.

Nothing is unpacked to disk by its own name, and nothing is unpacked further than `MAX_UNPACKED`
bytes or so many times its packed size, whichever is more. A packed file that is damaged ends where
the damage is, and `damage` says so.
"""

from __future__ import annotations

import gzip
import io
import shutil
import tempfile
import zipfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rag.schema import ReviewFileError

FREE_UNPACKED = 50 * 1024 * 1024  # bytes that any archive may unpack to
PACKINGS = {"gz": b"\x1f\x8b", "zst": b"\x28\xb5\x2f\xfd"}  # and how they begin
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
UNREADABLE = (  # what opening an archive, or reading on in one, may raise
    OSError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    ValueError,
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)


@dataclass(frozen=True, slots=True)
class Packed:
    """A file on disk, and how to get at what is in it."""

    path: Path
    name: str  # as reviews name it: "b.csv.gz", "a.zip/b.csv"
    member: str = ""  # the name inside a .zip
    packing: str = ""  # "gz" or "zst"
    ratio: float = 200.0
    archive: zipfile.ZipFile | None = None  # what the member is in, open: its list is read once

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    @property
    def ending(self) -> str:
        """The end of the name that says what is in it, in lower case: "csv" of "a.CSV.gz"."""
        parts = self.name.lower().split(".")[1:]
        while parts and parts[-1] in PACKINGS:
            parts.pop()
        return parts[-1] if parts else ""

    def open(self) -> Unpacked:
        """A stream of the unpacked bytes. Raises `ReviewFileError`."""
        return Unpacked(self)

    def sample(self, length: int) -> bytes:
        """The first bytes. Raises `ReviewFileError` where there are none because the file is
        damaged.
        """
        with self.open() as raw, io.BufferedReader(raw) as stream:
            data = stream.read(length)
            if not data and raw.damage:
                raise ReviewFileError(f"Cannot read {self.where}: {raw.damage}.")
            return data

    def spool(self, suffix: str = "") -> IO[bytes]:
        """A file that can be sought in: the file itself, or a temporary copy that goes when it is
        closed.
        """
        if not (self.member or self.packing):
            try:
                return self.path.open("rb")
            except OSError as error:
                raise ReviewFileError(f"Cannot read {self.where}: {error}.") from error
        try:
            with ExitStack() as stack:
                copy = stack.enter_context(
                    tempfile.NamedTemporaryFile(prefix="reviews-", suffix=suffix)
                )
                with self.open() as raw:
                    shutil.copyfileobj(raw, copy, 1024 * 1024)
                    copy.flush()
                    if raw.damage:
                        raise ReviewFileError(f"Cannot read {self.where}: {raw.damage}.")
                stack.pop_all()  # it stays, for the caller to close
        except OSError as error:
            raise ReviewFileError(
                f"Cannot unpack {self.where} to the folder for temporary files: "
                f"{_reason(error)}. Make room there, or name another folder in TMPDIR."
            ) from error
        return copy


class Unpacked(io.RawIOBase):
    """The unpacked bytes of a `Packed` file; ends early at damage, raises `ReviewFileError` past
    the limit.
    """

    def __init__(self, packed: Packed) -> None:
        self.damage = ""
        self._packed, self._count, self._stack = packed, 0, ExitStack()
        self._expected = self._stored = 0  # bytes to come, unpacked and not, where they are known
        try:
            self.total = packed.path.stat().st_size
            inner: Any
            if packed.archive is not None:
                info = packed.archive.getinfo(packed.member)
                self.total = min(self.total, info.compress_size)
                self._expected = self._stored = info.file_size
                inner = packed.archive.open(info)
            else:
                inner = packed.path.open("rb")
            self._file = self._stack.enter_context(inner)
            if packed.packing == "gz":
                inner = self._stack.enter_context(gzip.GzipFile(fileobj=inner))
            elif packed.packing == "zst":
                import zstandard

                if not packed.member:
                    self._expected = _zstd_length(self._file.read(18))
                    self._file.seek(0)
                inner = zstandard.ZstdDecompressor().stream_reader(inner, read_across_frames=True)
        except UNREADABLE as error:
            self._stack.close()
            raise ReviewFileError(f"Cannot read {packed.where}: {_reason(error)}.") from error
        # What was unpacked before damage is not lost by read1; of zstandard, it may return nothing
        # too early
        self._read = inner.read if packed.packing == "zst" else inner.read1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.damage:
            return 0
        try:
            data = self._read(len(buffer))
        except UNREADABLE as error:
            self.damage = _reason(error)
            return 0
        except Exception as error:
            if type(error).__name__ != "ZstdError":
                raise
            self.damage = _reason(error)
            return 0
        buffer[: len(data)] = data
        self._count += len(data)
        if (
            not data
            and self._packed.packing == "zst"
            and (self._count < self._expected or self._expected < 0)
        ):
            self.damage = "it breaks off in the middle"  # which zstandard does not tell
        packed = self._packed
        limit = max(FREE_UNPACKED, packed.ratio * self.total)
        if (packed.packing or packed.member) and self._count > limit:
            raise ReviewFileError(
                f"{packed.where} unpacks to more than {packed.ratio:g} times its size "
                f"({self.total:,} bytes), as an "
                "archive made to fill a disk does. Nothing of it is used. If it is good, unpack "
                "it and give the file."
            )
        return len(data)

    @property
    def done(self) -> int:
        """How many of the `total` packed bytes have been read."""
        if self.closed or self._file.closed:
            return self.total
        if self._packed.member:
            return min(self.total, int(self._file.tell()) * self.total // max(1, self._stored))
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._stack.close()
        super().close()


def _zstd_length(start: bytes) -> int:
    import zstandard

    try:
        length = int(zstandard.get_frame_parameters(start).content_size)
    except zstandard.ZstdError:
        return -1
    return 0 if length == zstandard.CONTENTSIZE_UNKNOWN else length


def _reason(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = (
        str(error.args[0] if isinstance(error, KeyError) and error.args else error)
        .strip()
        .rstrip(".")
    )
    return text or type(error).__name__


def open_zip(path: Path, ratio: float) -> tuple[zipfile.ZipFile, list[str]]:
    """A .zip, open, and its members in their order. Raises `ReviewFileError` for what cannot, or
    must not, be unpacked.
    """
    try:
        archive = zipfile.ZipFile(path)
    except UNREADABLE as error:
        raise ReviewFileError(f"Cannot read {path} as a .zip: {_reason(error)}.") from error
    if not all(info.filename for info in archive.infolist()):
        raise ReviewFileError(
            f"Cannot read {path} as a .zip: a file in it has no name; it is damaged."
        )
    infos = [info for info in archive.infolist() if not info.is_dir()]
    size = path.stat().st_size
    unpacked = sum(info.file_size for info in infos)
    if unpacked > max(FREE_UNPACKED, ratio * size):
        raise ReviewFileError(
            f"{path} says that it unpacks to {unpacked:,} bytes, more than {ratio:g} times its "
            f"size ({size:,} bytes), as an archive made to fill a disk does. Nothing of it is "
            "used. If it is good, unpack it first."
        )
    members = []
    for info in infos:
        name = info.filename
        if "__MACOSX" in name.split("/") or name.rsplit("/", 1)[-1].startswith("."):
            continue
        if info.flag_bits & 0x1:
            raise ReviewFileError(
                f"{path}: {name!r} in it is encrypted. Unpack it with its password and give the "
                "file."
            )
        if info.compress_type not in _METHODS:
            raise ReviewFileError(
                f"{path}: {name!r} is packed in a way that is not read here. Unpack it first."
            )
        members.append(name)
    return archive, list(dict.fromkeys(members))
