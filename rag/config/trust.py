"""What a settings file that nobody named may do only with the user's consent.

A `reviewqa.toml` in the working folder may have come with somebody else's reviews. It may set what
it likes, but for what reaches out (a server, a key, a model from elsewhere) or opens up (an
address, a folder): that is agreed to once for each content of the file.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rag.config.groups import BUNDLED_GENERATOR, GEMMA_BASE
from rag.config.settings import Settings
from rag.schema import SettingsError

CONSENTS = "~/.config/reviewqa/trusted"  # fixed: a setting could lead to consents made elsewhere
KEY_PREFIXES = ("OPENAI_", "REVIEWQA_")
MODELS = (
    "generator.name",
    "generator.adapter",
    "embedding.model",
    "retrieval.reranker",
    "reader.model",
    "answering.wording",
)
_NO_LOCATIONS = (
    "",
    "none",
    "off",
    "bundled",
    "auto",
    "extractive",
    "openai",
    BUNDLED_GENERATOR,
    GEMMA_BASE,
)
_DEFAULTS = Settings()


class ConsentError(SettingsError):
    """A settings file that nobody named sets what needs consent; `record` notes that it was given."""

    def __init__(self, file: Path, content: bytes, stated: Mapping[str, Any]) -> None:
        self.file, self._content = file, content
        what = ", ".join(f"{name} = {json.dumps(str(value))}" for name, value in stated.items())
        super().__init__(
            f"{file} in this folder sets {what}. That reaches beyond this machine or this folder, "
            "and nobody has agreed to it. If you want it: reviewqa config trust "
            f"{shlex.quote(str(file))}"
        )

    def record(self) -> None:
        """Note that the user agrees to the file as it was read."""
        record_consent(self.file, self._content)


def require_consent(file: Path, content: bytes, stated: Iterable[tuple[str, Any]]) -> None:
    """Raise `ConsentError` where `file` sets what needs consent that was not given."""
    asked = {name: value for name, value in stated if needs_consent(name, value)}
    if asked and not _consent(file, content).exists():
        raise ConsentError(file, content, asked)


def record_consent(file: Path, content: bytes) -> None:
    """Note that the user agrees to all that `file` sets. Raises `SettingsError`."""
    consent = _consent(file, content)
    try:
        consent.parent.mkdir(parents=True, exist_ok=True)
        consent.touch()
    except OSError as error:
        raise SettingsError(
            f"The consent cannot be kept in {consent.parent}: {error.strerror}. "
            f"Name the file each time: reviewqa --settings {shlex.quote(str(file))} ..."
        ) from error


def needs_consent(name: str, value: Any) -> bool:
    """Whether a setting reaches out of this machine or folder, or opens something up."""
    group, _, key = name.partition(".")
    if value == getattr(getattr(_DEFAULTS, group), key):
        return False
    if name == "openai.base_url":
        return not _is_loopback_url(value)
    if name == "openai.api_key_env":
        return not value.startswith(KEY_PREFIXES)
    if name == "server.host":
        return not is_loopback(value)
    if name in MODELS:
        defaults = (_DEFAULTS.paths.models_dir, _DEFAULTS.paths.runs_dir, Path("~/.cache"))
        return value not in _NO_LOCATIONS and not _is_inside(value, defaults)
    if name in ("server.public_name", "paths.reviews_dir"):
        return True
    return group == "paths" and not _is_inside(value, [Path()])


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens at `host`; no name but localhost counts."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_loopback_url(url: str) -> bool:
    if {*"@\\"} & {*url}:  # programs differ in what they take for the host then
        return False
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def _is_inside(location: str | Path, folders: Iterable[Path]) -> bool:
    try:
        path = Path(location).expanduser().resolve()
        return any(path.is_relative_to(folder.expanduser().resolve()) for folder in folders)
    except (OSError, RuntimeError, ValueError):
        return False


def _consent(file: Path, content: bytes) -> Path:
    """Where a consent is noted: for this content, in this place."""
    named = str(file.resolve()).encode(errors="surrogateescape") + b"\0" + content
    return Path(CONSENTS).expanduser() / hashlib.sha256(named).hexdigest()
