"""Importing review files: every row accounted for, ids and scales, several files, and what is
refused.
"""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.ingest import Import, ReadOptions, import_reviews
from rag.schema import ReviewFileError


def imported(folder: Path, *names: str, **options: Any) -> Import:
    staging = folder / f"staging-{len(list(folder.iterdir()))}"
    staging.mkdir()
    return import_reviews([folder / name for name in names], staging, ReadOptions(**options))


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


VALUES = (
    st.none()
    | st.integers(-5, 20)
    | st.sampled_from(
        [
            "",
            " ",
            "fine",
            "N/A",
            "8/10",
            "2024-02-30",
            "=1+1",
            'a "b", c',
            "x\ny",
            "<br>",
            "Permalink",
            "좋아요",
            "r1",
            "\ud83d",
        ]
    )
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.fixed_dictionaries({name: VALUES for name in ("id", "text", "rating", "date", "votes")})
        | st.integers(),
        min_size=1,
        max_size=10,
    )
)
def test_every_row_is_kept_or_dropped_for_a_reason(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    write(folder, "a.jsonl", "\n".join(json.dumps(row) for row in rows))
    try:
        made = imported(folder, "a.jsonl")
    except ReviewFileError as error:
        assert "a.jsonl" in str(error)
        return
    (report,) = made.reports
    reviews = list(made)
    assert (report.read, report.kept) == (len(rows), len(reviews)) == (made.read, len(made))
    assert report.kept + sum(report.dropped.values()) == report.read
    assert len({review.review_id for review in reviews}) == len(reviews)
    assert all(review.text and review.review_id for review in reviews) and list(made) == reviews
    json.dumps(report.as_dict())
    dropped = 0
    if made.rejects:
        with made.rejects.open(encoding="utf-8", newline="") as file:
            dropped = len(list(csv.reader(file))) - 1
    assert dropped == sum(report.dropped.values())


def test_all_rejected_rows_are_written_and_cannot_be_run_by_a_spreadsheet(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "text,rating\n,1\nfine,2\n   ,3\n=cmd(),4,5\n")
    made = imported(tmp_path, "a.csv")
    assert made.rejects is not None
    with made.rejects.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["line"], row["reason"]) for row in rows] == [
        ("a.csv", "2", "no text"),
        ("a.csv", "4", "no text"),
        ("a.csv", "5", "more cells than columns (quote a text that has the separator in it)"),
    ]
    assert rows[2]["row"].startswith("'=cmd()") and json.loads(rows[0]["row"])["rating"] == "1"


def test_strict_stops_at_the_first_bad_row(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "text,rating\nfine,2\n,3\n")
    with pytest.raises(ReviewFileError, match=r"a\.csv, line 3: no text\. Mend that row"):
        imported(tmp_path, "a.csv", strict=True)


def test_a_folder_with_a_file_that_holds_no_reviews(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    write(folder, "a.csv", "id,text\n1,Warm water.\n2,Cold soup.\n")
    write(folder, "b.csv", "id,count\n1,2\n3,4\n")
    made = imported(tmp_path, "files")
    assert [review.review_id for review in made] == ["1", "2"]
    assert [report.kept for report in made.reports] == [2, 0]
    assert made.reports[0].skipped == "" and "cannot tell which column" in made.reports[1].skipped
    (folder / "a.csv").unlink()
    write(folder, "c.csv", "id,count\n1,2\n")
    with pytest.raises(ReviewFileError, match="none of its 2 files can be used"):
        imported(tmp_path, "files")


def test_a_file_that_fails_half_way_leaves_nothing_of_itself(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    write(folder, "a.csv", "id,text\n1,Warm water.\n")
    write(folder, "b.csv", "id,text\n1,\n2, \n")
    made = imported(tmp_path, "files")
    assert [review.review_id for review in made] == ["1"]
    assert (made.read, made.kept, made.dropped) == (3, 1, {"no text": 2})
    assert "none of the 2 rows has text" in made.reports[1].skipped


def test_ids_do_not_depend_on_what_else_is_in_the_file(tmp_path: Path) -> None:
    lines = [
        '{"text": "Warm water.", "rating": 4}',
        '{"text": "Cold soup.", "rating": 2}',
        '{"text": "A view.", "rating": 5}',
    ]
    write(tmp_path, "few.jsonl", "\n".join(lines[:2]))
    write(tmp_path, "more.jsonl", "\n".join(lines[::-1]))
    few, more = list(imported(tmp_path, "few.jsonl")), list(imported(tmp_path, "more.jsonl"))
    assert {one.review_id for one in few} <= {one.review_id for one in more}
    assert [one.review_id for one in imported(tmp_path, "few.jsonl")] == [
        one.review_id for one in few
    ]


def test_odd_ids_are_made_plain(tmp_path: Path) -> None:
    rows = [
        {"id": "a\tb\x1b[31m", "text": "one two"},
        {"id": "x" * 500, "text": "three"},
        {"id": None, "text": "four"},
    ]
    write(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)))
    first, second, third = (review.review_id for review in imported(tmp_path, "a.jsonl"))
    assert first == "a b [31m" and len(second) < 100 and len(third) == 12


def test_each_file_has_its_own_scale(tmp_path: Path) -> None:
    write(tmp_path, "stars.csv", "text,rating\nfine,5\nbad,1\n")
    write(tmp_path, "points.csv", "text,rating\nfine,90\nbad,10\n")
    made = imported(tmp_path, "stars.csv", "points.csv")
    assert [report.rating_scale for report in made.reports] == ["1..5", "0..100"]
    assert [review.rating_fraction for review in made] == [1, 0, 0.9, 0.1]


def test_votes_on_the_page_fill_an_empty_field(tmp_path: Path) -> None:
    write(
        tmp_path,
        "a.csv",
        'text,votes\n"Fine film. 7 of 9 people found this helpful",\n"Bad film. 7 of 9 people '
        'found this helpful",3\n',
    )
    assert [(one.text, one.helpful_votes) for one in imported(tmp_path, "a.csv")] == [
        ("Fine film.", 7),
        ("Bad film.", 3),
    ]


def test_steps_are_switched_off_and_counted(tmp_path: Path) -> None:
    text = "The <b>acting</b> was superb and the story kept me awake all night."
    write(tmp_path, "a.csv", f"text\n{text}\n")
    made = imported(tmp_path, "a.csv")
    assert made.reports[0].cleaned == {"html": 1} and made.reports[0].languages == {"en": 1}
    (plain,) = imported(tmp_path, "a.csv", steps=())
    assert (plain.text, plain.language) == (text, "")


def test_a_language_column_wins(tmp_path: Path) -> None:
    write(
        tmp_path,
        "a.csv",
        "text,language\nThe acting was superb and the story kept me awake.,Deutsch\n",
    )
    assert [review.language for review in imported(tmp_path, "a.csv")] == ["de"]


def test_copies_are_counted_over_all_files(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "text\nWarm water and good soup.\n")
    write(tmp_path, "b.csv", "text\nwarm water, and good soup\nSomething else.\n")
    made = imported(tmp_path, "a.csv", "b.csv")
    assert (made.exact_duplicates, made.near_duplicates) == (1, 0)


def test_progress_reaches_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"text\n" + b"Warm water.\n" * 3000))
    seen: list[tuple[str, int, int]] = []
    made = import_reviews([tmp_path / "a.csv.gz"], tmp_path, progress=lambda *now: seen.append(now))
    assert made.kept == 3000 and {stage for stage, _, _ in seen} == {"reading"} and len(seen) > 3
    done = [now for _, now, _ in seen]
    assert done == sorted(done) and seen[-1][1] == seen[-1][2] > 0
