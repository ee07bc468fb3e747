"""Reviews of which many say the same, and what is answered over them by fakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag.answer import Answer
from rag.answering.pipeline import Pipeline
from rag.config import Settings
from rag.generators.choice import ChosenGenerator
from rag.index import build_index
from rag.schema import Review
from tests.fakes import CHUNK_TOKENS, FakeEmbedder, FakeReader, review


def many(*groups: tuple[int, str], ids: str = "r", **changes: str) -> list[Review]:
    """So many reviews of each text, every one with a mark of its own, so that none is a copy."""
    reviews: list[Review] = []
    for number, text in groups:
        for _ in range(number):
            mark = f"{ids}{len(reviews)}"
            one = review(mark, f"{text} Stay{mark} room{mark} floor{mark}.")
            reviews.append(replace(one, **changes))  # type: ignore[arg-type]
    return reviews


def ask_in(folder: Path, question: str, reviews: Sequence[Review], **more: Any) -> Answer:
    """The answer to a question, without a language model."""
    index = build_index(
        reviews,
        FakeEmbedder(),
        folder / "hotel",
        chunking="sentences",
        chunk_tokens=CHUNK_TOKENS,
    )
    settings = Settings().changed(
        {
            "index.chunk_tokens": CHUNK_TOKENS,
            "answering.evidence_floor": 0.1,
            "answering.fact_evidence_floor": 0.1,
        }
    )
    chosen = ChosenGenerator(None, "the test says so")
    pipeline = Pipeline(settings, index, FakeEmbedder(), chosen, FakeReader())
    return pipeline.ask(question, **more)
