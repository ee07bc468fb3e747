"""What tells reviews apart when files come again: their ids, unless these only count rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rag.config import Settings
from rag.index import Mode
from rag.index.ingest import Rebuilt, rebuild
from rag.ingest import ReadOptions, import_reviews
from rag.ingest.ids import IdChoice, count_rows
from tests.fakes import CHUNK_TOKENS, FakeEmbedder

WORDS = "bed bath desk lamp soup wine pool roof hall door view rain".split()


def texts(seed: int, count: int = 6) -> list[str]:
    """Texts that share hardly any words with those of another seed."""
    dice = random.Random(seed)
    return [
        " ".join(f"{dice.choice(WORDS)}{seed}{number}" for _ in range(8)) + "."
        for number in range(count)
    ]


def write(folder: Path, name: str, ids: Sequence[Any], lines: Sequence[str]) -> Path:
    rows = "".join(f"{number},{line}\n" for number, line in zip(ids, lines, strict=True))
    (folder / name).write_text(f"id,text\n{rows}", encoding="utf-8")
    return folder / name


def run(folder: Path, mode: Mode, *files: Path, ids: IdChoice = "auto") -> Rebuilt:
    return rebuild(
        Settings().changed(
            {"paths.indexes_dir": folder / "indexes", "index.chunk_tokens": CHUNK_TOKENS}
        ),
        "hotel",
        files,
        mode=mode,
        options=ReadOptions(ids=ids),
        progress=lambda stage, done, total: None,
        embedder=FakeEmbedder(),
    )


@pytest.mark.parametrize(
    ("ids", "counted"),
    [
        ([1, 2, 3], True),
        (["0", "1", "2", "3"], True),
        (["1.0", "2.0", "3.0"], True),
        ([3, 2, 1], True),
        ([1, 2], False),
        ([1, 2, 4], False),
        ([2, 3, 4], False),
        (["r1", "r2", "r3"], False),
        ([1, 2, None], False),
        ([], False),
    ],
)
def test_ids_that_count_rows_are_seen(ids: list[Any], counted: bool) -> None:
    assert count_rows(ids) is counted


def test_two_files_numbered_alike_are_both_kept(tmp_path: Path) -> None:
    january = write(tmp_path, "january.csv", range(1, 7), texts(1))
    february = write(tmp_path, "february.csv", range(1, 7), texts(2))
    assert run(tmp_path, "new", january).reviews == 6
    made = run(tmp_path, "update", february)
    assert (made.new, made.changed, made.reviews) == (6, 0, 12)
    assert "'id' only count the rows" in made.reports[0].notes[0]
    assert made.reports[0].renamed == 0
    again = run(tmp_path, "update", january)
    assert (again.unchanged, again.reviews) == (6, 12)
    assert run(tmp_path, "new", january, february).reviews == 12


def test_ids_of_an_index_whose_texts_all_differ_are_no_identity(tmp_path: Path) -> None:
    ids = [f"row{n}" for n in range(6)]
    run(tmp_path, "new", write(tmp_path, "january.csv", ids, texts(1)))
    made = run(tmp_path, "update", write(tmp_path, "february.csv", ids, texts(2)))
    assert (made.new, made.changed, made.reviews) == (6, 0, 12)
    assert "other texts have the ids" in made.reports[0].notes[0]


def test_a_mended_file_takes_the_place_of_the_first(tmp_path: Path) -> None:
    ids = [f"row{n}" for n in range(6)]
    run(tmp_path, "new", write(tmp_path, "first.csv", ids, texts(1)))
    mended = [text.replace(".", " indeed.") for text in texts(1)]
    made = run(tmp_path, "update", write(tmp_path, "mended.csv", ids, mended))
    assert (made.new, made.changed, made.reviews) == (0, 6, 6) and not made.reports[0].notes


def test_numbers_that_an_index_knows_with_the_same_texts_are_identity(tmp_path: Path) -> None:
    first = write(tmp_path, "first.csv", range(1, 7), texts(1))
    assert run(tmp_path, "new", first, ids="column").reviews == 6
    grown = [*texts(1)[:5], "A new text instead.", "And one more."]
    made = run(tmp_path, "update", write(tmp_path, "grown.csv", range(1, 8), grown))
    assert (made.new, made.changed, made.unchanged, made.reviews) == (1, 1, 5, 7)
    assert not made.reports[0].notes


def test_the_choice_can_be_made_by_hand(tmp_path: Path) -> None:
    january = write(tmp_path, "january.csv", range(1, 7), texts(1))
    february = write(tmp_path, "february.csv", range(1, 7), texts(2))
    run(tmp_path, "new", january, ids="column")
    made = run(tmp_path, "update", february, ids="column")
    assert (made.changed, made.reviews) == (6, 6)
    letters = write(tmp_path, "letters.csv", "abcdef", texts(1))
    ids = {
        choice: {
            review.review_id
            for review in import_reviews([letters], tmp_path, ReadOptions(ids=choice))
        }
        for choice in ("auto", "column", "content")
    }
    assert ids["auto"] == ids["column"] == set("abcdef") and not ids["content"] & set("abcdef")
