"""An interrupted change goes on where it stopped, with nothing but its own good batches; readers
and writers meet.
"""

from __future__ import annotations

import itertools
import resource
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.embedding import Vectors
from rag.files import sha256_of
from rag.index import (
    BuildOptions,
    Change,
    Changed,
    ReviewIndex,
    change_index,
    generation,
    store,
    verify_index,
)
from rag.index.admin import rollback
from rag.progress import Progress, no_progress
from rag.schema import IndexFileError, Review
from tests.fakes import CHUNK_TOKENS, REVIEWS, FakeEmbedder, review
from tests.faults import difference, in_fork, kept_batches
from tests.test_index import entries

ADDED = [
    review(
        f"added-{number}",
        f"The garden has {number} chairs. Nobody sat on chair {number * 7}. It rained.",
        5,
    )
    for number in range(12)
]
AT_ONCE = 4


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "EMBED_AT_ONCE", AT_ONCE)


def update(
    folder: Path,
    reviews: Sequence[Review] = ADDED,
    progress: Progress = no_progress,
    *,
    embedder: FakeEmbedder | None = None,
    keep_generations: int = 2,
) -> Changed:
    return change_index(
        reviews,
        embedder or FakeEmbedder(),
        folder,
        Change(mode="update"),
        BuildOptions(chunk_tokens=CHUNK_TOKENS, keep_generations=keep_generations),
        progress,
    )


def interrupt(stage: str, at: int = 0) -> Progress:
    """As Ctrl-C does, once a stage has come so far."""

    def progress(now: str, done: int, total: int) -> None:
        if now == stage and done >= at:
            raise KeyboardInterrupt

    return progress


@pytest.fixture
def interrupted(folder: Path) -> Path:
    """An index of which an update was interrupted after it had kept three batches."""
    with pytest.raises(KeyboardInterrupt):
        update(folder, progress=interrupt("embedding", 3 * AT_ONCE + 2))
    assert kept_batches(folder) == [AT_ONCE] * 3
    return folder


@pytest.fixture(scope="module")
def wanted(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Changed:
    """The same update, never interrupted."""
    return update(Path(shutil.copytree(pristine, tmp_path_factory.mktemp("wanted") / "hotel")))


def assert_finished(folder: Path, wanted: Changed, *, resumed: int) -> None:
    told: list[tuple[str, int, int]] = []
    changed = update(folder, progress=lambda *values: told.append(values))
    assert (changed.resumed, changed.embedded) == (resumed, wanted.embedded - resumed)
    assert [event for event in told if event[0] == "resuming"] == [
        ("resuming", resumed, resumed)
    ] * bool(resumed)
    assert verify_index(folder) == [] and not difference(ReviewIndex.open(folder), wanted.index)
    assert (
        entries(folder) == {"CURRENT", *store.generations(folder)}
        and len(store.generations(folder)) == 2
    )


# --- Ctrl-C and a full disk


@pytest.mark.parametrize("stage", ["comparing", "chunking", "embedding", "writing", "checking"])
def test_ctrl_c_leaves_the_old_index_and_the_next_run_goes_on(
    folder: Path, wanted: Changed, stage: str
) -> None:
    before = ReviewIndex.open(folder).generation.name
    with pytest.raises(KeyboardInterrupt):
        update(folder, progress=interrupt(stage, 2 * AT_ONCE if stage == "embedding" else 0))
    assert ReviewIndex.open(folder).generation.name == before and verify_index(folder) == []
    kept = sum(kept_batches(folder))
    expected = {"comparing": 0, "chunking": 0, "embedding": AT_ONCE}.get(stage, wanted.embedded)
    assert kept == expected and entries(folder) == {"CURRENT", before, *([".work"] if kept else [])}
    assert_finished(folder, wanted, resumed=kept)


def test_ctrl_c_while_resuming_loses_no_batch(interrupted: Path, wanted: Changed) -> None:
    with pytest.raises(KeyboardInterrupt):
        update(interrupted, progress=interrupt("resuming"))
    assert_finished(interrupted, wanted, resumed=3 * AT_ONCE)


def test_a_disk_that_is_full_while_embedding_keeps_the_batches_before(
    folder: Path, wanted: Changed
) -> None:
    """At a real limit: the last batch is one of more dimensions' worth of bytes than a file may
    have.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "embedding" and done > 2 * AT_ONCE:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))

    try:
        with pytest.raises(IndexFileError, match=r"File too large.*what was embedded is kept"):
            update(folder, progress=progress)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert verify_index(folder) == []
    assert_finished(folder, wanted, resumed=2 * AT_ONCE)


def test_two_interruptions_add_up(interrupted: Path, wanted: Changed) -> None:
    with pytest.raises(KeyboardInterrupt):
        update(interrupted, progress=interrupt("embedding", AT_ONCE + 1))
    assert_finished(interrupted, wanted, resumed=4 * AT_ONCE)


# --- what lies in .work


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def rename(path: Path) -> None:
    path.rename(path.with_name("pending"))


def foreign(path: Path) -> None:
    """A file whose name is that of its content, and which is no batch."""
    path.write_bytes(b"\x93NUMPY is not what this is")
    path.rename(path.with_name(f"000009-{sha256_of(path)[:16]}.batch"))


def other_shape(path: Path) -> None:
    """A batch, but for vectors of half the dimension."""
    with path.open("wb") as file:
        np.save(file, np.zeros((AT_ONCE, 16), dtype=np.uint8))
        np.save(file, np.zeros((AT_ONCE, 256), dtype=np.float32))
    path.rename(path.with_name(f"000009-{sha256_of(path)[:16]}.batch"))


@pytest.mark.parametrize("harm", [flip, shorten, empty, rename, foreign, other_shape, Path.unlink])
def test_a_batch_that_is_no_good_is_embedded_again(
    interrupted: Path, wanted: Changed, harm: Callable[[Path], None]
) -> None:
    harm(sorted(interrupted.glob(".work/*/*.batch"))[1])
    assert_finished(interrupted, wanted, resumed=2 * AT_ONCE)


def test_batches_of_another_embedder_are_not_used(interrupted: Path, wanted: Changed) -> None:
    (batches,) = (interrupted / ".work").iterdir()
    batches.rename(batches.with_name("0" * 16))
    assert_finished(interrupted, wanted, resumed=0)


def test_batches_of_a_first_build_by_another_embedder_are_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"

    def first(embedder: FakeEmbedder, progress: Progress = no_progress) -> Changed:
        return change_index(
            REVIEWS,
            embedder,
            folder,
            Change(mode="new"),
            BuildOptions(chunk_tokens=CHUNK_TOKENS),
            progress,
        )

    with pytest.raises(KeyboardInterrupt):
        first(FakeEmbedder("another", 32), interrupt("checking"))
    changed = first(FakeEmbedder("fake", 32))
    assert changed.resumed == 0 and changed.embedded == changed.index.manifest.sentences
    assert entries(folder) == {"CURRENT", changed.index.generation.name}


def test_vectors_of_the_wrong_shape_are_an_error_and_not_kept(folder: Path) -> None:
    class Wrong(FakeEmbedder):
        def embed_documents(
            self, texts: Sequence[str], *, progress: Progress = no_progress
        ) -> Vectors:
            return super().embed_documents(texts, progress=progress)[:-1]

    with pytest.raises(IndexFileError, match=r"vectors of shape \(3, 512\) for 4 sentences"):
        update(folder, embedder=Wrong())
    assert kept_batches(folder) == [] and verify_index(folder) == []


def test_an_update_that_changes_nothing_keeps_the_batches_of_one_that_was_interrupted(
    interrupted: Path, wanted: Changed
) -> None:
    assert update(interrupted, REVIEWS).unchanged == len(REVIEWS)
    assert_finished(interrupted, wanted, resumed=3 * AT_ONCE)


def test_another_file_may_come_next_and_uses_what_it_shares(interrupted: Path) -> None:
    changed = update(interrupted, [replace(ADDED[0], title="Chairs"), *ADDED[8:]])
    assert changed.resumed == 3 and verify_index(interrupted) == []
    assert not (interrupted / ".work").exists()


# --- a switch that was not finished


def test_a_generation_that_was_never_live_is_nothing_to_go_back_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies between naming the generation and naming it in CURRENT leaves both."""
    first = ReviewIndex.open(folder).generation.name
    second = update(folder, ADDED[:1]).index.generation.name
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store, "make_live", lambda *arguments: interrupt("")("", 0, 0))
        patch.setattr(store, "remove_unfinished", lambda folder: None)
        update(folder)
    assert (
        len(store.generations(folder)) == 3 and ReviewIndex.open(folder).generation.name == second
    )
    assert rollback(folder) == first and store.generations(folder) == [first, second]
    assert rollback(folder, second) == second
    third = update(folder).index.generation.name
    assert store.generations(folder) == [first, second, third] and rollback(folder) == second


# --- readers and writers at once


def open_until(folder: Path, stop: Path, counted: Path) -> int:
    """Open the index over and over, in a process of its own; how many times, which `counted` says as
    they come: a byte each.
    """

    def work() -> int:
        opened = 0
        while not stop.exists():
            index = ReviewIndex.open(folder)
            assert len(list(index.reviews())) == index.manifest.reviews
            index.search(index.vectors([0]), 3)
            opened += 1
            counted.write_bytes(b"." * opened)
        return opened

    return in_fork(work)  # type: ignore[no-any-return]


def test_readers_never_fail_while_a_writer_switches_and_removes(
    folder: Path, workers: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = folder.parent / "stop"
    counted = [folder.parent / f"counted-{number}" for number in range(2)]
    for file in counted:
        file.touch()
    readers = [workers.apply_async(open_until, (folder, stop, file)) for file in counted]
    numbers = itertools.count()
    try:
        # on a busy machine twenty switches may be over before a reader has begun
        while (number := next(numbers)) < 20 or (
            number < 1000 and any(file.stat().st_size <= 5 for file in counted)
        ):
            update(folder, [replace(ADDED[0], title=str(number))], keep_generations=0)
            assert entries(folder) == {"CURRENT", store.live_name(folder)}
            time.sleep(0.01)
    finally:
        stop.touch()
    assert all(reader.get(30) > 5 for reader in readers)


@pytest.mark.parametrize("switches", [1, 3])
@pytest.mark.parametrize(("step", "name"), [("is_dir", ""), ("is_symlink", "manifest.json")])
def test_a_reader_finds_the_new_generation_when_the_old_one_goes_under_its_hands(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str, name: str, switches: int
) -> None:
    """Each time the reader goes to the live generation, a writer makes another and removes that
    one.
    """
    found = store.live_generation(folder)
    left = list(range(switches))
    original: Callable[..., Any] = getattr(Path, step)
    writing = False

    def removed_first(path: Path, *arguments: Any, **more: Any) -> Any:
        nonlocal writing
        if left and not writing:
            writing = True
            if path == folder / store.live_name(folder) / name:
                update(folder, [replace(ADDED[0], title=str(left.pop()))], keep_generations=0)
            writing = False
        return original(path, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, step, removed_first)
        index = ReviewIndex.open(folder)
    assert index.generation != found and index.manifest.reviews == len(REVIEWS) + 1 and not left


def test_an_open_index_stays_usable_when_its_generation_is_removed(folder: Path) -> None:
    index = ReviewIndex.open(folder)
    update(folder, keep_generations=0)
    assert not index.generation.exists()
    assert (
        list(index.reviews()) == list(REVIEWS)
        and len(index.all_vectors.copy()) == index.manifest.sentences
    )


def write_until(folder: Path, number: int) -> int:
    """Update the index ten times, waiting for its turn; how many times another writer was in the
    way.
    """

    def work() -> int:
        waited = 0
        for title in range(10):
            while True:
                try:
                    update(folder, [replace(ADDED[number], title=str(title))])
                    break
                except IndexFileError as error:
                    assert "Another process is writing" in str(error)
                    waited += 1
                    time.sleep(0.003)
        return waited

    return in_fork(work)  # type: ignore[no-any-return]


def test_writers_take_turns_and_lose_nothing(folder: Path, workers: Pool) -> None:
    waited = workers.starmap(write_until, [(folder, 0), (folder, 1)], 1)
    assert sum(waited) > 0
    titles = {review.review_id: review.title for review in ReviewIndex.open(folder).reviews()}
    assert titles["added-0"] == titles["added-1"] == "9" and len(titles) == len(REVIEWS) + 2
    assert verify_index(folder) == []


def test_a_left_lock_file_is_no_lock(folder: Path) -> None:
    (folder / "LOCK").write_text("12345")
    assert update(folder).new == len(ADDED)
