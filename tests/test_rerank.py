"""A cross-encoder from a folder puts the first chunks in its own order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rag.config import Settings
from rag.embedding import Vectors
from rag.retrieval import Limits, Query, Ranking, Rerank, Retriever, nearest, retrieve
from rag.retrieval.rerank import CrossEncoderReranker, make_reranker
from rag.schema import ModelError
from tests.fakes import FakeEmbedder, build_fake_index, review
from tests.tiny_models import save_tiny_cross_encoder

LIMITS = Limits(top_k=12, chunks_per_review=1, near_duplicate=1.1)


class Shortest:
    """The shorter a chunk the better."""

    name = "shortest"

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def score(self, question: str, texts: Sequence[str]) -> Vectors:
        self.seen.append((question, len(texts)))
        return np.array([-len(text) for text in texts], dtype=np.float32)


def test_a_reranker_orders_the_first_chunks_and_the_rest_stay(tmp_path: Path) -> None:
    reviews = [review(str(n), f"The pool {'pool ' * n}{'x' * (9 - n)} was warm.") for n in range(6)]
    index = build_fake_index(tmp_path / "x", reviews)
    plain = retrieve(index, FakeEmbedder(), "pool", LIMITS)
    reranker = Shortest()
    query = Query(index, FakeEmbedder(), "pool", Ranking(), None)
    found = nearest(query, LIMITS, Rerank(reranker, 4))
    assert reranker.seen == [("pool", 4)]
    first = sorted(plain[:4], key=lambda one: len(one.chunk.text))
    ids = [one.review.review_id for one in (*first, *plain[4:])]
    assert [one.review.review_id for one in found] == ids
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert {o.review.review_id: o.cosine for o in found} == {
        o.review.review_id: o.cosine for o in plain
    }


def test_a_cross_encoder_from_a_folder_scores_each_chunk(tmp_path: Path) -> None:
    folder = save_tiny_cross_encoder(tmp_path / "cross")
    reranker = CrossEncoderReranker(str(folder))
    scores = reranker.score("was the pool warm", ["the pool was warm", "a taxi"])
    assert scores.shape == (2,) and np.isfinite(scores).all()
    index = build_fake_index(tmp_path / "x")
    retriever = Retriever(
        Settings().changed({"retrieval.reranker": str(folder)}), index, FakeEmbedder()
    )
    found = retriever.retrieve("was the pool warm")
    expected = reranker.score("was the pool warm", [one.chunk.text for one in found])
    np.testing.assert_allclose([one.score for one in found], np.sort(expected)[::-1], atol=1e-4)


def test_a_model_with_several_outputs_is_no_reranker(tmp_path: Path) -> None:
    folder = save_tiny_cross_encoder(tmp_path / "cross", outputs=3)
    with pytest.raises(ModelError, match="is no reranker: it gives"):
        CrossEncoderReranker(str(folder)).score("pool", ["the pool", "a taxi"])


def test_what_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r'Cannot load the reranker ".*empty"'):
        CrossEncoderReranker(str(tmp_path / "empty")).score("pool", ["the pool"])


def test_the_settings_choose() -> None:
    assert make_reranker(Settings()) is None
    reranker = make_reranker(Settings().changed({"retrieval.reranker": "some/model"}))
    assert reranker is not None and reranker.name == "some/model"
