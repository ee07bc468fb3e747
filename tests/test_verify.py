"""What a checksum cannot tell: vectors, weights and names that are wrong although they are those
that the manifest names; and what else may lie where a small file should.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rag.config import Settings
from rag.embedding import SentenceTransformerEmbedder, embedder_of
from rag.index import (
    BuildOptions,
    Change,
    ReviewIndex,
    admin,
    build_index,
    change_index,
    verify_index,
)
from rag.index.manifest import APPROXIMATE_FILE, STANCE_FILE, Manifest
from rag.retrieval import Limits, retrieve
from rag.schema import IndexFileError, Review
from tests.fakes import CHUNK_TOKENS, REVIEWS, FakeEmbedder, build_fake_index, review
from tests.test_index_faults import accept_files, edit_manifest

EMBEDDER = FakeEmbedder()


def change_vectors(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change the vectors, and the checksum in the manifest with them."""
    generation = ReviewIndex.open(folder).generation
    vectors = np.array(np.load(generation / "vectors.npy"))
    np.save(generation / "vectors.npy", change(vectors))
    accept_files(generation)


@pytest.mark.parametrize(
    "change",
    [
        lambda vectors: vectors[::-1],
        lambda vectors: np.roll(vectors, 1, axis=0),
        lambda vectors: -vectors,
        lambda vectors: np.roll(vectors, 1, axis=1),
    ],
    ids=["reversed", "shifted", "negated", "other columns"],
)
def test_vectors_that_are_not_those_of_the_sentences_are_found(
    folder: Path, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    assert verify_index(folder, EMBEDDER) == []
    change_vectors(folder, change)
    assert verify_index(folder) == []  # each has its length, and the file its sum
    (problem,) = verify_index(folder, EMBEDDER)
    assert "vectors that were made again are not those of their sentences" in problem
    assert verify_index(folder, FakeEmbedder("other")) == []  # it made none of them


def test_the_sample_is_the_same_each_time(tmp_path: Path) -> None:
    reviews = [review(str(n), f"Number {n} is {n * 7}. And so on {n * 3}.") for n in range(300)]
    build_fake_index(tmp_path / "many", reviews)
    change_vectors(tmp_path / "many", lambda vectors: vectors[::-1])
    first = verify_index(tmp_path / "many", EMBEDDER)
    assert len(first) == 1 and first == verify_index(tmp_path / "many", EMBEDDER)


def test_an_approximate_index_of_other_vectors_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    reviews = [review(str(n), f"Number {n} is {n * 7}. And so on {n * 3}.") for n in range(300)]
    options = BuildOptions(chunk_tokens=CHUNK_TOKENS, vector_index="ivf_sq8")
    generation = change_index(reviews, EMBEDDER, folder, Change(), options).index.generation
    assert verify_index(folder) == []
    path = generation / APPROXIMATE_FILE
    index = faiss.read_index(str(path))
    index.reset()
    index.add(np.array(np.load(generation / "vectors.npy"))[::-1].copy())
    faiss.write_index(index, str(path))
    manifest = Manifest.read(generation)
    accept_files(generation, manifest.data_files)
    assert verify_index(folder) == [
        "The approximate index does not find the vectors it was made from."
    ]


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", [0, 7, -1])
def test_a_stance_weight_that_is_no_number_is_refused(
    folder: Path, place: int, weight: float
) -> None:
    harm_stance(folder, lambda weights: np.put(weights, place, weight))
    (problem,) = verify_index(folder)
    assert f"{STANCE_FILE} holds weights that are no numbers" in problem
    with pytest.raises(IndexFileError, match="no numbers"):
        ReviewIndex.open(folder)


@pytest.mark.parametrize("factor", [1e3, -1e9])
def test_absurd_stance_weights_are_found(folder: Path, factor: float) -> None:
    harm_stance(folder, lambda weights: np.multiply(weights, factor, out=weights))
    (problem,) = verify_index(folder)
    assert problem.startswith(f"{STANCE_FILE} holds absurd weights")


def harm_stance(folder: Path, harm: Callable[[np.ndarray], object]) -> None:
    generation = ReviewIndex.open(folder).generation
    weights = np.array(pq.read_table(generation / STANCE_FILE).column("weight").to_numpy())
    harm(weights)
    pq.write_table(pa.table({"weight": weights}), generation / STANCE_FILE)
    accept_files(generation)


@pytest.mark.parametrize("stemmer", ["klingon", "English", "é", "\x00"])
def test_a_stemmer_that_is_none_is_named(folder: Path, stemmer: str) -> None:
    edit_manifest(ReviewIndex.open(folder).generation, stemmer=stemmer)
    (problem,) = verify_index(folder)
    assert f"there is no stemmer {stemmer!r}" in problem
    with pytest.raises(IndexFileError, match="there is no stemmer"):
        ReviewIndex.open(folder)


def test_the_embedder_that_made_an_index_is_the_one_of_the_settings_or_the_bundled_one() -> None:
    bundled = SentenceTransformerEmbedder().identity
    for settings in (Settings(), Settings().changed({"embedding.model": "/no/such/model"})):
        embedder = embedder_of(settings, bundled)
        assert embedder is not None and embedder.identity == bundled
        assert embedder_of(settings, "other@0123456789abcdef") is None


# --- what lies where a small file should


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    secret = path.parent.parent / "secret"
    secret.write_text("hunter2")
    path.symlink_to(secret)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 32)


SMALL_FILES = ["CURRENT", "manifest.json"]


@pytest.mark.parametrize("name", SMALL_FILES)
@pytest.mark.parametrize("put", [fifo, link, device, large, Path.mkdir])
def test_only_a_small_regular_file_is_read(
    folder: Path, put: Callable[[Path], None], name: str
) -> None:
    live = ReviewIndex.open(folder).generation
    path = folder / name if name == "CURRENT" else live / name
    path.unlink()
    put(path)
    (problem,) = verify_index(folder)
    assert problem.startswith("Cannot read ") and name in problem and "hunter2" not in problem
    with pytest.raises(IndexFileError, match="Cannot read"):
        ReviewIndex.open(folder)


@pytest.mark.parametrize("put", [fifo, link, large])
def test_going_back_mends_a_current_that_is_no_file(
    folder: Path, put: Callable[[Path], None]
) -> None:
    live = ReviewIndex.open(folder).generation
    (folder / "CURRENT").unlink()
    put(folder / "CURRENT")
    assert admin.rollback(folder) == live.name and verify_index(folder, EMBEDDER) == []


# --- a full disk


@pytest.mark.parametrize(
    ("free", "told"), [(1500, "1.5 KB are free"), (0, "0 bytes are free"), (20_000, "20 KB are")]
)
def test_too_little_room_is_told_in_true_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, told: str
) -> None:
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(IndexFileError, match=r"needs about 73 KB and " + told):
        build_fake_index(tmp_path / "hotel")


def test_a_disk_that_fills_up_meanwhile_is_told_with_what_is_free(folder: Path) -> None:
    def progress(stage: str, done: int, total: int) -> None:
        if stage == "writing":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(IndexFileError, match=r"No space left on device \(\d.* are free\)"):
        build_index(
            REVIEWS[:3],
            EMBEDDER,
            folder,
            chunking="sentences",
            chunk_tokens=CHUNK_TOKENS,
            progress=progress,
        )


# --- halves of surrogate pairs


LONE = "\ud83d"
ODD = [
    Review(f"a{LONE}", f"The pool{LONE} was warm. Nice \ud83d\ude0d view.", title=f"Pool {LONE}"),
    Review("b", f"{LONE}", item=f"Room {LONE}", author=LONE, source=f"{LONE}.csv"),
    *REVIEWS[:2],
]


def test_reviews_with_half_a_surrogate_pair_are_kept_without_it(tmp_path: Path) -> None:
    index = build_fake_index(tmp_path / "odd", ODD)
    assert verify_index(tmp_path / "odd", EMBEDDER) == []
    first = index.review(0)
    assert (first.review_id, first.title) == ("a\ufffd", "Pool \ufffd")
    assert first.text == "The pool\ufffd was warm. Nice 😍 view."
    again = change_index(
        ODD,
        EMBEDDER,
        tmp_path / "odd",
        Change(mode="update", delete=[f"a{LONE}"]),
        BuildOptions(chunk_tokens=CHUNK_TOKENS),
    )
    assert (again.removed, again.unchanged, again.changed) == (1, 3, 0)


def test_questions_with_half_a_surrogate_pair_find_what_they_ask_for(tmp_path: Path) -> None:
    embedder = SentenceTransformerEmbedder()
    options = BuildOptions(chunk_tokens=CHUNK_TOKENS)
    index = change_index(ODD, embedder, tmp_path / "odd", Change(), options).index
    for question in (f"was the pool {LONE} warm", LONE):
        assert retrieve(index, embedder, question, Limits(5, 1, 0.95))
    assert embedder.count_tokens([LONE, "a"])[1] == 1
