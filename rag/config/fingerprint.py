"""What decides an index's rows and vectors, as one hash."""

from __future__ import annotations

import hashlib
import json

NORMALISATION = "nfc+html-text/2"  # changes whenever cleaning a review's text changes


def index_fingerprint(embedder_identity: str, chunking: str, chunk_tokens: int) -> str:
    """Hex SHA-256 of everything that decides what an index's rows and vectors are.

    Two indexes with one fingerprint may share vectors; a retriever whose fingerprint differs must
    not search.
    """
    parts = {"embedder": embedder_identity, "chunking": chunking, "normalisation": NORMALISATION}
    if chunking != "whole":
        parts["chunk_tokens"] = str(chunk_tokens)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
