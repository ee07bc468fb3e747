"""Whole indexes: going back, making room, copying, renaming, deleting, exporting."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from rag.index import (
    BuildOptions,
    Change,
    ReviewIndex,
    admin,
    change_index,
    list_indexes,
    store,
    verify_index,
)
from rag.index.embedding_cache import WORK_FOLDER
from rag.schema import IndexFileError
from tests.fakes import CHUNK_TOKENS, COPIED, REVIEWS, FakeEmbedder, build_fake_index, review


def test_going_back_and_forth(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    made = [build_fake_index(folder, REVIEWS[: count + 1]).generation.name for count in range(3)]
    assert [one.name for one in admin.list_generations(folder)] == made[::-1]
    assert admin.rollback(folder) == made[1] and ReviewIndex.open(folder).manifest.reviews == 2
    assert admin.rollback(folder) == made[0] and ReviewIndex.open(folder).manifest.reviews == 1
    with pytest.raises(IndexFileError, match="no earlier generation"):
        admin.rollback(folder)
    assert (
        admin.rollback(folder, made[2]) == made[2]
        and ReviewIndex.open(folder).manifest.reviews == 3
    )
    assert [one.live for one in admin.list_generations(folder)] == [True, False, False]
    with pytest.raises(IndexFileError, match=r"no generation '\.\./x'.*It has"):
        admin.rollback(folder, "../x")


def test_a_damaged_generation_is_not_gone_back_to(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    made = [build_fake_index(folder, REVIEWS[: count + 1]).generation for count in range(2)]
    (made[0] / "vectors.npy").write_bytes(b"")
    with pytest.raises(IndexFileError, match=r"is damaged.*the live one stays: vectors\.npy"):
        admin.rollback(folder)
    assert ReviewIndex.open(folder).generation == made[1]


def test_an_index_that_lost_its_current_generation_is_mended_by_going_back(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    made = [build_fake_index(folder, REVIEWS[: count + 1]).generation for count in range(3)]
    shutil.rmtree(made[2])
    with pytest.raises(
        IndexFileError, match=r"names '.*', which is no generation.*reviewqa index rollback hotel"
    ):
        ReviewIndex.open(folder)
    assert [one.live for one in admin.list_generations(folder)] == [False, False]
    with pytest.raises(IndexFileError, match="which is no generation"):
        admin.collect_garbage(folder, 0)  # would leave nothing to go back to
    assert admin.rollback(folder) == made[1].name and verify_index(folder) == []
    (folder / "CURRENT").unlink()
    assert admin.rollback(folder) == made[1].name and list_indexes(tmp_path) == ["hotel"]


def test_generations_are_listed_whatever_state_they_are_in(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    made = [build_fake_index(folder, REVIEWS[: count + 1]).generation for count in range(2)]
    (made[0] / "manifest.json").write_text("{")
    newest, oldest = admin.list_generations(folder)
    assert newest.manifest is not None and (newest.manifest.reviews, newest.live) == (2, True)
    assert newest.size == sum(file.stat().st_size for file in made[1].iterdir())
    assert (oldest.name, oldest.manifest, oldest.live) == (made[0].name, None, False)
    with pytest.raises(
        IndexFileError, match=r"is damaged, and the live one stays: .*manifest\.json"
    ):
        admin.rollback(folder)


def test_what_is_changed_after_going_back_starts_from_there(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    for count in (1, 4):
        build_fake_index(folder, REVIEWS[:count])
    admin.rollback(folder)
    made = change_index(
        REVIEWS[5:6],
        FakeEmbedder(),
        folder,
        Change(mode="update"),
        BuildOptions(chunk_tokens=CHUNK_TOKENS),
    )
    assert [one.review_id for one in made.index.reviews()] == [
        REVIEWS[0].review_id,
        REVIEWS[5].review_id,
    ]
    assert admin.list_generations(folder)[0].name == made.index.generation.name


def test_garbage_is_collected(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    made = [build_fake_index(folder, REVIEWS[: count + 1]).generation.name for count in range(3)]
    (folder / WORK_FOLDER).mkdir()
    (folder / WORK_FOLDER / "x").write_bytes(b"0" * 1000)
    (folder / ".building-20260101T000000-00000000").mkdir()
    gone, room = admin.collect_garbage(folder, 1)
    assert gone == [made[0]] and room > 1000
    assert {path.name for path in folder.iterdir()} == {
        "CURRENT",
        "LOCK",
        *made[1:],
    } and verify_index(folder) == []
    admin.rollback(folder)
    assert admin.collect_garbage(folder, 0)[0] == [made[2]]  # the live one stays, newest or not


def test_a_copy_lives_on_its_own_and_can_be_renamed_and_deleted(tmp_path: Path) -> None:
    build_fake_index(tmp_path / "hotel")
    admin.copy_index(tmp_path / "hotel", tmp_path / "copy")
    assert verify_index(tmp_path / "copy") == []
    admin.rename_index(tmp_path / "copy", tmp_path / "inn")
    assert list_indexes(tmp_path) == ["hotel", "inn"]
    admin.delete_index(tmp_path / "hotel")
    assert list_indexes(tmp_path) == ["inn"] and not (tmp_path / "hotel").exists()
    assert ReviewIndex.open(tmp_path / "inn").manifest.reviews == len(REVIEWS)


def test_a_renamed_index_can_be_written_and_its_old_name_is_free(tmp_path: Path) -> None:
    build_fake_index(tmp_path / "hotel")
    admin.rename_index(tmp_path / "hotel", tmp_path / "inn")
    build_fake_index(tmp_path / "hotel", REVIEWS[:1])
    build_fake_index(tmp_path / "inn", REVIEWS[:2])
    assert [ReviewIndex.open(tmp_path / name).manifest.reviews for name in ("hotel", "inn")] == [
        1,
        2,
    ]
    admin.delete_index(tmp_path / "inn")
    admin.rename_index(tmp_path / "hotel", tmp_path / "inn")
    assert list_indexes(tmp_path) == ["inn"] and verify_index(tmp_path / "inn") == []


def test_deleting_takes_what_is_the_index_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    build_fake_index(folder)
    (folder / WORK_FOLDER / "x").mkdir(parents=True)
    (folder / ".building-20260101T000000-00000000").mkdir()
    (folder / "rejected.csv").touch()
    (folder / "mine").mkdir()
    (folder / "mine" / "notes.txt").write_text("mine")
    admin.delete_index(folder)
    assert [path.name for path in folder.iterdir()] == ["mine"] and list_indexes(tmp_path) == []
    for act in (admin.delete_index, admin.rollback):  # a folder of something else is no index
        with pytest.raises(IndexFileError, match='no index "hotel"'):
            act(folder)
    assert (folder / "mine" / "notes.txt").read_text() == "mine"


def test_what_is_left_of_an_index_can_be_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    build_fake_index(folder)
    (folder / "CURRENT").unlink()
    admin.delete_index(folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("act", [admin.copy_index, admin.rename_index])
@pytest.mark.parametrize("there", ["a file", "a folder of something else"])
def test_nothing_is_written_over_what_is_no_index(
    tmp_path: Path, act: Callable[[Path, Path], None], there: str
) -> None:
    build_fake_index(tmp_path / "hotel")
    mine = tmp_path / "inn" if there == "a file" else tmp_path / "inn" / "mine.txt"
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    with pytest.raises(IndexFileError, match="inn is there already, and is no index"):
        act(tmp_path / "hotel", tmp_path / "inn")
    assert mine.read_text() == "mine" and verify_index(tmp_path / "hotel") == []


@pytest.mark.parametrize("act", [admin.copy_index, admin.rename_index])
def test_what_an_interrupted_copy_left_is_not_in_the_way(
    tmp_path: Path, act: Callable[[Path, Path], None]
) -> None:
    build_fake_index(tmp_path / "hotel")
    (tmp_path / "inn" / ".building-20260101T000000-00000000").mkdir(parents=True)
    (tmp_path / "inn" / "LOCK").touch()
    act(tmp_path / "hotel", tmp_path / "inn")
    assert verify_index(tmp_path / "inn") == []
    assert not list((tmp_path / "inn").glob(".building-*"))


@pytest.mark.parametrize("act", [admin.copy_index, admin.rename_index])
def test_a_name_that_another_process_is_building_is_not_taken(
    tmp_path: Path, act: Callable[[Path, Path], None]
) -> None:
    build_fake_index(tmp_path / "hotel")
    with (
        store.writer_lock(tmp_path / "inn"),
        pytest.raises(IndexFileError, match='Another process is writing the index "inn"'),
    ):
        act(tmp_path / "hotel", tmp_path / "inn")
    assert verify_index(tmp_path / "hotel") == []


@pytest.mark.parametrize("act", [admin.copy_index, admin.rename_index])
def test_nothing_is_written_over_another_index(
    tmp_path: Path, act: Callable[[Path, Path], None]
) -> None:
    build_fake_index(tmp_path / "hotel")
    build_fake_index(tmp_path / "inn", REVIEWS[:2])
    with pytest.raises(IndexFileError, match='an index "inn" already'):
        act(tmp_path / "hotel", tmp_path / "inn")
    assert ReviewIndex.open(tmp_path / "inn").manifest.reviews == 2
    assert ReviewIndex.open(tmp_path / "hotel").manifest.reviews == len(REVIEWS)


@pytest.mark.parametrize(
    "act",
    [
        admin.rollback,
        lambda folder: admin.collect_garbage(folder, 0),
        admin.delete_index,
        lambda folder: admin.copy_index(folder, folder.parent / "x"),
        lambda folder: admin.rename_index(folder, folder.parent / "x"),
    ],
)
def test_all_wait_for_a_writer_and_know_a_missing_index(
    tmp_path: Path, act: Callable[[Path], Any]
) -> None:
    build_fake_index(tmp_path / "hotel")
    with (
        store.writer_lock(tmp_path / "hotel"),
        pytest.raises(IndexFileError, match="Another process is writing"),
    ):
        act(tmp_path / "hotel")
    assert verify_index(tmp_path / "hotel") == []
    with pytest.raises(IndexFileError, match=r'no index "spa".*Indexes here: hotel'):
        act(tmp_path / "spa")


def test_an_export_holds_everything(tmp_path: Path) -> None:
    index = build_fake_index(tmp_path / "hotel", [*REVIEWS, *COPIED])
    file = tmp_path / "all.parquet"
    assert admin.export_index(index, file) == index.manifest.sentences
    table = pq.read_table(file)
    rows = table.to_pylist()
    texts = {row["review_id"]: row["review_text"] for row in rows if row["review_text"] is not None}
    assert texts == {review.review_id: review.text for review in (*REVIEWS, *COPIED)}
    for row in rows:
        assert (
            row["sentence"] == texts[row["review_id"]][row["sentence_start"] : row["sentence_end"]]
        )
        assert row["chunk_id"] == f"{row['review_id']}:{row['chunk_start']}-{row['chunk_end']}"
    assert {row["review_id"]: row["copy_of"] for row in rows if row["copy_of"]} == {
        "copy": "first",
        "copy-again": "first",
    }
    np.testing.assert_array_equal(
        np.array(table.column("vector").to_pylist(), dtype=np.float32), index.all_vectors
    )
    with pytest.raises(IndexFileError, match="is there already"):
        admin.export_index(index, file)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("name", ["no/folder.parquet", "file/below.parquet", "x" * 300])
def test_an_export_that_cannot_be_written_is_a_plain_error(
    pristine: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IndexFileError, match="Cannot write"):
        admin.export_index(ReviewIndex.open(pristine), tmp_path / name)
    with pytest.raises(
        IndexFileError, match=r"is a folder\. Name a file, for example .*hotel\.parquet"
    ):
        admin.export_index(ReviewIndex.open(pristine), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_export_of_one_review_has_its_text(tmp_path: Path) -> None:
    admin.export_index(build_fake_index(tmp_path / "one", REVIEWS[:1]), tmp_path / "one.parquet")
    texts = pq.read_table(tmp_path / "one.parquet").column("review_text").to_pylist()
    assert texts == [REVIEWS[0].text, None]


def test_an_export_of_many_sentences_is_whole(tmp_path: Path) -> None:
    embedder = FakeEmbedder(dimension=8)
    reviews = [review(str(n), f"Sentence {n}. Another {n}. A third {n}.") for n in range(1000)]
    index = build_fake_index(tmp_path / "many", reviews, embedder=embedder)
    assert admin.export_index(index, tmp_path / "all.parquet") == 3000
    table = pq.read_table(tmp_path / "all.parquet")
    assert table.column("sentence").to_pylist() == [
        one.text for one in index.sentences(range(3000))
    ]
    vectors = table.column("vector").combine_chunks().flatten().to_numpy().reshape(3000, 8)
    np.testing.assert_array_equal(vectors, index.all_vectors)
    assert [text for text in table.column("review_text").to_pylist() if text] == [
        one.text for one in reviews
    ]
