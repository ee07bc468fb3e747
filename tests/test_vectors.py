"""The vectors of an index: exact and approximate search, filters, and what is written."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from rag.embedding import Vectors
from rag.filters import parse_where
from rag.index import BuildOptions, Change, Mode, ReviewIndex, change_index, vectors, verify_index
from rag.index.approximate import build_approximate, extend_approximate
from rag.index.manifest import APPROXIMATE_FILE
from rag.index.vectors import VectorSearch, choose_type
from rag.progress import Progress, no_progress
from rag.schema import IndexFileError
from tests.fakes import CHUNK_TOKENS, FakeEmbedder, review

COUNT, DIMENSION = 4000, 32


def clustered(count: int, seed: int = 0) -> Vectors:
    """Unit vectors around fifty centres, as sentences lie around what they are about."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(50, DIMENSION))
    made = centres[rng.integers(50, size=count)] + 0.4 * rng.normal(size=(count, DIMENSION))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture(scope="module")
def stored() -> Vectors:
    return clustered(COUNT)


@pytest.fixture(scope="module")
def approximate(stored: Vectors) -> VectorSearch:
    return VectorSearch(stored, build_approximate(stored))


def test_the_number_of_vectors_decides_unless_the_setting_does() -> None:
    assert [
        choose_type("auto", count) for count in (1, vectors.FLAT_MOST, vectors.FLAT_MOST + 1)
    ] == [
        "flat",
        "flat",
        "ivf_sq8",
    ]
    assert choose_type("flat", 10**7) == "flat" and choose_type("ivf_sq8", 5) == "ivf_sq8"


def test_approximate_search_finds_nearly_all_and_scores_exactly(
    stored: Vectors, approximate: VectorSearch
) -> None:
    queries = clustered(50, seed=1)
    _, true_rows = VectorSearch(stored).search(queries, 10)
    scores, rows = approximate.search(queries, 10)
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(true_rows, rows, strict=True)]) > 0.9
    np.testing.assert_allclose(scores, np.einsum("qd,qkd->qk", queries, stored[rows]), atol=1e-5)
    assert (np.diff(scores, axis=1) <= 1e-6).all() and approximate.recall() > 0.9
    assert VectorSearch(stored).recall() == 1.0


@pytest.mark.parametrize(
    "block", [300, 65_536]
)  # some are read at once; few are picked out, many read in order
@pytest.mark.parametrize("kept", [0, 3, 40, 666, 667, 2000, COUNT])
def test_a_filter_keeping_few_is_exact(
    stored: Vectors,
    approximate: VectorSearch,
    kept: int,
    block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vectors, "BLOCK", block)
    where = np.zeros(COUNT, dtype=np.bool_)
    where[np.random.default_rng(3).permutation(COUNT)[:kept]] = True
    query = clustered(2, seed=4)
    for search in (approximate, VectorSearch(stored)):
        scores, rows = search.search(query, 10, where)
        assert rows.shape == (2, min(10, kept)) and where[rows].all()
        for number in range(2):
            expected = np.sort((stored @ query[number])[where])[::-1][:10]
            np.testing.assert_allclose(scores[number], expected, atol=1e-5)


def test_a_filter_keeping_many_finds_only_what_it_keeps(
    stored: Vectors, approximate: VectorSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "EXACT_MOST", 100)  # so that 2,000 are many
    where = np.arange(COUNT) % 2 == 0
    query = clustered(20, seed=5)
    scores, rows = approximate.search(query, 10, where)
    assert (rows[rows >= 0] % 2 == 0).all() and np.isneginf(scores[rows < 0]).all()
    _, true = VectorSearch(stored).search(query, 10, where)
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(true, rows, strict=True)]) > 0.8


@pytest.mark.parametrize("k", [501, 900, 10 * COUNT])
def test_a_filter_holds_also_where_nearly_all_is_asked_for(
    stored: Vectors, approximate: VectorSearch, monkeypatch: pytest.MonkeyPatch, k: int
) -> None:
    monkeypatch.setattr(vectors, "EXACT_MOST", 100)  # so that 2,000 are many
    where = np.arange(COUNT) % 2 == 0
    query = clustered(1, seed=8)
    scores, rows = approximate.search(query, k, where)
    assert rows.shape == (1, min(k, 2000)) and where[rows].all()
    np.testing.assert_allclose(scores[0], np.sort((stored @ query[0])[where])[::-1][:k], atol=1e-5)


def test_more_is_asked_for_than_there_is(stored: Vectors, approximate: VectorSearch) -> None:
    for search in (approximate, VectorSearch(stored)):
        _, rows = search.search(clustered(1, seed=6), 10 * COUNT)
        assert sorted(rows[0]) == list(range(COUNT))


def test_an_approximate_index_goes_on_with_what_stays(stored: Vectors) -> None:
    kept = np.flatnonzero(np.arange(COUNT) % 7 != 3)
    now = np.concatenate([stored[kept], clustered(300, seed=9)])
    earlier = build_approximate(stored)
    extended = extend_approximate(earlier, kept, now)
    anew = faiss.clone_index(earlier)  # the same lists, and all vectors put into them once more
    anew.reset()
    anew.add(now)
    queries = clustered(20, seed=10)
    for one, other in zip(extended.search(queries, 10), anew.search(queries, 10), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert extended.ntotal == len(now) and earlier.ntotal == COUNT
    assert VectorSearch(now, extended).recall() > 0.9


class Clustered(FakeEmbedder):
    """A vector of its own for every text."""

    def __init__(self) -> None:
        super().__init__("clustered", DIMENSION)

    def embed_documents(self, texts: Any, *, progress: Progress = no_progress) -> Vectors:
        return np.concatenate([clustered(1, seed=zlib.crc32(text.encode())) for text in texts])


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    """Three thousand sentences, searched approximately. Not to be changed."""
    reviews = [
        review(
            f"r{n}",
            f"Sentence number {n}. And {n * 7} more words.",
            n % 10 + 1,
            f"2024-{n % 12 + 1:02d}-15",
        )
        for n in range(1500)
    ]
    return change_index(
        reviews,
        Clustered(),
        tmp_path_factory.mktemp("indexes") / "big",
        Change(mode="new"),
        BuildOptions(chunk_tokens=CHUNK_TOKENS, vector_index="ivf_sq8"),
    ).index


def test_an_index_with_an_approximate_search_is_updated_and_checked(tmp_path: Path) -> None:
    folder = tmp_path / "big"
    options = BuildOptions(chunk_tokens=CHUNK_TOKENS, vector_index="ivf_sq8")
    reviews = [
        review(f"r{n}", f"Sentence number {n}. And {n * 7} more words.", n % 10 + 1)
        for n in range(600)
    ]
    first = change_index(reviews, Clustered(), folder, Change(mode="new"), options).index
    assert (
        first.manifest.vector_index["type"] == "ivf_sq8"
        and first.manifest.vector_index["recall_at_10"] > 0.8
    )
    assert first.manifest.vector_index["lists_learnt"] == "now"
    made = change_index(
        [review("new", "Quite new.", 3)],
        Clustered(),
        folder,
        Change(mode="update", delete={"r5"}),
        options,
    )
    assert (made.new, made.removed, made.embedded) == (1, 1, 1)
    stated = made.index.manifest.vector_index
    assert stated["lists_learnt"] == "earlier" and stated["recall_at_10"] > 0.8
    assert verify_index(folder) == []
    (row,) = made.index.search(Clustered().embed_queries(["Quite new."]), 1)[1][0]
    assert made.index.sentences([int(row)])[0].review_id == "new"
    everything = made.index.search(
        Clustered().embed_queries(["Sentence number 5."]), made.index.manifest.sentences
    )[1]
    assert "r5" not in {
        one.review_id for one in made.index.sentences([int(row) for row in everything[0]])
    }
    gone = Change(mode="update", delete={f"r{n}" for n in range(100, 600)})
    few = change_index([], Clustered(), folder, gone, options).index
    assert (
        few.manifest.vector_index["lists_learnt"] == "now"
    )  # those of three times as many would not suit


def test_a_filter_on_an_approximate_index_is_exact_for_few(big: ReviewIndex) -> None:
    where = big.sentences_where(parse_where("rating <= 2 and date >= 2024-06"))
    query = Clustered().embed_queries(["Sentence number 77."])
    scores, rows = big.search(query, 12, where)
    assert 12 < where.sum() < big.manifest.sentences / 5 and where[rows].all()
    np.testing.assert_allclose(
        scores[0], np.sort((big.all_vectors @ query[0])[where])[::-1][:12], atol=1e-5
    )
    for row in rows[0]:
        found = big.review(int(big.sentence_review[row]))
        assert found.rating is not None and found.rating <= 2 and found.date >= "2024-06"


def test_an_approximate_index_stays_usable_when_its_files_are_gone(
    big: ReviewIndex, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(big.generation.parent, tmp_path / "big"))
    index = ReviewIndex.open(copied)
    query = Clustered().embed_queries(["Sentence number 77."])
    before = index.search(query, 10)
    shutil.rmtree(copied)
    np.testing.assert_array_equal(index.search(query, 10)[1], before[1])
    assert index.recall() == pytest.approx(big.manifest.vector_index["recall_at_10"], abs=1e-3)


@pytest.mark.parametrize("harm", ["missing", "of another index", "one bit"])
def test_a_wrong_approximate_index_is_named(big: ReviewIndex, tmp_path: Path, harm: str) -> None:
    copied = Path(shutil.copytree(big.generation.parent, tmp_path / "big"))
    file = copied / big.generation.name / APPROXIMATE_FILE
    if harm == "missing":
        file.unlink()
    elif harm == "of another index":
        faiss.write_index(build_approximate(clustered(big.manifest.sentences, seed=5)), str(file))
    else:
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    (problem,) = verify_index(copied)
    assert problem.startswith(f"{APPROXIMATE_FILE} is ")
    with pytest.raises(
        IndexFileError, match=rf"is damaged: {APPROXIMATE_FILE}.*reviewqa index rollback big"
    ):
        ReviewIndex.open(copied)


def test_auto_follows_the_number_of_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "FLAT_MOST", 100)
    options = BuildOptions(chunk_tokens=CHUNK_TOKENS)
    modes: tuple[Mode, ...] = ("new", "update")
    reviews = [review(f"r{n}", f"Sentence number {n}.") for n in range(102)]
    kinds = []
    for mode, some in zip(modes, (reviews[:100], reviews[100:]), strict=True):
        change = Change(mode=mode)
        index = change_index(some, Clustered(), tmp_path / "grows", change, options).index
        kinds.append(
            (index.manifest.vector_index["type"], (index.generation / APPROXIMATE_FILE).exists())
        )
    assert kinds == [("flat", False), ("ivf_sq8", True)] and verify_index(tmp_path / "grows") == []
