"""What a model server writes in an error, made fit to be shown: short, printable, without the key.

Servers quote the key that they were sent, whole or in part, encoded or escaped.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

_SHOWN = 300  # characters
_SHORT, _LONG = 5, 8  # characters of a key that give it away in a word, and across words
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{8,}")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))")


def shown(text: str, key: str) -> str:
    """`text` on one line, without control characters and with ``***`` for each word that holds a
    part of `key`, in whatever form.
    """
    plain = "".join(letter if letter.isprintable() else " " for letter in text[: 20 * _SHOWN])
    words = ["***" if key and _tells(word, key) else word for word in plain.split()]
    line = " ".join(words)
    if key and _parts(key, _LONG) & _parts(line, _LONG):  # a key spelled out over many words
        return "(its words are not shown, because they hold the key)"
    return line[:_SHOWN]


def _tells(word: str, key: str) -> bool:
    parts = _parts(key, _SHORT) | _parts(key[::-1], _SHORT)
    return any(parts & _parts(form, _SHORT) for form in _forms(word))


def _parts(text: str, length: int) -> set[str]:
    """Every run of `length` letters and digits (all of a shorter text), whatever stands between."""
    bare = "".join(letter for letter in text.casefold() if letter.isalnum())
    return {bare[start : start + length] for start in range(max(1, len(bare) - length + 1))} - {""}


def _forms(word: str) -> Iterator[str]:
    """The word, and what it may be a coding of."""
    yield word
    yield html.unescape(unquote(word))
    yield _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)), word)
    for run in _ENCODED.findall(unquote(word)):
        with_slashes = run.replace("-", "+").replace("_", "/")
        for start in range(4):  # a part of a coding may begin anywhere
            part = with_slashes[start:]
            yield base64.b64decode(part[: len(part) // 4 * 4]).decode("latin-1")
        try:
            yield binascii.unhexlify(run[: len(run) // 2 * 2]).decode("latin-1")
        except ValueError:
            continue
