"""Which encoding a file is in, and its text as a stream.

A byte-order mark settles it; else UTF-8 where the sample is UTF-8 but for a few odd bytes; else the
sample is tried as East Asian text (known by its pairs of bytes), as Western or Central European
text (lone accented letters among plain ones), and by charset-normalizer; else it is cp1252. Bytes
that the encoding does not know are never an error.
"""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass
from typing import IO

SAMPLE = 1024 * 1024  # bytes that are looked at; a later byte that does not fit is read as cp1252

_MARKS = (  # UTF-32 first: its mark begins like that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with BOM"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_NAMES = {
    "cp932": "Shift-JIS",
    "gb18030": "GB18030",
    "big5": "Big5",
    "euc_jp": "EUC-JP",
    "koi8_r": "KOI8-R",
}
_WESTERN = set("àáâãäåæçèéêëìíîïñòóôõöøœùúûüÿß’‘“”«»…€–—°£·¡¿´§ ")
_CENTRAL = set("ąćęłńóśźżáčďéěíňřšťúůýžäöüőűß’‘“”„«»…€–—° ")
_OTHERS = ["cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp874", "cp1252", "cp1250"]


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding: the codec's name, and how people call it."""

    codec: str
    label: str


def detect(sample: bytes, *, whole: bool = True) -> Encoding:
    """The encoding of a file that begins with `sample`; `whole` says that nothing follows it."""
    for mark, codec, label in _MARKS:
        if sample.startswith(mark):
            return Encoding(codec, label)
    wide = _without_mark(sample)
    if wide:
        return wide
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(sample, whole)
        return Encoding("utf-8", "UTF-8")
    except UnicodeDecodeError:
        pass
    text = sample.decode("utf-8", "surrogateescape")
    odd = len(re.findall(r"[\udc80-\udcff]", text))
    if len(re.findall(r"[^\x00-\x7f]", text)) - odd >= 4 * odd:
        return Encoding("utf-8", "UTF-8 (odd bytes read as cp1252)")
    codec = _legacy(sample)
    return Encoding(codec, _NAMES.get(codec, codec))


def open_text(
    stream: IO[bytes], encoding: Encoding, newline: str | None = "\n"
) -> io.TextIOWrapper:
    """The text of a stream of bytes, read as it is asked for; odd bytes are read as cp1252, or as
    U+FFFD.
    """
    by_bytes = encoding.codec.startswith(("utf-8", "cp125"))
    return io.TextIOWrapper(
        stream, encoding.codec, "reviews.odd" if by_bytes else "replace", newline
    )


def _odd_bytes(error: UnicodeError) -> tuple[str, int]:
    """Codec error handler: bytes that cannot be decoded are taken for cp1252, where they are that."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(map(_cp1252, error.object[error.start : error.end])), error.end


def _cp1252(byte: int) -> str:
    return bytes([byte]).decode("cp1252", "ignore") or chr(byte)


codecs.register_error("reviews.odd", _odd_bytes)


def _without_mark(sample: bytes) -> Encoding | None:
    """UTF-16 or UTF-32 without a mark: its plain characters are full of NUL bytes, and nothing is
    left of them.
    """
    # a NUL here and there in plain text: there are line ends without one beside them, which UTF-16
    # does not have
    stray = _is_utf8(sample) and re.search(rb"(?<!\0)\n(?!\0)", sample) is not None
    if sample.count(0) < (0.3 if stray else 0.02) * len(sample) or len(sample) < 4:
        return None
    for codec, width, label in (("utf-32", 4, "UTF-32"), ("utf-16", 2, "UTF-16")):
        for order in ("le", "be"):
            try:
                text = sample[: len(sample) // width * width].decode(f"{codec}-{order}")
            except UnicodeDecodeError as error:
                if error.start < len(sample) - 4:
                    continue
                text = sample[: error.start].decode(f"{codec}-{order}")
            plain = len(re.findall(r"[\t\r\n -~]", text))
            if (
                text.count("\0") <= 0.001 * len(text)
                and re.search(r"[\n ,;\t]", text)
                and plain > 0.02 * len(text)
            ):
                return Encoding(f"{codec}-{order}", label)
    return None


def _is_utf8(sample: bytes) -> bool:
    try:
        sample.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(sample) - 4
    return True


def _legacy(sample: bytes) -> str:
    high = b"\n".join(line for line in sample.splitlines() if not line.isascii())[:65536]
    runs = re.findall(rb"[\x80-\xff]+", high)
    lone = sum(len(run) == 1 for run in runs) / max(1, sum(map(len, runs)))
    if lone < 0.5:
        score, codec = max(
            ((_east_asian(high, codec), codec) for codec in _LEVELS), key=lambda pair: pair[0]
        )
        if score > 0.9:
            return codec
        from charset_normalizer import from_bytes

        best = from_bytes(high, cp_isolation=_OTHERS).best()
        if (
            best is not None
            and best.encoding in _OTHERS
            and best.encoding not in ("cp1250", "cp1252")
        ):
            return best.encoding
    western, central = (_share(high.decode(codec, "replace"), usual) for codec, usual in _EUROPEAN)
    return "cp1250" if central > western + 0.03 else "cp1252"


_EUROPEAN = (("cp1252", _WESTERN), ("cp1250", _CENTRAL))


def _share(text: str, usual: set[str]) -> float:
    accented = [character.lower() for character in text if character > "\x7f"]
    return sum(character in usual for character in accented) / max(1, len(accented))


# Of each pair of bytes, the first ones that the usual characters have: letters, and the most
# frequent ideographs.
_LEVELS: dict[str, tuple[tuple[int, int], ...]] = {
    "cp949": ((0xB0, 0xC8), (0xA1, 0xA4)),
    "cp932": ((0x81, 0x83), (0x88, 0x97)),
    "euc_jp": ((0xA1, 0xA1), (0xA3, 0xA5), (0xB0, 0xCF)),
    "gb18030": ((0xA1, 0xA3), (0xB0, 0xD7)),
    "big5": ((0xA1, 0xA3), (0xA4, 0xC6)),
}


def _east_asian(high: bytes, codec: str) -> float:
    """The share of usual characters, were it text in `codec`; 0 where it cannot be."""
    try:
        text = codecs.getincrementaldecoder(codec)("strict").decode(high)
    except UnicodeDecodeError:
        return 0.0
    wide = [character.encode(codec) for character in text[:20_000] if character > "\x7f"]
    usual = sum(
        any(low <= pair[0] <= top for low, top in _LEVELS[codec]) and len(pair) == 2
        for pair in wide
    )
    return usual / max(1, len(wide))
