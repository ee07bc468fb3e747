"""Threads share one embedder and one pipeline: no error, and what a single thread gets."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import pytest

from rag.answering.pipeline import Pipeline
from rag.config import Settings
from rag.embedding import SentenceTransformerEmbedder
from rag.index import build_index
from rag.runtimes.bundled import bundled_embedder_folder
from rag.schema import ModelError
from tests import ui_fakes
from tests.benchmarks.threads import share_embedder


def test_eight_threads_share_an_embedder() -> None:
    try:
        bundled_embedder_folder()
    except ModelError:
        pytest.skip("the bundled embedder is not installed")
    result = share_embedder(SentenceTransformerEmbedder(), threads=8, seconds=5)
    assert result.errors == [] and result.different == 0 and result.calls >= 8


def test_eight_threads_share_a_pipeline(tmp_path: Path) -> None:
    embedder = SentenceTransformerEmbedder()
    settings = Settings().changed({"generator.name": "extractive", "paths.indexes_dir": tmp_path})
    build_index(
        ui_fakes.REVIEWS,
        embedder,
        tmp_path / "masks",
        chunking=settings.index.chunking,
        chunk_tokens=settings.index.chunk_tokens,
    )
    pipeline = Pipeline.open(settings, "masks", embedder)
    questions = (
        ui_fakes.QUESTION,
        "Is it too bloody?",
        "How is the music?",
        "What do people like?",
    )
    alone = {question: pipeline.ask(question).text for question in questions}
    end = time.monotonic() + 5

    def ask(number: int) -> int:
        for asked, question in enumerate(islice(cycle(questions), number, None)):
            if time.monotonic() > end:
                return asked
            assert pipeline.ask(question).text == alone[question]
        raise AssertionError("it asks until the time is over")

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(ask, range(8))) >= 8
