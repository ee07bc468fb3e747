"""An index on disk: what is built can be read back, nothing disturbs a reader, and damage is named."""

from __future__ import annotations

import json
import os
import re
import shutil
import types
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.config import index_fingerprint
from rag.embedding import Vectors
from rag.index import (
    BuildOptions,
    Change,
    Manifest,
    ReviewIndex,
    build_index,
    change_index,
    disk,
    index_folder,
    list_indexes,
    manifest,
    store,
    verify_index,
)
from rag.index.bm25 import TIMES_FILES
from rag.index.embedding_cache import WORK_FOLDER
from rag.index.manifest import CATALOGUE_FILE, DATA_FILES, TOPICS_FILE
from rag.progress import Progress, no_progress
from rag.schema import IndexFileError, Review
from tests.fakes import CHUNK_TOKENS, REVIEWS, FakeEmbedder, build_fake_index, review

EMBEDDER = FakeEmbedder()
QUERY = EMBEDDER.embed_queries(["was the swimming pool warm"])


def entries(folder: Path) -> set[str]:
    """What lies in an index's folder, the lock aside."""
    return {path.name for path in folder.iterdir()} - {"LOCK"}


# --- building, opening, searching


def test_every_row_of_sentences_is_the_vector_of_the_same_number(pristine: Path) -> None:
    index = ReviewIndex.open(pristine)
    rows = range(index.manifest.sentences)
    sentences = index.sentences(rows)
    np.testing.assert_array_equal(
        index.vectors(rows), EMBEDDER.embed_documents([s.text for s in sentences])
    )
    for row, sentence in zip(rows, sentences, strict=True):
        scores, found = index.search(EMBEDDER.embed_queries([sentence.text]), 1)
        assert (sentence.row, found[0, 0]) == (row, row) and scores[0, 0] == pytest.approx(
            1, abs=1e-5
        )


def test_reviews_chunks_and_sentences_fit_together(pristine: Path) -> None:
    index = ReviewIndex.open(pristine)
    assert [index.review(row) for row in range(index.manifest.reviews)] == list(REVIEWS)
    by_id = {r.review_id: r for r in REVIEWS}
    ids, next_row = set(), 0
    for row in range(index.manifest.chunks):
        chunk = index.chunk(row)
        sentences = index.sentences_of_chunk(row)
        assert chunk.text == by_id[chunk.review_id].text[chunk.start : chunk.end]
        assert index.review(int(index.chunk_review[row])).review_id == chunk.review_id
        assert [s.row for s in sentences] == list(range(next_row, next_row + len(sentences)))
        for sentence in sentences:
            assert sentence.review_id == chunk.review_id
            assert sentence.text == by_id[chunk.review_id].text[sentence.start : sentence.end]
            assert chunk.start <= sentence.start < sentence.end <= chunk.end
            assert index.sentence_chunk[sentence.row] == row
        next_row += len(sentences)
        ids.add(chunk.chunk_id)
    assert next_row == index.manifest.sentences and len(ids) == index.manifest.chunks


def test_search_gives_the_best_first_and_never_more_than_there_are(pristine: Path) -> None:
    index = ReviewIndex.open(pristine)
    scores, rows = index.search(QUERY, 10_000)
    assert scores.shape == rows.shape == (1, index.manifest.sentences)
    assert (
        sorted(rows[0]) == list(range(index.manifest.sentences))
        and list(scores[0]) == sorted(scores[0])[::-1]
    )
    assert index.sentences([int(rows[0, 0])])[0].review_id == "pool"
    assert index.search(np.concatenate([QUERY, QUERY]), 3)[1].shape == (2, 3)


@pytest.mark.parametrize("most", [1, 5, 1000])
def test_a_sample_of_sentences_is_spread_and_bounded(pristine: Path, most: int) -> None:
    index = ReviewIndex.open(pristine)
    rows = index.sample_sentences(most)
    assert 1 <= len(rows) <= min(most, index.manifest.sentences) and len(set(rows)) == len(rows)


def test_the_manifest_says_how_the_index_was_made(pristine: Path) -> None:
    made = Manifest.read(ReviewIndex.open(pristine).generation)
    assert (made.reviews, made.chunks, made.dimension) == (len(REVIEWS), 8, 512)
    assert (made.embedder, made.chunking, made.chunk_tokens) == (
        EMBEDDER.identity,
        "sentences",
        CHUNK_TOKENS,
    )
    assert made.fingerprint == index_fingerprint(EMBEDDER.identity, "sentences", CHUNK_TOKENS)
    assert made.sources == ["hand-made"] and set(made.files) == {
        *DATA_FILES,
        CATALOGUE_FILE,
        TOPICS_FILE,
        *TIMES_FILES,
    }
    assert verify_index(pristine) == []


def test_a_whole_review_can_be_the_chunk(tmp_path: Path) -> None:
    index = build_fake_index(tmp_path / "whole", chunking="whole")
    assert index.manifest.sentences == index.manifest.chunks == len(REVIEWS)
    assert [index.chunk(row).text for row in range(len(REVIEWS))] == [r.text for r in REVIEWS]


def test_every_field_of_a_review_comes_back(tmp_path: Path) -> None:
    full = Review(
        "id", "Text.", "Title", 4.5, 1, 5, "2020-01-02", "ann", "hat", 7, "en", "f.csv", 12
    )
    bare = Review("bare", "Text of 👩‍👩‍👧 another.")
    index = build_fake_index(tmp_path / "index", [full, bare])
    assert [index.review(0), index.review(1)] == [full, bare]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=4), whole=st.booleans()
)
def test_any_text_is_stored_or_refused_plainly(
    tmp_path: Path, texts: list[str], whole: bool
) -> None:
    reviews = [review(str(number), text.strip() or "x") for number, text in enumerate(texts)]
    index = build_fake_index(tmp_path / "any", reviews, chunking="whole" if whole else "sentences")
    assert verify_index(tmp_path / "any") == []
    for sentence in index.sentences(range(index.manifest.sentences)):
        assert sentence.text == reviews[int(sentence.review_id)].text[sentence.start : sentence.end]


def test_progress_names_every_stage_and_reaches_its_total(tmp_path: Path) -> None:
    last: dict[str, tuple[int, int]] = {}
    build_index(
        REVIEWS,
        EMBEDDER,
        tmp_path / "x",
        chunking="sentences",
        chunk_tokens=CHUNK_TOKENS,
        progress=lambda stage, done, total: last.update({stage: (done, total)}),
    )
    assert list(last) == ["comparing", "chunking", "embedding", "writing", "checking"]
    assert last.pop("comparing") == (len(REVIEWS), 0)  # how many will come is not known before
    assert last["chunking"] == (len(REVIEWS), len(REVIEWS))
    assert all(done == total for done, total in last.values())


@pytest.mark.parametrize(
    ("reviews", "says"),
    [
        ([], "no reviews"),
        ([REVIEWS[0], REVIEWS[1], REVIEWS[0]], "1 reviews have an id"),
        ([Review("blank", "  \n ")], "no text"),
    ],
)
def test_reviews_that_cannot_be_indexed_are_refused(
    tmp_path: Path, reviews: list[Review], says: str
) -> None:
    with pytest.raises(IndexFileError, match=says):
        build_fake_index(tmp_path / "index", reviews)
    assert list_indexes(tmp_path) == []


def test_an_embedder_that_returns_too_few_vectors_is_caught(tmp_path: Path) -> None:
    class Forgetful(FakeEmbedder):
        def embed_documents(
            self, texts: Sequence[str], *, progress: Progress = no_progress
        ) -> Vectors:
            return super().embed_documents(texts)[:-1]

    with pytest.raises(IndexFileError, match=r"shape \(16, 512\) for 17 sentences of 512"):
        build_fake_index(tmp_path / "index", embedder=Forgetful())


def test_vectors_that_are_not_of_length_one_never_go_live(tmp_path: Path) -> None:
    class Long(FakeEmbedder):
        def embed_documents(
            self, texts: Sequence[str], *, progress: Progress = no_progress
        ) -> Vectors:
            return 3 * super().embed_documents(texts)

    with pytest.raises(IndexFileError, match=r"its own check.*length 3\.0"):
        build_fake_index(tmp_path / "index", embedder=Long())
    assert entries(tmp_path / "index") == {WORK_FOLDER}


# --- opening


def test_vectors_lie_on_the_disk_and_cannot_be_written_to(pristine: Path) -> None:
    index = ReviewIndex.open(pristine)
    assert isinstance(index.all_vectors.base, np.memmap) and not index.all_vectors.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        index.all_vectors[0, 0] = 1


def one_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("name", [*DATA_FILES, CATALOGUE_FILE, TOPICS_FILE, *TIMES_FILES])
def test_a_file_that_was_changed_is_not_opened(folder: Path, name: str) -> None:
    one_bit(ReviewIndex.open(folder).generation / name)
    with pytest.raises(IndexFileError, match=rf"{name} is not the file that was written.*SHA-256"):
        ReviewIndex.open(folder)
    (problem,) = verify_index(folder)
    assert problem.startswith(f"{name} is not the file that was written")


def test_of_a_large_file_opening_checks_the_size_and_verify_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "HASHED_ON_OPENING", 20_000)
    file = ReviewIndex.open(folder).generation / "vectors.npy"
    assert file.stat().st_size > 20_000
    one_bit(file)
    ReviewIndex.open(folder)
    assert verify_index(folder) == [
        "vectors.npy is not the file that was written: its SHA-256 differs from the manifest's."
    ]
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(IndexFileError, match=r"vectors\.npy is not the file .*: it has \d+ bytes"):
        ReviewIndex.open(folder)


@pytest.mark.parametrize("version", [2, 4, None, "3"])
def test_another_format_version_is_refused_with_what_to_do(folder: Path, version: object) -> None:
    file = ReviewIndex.open(folder).generation / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format_version": version}))
    says = f"has format version {version}, and this program reads version 3. Rebuild the index from its review files"
    with pytest.raises(IndexFileError, match=re.escape(says)):
        ReviewIndex.open(folder)
    (problem,) = verify_index(folder)
    assert says in problem and "reviewqa index build FILE --name hotel" in problem
    with pytest.raises(IndexFileError, match="has format version"):  # nor is it updated
        change_index(
            REVIEWS,
            EMBEDDER,
            folder,
            Change(mode="update"),
            BuildOptions(chunk_tokens=CHUNK_TOKENS),
        )
    build_fake_index(folder)
    assert verify_index(folder) == []


def test_an_index_of_the_first_format_is_told_what_to_do(tmp_path: Path) -> None:
    generation = tmp_path / "old" / "20250101T000000-00000000"
    generation.mkdir(parents=True)
    (generation / "manifest.json").write_text(
        '{"format_version": 1, "reviews": 3}'
    )  # it has fewer entries, too
    (tmp_path / "old" / "CURRENT").write_text(generation.name)
    with pytest.raises(IndexFileError, match=r"version 1.*reviewqa index build FILE --name old"):
        ReviewIndex.open(tmp_path / "old")


def test_whoever_opens_anew_gets_the_newest_and_whoever_has_it_open_keeps_his(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "hotel"
    reader = build_fake_index(folder)
    assert store.live_generation(folder) == reader.generation
    build_fake_index(folder, REVIEWS[:2])
    assert store.live_generation(folder) != reader.generation  # which is how a reader notices
    assert (reader.manifest.reviews, ReviewIndex.open(folder).manifest.reviews) == (len(REVIEWS), 2)


def test_all_reviews_come_with_their_texts_or_without(pristine: Path) -> None:
    index = ReviewIndex.open(pristine)
    assert list(index.reviews()) == list(REVIEWS)
    assert list(index.reviews(texts=False)) == [replace(one, text="") for one in REVIEWS]


# --- names


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "/x", "a/b", "a\\b", ".hidden", "-x", "x" * 65, "é", "a\n", "a b"],
)
def test_names_that_are_no_plain_folder_name_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(IndexFileError, match="cannot be the name of an index"):
        index_folder(tmp_path, name)


@given(
    st.text(alphabet=st.one_of(st.sampled_from("./\\~-_\0\n aZ9"), st.characters()), max_size=70)
)
def test_no_name_leaves_the_folder_of_indexes(name: str) -> None:
    try:
        folder = index_folder(Path("/indexes"), name)
    except IndexFileError:
        return
    assert os.path.normpath(folder) == f"/indexes/{name}" and folder.name == name


def test_indexes_are_listed_by_name_and_other_folders_are_not(
    pristine: Path, tmp_path: Path
) -> None:
    assert list_indexes(tmp_path / "nowhere") == []
    for name in ("b", "a"):
        shutil.copytree(pristine, tmp_path / name)
    (tmp_path / "c").mkdir()
    (tmp_path / "README.md").write_text("no index")
    assert list_indexes(tmp_path) == ["a", "b"]


def test_a_missing_index_is_answered_with_those_that_are_there(
    pristine: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        IndexFileError, match=r'no index "spa".*none yet.*reviewqa index build FILE --name spa'
    ):
        ReviewIndex.open(tmp_path / "spa")
    with pytest.raises(IndexFileError, match=r'no index "spa".*Indexes here: hotel'):
        ReviewIndex.open(pristine.parent / "spa")


# --- settings it was built with


def test_an_index_of_the_same_making_is_accepted(pristine: Path) -> None:
    ReviewIndex.open(pristine).check_fingerprint(EMBEDDER, BuildOptions(chunk_tokens=CHUNK_TOKENS))


def test_another_embedder_is_named_beside_the_one_it_was_built_with(pristine: Path) -> None:
    other = FakeEmbedder("other")
    with pytest.raises(
        IndexFileError, match=rf"built with the embedder {EMBEDDER.identity}.*{other.identity}"
    ):
        ReviewIndex.open(pristine).check_fingerprint(other, BuildOptions(chunk_tokens=CHUNK_TOKENS))


@pytest.mark.parametrize(
    ("chunking", "tokens"), [("sentences", CHUNK_TOKENS + 1), ("whole", CHUNK_TOKENS)]
)
def test_other_chunking_is_refused_with_what_it_was_built_with(
    pristine: Path, chunking: str, tokens: int
) -> None:
    with pytest.raises(IndexFileError, match=f"chunking sentences, {CHUNK_TOKENS} tokens"):
        ReviewIndex.open(pristine).check_fingerprint(
            EMBEDDER, BuildOptions(chunking=chunking, chunk_tokens=tokens)
        )


# --- rebuilding


def test_a_rebuild_keeps_two_generations_before_it_and_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    made = [build_fake_index(folder, REVIEWS[: number + 1]).generation.name for number in range(5)]
    assert made == sorted(made)  # also within a second
    assert entries(folder) == {"CURRENT", *made[2:]}
    assert (folder / "CURRENT").read_text().strip() == made[4]
    assert ReviewIndex.open(folder).manifest.reviews == 5 and verify_index(folder) == []


def test_a_reader_is_not_disturbed_by_rebuilds(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    reader = build_fake_index(folder)
    before = (reader.search(QUERY, 3)[1].tolist(), reader.chunk(1), reader.review(1))
    for number in range(4):  # by the last, the reader's own generation is gone from the disk
        build_fake_index(folder, [replace(REVIEWS[0], text=f"Something else, number {number}.")])
    assert not reader.generation.exists()
    assert (reader.search(QUERY, 3)[1].tolist(), reader.chunk(1), reader.review(1)) == before


def test_at_every_moment_of_a_rebuild_one_whole_index_is_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "index"
    build_fake_index(folder)
    seen: list[int] = []

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            for moment in ("before", "after"):
                if moment == "after":
                    result = function(*args, **more)
                seen.append(ReviewIndex.open(folder).manifest.reviews)
            return result

        return call

    watched_os = types.SimpleNamespace(**vars(os))
    with monkeypatch.context() as patch:
        patch.setattr(disk, "os", watched_os)
        for name in ("open", "replace", "fsync", "unlink", "mkdir", "rmdir"):
            setattr(watched_os, name, watched(getattr(os, name)))
        build_fake_index(folder, REVIEWS[:3])
    assert set(seen) == {len(REVIEWS), 3} and seen == sorted(seen, reverse=True)
