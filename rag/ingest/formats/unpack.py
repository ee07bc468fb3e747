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
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rag.schema import ReviewFileError

FREE_UNPACKED = 50 * 1024 * 1024  # bytes that any archive may unpack to
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)


@dataclass(frozen=True, slots=True)
class Packed:
    """A file on disk, and how to get at what is in it."""

    path: Path
    name: str  # as reviews name it: "b.csv.gz", "a.zip/b.csv"
    member: str = ""  # the name inside a .zip
    packing: str = ""  # "gz" or "zst"
    ratio: float = 200.0

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    def open(self) -> Unpacked:
        """A stream of the unpacked bytes. Raises `ReviewFileError`."""
        return Unpacked(self)

    def sample(self, length: int) -> bytes:
        """The first bytes. Raises `ReviewFileError` where there are none because the file is
        damaged.
        """
        with self.open() as raw, io.BufferedReader(raw) as stream:
            found = stream.read(length)
            if not found and raw.damage:
                raise ReviewFileError(f"Cannot read {self.where}: {raw.damage}.")
            return found

    def spool(self, suffix: str = "") -> IO[bytes]:
        """A file that can be sought in: the file itself, or a temporary copy that goes when it is
        closed.
        """
        if not (self.member or self.packing):
            try:
                return self.path.open("rb")
            except OSError as error:
                raise ReviewFileError(f"Cannot read {self.where}: {error}.") from error
        copy = tempfile.NamedTemporaryFile(prefix="reviews-", suffix=suffix)  # noqa: SIM115 - the caller closes it
        try:
            with self.open() as raw:
                shutil.copyfileobj(raw, copy, 1024 * 1024)
                copy.flush()
                if raw.damage:
                    raise ReviewFileError(f"Cannot read {self.where}: {raw.damage}.")
        except OSError as error:
            copy.close()
            raise ReviewFileError(
                f"Cannot unpack {self.where} to {tempfile.gettempdir()}: {error}."
            ) from error
        except ReviewFileError:
            copy.close()
            raise
        return copy


class Unpacked(io.RawIOBase):
    """The unpacked bytes of a `Packed` file; ends early at damage, raises `ReviewFileError` past
    the limit.
    """

    def __init__(self, packed: Packed) -> None:
        self.damage = ""
        self._packed, self._count, self._stack = packed, 0, ExitStack()
        self._expected = 0  # bytes that are to come, where the file says so
        try:
            self._file = self._stack.enter_context(packed.path.open("rb"))
            self.total = packed.path.stat().st_size
            inner: Any = self._file
            if packed.member:
                archive = self._stack.enter_context(zipfile.ZipFile(self._file))
                info = archive.getinfo(packed.member)
                self.total, self._expected = min(self.total, info.compress_size), info.file_size
                inner = self._stack.enter_context(archive.open(info))
            if packed.packing == "gz":
                inner = self._stack.enter_context(gzip.GzipFile(fileobj=inner))
            elif packed.packing == "zst":
                import zstandard

                if not packed.member:
                    self._expected = _zstd_length(self._file.read(18))
                    self._file.seek(0)
                inner = zstandard.ZstdDecompressor().stream_reader(inner, read_across_frames=True)
        except (
            OSError,
            RuntimeError,
            zipfile.BadZipFile,
            KeyError,
            NotImplementedError,
            ValueError,
        ) as error:
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
        except (
            OSError,
            EOFError,
            zlib.error,
            zipfile.BadZipFile,
            RuntimeError,
            NotImplementedError,
        ) as error:
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
        if self._packed.member and not self._packed.packing:
            return min(self.total, self._count * self.total // max(1, self._expected))
        return self._file.tell()

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


@dataclass(frozen=True, slots=True)
class Archive:
    """The files in a .zip that may hold reviews, as far as their names say."""

    path: Path
    members: list[str] = field(default_factory=list)


def list_zip(path: Path, ratio: float) -> Archive:
    """The members of a .zip, in its order. Raises `ReviewFileError` for what cannot, or must not,
    be unpacked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (
        OSError,
        zipfile.BadZipFile,
        ValueError,
        NotImplementedError,
        RuntimeError,
        EOFError,
    ) as error:
        raise ReviewFileError(f"Cannot read {path} as a .zip: {_reason(error)}.") from error
    size = path.stat().st_size
    unpacked = sum(info.file_size for info in infos)
    if unpacked > max(FREE_UNPACKED, ratio * size):
        raise ReviewFileError(
            f"{path} says that it unpacks to {unpacked:,} bytes, more than {ratio:g} times its "
            f"size ({size:,} bytes), "
            "as an archive made to fill a disk does. Nothing of it is used. If it is good, unpack "
            "it first."
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
    return Archive(path, list(dict.fromkeys(members)))
