"""Files made to hang or to break the reading: each is read, or an error of ours within seconds."""

from __future__ import annotations

import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from rag.files import size_in_words
from rag.ingest import import_reviews, read_reviews, temporary_folder
from rag.ingest.formats import registry
from rag.ingest.formats.registry import open_sources
from rag.schema import ReviewFileError


def test_a_long_cell_near_the_top_is_read(tmp_path: Path) -> None:
    text = "fine stay " * 15_000
    (tmp_path / "a.csv").write_text(f'text,rating\n"{text}",5\nbad stay,1\n', encoding="utf-8")
    code = (
        "import sys; from rag.ingest.formats.registry import open_sources; "
        "print([len(row.cells['text']) for row in open_sources(sys.argv[1])[0]])"
    )  # in a process of its own, whose `csv` nobody has set up yet
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.csv")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == f"[{len(text)}, 8]"


def test_an_archive_of_very_many_files_is_refused_at_once(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(9000):
            archive.writestr(f"f{number}.csv", "text,rating\nhello there,3\n")
    started = time.process_time()
    with pytest.raises(ReviewFileError, match=r"a\.zip has 9,000 review files, and at most 2,000"):
        open_sources(tmp_path / "a.zip")
    assert time.process_time() - started < 5


def test_an_archive_of_many_files_is_read_in_a_time_that_grows_with_them(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(400):
            archive.writestr(f"f{number}.csv", f"text,rating\nhello there {number},3\n")
    started = time.process_time()
    imported = import_reviews([tmp_path / "a.zip"], tmp_path)
    assert imported.kept == 400 and time.process_time() - started < 20


def test_a_folder_of_very_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "MOST_FILES", 3)
    for number in range(4):
        (tmp_path / f"f{number}.csv").write_text("text\nhello there\n", encoding="utf-8")
    with pytest.raises(ReviewFileError, match="has 4 review files, and at most 3"):
        open_sources(tmp_path)


def test_no_folder_for_temporary_files_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.parquet", b"PAR1")
    (tmp_path / "a.csv").write_text("text\nhello there\n", encoding="utf-8")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(ReviewFileError, match=r"temporary files.*TMPDIR"):
        open_sources(tmp_path / "a.zip")
    with pytest.raises(ReviewFileError, match=r"temporary files.*TMPDIR"), temporary_folder():
        pass
    with pytest.raises(ReviewFileError, match=r"temporary files.*TMPDIR"):
        read_reviews(tmp_path / "a.csv")


LIMITED = """
import resource, sys
from pathlib import Path
from rag.ingest import import_reviews
from rag.schema import ReviewFileError
import pyarrow.parquet, rensa
which, limit = getattr(resource, sys.argv[1]), int(sys.argv[2])
if which == resource.RLIMIT_AS:
    limit += int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(which, (limit, limit))
try:
    import_reviews([sys.argv[3]], Path(sys.argv[4]))
except ReviewFileError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process as Linux has them")
@pytest.mark.parametrize(
    ("limit", "size", "message"),
    [
        ("RLIMIT_FSIZE", 1000, "Cannot write to the working folder"),
        ("RLIMIT_AS", 40_000_000, "not enough memory"),
    ],
)
def test_a_full_disk_and_a_full_memory_are_errors_of_ours(
    tmp_path: Path, limit: str, size: int, message: str
) -> None:
    columns = '{"text": [' + ", ".join(['"words enough"'] * 600_000) + "]}"
    rows = "text\n" + "".join(f"{number} words to be kept\n" for number in range(3000))
    name, content = ("a.csv", rows) if limit == "RLIMIT_FSIZE" else ("a.json", columns)
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    (tmp_path / "staging").mkdir()
    arguments = [limit, str(size), str(path), str(tmp_path / "staging")]
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert message in ran.stdout


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 KB"),
        (412_000, "412 KB"),
        (3_500_000_000, "3.5 GB"),
        (2_000_000_000_000, "2,000 GB"),
    ],
)
def test_sizes_are_said_in_the_unit_that_suits_them(size: int, words: str) -> None:
    assert size_in_words(size) == words
