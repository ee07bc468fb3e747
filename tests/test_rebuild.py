"""An import from the file to the live index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rag.config import Settings
from rag.index import ReviewIndex, verify_index
from rag.rebuild import REJECTED, Mode, Rebuilt, rebuild
from rag.reviews import ReadOptions
from rag.schema import IndexFileError, ReviewFileError
from tests.fakes import CHUNK_TOKENS, FakeEmbedder

FIRST = "id,text,rating\na,Warm water.,9\nb,Cold soup.,2\nc,,5\n"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "first.csv").write_text(FIRST, encoding="utf-8")
    return tmp_path


def run(work: Path, name: str, mode: Mode, *files: str, stages: list[str] | None = None, **more: Any) -> Rebuilt:
    settings = Settings(indexes_dir=work / "indexes", chunk_tokens=CHUNK_TOKENS)
    seen = [] if stages is None else stages
    return rebuild(
        settings, name, [work / file for file in files], mode=mode, embedder=FakeEmbedder(),
        progress=lambda stage, done, total: seen.append(stage), **more,
    )  # fmt: skip


def test_new_then_update_then_replace(work: Path) -> None:
    stages: list[str] = []
    made = run(work, "hotel", "new", "first.csv", stages=stages)
    assert list(dict.fromkeys(stages)) == ["reading", "comparing", "chunking", "embedding", "writing", "checking"]
    assert (made.new, made.reviews, made.embedded, made.reports[0].dropped) == (2, 2, 2, {"no text": 1})
    assert made.rejects == work / "indexes" / "hotel" / REJECTED and "no text" in made.rejects.read_text()
    (work / "more.csv").write_text("id,text,rating\nb,Hot soup.,8\nd,A view.,7\n", encoding="utf-8")
    made = run(work, "hotel", "update", "more.csv", rejects=work / "bad.csv")
    assert (made.new, made.changed, made.unchanged, made.removed, made.rejects) == (1, 1, 0, 0, None)
    assert (made.embedded, made.carried) == (2, 1)
    made = run(work, "hotel", "replace", "more.csv", delete=["d"])
    assert (made.unchanged, made.removed, made.reviews) == (2, 2, 1)
    json.dumps(made.as_dict())
    assert verify_index(work / "indexes" / "hotel") == []
    assert not list((work / "indexes").glob(".reading-*"))


def test_the_manifest_tells_where_the_reviews_came_from(work: Path) -> None:
    run(work, "hotel", "new", "first.csv", options=ReadOptions(steps=("html", "spaces")))
    (work / "more.csv").write_text("id,text,rating\nd,caf&eacute;\u200b,7\n", encoding="utf-8")
    run(work, "hotel", "update", "more.csv")  # cleaned as the index was, whatever the defaults are
    index = ReviewIndex.open(work / "indexes" / "hotel")
    first, second = index.manifest.imports
    assert (first["file"], first["read"], first["kept"], first["dropped"]) == ("first.csv", 3, 2, {"no text": 1})
    assert first["cleaning"] == second["cleaning"] == ["html", "spaces"] and second["mode"] == "update"
    assert first["columns"] == {"review_id": "id", "text": "text", "rating": "rating"}
    assert index.manifest.sources == ["first.csv", "more.csv"] and index.review(2).text == "café\u200b"


def test_a_small_file_takes_the_scale_of_its_kind(work: Path) -> None:
    run(work, "hotel", "new", "first.csv")
    (work / "low.csv").write_text("id,text,rating\ne,A view.,4\n", encoding="utf-8")
    (work / "other.csv").write_text("id,text,stars\nf,A desk.,4\n", encoding="utf-8")
    run(work, "hotel", "update", "low.csv")
    run(work, "hotel", "update", "other.csv")
    reviews = {one.review_id: one for one in ReviewIndex.open(work / "indexes" / "hotel").reviews()}
    assert (reviews["a"].rating_max, reviews["e"].rating_max, reviews["f"].rating_max) == (10, 10, 5)


@pytest.mark.parametrize("mode", ["update", "replace"])
def test_an_update_needs_an_index(work: Path, mode: Mode) -> None:
    with pytest.raises(IndexFileError, match='There is no index "spa"'):
        run(work, "spa", mode, "first.csv")


def test_a_bad_file_leaves_the_index_as_it_was(work: Path) -> None:
    before = run(work, "hotel", "new", "first.csv").generation
    (work / "bad.csv").write_text("id,text\n1,\n", encoding="utf-8")
    for mode in ("new", "update", "replace"):
        with pytest.raises(ReviewFileError, match=r"bad\.csv"):
            run(work, "hotel", mode, "bad.csv")
    with pytest.raises(ReviewFileError, match="line 4: no text"):
        run(work, "hotel", "update", "first.csv", options=ReadOptions(strict=True))
    with pytest.raises(IndexFileError, match="nothing to do"):
        run(work, "hotel", "update")
    assert ReviewIndex.open(work / "indexes" / "hotel").generation.name == before


def test_what_a_killed_run_left_is_cleared_away(work: Path) -> None:
    left = work / "indexes" / ".reading-999999999-x"
    left.mkdir(parents=True)
    (left / "0001.parquet").write_bytes(b"x")
    run(work, "hotel", "new", "first.csv")
    assert not left.exists()
