"""Whatever goes wrong while an index is written or lies on the disk, a whole one is served or the
damage is named.
"""

from __future__ import annotations

import ast
import errno
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rag.index
from rag.embedding import Vectors
from rag.files import sha256_of
from rag.index import Manifest, ReviewIndex, build_index, disk, list_indexes, verify_index
from rag.index.bm25 import TIMES_FILES
from rag.index.embedding_cache import WORK_FOLDER
from rag.index.manifest import CATALOGUE_FILE, DATA_FILES, STANCE_FILE, TOPICS_FILE
from rag.progress import Progress, no_progress
from rag.schema import IndexFileError
from tests.fakes import CHUNK_TOKENS, REVIEWS, FakeEmbedder, build_fake_index
from tests.test_index import EMBEDDER, entries

FILES = (*DATA_FILES, CATALOGUE_FILE, TOPICS_FILE, *TIMES_FILES)


class Faults:
    """Counts the calls of everything a build does, and makes one of them raise."""

    def __init__(self, patch: pytest.MonkeyPatch, error: BaseException, at: int) -> None:
        self.calls: list[str] = []
        self._error, self._at = error, at
        faulty_os = types.SimpleNamespace(**vars(os))
        for name in ("open", "write", "fsync", "replace", "mkdir", "unlink", "rmdir"):
            setattr(faulty_os, name, self._counted(name, getattr(os, name)))
        patch.setattr(disk, "os", faulty_os)
        for module, name in (
            (pq, "read_table"),
            (hashlib, "file_digest"),
            (FakeEmbedder, "embed_documents"),
            (FakeEmbedder, "count_tokens"),
        ):
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
    for step in range(1, 400):
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
            # what cannot be parsed when the new files are checked is told as damage
            assert failed is error or (
                isinstance(failed, IndexFileError) and "odd" in str(failed)
            ), faults.calls[-1]
        else:
            assert isinstance(failed, IndexFileError) and "No space left on device" in str(
                failed
            ), faults.calls[-1]
            assert "\n" not in str(failed)
        current = folder / "CURRENT"
        live = current.read_text().strip() if current.exists() else None
        if live != before:  # it failed after the switch: the new generation is live, and whole
            assert live is not None and ReviewIndex.open(folder).manifest.reviews == 4
            assert entries(folder) - {WORK_FOLDER} == {
                "CURRENT",
                live,
                *([before] if before else []),
            }
            shutil.rmtree(folder)
            before = None if first else build_fake_index(folder).generation.name
        elif before is not None:
            assert verify_index(folder) == [] and ReviewIndex.open(folder).manifest.reviews == len(
                REVIEWS
            )
            assert entries(folder) - {WORK_FOLDER} == {"CURRENT", before}
        elif folder.exists():
            assert entries(folder) - {WORK_FOLDER} == set() and list_indexes(tmp_path) == []
    assert step > 60 and {"write", "fsync", "replace", "embed_documents", "file_digest"} <= set(
        faults.calls
    )


def test_an_embedder_that_fails_midway_leaves_the_old_index(folder: Path) -> None:
    class Failing(FakeEmbedder):
        def embed_documents(
            self, texts: Sequence[str], *, progress: Progress = no_progress
        ) -> Vectors:
            for done in range(len(texts) // 2):
                progress("embedding", done, len(texts))
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
        build_index(
            REVIEWS,
            EMBEDDER,
            folder,
            chunking="sentences",
            chunk_tokens=CHUNK_TOKENS,
            progress=progress,
        )
    assert entries(folder) - {WORK_FOLDER} == before


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
    assert entries(folder) - {WORK_FOLDER} == before and verify_index(folder) == []


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
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
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


def accept_files(generation: Path, names: Sequence[str] = FILES) -> None:
    """Write the checksums of the files as they are into the manifest."""
    edit_manifest(
        generation,
        files={name: sha256_of(generation / name) for name in names},
        sizes={name: (generation / name).stat().st_size for name in names},
    )


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", [truncate, empty, flip_a_bit, Path.unlink])
def test_verify_names_the_damaged_file_and_no_other(
    folder: Path, name: str, harm: Callable[[Path], None]
) -> None:
    generation = ReviewIndex.open(folder).generation
    harm(generation / name)
    problems = verify_index(folder)
    assert len(problems) == 1 and problems[0].startswith(name)
    with pytest.raises(IndexFileError, match=rf"is damaged: {name} .*Rebuild it") as error:
        ReviewIndex.open(folder)
    assert "\n" not in str(error.value)
    if harm is not flip_a_bit:  # and without the check, what cannot be parsed is no crash either
        with pytest.raises(IndexFileError, match=r"is damaged: .*reviewqa index verify hotel"):
            ReviewIndex(generation)


def test_a_file_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(hashlib, "file_digest", fails)
    with pytest.raises(
        IndexFileError, match=rf"is damaged: {FILES[0]} cannot be read: Input/output error"
    ):
        ReviewIndex.open(folder)
    assert len(verify_index(folder)) == len(FILES)


def test_several_damaged_files_are_all_named(folder: Path) -> None:
    generation = ReviewIndex.open(folder).generation
    flip_a_bit(generation / "reviews.parquet")
    (generation / "vectors.npy").unlink()
    assert [problem.split()[0] for problem in verify_index(folder)] == [
        "reviews.parquet",
        "vectors.npy",
    ]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from([name for name in FILES if name != STANCE_FILE]),
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
def test_any_flipped_bit_is_found_and_never_a_crash(
    folder: Path, name: str, place: float, bit: int
) -> None:
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
    ["", "{", "[]", "null", "7", '{"format_version": 3}', "\x00\xff", "[" * 100_000],
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
def test_a_manifest_with_odd_values_never_crashes_verify(
    folder: Path, field: str, value: Any
) -> None:
    edit_manifest(ReviewIndex.open(folder).generation, **{field: value})
    problems = verify_index(folder)
    assert problems or field not in ("dimension", "reviews", "sentences", "chunks", "files")


@pytest.mark.parametrize("version", [0, 2, 4, "3", None])
def test_another_format_version_is_refused_with_both_numbers(folder: Path, version: Any) -> None:
    edit_manifest(ReviewIndex.open(folder).generation, format_version=version)
    says = f"format version {version}, and this program reads version 3"
    assert says in verify_index(folder)[0]
    with pytest.raises(IndexFileError, match=says):
        ReviewIndex.open(folder)


@pytest.mark.parametrize(
    "text", ["", "nothing", "../../x", "20260101T000000-00000000", "..", "/etc", "CURRENT", "é"]
)
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
    assert (
        verify_index(folder) == [] and len(entries(folder)) == 3
    )  # the generation that CURRENT lost is kept, too


def test_vectors_and_sentences_that_differ_in_number_are_refused_with_both(folder: Path) -> None:
    generation = ReviewIndex.open(folder).generation
    vectors = np.lib.format.open_memmap(generation / "vectors.npy", mode="r")
    np.save(generation / "vectors.npy", np.array(vectors[:-2]))
    accept_files(generation)
    says = r"15 vectors \(15 searched\) for 17 sentences"
    assert re.search(says, verify_index(folder)[0])
    with pytest.raises(IndexFileError, match=says):
        ReviewIndex.open(folder)


@pytest.mark.parametrize("table", ["reviews", "sentences", "chunks"])
def test_rows_that_differ_from_the_manifest_are_refused_with_both_numbers(
    folder: Path, table: str
) -> None:
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
    pq.write_table(
        rows.set_column(rows.column_names.index(column), column, pa.array(values, pa.int32())), path
    )
    accept_files(generation)
    assert verify_index(folder)


@pytest.mark.parametrize("table", ["sentences", "chunks", "reviews"])
def test_verify_finds_an_empty_table(folder: Path, table: str) -> None:
    generation = ReviewIndex.open(folder).generation
    path = generation / f"{table}.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    if table == "sentences":
        np.save(generation / "vectors.npy", np.empty((0, 512), dtype=np.float32))
    if table == "reviews":
        np.save(generation / "signatures.npy", np.empty((0, 68), dtype=np.uint32))
    edit_manifest(generation, **{table: 0})
    accept_files(generation)
    (problem,) = verify_index(folder)
    assert "empty" in problem or "there are 0" in problem


def test_nothing_is_pickled() -> None:
    for path in Path(next(iter(rag.index.__path__))).glob("*.py"):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import | ast.ImportFrom)
                else []
            )
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            assert not {"pickle", "joblib", "shelve", "marshal", "dill"} & {module, *names}, path
        assert "torch.load" not in source
        assert "allow_pickle" not in source.replace("allow_pickle=False", "")
        assert source.count("np.load(") == source.count("allow_pickle=False")
