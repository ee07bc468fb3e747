"""Packed files, folders, texts, data sets of a hub, and what is no review file at all."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rag.ingest.formats.registry import open_sources
from rag.ingest.formats.rows import Row
from rag.schema import ReviewFileError

CSV = b"id,text\na,fine\nb,bad\n"
LINES = b'{"id": "a", "text": "fine"}\n{"id": "b", "text": "bad"}\n'
EXPECTED = [{"id": "a", "text": "fine"}, {"id": "b", "text": "bad"}]


def write(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def zipped(
    folder: Path, members: dict[str, bytes], name: str = "a.zip", method: int = zipfile.ZIP_DEFLATED
) -> Path:
    with zipfile.ZipFile(folder / name, "w", method) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return folder / name


def rows(path: Path | str) -> list[Row]:
    return [row for source in open_sources(path) for row in source]


@pytest.mark.parametrize("data", [CSV, LINES])
@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gz", "zst"])
@pytest.mark.parametrize("named", [True, False])
def test_a_packed_file_is_read_whatever_its_name(
    tmp_path: Path, data: bytes, pack: object, named: bool
) -> None:
    suffix = "csv" if data == CSV else "jsonl"
    ending = ".gz" if pack is gzip.compress else ".zst"
    path = write(tmp_path, f"a.{suffix}{ending if named else ''}", pack(data))  # type: ignore[operator]
    (source,) = open_sources(path)
    assert [row.cells for row in source] == EXPECTED
    assert source.name == path.name and source.total == source.done == path.stat().st_size


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_each_file_of_a_zip_is_a_source(tmp_path: Path, method: int) -> None:
    members = {
        "x/a.csv": CSV,
        "b.jsonl.gz": gzip.compress(LINES),
        "readme.md": b"about",
        "__MACOSX/x/._a.csv": b"\0\1",
        "x/.hidden.csv": CSV,
        "notes.txt": b"a note",
        "../../escape.csv": CSV,
        "empty/": b"",
    }
    sources = open_sources(zipped(tmp_path, members, method=method))
    assert [source.name for source in sources] == [
        "a.zip/x/a.csv",
        "a.zip/b.jsonl.gz",
        "a.zip/../../escape.csv",
    ]
    assert [[row.cells for row in source] for source in sources] == [EXPECTED] * 3
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]
    assert all(source.done == source.total > 0 for source in sources)


def test_a_zip_of_texts_is_one_source(tmp_path: Path) -> None:
    members = {
        "imdb/train/pos/0_9.txt": b"good",
        "imdb/train/neg/1_2.txt": b"bad",
        "imdb/README.txt": b"about",
    }
    (source,) = open_sources(zipped(tmp_path, members))
    assert [row.cells for row in source] == [
        {"id": "imdb/train/neg/1_2", "label": "neg", "split": "train", "rating": 2, "text": "bad"},
        {"id": "imdb/train/pos/0_9", "label": "pos", "split": "train", "rating": 9, "text": "good"},
    ]


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"a.csv": CSV}, method=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(sign) + offset] |= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ReviewFileError, match=r"encrypted.*password"):
        open_sources(path)


@pytest.mark.parametrize("kind", ["gz", "zst", "zip"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "txt"])
def test_an_archive_that_unpacks_to_far_too_much_is_refused_on_the_way(
    tmp_path: Path, kind: str, suffix: str
) -> None:
    text = b"x" * 400_000
    line = b'{"text": "%s"}\n' % text if suffix == "jsonl" else text + b"\n"
    data = b"text\n" * (suffix == "csv") + line * 300
    if kind == "zip":
        path = zipped(tmp_path, {f"a.{suffix}": data})
    else:
        path = write(
            tmp_path,
            f"a.{suffix}.{kind}",
            zstandard.compress(data) if kind == "zst" else gzip.compress(data, 9),
        )
    del data
    tracemalloc.start()
    with pytest.raises(ReviewFileError, match=r"unpacks to .* 200 times"):
        for source in open_sources(path):
            for row in source:
                assert len(row.cells["text"]) == 400_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000
    (allowed,) = open_sources(path, max_unpack_ratio=1e6)
    assert sum(1 for _ in allowed) == 300


def test_a_small_archive_may_unpack_to_many_times_its_size(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv.gz", gzip.compress(b"text\n" + b"fine\n" * 300_000))
    assert path.stat().st_size * 200 < 1_500_000
    assert sum(1 for _ in open_sources(path)[0]) == 300_000


def big(lines: int) -> bytes:
    return b"id,text\n" + b"".join(
        b"%d,some words %d\n" % (n, n * 7919 % 1000) for n in range(lines)
    )


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gz", "zst"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "txt"])
def test_a_packed_file_that_breaks_off_keeps_what_came_before(
    tmp_path: Path, pack: object, suffix: str
) -> None:
    numbers = range(60_000)
    objects = [json.dumps({"id": str(n), "text": f"some words {n * 7919 % 1000}"}) for n in numbers]
    data = {
        "csv": big(len(numbers)),
        "jsonl": "\n".join(objects).encode(),
        "json": ("[" + ",\n".join(objects) + "]").encode(),
        "txt": b"".join(b"some words %d\n" % n for n in numbers),
    }[suffix]
    packed = pack(data)  # type: ignore[operator]
    found = rows(write(tmp_path, f"a.{suffix}.gz", packed[: len(packed) // 2]))
    good = [row for row in found if not row.problem]
    assert len(good) == len(found) - 1 > 1000 and found[-1].problem.startswith(
        "the file breaks off"
    )
    assert [row.line for row in good] == sorted({row.line for row in good})
    if suffix != "txt":
        assert [row.cells["id"] for row in good] == [str(n) for n in range(len(good))]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv.gz", gzip.compress(CSV, mtime=0)[:5]),
        ("a.csv.gz", b"\x1f\x8b\x08" + bytes(7) + b"\xff\xff"),
        ("a.csv.zst", b"\x28\xb5\x2f\xfd\xff"),
    ],
)
def test_a_packed_file_that_gives_nothing_is_an_error(
    tmp_path: Path, name: str, data: bytes
) -> None:
    with pytest.raises(ReviewFileError, match=rf"Cannot read .*{name}"):
        open_sources(write(tmp_path, name, data))


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from(["gz", "zst", "zip"]),
    changes=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=4),
    length=st.integers(0, 500),
)
@example(kind="zip", changes=[(230, 0)], length=500)  # a member without a name
def test_a_damaged_archive_gives_rows_or_a_review_file_error(
    tmp_path: Path, kind: str, changes: list[tuple[int, int]], length: int
) -> None:
    if kind == "zip":
        whole = zipped(tmp_path, {"a.csv": CSV, "b.jsonl": LINES}, "valid.bin").read_bytes()
    else:
        whole = gzip.compress(CSV, mtime=0) if kind == "gz" else zstandard.compress(CSV)
    data = bytearray(whole)
    for position, value in changes:
        data[position % len(data)] = value
    try:
        found = rows(
            write(tmp_path, f"a.csv.{kind}" if kind != "zip" else "a.zip", bytes(data[:length]))
        )
    except ReviewFileError as error:
        assert "a." in str(error)
    else:
        assert all(row.line > 0 for row in found)


def test_a_folder_of_files_is_all_of_them(tmp_path: Path) -> None:
    write(tmp_path, "b.jsonl", LINES)
    write(tmp_path, "a.CSV.gz", gzip.compress(CSV))
    write(tmp_path, "SOURCE.md", "about")
    write(tmp_path, "notes.txt", "about")
    write(tmp_path, ".hidden.csv", CSV)
    write(tmp_path, "deeper/c.csv", CSV)
    assert [source.name for source in open_sources(tmp_path)] == ["a.CSV.gz", "b.jsonl"]


def test_a_folder_whose_reviews_are_further_down_says_where(tmp_path: Path) -> None:
    write(tmp_path, "deeper/c.csv", CSV)
    with pytest.raises(ReviewFileError, match=r"has no review files.*deeper"):
        open_sources(tmp_path)


def test_the_layout_of_the_large_movie_review_dataset(tmp_path: Path) -> None:
    home = tmp_path / "aclImdb"
    for name, text in {
        "train/pos/10_9.txt": "A great film.\n<br />Really.",
        "train/pos/2_7.txt": "good",
        "test/neg/0_1.txt": "bad",
        "train/unsup/3_0.txt": "unknown",
        "train/urls_pos.txt": "http://example.org/",
        "README.txt": "about",
        "imdbEr.txt": "0.5",
    }.items():
        write(home, name, text)
    (source,) = open_sources(home)
    assert [row.cells for row in source] == [
        {"id": "test/neg/0_1", "label": "neg", "split": "test", "rating": 1, "text": "bad"},
        {"id": "train/pos/2_7", "label": "pos", "split": "train", "rating": 7, "text": "good"},
        {
            "id": "train/pos/10_9",
            "label": "pos",
            "split": "train",
            "rating": 9,
            "text": "A great film.\n<br />Really.",
        },
        {"id": "train/unsup/3_0", "label": "unsup", "split": "train", "text": "unknown"},
    ]
    assert (source.name, source.total, source.done) == ("aclImdb", 4, 4)


def test_a_folder_of_texts_of_any_encoding(tmp_path: Path) -> None:
    write(tmp_path, "two.txt", "größer".encode("cp1252"))
    write(tmp_path, "1.txt", "좋아요".encode("utf-16"))
    write(tmp_path, "sub/three.TXT", "x" * (2**20 + 1))
    found = rows(tmp_path)
    assert [(row.cells["id"], row.cells.get("text"), row.problem) for row in found] == [
        ("1", "좋아요", ""),
        ("two", "größer", ""),
        ("sub/three", None, "a cell of more than 1 MiB"),
    ]


def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path, "outside/secret.csv", CSV)
    write(tmp_path, "outside/secret.txt", "secret")
    inside = write(tmp_path, "in/a.csv", CSV).parent
    os.symlink(outside, inside / "b.csv")
    assert [source.name for source in open_sources(inside)] == ["a.csv"]
    texts = write(tmp_path, "texts/a.txt", "fine").parent
    os.symlink(tmp_path / "outside" / "secret.txt", texts / "b.txt")
    os.symlink(tmp_path / "outside", texts / "c")
    assert [row.cells for row in rows(texts)] == [{"id": "a", "text": "fine"}]


def test_a_single_text_is_one_review_or_one_a_line(tmp_path: Path) -> None:
    few, many = (
        "A film.\n\nIn two paragraphs.\n",
        "".join(f"Review {n}, a good one.\n\n" for n in range(6)),
    )
    assert [row.cells for row in rows(write(tmp_path, "a.txt", few))] == [{"text": few}]
    found = rows(write(tmp_path, "b.txt", many))
    assert [(row.line, row.cells["text"]) for row in found] == [
        (2 * n + 1, f"Review {n}, a good one.") for n in range(6)
    ]


@pytest.mark.parametrize("name", ["a.txt", "reviews", "a.dat"])
def test_the_content_tells_what_a_name_does_not(tmp_path: Path, name: str) -> None:
    for data in (CSV * 1 + b"c,fine\n", CSV.replace(b",", b"\t") + b"c\tgood\n", LINES):
        assert [row.cells for row in rows(write(tmp_path, name, data))][:2] == EXPECTED
    prose = (
        "[Spoilers] It is good, they say.\nOr not, who knows.\n{Really}\nBad, slow\nLong\nDull\n"
    )
    assert [row.cells["text"] for row in rows(write(tmp_path, name, prose))] == prose.splitlines()


def test_labels_at_the_beginning_of_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "train.txt",
        "".join(f"__label__{n % 2 + 1} Title {n}: it was fine\n" for n in range(6)),
    )
    assert rows(path)[1].cells == {"label": "2", "text": "Title 1: it was fine"}


def tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("a.csv")
        info.size = len(CSV)
        archive.addfile(info, io.BytesIO(CSV))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.pdf", b"%PDF-1.7\n1 0 obj", "a PDF document"),
        ("a.csv", b"%PDF-1.7\n1 0 obj", "a PDF document"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0", "a PNG picture"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), r"\.xls or \.doc; save it as"),
        ("a.tar", tar(), r"a \.tar archive"),
        ("a.tar.gz", gzip.compress(tar(), mtime=0), r"a \.tar archive"),
        ("a.csv.bz2", bz2.compress(CSV), r"a \.bz2 archive"),
        ("a.csv.xz", lzma.compress(CSV), r"an \.xz archive"),
        ("a.html", b"<!DOCTYPE html><html><body>no</body></html>", "a web page"),
        ("a.csv", b"\n<html><body>404</body></html>", "a web page"),
        ("a.xml", b"<?xml version='1.0'?><a/>", "an XML file"),
        ("a.pkl", b"\x80\x04\x95\x0e\0\0\0", "pickle"),
        ("a.bin", bytes(range(256)) * 8, "neither text nor"),
        ("a.xlsx", CSV, r"no \.xlsx file"),
        ("a.csv", b"", "is empty"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("a.txt", b" \n\n", "no text"),
        ("a.zip", b"PK\x05\x06" + bytes(18), "no review files in it"),
        ("a.parquet", b"PAR1", "not a Parquet file"),
    ],
)
def test_what_is_no_review_file_is_called_by_its_name(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    with pytest.raises(ReviewFileError, match=message) as error:
        open_sources(write(tmp_path, name, data))
    assert name in str(error.value)


def test_office_documents_and_nested_archives(tmp_path: Path) -> None:
    with pytest.raises(ReviewFileError, match="a Word document"):
        open_sources(
            zipped(tmp_path, {"[Content_Types].xml": b"", "word/document.xml": b""}, "a.docx")
        )
    with pytest.raises(ReviewFileError, match="OpenDocument"):
        open_sources(zipped(tmp_path, {"mimetype": b"", "content.xml": b""}, "a.ods"))
    inner = zipped(tmp_path, {"a.csv": CSV}, "inner.zip").read_bytes()
    with pytest.raises(ReviewFileError, match="no review files"):
        open_sources(zipped(tmp_path, {"inner.zip": inner}, "outer.zip"))
    with pytest.raises(ReviewFileError, match="archive inside an archive"):
        open_sources(write(tmp_path, "a.zip.gz", gzip.compress(inner)))


def test_places_where_nothing_is(tmp_path: Path) -> None:
    for place in (
        tmp_path / "none.csv",
        f"{tmp_path}/none.db::table",
        f"{tmp_path}/\0",
        "x" * 5000,
    ):
        with pytest.raises(ReviewFileError):
            open_sources(place)
    with pytest.raises(ReviewFileError, match="no review files"):
        open_sources(tmp_path)


def test_a_data_set_of_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name in ("hf:imdb", "hf:some/reviews@config:train"):
        with pytest.raises(ReviewFileError, match=rf"{name}.*(offline mode|not installed)"):
            open_sources(name)
    with pytest.raises(ReviewFileError, match="does not name a data set"):
        open_sources("hf:")


def test_a_data_set_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    write(tmp_path, "films/train.csv", CSV)
    write(tmp_path, "films/test.csv", CSV.replace(b"fine", b"good"))
    (train,) = open_sources(f"hf:{tmp_path / 'films'}")
    assert [row.cells for row in train] == EXPECTED and train.name == "films"
    (test,) = open_sources(f"hf:{tmp_path / 'films'}:test")
    assert [row.cells["text"] for row in test] == ["good", "bad"]
    with pytest.raises(ReviewFileError, match="Cannot read hf:"):
        open_sources(f"hf:{tmp_path / 'films'}:nowhere")


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.binary(max_size=200),
    name=st.sampled_from(
        ["a", "a.txt", "a.csv.gz", "a.zip", "a.zst", "a.xlsx", "a.db", "a.parquet"]
    ),
)
def test_any_bytes_under_any_name_give_rows_or_a_review_file_error(
    tmp_path: Path, data: bytes, name: str
) -> None:
    try:
        found = rows(write(tmp_path, name, data))
    except ReviewFileError as error:
        assert name in str(error)
    else:
        assert all(row.line > 0 for row in found)
