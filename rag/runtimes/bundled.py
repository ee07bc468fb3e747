"""The bundled all-MiniLM-L6-v2: where it is, and that its weights are the ones that were shipped."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

from rag.config import BUNDLED_EMBEDDER_PACKAGE
from rag.files import sha256_of
from rag.schema import ModelError

BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def bundled_embedder_folder() -> Path:
    """Folder of the bundled all-MiniLM-L6-v2, its weights checked. Raises `ModelError`."""
    spec = importlib.util.find_spec(BUNDLED_EMBEDDER_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError(
            "The bundled embedder is not installed. Run `make install`, or name another one: "
            "REVIEWQA_EMBEDDING__MODEL=<sentence-transformers name or folder>."
        )
    folder = Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    found = _hash(weights) if weights.exists() else "no file"
    if found != BUNDLED_SHA256:
        raise ModelError(
            f"The bundled embedder's weights are damaged: {weights} has SHA-256 {found}, expected "
            f"{BUNDLED_SHA256}. "
            "Delete .venv and run `make install`."
        )
    return folder


def _hash(path: Path) -> str:
    """The hash of a file, computed once as long as it stays as it is: embedder and reader share it."""
    status = path.stat()
    return _hash_of(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@functools.lru_cache(maxsize=4)
def _hash_of(path: Path, *_: int) -> str:
    return sha256_of(path)
