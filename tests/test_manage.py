"""Whole indexes: going back, making room, copying, renaming, deleting, exporting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from rag.index import ReviewIndex, list_indexes, manage, store, verify_index
from rag.index.embedded import WORK_FOLDER
from rag.schema import IndexFileError
from tests.fakes import COPIED, REVIEWS, build_fake_index


def test_going_back_and_forth(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    made = [build_fake_index(folder, REVIEWS[: count + 1]).generation.name for count in range(3)]
    assert [one.name for one in manage.list_generations(folder)] == made[::-1]
    assert manage.rollback(folder) == made[1] and ReviewIndex.open(folder).manifest.reviews == 2
    assert manage.rollback(folder) == made[0] and ReviewIndex.open(folder).manifest.reviews == 1
    with pytest.raises(IndexFileError, match="no earlier generation"):
        manage.rollback(folder)
    assert manage.rollback(folder, made[2]) == made[2] and ReviewIndex.open(folder).manifest.reviews == 3
    assert [one.live for one in manage.list_generations(folder)] == [True, False, False]
    with pytest.raises(IndexFileError, match=r"no generation '\.\./x'.*It has"):
        manage.rollback(folder, "../x")


def test_a_damaged_generation_is_not_gone_back_to(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    made = [build_fake_index(folder, REVIEWS[: count + 1]).generation for count in range(2)]
    (made[0] / "vectors.npy").write_bytes(b"")
    with pytest.raises(IndexFileError, match=r"is damaged.*the live one stays: vectors\.npy"):
        manage.rollback(folder)
    assert ReviewIndex.open(folder).generation == made[1]


def test_garbage_is_collected(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    made = [build_fake_index(folder, REVIEWS[: count + 1]).generation.name for count in range(3)]
    (folder / WORK_FOLDER).mkdir()
    (folder / WORK_FOLDER / "x").write_bytes(b"0" * 1000)
    (folder / ".building-20260101T000000-00000000").mkdir()
    gone, room = manage.collect_garbage(folder, 1)
    assert gone == [made[0]] and room > 1000
    assert {path.name for path in folder.iterdir()} == {"CURRENT", "LOCK", *made[1:]} and verify_index(folder) == []
    manage.rollback(folder)
    assert manage.collect_garbage(folder, 0)[0] == [made[2]]  # the live one stays, newest or not


def test_a_copy_lives_on_its_own_and_can_be_renamed_and_deleted(tmp_path: Path) -> None:
    build_fake_index(tmp_path / "hotel")
    manage.copy_index(tmp_path / "hotel", tmp_path / "copy")
    assert verify_index(tmp_path / "copy") == []
    manage.rename_index(tmp_path / "copy", tmp_path / "inn")
    assert list_indexes(tmp_path) == ["hotel", "inn"]
    manage.delete_index(tmp_path / "hotel")
    assert list_indexes(tmp_path) == ["inn"] and not (tmp_path / "hotel").exists()
    assert ReviewIndex.open(tmp_path / "inn").manifest.reviews == len(REVIEWS)


@pytest.mark.parametrize("act", [manage.copy_index, manage.rename_index])
def test_nothing_is_written_over_another_index(tmp_path: Path, act: Callable[[Path, Path], None]) -> None:
    build_fake_index(tmp_path / "hotel")
    build_fake_index(tmp_path / "inn", REVIEWS[:2])
    with pytest.raises(IndexFileError, match='an index "inn" already'):
        act(tmp_path / "hotel", tmp_path / "inn")
    assert ReviewIndex.open(tmp_path / "inn").manifest.reviews == 2
    assert ReviewIndex.open(tmp_path / "hotel").manifest.reviews == len(REVIEWS)


@pytest.mark.parametrize(
    "act",
    [
        manage.rollback,
        lambda folder: manage.collect_garbage(folder, 0),
        manage.delete_index,
        lambda folder: manage.copy_index(folder, folder.parent / "x"),
        lambda folder: manage.rename_index(folder, folder.parent / "x"),
    ],
)
def test_all_wait_for_a_writer_and_know_a_missing_index(tmp_path: Path, act: Callable[[Path], Any]) -> None:
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
    assert manage.export_index(index, file) == index.manifest.sentences
    table = pq.read_table(file)
    rows = table.to_pylist()
    texts = {row["review_id"]: row["review_text"] for row in rows if row["review_text"] is not None}
    assert texts == {review.review_id: review.text for review in (*REVIEWS, *COPIED)}
    for row in rows:
        assert row["sentence"] == texts[row["review_id"]][row["sentence_start"] : row["sentence_end"]]
        assert row["chunk_id"] == f"{row['review_id']}:{row['chunk_start']}-{row['chunk_end']}"
    assert {row["review_id"]: row["copy_of"] for row in rows if row["copy_of"]} == {
        "copy": "first", "copy-again": "first",
    }  # fmt: skip
    np.testing.assert_array_equal(np.array(table.column("vector").to_pylist(), dtype=np.float32), index.all_vectors)
    with pytest.raises(IndexFileError, match="is there already"):
        manage.export_index(index, file)
    with pytest.raises(IndexFileError, match="Cannot write"):
        manage.export_index(index, tmp_path / "no" / "folder.parquet")
