"""Threads share one embedder: no error, and the vectors of a single thread."""

from __future__ import annotations

import pytest

from rag.embedding import SentenceTransformerEmbedder
from rag.runtimes.bundled import bundled_embedder_folder
from rag.schema import ModelError
from tests.benchmarks.threads import share_embedder


def test_eight_threads_share_an_embedder() -> None:
    try:
        bundled_embedder_folder()
    except ModelError:
        pytest.skip("the bundled embedder is not installed")
    result = share_embedder(SentenceTransformerEmbedder(), threads=8, seconds=5)
    assert result.errors == [] and result.different == 0 and result.calls >= 8
