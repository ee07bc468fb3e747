"""An import from the file to the live index."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rag.chunking import split_sentences
from rag.config import Settings
from rag.embedding import Vectors
from rag.index import Mode, ReviewIndex, generation, list_indexes, store, tables, verify_index
from rag.index.ingest import REJECTED, Rebuilt, rebuild
from rag.ingest import ReadOptions
from rag.ingest.formats import unpack
from rag.progress import Progress, no_progress
from rag.schema import IndexFileError, ReviewFileError
from tests.fakes import CHUNK_TOKENS, FakeEmbedder

FIRST = "id,text,rating\na,Warm water.,9\nb,Cold soup.,2\nc,,5\n"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "first.csv").write_text(FIRST, encoding="utf-8")
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def run(
    work: Path,
    name: str,
    mode: Mode,
    *files: str,
    stages: list[str] | None = None,
    settings: dict[str, Any] | None = None,
    **more: Any,
) -> Rebuilt:
    chosen = Settings().changed(
        {
            "paths.indexes_dir": work / "indexes",
            "index.chunk_tokens": CHUNK_TOKENS,
            **(settings or {}),
        }
    )
    seen = [] if stages is None else stages
    return rebuild(
        chosen,
        name,
        [work / file for file in files],
        mode=mode,
        progress=lambda stage, done, total: seen.append(stage),
        **{"embedder": FakeEmbedder(), **more},
    )


def test_new_then_update_then_replace(work: Path) -> None:
    stages: list[str] = []
    made = run(work, "hotel", "new", "first.csv", stages=stages)
    assert list(dict.fromkeys(stages)) == [
        "reading",
        "comparing",
        "chunking",
        "embedding",
        "writing",
        "checking",
    ]
    assert (made.new, made.reviews, made.embedded, made.reports[0].dropped) == (
        2,
        2,
        2,
        {"no text": 1},
    )
    assert (
        made.rejects == work / "indexes" / "hotel" / REJECTED
        and "no text" in made.rejects.read_text()
    )
    (work / "more.csv").write_text("id,text,rating\nb,Hot soup.,8\nd,A view.,7\n", encoding="utf-8")
    made = run(work, "hotel", "update", "more.csv", rejects=work / "bad.csv")
    assert (made.new, made.changed, made.unchanged, made.removed, made.rejects) == (
        1,
        1,
        0,
        0,
        None,
    )
    assert (made.embedded, made.carried) == (2, 1)
    made = run(work, "hotel", "replace", "more.csv", delete=["d"])
    assert (made.unchanged, made.removed, made.reviews) == (1, 2, 1)  # "d" is in the file, and goes
    json.dumps(made.as_dict())
    assert verify_index(work / "indexes" / "hotel") == []
    assert not list((work / "indexes").glob(".reading-*"))


def test_the_manifest_tells_where_the_reviews_came_from(work: Path) -> None:
    run(work, "hotel", "new", "first.csv", options=ReadOptions(steps=("html", "spaces")))
    (work / "more.csv").write_text("id,text,rating\nd,caf&eacute;\u200b,7\n", encoding="utf-8")
    run(work, "hotel", "update", "more.csv")  # cleaned as the index was, whatever the defaults are
    index = ReviewIndex.open(work / "indexes" / "hotel")
    first, second = index.manifest.imports
    assert (first["file"], first["read"], first["kept"], first["dropped"]) == (
        "first.csv",
        3,
        2,
        {"no text": 1},
    )
    assert (
        first["cleaning"] == second["cleaning"] == ["html", "spaces"] and second["mode"] == "update"
    )
    assert first["columns"] == {"review_id": "id", "text": "text", "rating": "rating"}
    assert (
        index.manifest.sources == ["first.csv", "more.csv"] and index.review(2).text == "café\u200b"
    )


def test_a_small_file_takes_the_scale_of_its_kind(work: Path) -> None:
    run(work, "hotel", "new", "first.csv")
    (work / "low.csv").write_text("id,text,rating\ne,A view.,4\n", encoding="utf-8")
    (work / "other.csv").write_text("id,text,stars\nf,A desk.,4\n", encoding="utf-8")
    run(work, "hotel", "update", "low.csv")
    run(work, "hotel", "update", "other.csv")
    reviews = {one.review_id: one for one in ReviewIndex.open(work / "indexes" / "hotel").reviews()}
    assert (reviews["a"].rating_max, reviews["e"].rating_max, reviews["f"].rating_max) == (
        10,
        10,
        5,
    )


def test_an_update_keeps_the_scale_though_a_mark_lies_outside(work: Path) -> None:
    marks = [1, 2, 3, 4, 5] * 20
    lines = [f"{n},Soup number {n}.,{mark}" for n, mark in enumerate([*marks, 8])]
    write(work, "many.csv", "\n".join(["id,text,rating", *lines]))
    run(work, "hotel", "new", "many.csv")
    write(work, "low.csv", "\n".join(["id,text,rating", *(f"x{n},Soup {n}.,4" for n in range(20))]))
    (report,) = run(work, "hotel", "update", "low.csv").reports
    assert (report.rating_scale, report.rating_reason) == (
        "1..5",
        "as in the earlier import of such a file",
    )
    write(work, "given.csv", "id,text,rating\ny,Soup.,4\n")
    (given,) = run(
        work, "hotel", "update", "given.csv", options=ReadOptions(scale=(0.0, 10.0))
    ).reports
    assert (given.rating_scale, given.rating_reason) == ("0..10", "you said so")


def test_an_update_reads_days_and_months_as_before(work: Path) -> None:
    write(work, "days.csv", "id,text,date\na,Warm water.,02/03/2024\nb,Cold soup.,13/03/2024\n")
    run(work, "hotel", "new", "days.csv")
    write(work, "more.csv", "id,text,date\na,Warm water.,02/03/2024\n")
    made = run(work, "hotel", "update", "more.csv")
    assert (made.unchanged, made.changed) == (1, 0)
    reviews = ReviewIndex.open(work / "indexes" / "hotel").reviews()
    assert {review.review_id: review.date for review in reviews}["a"] == "2024-03-02"


def test_the_sides_of_a_review_are_kept_with_its_sentences(work: Path) -> None:
    write(
        work,
        "sides.csv",
        "id,pros,cons\ns,Warm soup. Kind people.,Cold beds. Loud lift.\nt,A view.,none\n",
    )
    run(work, "hotel", "new", "sides.csv")
    run(work, "hotel", "update", "first.csv")
    index = ReviewIndex.open(work / "indexes" / "hotel")
    reviews = {review.review_id: review for review in index.reviews()}
    sides = {
        review.text[start:end]: review.side_at(start)
        for review in (reviews["s"], reviews["t"])
        for start, end in split_sentences(review.text)
    }
    assert sides == {
        "Pros: Warm soup.": "praise",
        "Kind people.": "praise",
        "Cons: Cold beds.": "criticism",
        "Loud lift.": "criticism",
        "Pros: A view.": "praise",
    }


def test_an_index_older_than_the_sides_is_opened_and_updated(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = tables.REVIEW_SCHEMA.remove(tables.REVIEW_SCHEMA.get_field_index("parts"))
    with monkeypatch.context() as older:
        older.setattr(tables, "REVIEW_SCHEMA", without)
        older.setattr(tables, "REVIEW_FIELDS", [n for n in tables.REVIEW_FIELDS if n != "parts"])
        run(work, "hotel", "new", "first.csv")
    write(work, "sides.csv", "id,pros,cons\nz,Warm soup.,Cold beds.\n")
    made = run(work, "hotel", "update", "first.csv", "sides.csv")
    assert (made.changed, made.new) == (0, 1)
    reviews = ReviewIndex.open(work / "indexes" / "hotel").reviews()
    assert {review.review_id: len(review.parts) for review in reviews}["z"] == 2


def test_the_scale_that_was_taken_over_is_told_and_kept_in_mind(work: Path) -> None:
    run(work, "hotel", "new", "first.csv")
    (work / "low.csv").write_text("id,text,rating\ne,A view.,4\n", encoding="utf-8")
    (report,) = run(work, "hotel", "update", "low.csv").reports
    assert report.rating_scale == "1..10" and report.preview[0].rating_max == 10
    index = ReviewIndex.open(work / "indexes" / "hotel")
    assert [record["rating_scale"] for record in index.manifest.imports] == ["1..10", "1..10"]


def test_a_file_without_ratings_takes_over_no_scale(work: Path) -> None:
    write(work, "zero.csv", "id,text,rating\na,Warm water.,9\nb,Cold soup.,0\n")
    assert run(work, "hotel", "new", "zero.csv").reports[0].rating_scale == "0..10"
    write(work, "unrated.csv", "id,text,rating\ng,Good.,\n")
    assert run(work, "hotel", "update", "unrated.csv").reports[0].rating_scale == ""


def test_a_file_given_up_half_way_does_not_mix_up_the_scales(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "FREE_UNPACKED", 2_000_000)
    run(work, "hotel", "new", "first.csv", options=ReadOptions(steps=()))
    (work / "folder").mkdir()
    (work / "folder" / "a.csv.gz").write_bytes(
        gzip.compress(b"id,text,rating\n" + b"a,%s,2\n" % (b"x" * 1000) * 5000)
    )
    write(work, "folder/b.csv", "id,text,rating\ne,A view.,4\n")
    write(work, "folder/c.csv", "id,text,stars\nf,A desk.,4\n")
    made = run(work, "hotel", "update", "folder")
    assert "unpacks to more than 200 times" in made.reports[0].skipped and (
        made.new,
        made.changed,
    ) == (2, 0)
    index = ReviewIndex.open(work / "indexes" / "hotel")
    assert {one.review_id: one.rating_max for one in index.reviews()} == {
        "a": 10,
        "b": 10,
        "e": 10,
        "f": 5,
    }


def test_settings_reach_the_index(work: Path) -> None:
    chosen = {"index.vector_index": "ivf_sq8", "index.keep_generations": 0}
    for _ in range(2):
        run(work, "hotel", "new", "first.csv", settings=chosen)
    folder = work / "indexes" / "hotel"
    assert (
        ReviewIndex.open(folder).manifest.vector_index["type"] == "ivf_sq8"
        and len(store.generations(folder)) == 1
    )


def test_files_of_one_name_keep_each_its_own_scale(work: Path) -> None:
    run(work, "hotel", "new", "first.csv")
    for folder, columns, review_id in (("a", "id,text,rating", "e"), ("b", "id,text,stars", "f")):
        (work / folder).mkdir()
        write(work, f"{folder}/new.csv", f"{columns}\n{review_id},A view.,4\n")
    run(work, "hotel", "update", "a/new.csv", "b/new.csv")
    reviews = {one.review_id: one for one in ReviewIndex.open(work / "indexes" / "hotel").reviews()}
    assert (reviews["e"].rating_max, reviews["f"].rating_max) == (10, 5)


def test_the_same_file_again_changes_nothing(work: Path) -> None:
    first = run(work, "hotel", "new", "first.csv")
    (work / "half.csv").write_text(
        "".join(FIRST.splitlines(keepends=True)[i] for i in (0, 2)), encoding="utf-8"
    )
    for file in ("first.csv", "half.csv"):  # the second holds low marks only
        made = run(work, "hotel", "update", file)
        assert (made.new, made.changed, made.removed, made.embedded) == (0, 0, 0, 0)
        assert made.generation == first.generation


def test_a_file_among_several_that_cannot_be_used_is_passed_over(work: Path) -> None:
    (work / "folder").mkdir()
    write(work, "folder/a.csv", "id,text\na,Warm water.\n")
    write(work, "folder/b.csv", "id,text\nb,\n")
    write(work, "folder/c.csv", "id,text,rating\nc,Cold soup.,3\n")
    made = run(work, "hotel", "new", "folder")
    assert made.reviews == 2 and [bool(report.skipped) for report in made.reports] == [
        False,
        True,
        False,
    ]
    made = run(work, "hotel", "update", "folder")
    assert made.unchanged == 2 and verify_index(work / "indexes" / "hotel") == []


def test_columns_can_be_said_and_steps_left_out(work: Path) -> None:
    write(work, "odd.csv", "x,y\nWarm &amp; wet.,5\nCold soup.,1\n")
    options = ReadOptions(mapping={"text": "x", "rating": "y"}, steps=())
    made = run(work, "odd", "new", "odd.csv", options=options)
    assert made.reports[0].columns["rating"].name == "y"
    first = ReviewIndex.open(work / "indexes" / "odd").review(0)
    assert (first.text, first.rating, first.language) == ("Warm &amp; wet.", 5.0, "")


def test_an_update_cuts_as_the_index_was_cut(work: Path) -> None:
    run(work, "hotel", "new", "first.csv", settings={"index.chunking": "whole"})
    write(work, "more.csv", "id,text\nd,One. Two. Three.\n")
    made = run(work, "hotel", "update", "more.csv")  # the settings say sentences
    assert made.sentences == made.chunks == 3 and verify_index(work / "indexes" / "hotel") == []


def test_what_cannot_work_is_told_before_anything_is_read(work: Path) -> None:
    run(work, "hotel", "new", "first.csv")
    stages: list[str] = []
    with pytest.raises(IndexFileError, match=r"built with the embedder fake@512.*other@512"):
        run(work, "hotel", "update", "first.csv", stages=stages, embedder=FakeEmbedder("other"))
    with (
        store.writer_lock(work / "indexes" / "hotel"),
        pytest.raises(IndexFileError, match="Another process"),
    ):
        run(work, "hotel", "update", "first.csv", stages=stages)
    (work / "file").touch()
    for settings in (
        {"paths.indexes_dir": work / "file"},
        {"paths.indexes_dir": work / "file" / "below"},
    ):
        with pytest.raises(IndexFileError, match="Cannot write the index"):
            run(work, "hotel", "new", "first.csv", stages=stages, settings=settings)
    assert stages == []


def test_ids_alone_can_be_deleted(work: Path) -> None:
    run(work, "hotel", "new", "first.csv")
    stages: list[str] = []
    made = run(work, "hotel", "update", stages=stages, delete=["a"])
    assert (made.removed, made.reviews, made.reports, made.rejects) == (
        1,
        1,
        [],
        None,
    ) and "reading" not in stages
    with pytest.raises(IndexFileError, match="no review with the id 'a' to delete, nor 1 others"):
        run(work, "hotel", "update", delete=["a", "z"])
    with pytest.raises(IndexFileError, match="no reviews to build"):
        run(work, "hotel", "update", delete=["b"])


def test_an_interrupted_import_is_taken_up_again(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "EMBED_AT_ONCE", 4)
    write(
        work, "many.csv", "id,text\n" + "".join(f"r{n},Sentence number {n}.\n" for n in range(10))
    )

    class Stopped(FakeEmbedder):
        def embed_documents(
            self, texts: Sequence[str], *, progress: Progress = no_progress
        ) -> Vectors:
            if "Sentence number 5." in texts:
                raise KeyboardInterrupt
            return super().embed_documents(texts, progress=progress)

    with pytest.raises(KeyboardInterrupt):
        run(work, "hotel", "new", "many.csv", embedder=Stopped())
    assert list_indexes(work / "indexes") == [] and not list((work / "indexes").glob(".reading-*"))
    stages: list[str] = []
    made = run(work, "hotel", "new", "many.csv", stages=stages)
    assert (made.resumed, made.embedded, made.sentences) == (4, 6, 10)
    assert list(dict.fromkeys(stages)) == [
        "reading",
        "comparing",
        "chunking",
        "resuming",
        "embedding",
        "writing",
        "checking",
    ]


def test_what_was_done_is_json(work: Path) -> None:
    made = run(work, "hotel", "new", "first.csv")
    values = json.loads(json.dumps(made.as_dict()))
    assert set(values) == {field.name for field in dataclasses.fields(Rebuilt)}
    assert (
        values["rejects"] == str(made.rejects)
        and values["reports"][0]["columns"]["text"]["name"] == "text"
    )
    assert (values["name"], values["mode"], values["generation"]) == (
        "hotel",
        "new",
        made.generation,
    )
    assert values["seconds"] >= 0 and values["chunks"] == 2
    assert run(work, "hotel", "update", delete=["a"]).as_dict()["rejects"] is None


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
