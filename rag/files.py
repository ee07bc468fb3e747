"""Small facts about files on disk."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read in pieces, so that a file larger than memory is fine."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
