"""The questions and answers of a browser, kept on this machine's disk so that they outlive a reload.

On the disk, since what a page may keep in the browser can only be reached by a script that talks to
the server, which Streamlit leaves to components of others. Which browser it is, a cookie says that
`ui.access` gives it: a long random number that no script can read. Its hash names the file, so no
name leads back to a cookie, and nobody is shown the questions of another browser. Where somebody
logs in, the login counts, too.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import time
from pathlib import Path

import streamlit as st
from pydantic import TypeAdapter

from rag.config import Settings
from ui.access import BROWSER_COOKIE, BROWSER_COOKIE_S
from ui.components.conversation import MAX_HISTORY, Exchange

_EXCHANGE = TypeAdapter(Exchange)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_MOST_BYTES = 20_000_000  # of a file: what is larger was not written here
_MOST_FILES = 1000  # the longest unused go first

_log = logging.getLogger(__name__)


def load(settings: Settings) -> list[Exchange]:
    """This browser's questions and answers, oldest first; none where nothing can be read."""
    file = _file(settings)
    exchanges = []
    for line in _lines(file) if file else []:
        with contextlib.suppress(ValueError):  # of an older version, or cut off
            exchanges.append(_EXCHANGE.validate_json(line))
    return exchanges


def add(settings: Settings, exchange: Exchange) -> None:
    """Keep one more; the oldest goes where there are more than `MAX_HISTORY`."""
    file = _file(settings)
    if file is None:
        return
    lines = [*_lines(file), _EXCHANGE.dump_json(exchange)][-MAX_HISTORY:]
    pending = file.with_suffix(f".{os.getpid()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        pending.touch(mode=0o600)
        pending.write_bytes(b"\n".join(lines))
        os.replace(pending, file)
        _prune(file.parent)
    except OSError as error:
        _log.warning("A question was not kept: %s", error)


def forget(settings: Settings) -> None:
    """Remove what is kept of this browser."""
    file = _file(settings)
    if file is not None:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def _file(settings: Settings) -> Path | None:
    """Where this browser's are kept, or None where it takes no cookie."""
    token = str(st.context.cookies.get(BROWSER_COOKIE, ""))
    if not _TOKEN.fullmatch(token):
        return None
    who = f"{token} {st.user.get('sub', '')}"
    return settings.paths.history_dir / f"{hashlib.sha256(who.encode()).hexdigest()}.jsonl"


def _lines(file: Path) -> list[bytes]:
    try:
        if file.stat().st_size <= _MOST_BYTES:
            return file.read_bytes().splitlines()[-MAX_HISTORY:]
    except OSError:
        pass
    return []


def _prune(folder: Path) -> None:
    """Remove the files of browsers that were not used for as long as their cookies last."""
    used = sorted(((path.stat().st_mtime, path) for path in folder.glob("*.jsonl")), reverse=True)
    for number, (when, path) in enumerate(used):
        if number >= _MOST_FILES or time.time() - when > BROWSER_COOKIE_S:
            path.unlink(missing_ok=True)
