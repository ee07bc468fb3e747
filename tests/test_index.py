"""An index on disk: what is built can be read back, nothing disturbs a reader, and damage is named."""

from __future__ import annotations

import ast
import errno
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rag.index
from rag.config import index_fingerprint
from rag.embedding import Progress, Vectors, no_progress
from rag.files import sha256_of
from rag.index import Manifest, ReviewIndex, build_index, index_folder, list_indexes, verify_index
from rag.index.store import DATA_FILES
from rag.schema import IndexFileError, Review
from tests.fakes import CHUNK_TOKENS, REVIEWS, FakeEmbedder, build_fake_index, review

EMBEDDER = FakeEmbedder()
QUERY = EMBEDDER.embed_queries(["was the swimming pool warm"])


def entries(folder: Path) -> set[str]:
    """What lies in an index's folder, the lock aside."""
    return {path.name for path in folder.iterdir()} - {"LOCK"}


# --- building, opening, searching


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("indexes") / "hotel"
    build_fake_index(folder)
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    """An index that a test may harm."""
    return Path(shutil.copytree(pristine, tmp_path / "hotel"))


def test_every_row_of_sentences_is_the_vector_of_the_same_number(pristine: Path) -> None:
    index = ReviewIndex.open(pristine)
    rows = range(index.manifest.sentences)
    sentences = index.sentences(rows)
    np.testing.assert_array_equal(index.vectors(rows), EMBEDDER.embed_documents([s.text for s in sentences]))
    for row, sentence in zip(rows, sentences, strict=True):
        scores, found = index.search(EMBEDDER.embed_queries([sentence.text]), 1)
        assert (sentence.row, found[0, 0]) == (row, row) and scores[0, 0] == pytest.approx(1, abs=1e-5)


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
    assert sorted(rows[0]) == list(range(index.manifest.sentences)) and list(scores[0]) == sorted(scores[0])[::-1]
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
    assert (made.embedder, made.chunking, made.chunk_tokens) == (EMBEDDER.identity, "sentences", CHUNK_TOKENS)
    assert made.fingerprint == index_fingerprint(EMBEDDER.identity, "sentences", CHUNK_TOKENS)
    assert made.sources == ["hand-made"] and set(made.files) == set(DATA_FILES)
    assert verify_index(pristine) == []


def test_a_whole_review_can_be_the_chunk(tmp_path: Path) -> None:
    index = build_fake_index(tmp_path / "whole", chunking="whole")
    assert index.manifest.sentences == index.manifest.chunks == len(REVIEWS)
    assert [index.chunk(row).text for row in range(len(REVIEWS))] == [r.text for r in REVIEWS]


def test_every_field_of_a_review_comes_back(tmp_path: Path) -> None:
    full = Review("id", "Text.", "Title", 4.5, 1, 5, "2020-01-02", "ann", "hat", 7, "en", "f.csv", 12)
    bare = Review("bare", "Text of 👩‍👩‍👧 another.")
    index = build_fake_index(tmp_path / "index", [full, bare])
    assert [index.review(0), index.review(1)] == [full, bare]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=4), whole=st.booleans())
def test_any_text_is_stored_or_refused_plainly(tmp_path: Path, texts: list[str], whole: bool) -> None:
    reviews = [review(str(number), text.strip() or "x") for number, text in enumerate(texts)]
    index = build_fake_index(tmp_path / "any", reviews, chunking="whole" if whole else "sentences")
    assert verify_index(tmp_path / "any") == []
    for sentence in index.sentences(range(index.manifest.sentences)):
        assert sentence.text == reviews[int(sentence.review_id)].text[sentence.start : sentence.end]


def test_progress_names_every_stage_and_reaches_its_total(tmp_path: Path) -> None:
    last: dict[str, tuple[int, int]] = {}
    build_index(
        REVIEWS, EMBEDDER, tmp_path / "x", chunking="sentences", chunk_tokens=CHUNK_TOKENS,
        progress=lambda stage, done, total: last.update({stage: (done, total)}),
    )  # fmt: skip
    assert list(last) == ["chunking", "embedding", "writing"]
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
def test_reviews_that_cannot_be_indexed_are_refused(tmp_path: Path, reviews: list[Review], says: str) -> None:
    with pytest.raises(IndexFileError, match=says):
        build_fake_index(tmp_path / "index", reviews)
    assert list_indexes(tmp_path) == []


def test_an_embedder_that_returns_too_few_vectors_is_caught(tmp_path: Path) -> None:
    class Forgetful(FakeEmbedder):
        def embed_documents(self, texts: Sequence[str], *, progress: Progress = no_progress) -> Vectors:
            return super().embed_documents(texts)[:-1]

    with pytest.raises(IndexFileError, match=r"shape \(16, 512\) for 17 sentences of 512"):
        build_fake_index(tmp_path / "index", embedder=Forgetful())


def test_vectors_that_are_not_of_length_one_never_go_live(tmp_path: Path) -> None:
    class Long(FakeEmbedder):
        def embed_documents(self, texts: Sequence[str], *, progress: Progress = no_progress) -> Vectors:
            return 3 * super().embed_documents(texts)

    with pytest.raises(IndexFileError, match=r"its own check.*length 3\.0"):
        build_fake_index(tmp_path / "index", embedder=Long())
    assert entries(tmp_path / "index") == set()


# --- names


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "/x", "a/b", "a\\b", ".hidden", "-x", "x" * 65, "é", "a\n", "a b"]
)
def test_names_that_are_no_plain_folder_name_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(IndexFileError, match="cannot be the name of an index"):
        index_folder(tmp_path, name)


@given(st.text(alphabet=st.one_of(st.sampled_from("./\\~-_\0\n aZ9"), st.characters()), max_size=70))
def test_no_name_leaves_the_folder_of_indexes(name: str) -> None:
    try:
        folder = index_folder(Path("/indexes"), name)
    except IndexFileError:
        return
    assert os.path.normpath(folder) == f"/indexes/{name}" and folder.name == name


def test_indexes_are_listed_by_name_and_other_folders_are_not(pristine: Path, tmp_path: Path) -> None:
    assert list_indexes(tmp_path / "nowhere") == []
    for name in ("b", "a"):
        shutil.copytree(pristine, tmp_path / name)
    (tmp_path / "c").mkdir()
    (tmp_path / "README.md").write_text("no index")
    assert list_indexes(tmp_path) == ["a", "b"]


def test_a_missing_index_is_answered_with_those_that_are_there(pristine: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexFileError, match=r'no index "spa".*none yet.*reviewqa index build FILE --name spa'):
        ReviewIndex.open(tmp_path / "spa")
    with pytest.raises(IndexFileError, match=r'no index "spa".*Indexes here: hotel'):
        ReviewIndex.open(pristine.parent / "spa")


# --- settings it was built with


def test_an_index_of_the_same_making_is_accepted(pristine: Path) -> None:
    ReviewIndex.open(pristine).require_fingerprint(
        index_fingerprint(EMBEDDER.identity, "sentences", CHUNK_TOKENS), EMBEDDER.identity
    )


def test_another_embedder_is_named_beside_the_one_it_was_built_with(pristine: Path) -> None:
    other = FakeEmbedder("other").identity
    with pytest.raises(IndexFileError, match=rf"built with the embedder {EMBEDDER.identity}.*{other}"):
        ReviewIndex.open(pristine).require_fingerprint(index_fingerprint(other, "sentences", CHUNK_TOKENS), other)


@pytest.mark.parametrize(("chunking", "tokens"), [("sentences", CHUNK_TOKENS + 1), ("whole", CHUNK_TOKENS)])
def test_other_chunking_is_refused_with_what_it_was_built_with(pristine: Path, chunking: str, tokens: int) -> None:
    with pytest.raises(IndexFileError, match=f"chunking sentences, {CHUNK_TOKENS} tokens"):
        ReviewIndex.open(pristine).require_fingerprint(
            index_fingerprint(EMBEDDER.identity, chunking, tokens), EMBEDDER.identity
        )


# --- rebuilding


def test_a_rebuild_keeps_the_generation_before_it_and_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    made = [build_fake_index(folder, REVIEWS[: number + 1]).generation.name for number in range(4)]
    assert entries(folder) == {"CURRENT", made[2], made[3]}
    assert (folder / "CURRENT").read_text().strip() == made[3]
    assert ReviewIndex.open(folder).manifest.reviews == 4 and verify_index(folder) == []


def test_a_reader_is_not_disturbed_by_rebuilds(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    reader = build_fake_index(folder)
    before = (reader.search(QUERY, 3)[1].tolist(), reader.chunk(1), reader.review(1))
    for number in range(3):  # by the last, the reader's own generation is gone from the disk
        build_fake_index(folder, [replace(REVIEWS[0], text=f"Something else, number {number}.")])
    assert not reader.generation.exists()
    assert (reader.search(QUERY, 3)[1].tolist(), reader.chunk(1), reader.review(1)) == before


def test_at_every_moment_of_a_rebuild_one_whole_index_is_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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

    with monkeypatch.context() as patch:
        for module, name in ((os, "replace"), (os, "fsync"), (shutil, "rmtree"), (pq, "write_table")):
            patch.setattr(module, name, watched(getattr(module, name)))
        build_fake_index(folder, REVIEWS[:3])
    assert set(seen) == {len(REVIEWS), 3} and seen == sorted(seen, reverse=True)


# --- faults


class Faults:
    """Counts the calls of everything a build does, and makes one of them raise."""

    def __init__(self, patch: pytest.MonkeyPatch, error: BaseException, at: int) -> None:
        self.calls: list[str] = []
        self._error, self._at = error, at
        for module, name in (
            (pq, "write_table"), (pq, "read_table"), (faiss, "write_index"), (faiss, "read_index"), (os, "replace"),
            (os, "fsync"), (json, "dump"), (Path, "mkdir"), (Path, "write_text"), (hashlib, "file_digest"),
            (FakeEmbedder, "embed_documents"), (FakeEmbedder, "count_tokens"),
        ):  # fmt: skip
            patch.setattr(module, name, self._counted(name, getattr(module, name)))

    def _counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            self.calls.append(name)
            if len(self.calls) == self._at:
                raise self._error
            return function(*args, **more)

        return call


DISK_FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("first", [True, False], ids=["first build", "rebuild"])
@pytest.mark.parametrize("error", [DISK_FULL, KeyboardInterrupt(), ValueError("odd")], ids=repr)
def test_whatever_step_fails_a_whole_index_stays_live_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, first: bool
) -> None:
    folder = tmp_path / "index"
    before = None if first else build_fake_index(folder).generation.name
    for step in range(1, 200):
        failed: BaseException | None = None
        with monkeypatch.context() as patch:
            faults = Faults(patch, error, step)
            try:
                build_fake_index(folder, REVIEWS[:4])
            except (OSError, KeyboardInterrupt, ValueError, IndexFileError) as caught:
                failed = caught
        if failed is None:
            break
        if error is not DISK_FULL:
            assert failed is error, faults.calls[-1]
        else:
            assert isinstance(failed, IndexFileError) and "No space left on device" in str(failed), faults.calls[-1]
            assert "\n" not in str(failed)
        current = folder / "CURRENT"
        live = current.read_text().strip() if current.exists() else None
        if live != before:  # it failed after the switch: the new generation is live, and whole
            assert live is not None and ReviewIndex.open(folder).manifest.reviews == 4
            assert entries(folder) == {"CURRENT", live, *([before] if before else [])}
            shutil.rmtree(folder)
            before = None if first else build_fake_index(folder).generation.name
        elif before is not None:
            assert verify_index(folder) == [] and ReviewIndex.open(folder).manifest.reviews == len(REVIEWS)
            assert entries(folder) == {"CURRENT", before}
        elif folder.exists():
            assert entries(folder) == set() and list_indexes(tmp_path) == []
    assert step > 25 and {"write_table", "write_index", "replace", "dump", "embed_documents"} <= set(faults.calls)


def test_an_embedder_that_fails_midway_leaves_the_old_index(folder: Path) -> None:
    class Failing(FakeEmbedder):
        def embed_documents(self, texts: Sequence[str], *, progress: Progress = no_progress) -> Vectors:
            for done in range(len(texts) // 2):
                progress(done, len(texts))
            raise MemoryError("out of memory")

    before = entries(folder)
    with pytest.raises(MemoryError):
        build_fake_index(folder, embedder=Failing())
    assert entries(folder) == before and verify_index(folder) == []


def test_a_callback_that_fails_leaves_the_old_index(folder: Path) -> None:
    before = entries(folder)

    def progress(stage: str, done: int, total: int) -> None:
        if stage == "writing" and done == total:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    with pytest.raises(IndexFileError, match="Broken pipe"):
        build_index(REVIEWS, EMBEDDER, folder, chunking="sentences", chunk_tokens=CHUNK_TOKENS, progress=progress)
    assert entries(folder) == before


@pytest.mark.parametrize("limit", [512, 4096, 20_000])
def test_files_that_cannot_grow_leave_the_old_index(folder: Path, limit: int) -> None:
    """The real libraries at a real limit, as on a full disk."""
    before = entries(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(IndexFileError, match="Cannot write the index") as error:
            build_fake_index(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in str(error.value) and "still is" in str(error.value)
    assert entries(folder) == before and verify_index(folder) == []


def test_a_folder_that_cannot_be_made_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IndexFileError, match="Cannot write the index"):
        build_fake_index(tmp_path / "file" / "index")


# --- two writers, and a writer that is killed

WRITER = """
import os, sys
from pathlib import Path
from tests.fakes import FakeEmbedder, build_fake_index, REVIEWS

def halt(*args, **more):
    print("here", flush=True)
    sys.stdin.read()

if sys.argv[2] == "embedding":
    FakeEmbedder.embed_documents = halt
else:  # the new generation has its name, and CURRENT does not name it yet
    replace = os.replace
    os.replace = lambda source, target: halt() if Path(target).name == "CURRENT" else replace(source, target)
build_fake_index(Path(sys.argv[1]), REVIEWS[:2])
"""


@pytest.fixture(params=["embedding", "switch"])
def writer(folder: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """Another process that has come so far in building the index, and stays there."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), request.param],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    with process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "here\n"
            yield process
        finally:
            process.kill()


def test_a_second_writer_is_turned_away_and_a_killed_one_leaves_nothing_behind(
    folder: Path, writer: subprocess.Popen[str]
) -> None:
    before = ReviewIndex.open(folder).generation.name
    with pytest.raises(IndexFileError, match='Another process is writing the index "hotel"'):
        build_fake_index(folder)
    assert len(entries(folder)) > 2  # what the writer has done so far was not touched
    writer.kill()
    writer.wait()
    assert ReviewIndex.open(folder).generation.name == before and verify_index(folder) == []
    after = build_fake_index(folder, REVIEWS[:3]).generation.name
    assert entries(folder) == {"CURRENT", before, after} and verify_index(folder) == []


# --- damage


def edit_manifest(generation: Path, **changes: Any) -> None:
    path = generation / "manifest.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**values, **changes}), encoding="utf-8")


def accept_files(generation: Path) -> None:
    """Write the checksums of the files as they are into the manifest."""
    edit_manifest(generation, files={name: sha256_of(generation / name) for name in DATA_FILES})


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", DATA_FILES)
@pytest.mark.parametrize("harm", [truncate, empty, flip_a_bit, Path.unlink])
def test_verify_names_the_damaged_file_and_no_other(folder: Path, name: str, harm: Callable[[Path], None]) -> None:
    generation = ReviewIndex.open(folder).generation
    harm(generation / name)
    problems = verify_index(folder)
    assert len(problems) == 1 and problems[0].startswith(name)
    with pytest.raises(IndexFileError, match=rf"is damaged: {name} .*Rebuild it\.") as error:
        ReviewIndex.open(folder)
    assert "\n" not in str(error.value)
    if harm is not flip_a_bit:  # and without the check, what cannot be parsed is no crash either
        with pytest.raises(IndexFileError, match=r"is damaged: .*reviewqa index verify hotel"):
            ReviewIndex(generation)


def test_a_file_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(hashlib, "file_digest", fails)
    with pytest.raises(IndexFileError, match=rf"is damaged: {DATA_FILES[0]} cannot be read: Input/output error"):
        ReviewIndex.open(folder)
    assert len(verify_index(folder)) == len(DATA_FILES)


def test_several_damaged_files_are_all_named(folder: Path) -> None:
    generation = ReviewIndex.open(folder).generation
    flip_a_bit(generation / "reviews.parquet")
    (generation / "vectors.faiss").unlink()
    assert [problem.split()[0] for problem in verify_index(folder)] == ["reviews.parquet", "vectors.faiss"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([name for name in DATA_FILES if name != "leaning.parquet"]),
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
def test_any_flipped_bit_is_found_and_never_a_crash(folder: Path, name: str, place: float, bit: int) -> None:
    path = ReviewIndex.open(folder).generation / name
    whole = path.read_bytes()
    harmed = bytearray(whole)
    harmed[int(place * len(whole))] ^= 1 << bit
    path.write_bytes(harmed)
    try:
        assert [problem.split()[0] for problem in verify_index(folder)] == [name]
        with pytest.raises(IndexFileError, match=f"is damaged: {name} "):
            ReviewIndex.open(folder)
        try:
            ReviewIndex(path.parent)
        except IndexFileError as error:
            assert "is damaged" in str(error) or "does not fit together" in str(error)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "7", '{"format_version": 1}', "\x00\xff", "[" * 100_000],
    ids=["empty", "open", "list", "null", "number", "fields missing", "binary", "deep"],
)
def test_a_damaged_manifest_is_named(folder: Path, text: str) -> None:
    manifest = ReviewIndex.open(folder).generation / "manifest.json"
    manifest.write_bytes(text.encode("latin-1"))
    (problem,) = verify_index(folder)
    assert "manifest.json is damaged" in problem and "Rebuild" in problem
    with pytest.raises(IndexFileError, match=r"manifest\.json is damaged"):
        ReviewIndex.open(folder)


def test_a_missing_manifest_is_named(folder: Path) -> None:
    (ReviewIndex.open(folder).generation / "manifest.json").unlink()
    (problem,) = verify_index(folder)
    assert "manifest.json" in problem and "No such file" in problem


@pytest.mark.parametrize("field", [name for name in Manifest.__slots__ if name != "format_version"])
@pytest.mark.parametrize("value", [None, "odd", -1, [], {}], ids=repr)
def test_a_manifest_with_odd_values_never_crashes_verify(folder: Path, field: str, value: Any) -> None:
    edit_manifest(ReviewIndex.open(folder).generation, **{field: value})
    problems = verify_index(folder)
    assert problems or field not in ("dimension", "reviews", "sentences", "chunks", "files")


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_format_version_is_refused_with_both_numbers(folder: Path, version: Any) -> None:
    edit_manifest(ReviewIndex.open(folder).generation, format_version=version)
    says = f"format version {version}, and this program reads version 1"
    assert says in verify_index(folder)[0]
    with pytest.raises(IndexFileError, match=says):
        ReviewIndex.open(folder)


@pytest.mark.parametrize("text", ["", "nothing", "../../x", "20260101T000000-00000000", "..", "/etc", "CURRENT", "é"])
def test_a_current_that_names_no_generation_is_refused(folder: Path, text: str) -> None:
    (folder / "CURRENT").write_text(text, encoding="utf-8")
    (problem,) = verify_index(folder)
    assert str(folder / "CURRENT") in problem
    with pytest.raises(IndexFileError, match="CURRENT"):
        ReviewIndex.open(folder)


def test_current_cannot_point_at_a_generation_outside(folder: Path) -> None:
    generation = ReviewIndex.open(folder).generation
    outside = folder.parent / generation.name
    generation.rename(outside)
    (folder / "CURRENT").write_text(f"../{outside.name}")
    with pytest.raises(IndexFileError, match="no generation of this index"):
        ReviewIndex.open(folder)


def test_a_rebuild_mends_a_damaged_index(folder: Path) -> None:
    (folder / "CURRENT").write_text("../../x")
    build_fake_index(folder)
    assert verify_index(folder) == [] and len(entries(folder)) == 2


def test_vectors_and_sentences_that_differ_in_number_are_refused_with_both(folder: Path) -> None:
    generation = ReviewIndex.open(folder).generation
    vectors = faiss.read_index(str(generation / "vectors.faiss"))
    fewer = faiss.IndexFlatIP(vectors.d)
    fewer.add(vectors.reconstruct_n(0, vectors.ntotal - 2))
    faiss.write_index(fewer, str(generation / "vectors.faiss"))
    accept_files(generation)
    assert "15 vectors for 17 sentences" in verify_index(folder)[0]
    with pytest.raises(IndexFileError, match="15 vectors for 17 sentences"):
        ReviewIndex.open(folder)


@pytest.mark.parametrize("table", ["reviews", "sentences", "chunks"])
def test_rows_that_differ_from_the_manifest_are_refused_with_both_numbers(folder: Path, table: str) -> None:
    generation = ReviewIndex.open(folder).generation
    path = generation / f"{table}.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows.slice(0, rows.num_rows - 1), path)
    accept_files(generation)
    (problem,) = verify_index(folder)
    assert str(rows.num_rows) in problem and str(rows.num_rows - 1) in problem
    with pytest.raises(IndexFileError, match="does not fit together"):
        ReviewIndex.open(folder)


def test_vectors_of_another_dimension_are_refused_with_both_numbers(folder: Path) -> None:
    edit_manifest(ReviewIndex.open(folder).generation, dimension=384)
    with pytest.raises(IndexFileError, match=r"512 dimensions.*384"):
        ReviewIndex.open(folder)


@pytest.mark.parametrize(
    ("table", "column", "row", "value"),
    [
        ("sentences", "end", 3, 0),
        ("sentences", "start", 3, 10_000),
        ("sentences", "end", -1, 10_000),
        ("chunks", "end", -1, 10_000),
        ("chunks", "start", 0, -1),
        ("sentences", "review_row", 3, 900),
        ("sentences", "chunk_row", 3, 7),
        ("chunks", "end", 2, 0),
        ("chunks", "start", 2, 10_000),
        ("chunks", "review_row", 2, 900),
        ("chunks", "first_sentence", 2, 0),
        ("chunks", "end_sentence", 2, 900),
    ],
)
def test_verify_finds_offsets_and_rows_that_do_not_fit(
    folder: Path, table: str, column: str, row: int, value: int
) -> None:
    generation = ReviewIndex.open(folder).generation
    path = generation / f"{table}.parquet"
    rows = pq.read_table(path)
    values = rows.column(column).to_pylist()
    values[row] = value
    pq.write_table(rows.set_column(rows.column_names.index(column), column, pa.array(values, pa.int32())), path)
    accept_files(generation)
    assert verify_index(folder)


@pytest.mark.parametrize("table", ["sentences", "chunks", "reviews"])
def test_verify_finds_an_empty_table(folder: Path, table: str) -> None:
    generation = ReviewIndex.open(folder).generation
    path = generation / f"{table}.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    if table == "sentences":
        faiss.write_index(faiss.IndexFlatIP(512), str(generation / "vectors.faiss"))
    edit_manifest(generation, **{table: 0})
    accept_files(generation)
    (problem,) = verify_index(folder)
    assert "empty" in problem or "there are 0" in problem


def test_nothing_is_pickled() -> None:
    for path in Path(next(iter(rag.index.__path__))).glob("*.py"):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            assert not {"pickle", "joblib", "shelve", "marshal", "dill"} & {module, *names}, path
        assert "allow_pickle" not in source and "np.load" not in source and "torch.load" not in source
