"""Which side a chunk takes, and how many chunks one review gets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from rag.index import ReviewIndex
from rag.retrieval import Limits, retrieve
from tests.fakes import FakeEmbedder, build_fake_index, review


@pytest.fixture(scope="module")
def divided(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    """As many who praise the pool as complain of it."""
    reviews = [
        review(
            f"{kind}-{n}",
            f"The pool: I {verb} it, it was {word}. Room{n} floor{n} door{n} key{n}.",
            rating,
        )
        for n in range(8)
        for kind, verb, word, rating in (
            ("good", "loved", "wonderful", 10),
            ("bad", "hated", "terrible", 1),
        )
    ]
    return build_fake_index(tmp_path_factory.mktemp("indexes") / "divided", reviews)


def test_a_chunk_takes_the_side_of_its_words_and_rating(divided: ReviewIndex) -> None:
    retrieved = retrieve(divided, FakeEmbedder(), "was the pool lovely", Limits(16, 1, 1.1))
    sides = {(chunk.review.review_id.partition("-")[0], chunk.side) for chunk in retrieved}
    assert len(retrieved) == 16 and sides == {("good", "praise"), ("bad", "criticism")}


@pytest.mark.parametrize("per_review", [1, 2, 3])
def test_one_review_gets_no_more_chunks_than_allowed(tmp_path: Path, per_review: int) -> None:
    long = " ".join(f"The pool was warm on day{n} with guest{n} and towel{n}." for n in range(6))
    reviews = [review("long", long), *(review(f"r-{n}", f"The pool, spot{n}.") for n in range(3))]
    index = build_fake_index(tmp_path / "x", reviews)
    limits = Limits(12, per_review, 1.1)
    retrieved = retrieve(index, FakeEmbedder(), "was the pool warm", limits)
    counts = Counter(chunk.review.review_id for chunk in retrieved)
    assert counts == {"long": per_review, "r-0": 1, "r-1": 1, "r-2": 1}
