"""The commands for review files and for changing indexes, as a user types them."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.fakes import FakeEmbedder
from tests.test_cli import Ran, Runner

FIRST = "id,text,rating,item\na,Warm water.,9,pool\nb,Cold soup.,2,bar\nc,,5,bar\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Runner:
    """The command line in an empty folder, with a stand-in for the embedder."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("REVIEWQA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REVIEWQA_GENERATOR", "extractive")
    for module in ("rag.rebuild", "rag.pipeline"):
        monkeypatch.setattr(f"{module}.make_embedder", lambda settings: FakeEmbedder())
    (tmp_path / "first.csv").write_text(FIRST, encoding="utf-8")
    return Runner(monkeypatch, capsys)


@pytest.fixture
def built(run: Runner) -> Runner:
    """The same, with an index "hotel"."""
    assert run("index", "build", "first.csv", "--name", "hotel").code == 0
    return run


def info(run: Runner, name: str = "hotel") -> dict[str, object]:
    values: dict[str, object] = json.loads(run("index", "info", name).out)
    return values


def test_check_shows_columns_reviews_and_what_is_dropped(run: Runner) -> None:
    ran = run("reviews", "check", "first.csv", "--rejects", "bad.csv")
    assert ran.code == 0 and not Path("indexes").exists()
    for part in (
        "first.csv (CSV separated by ','", "3 rows read, 2 kept", "text = 'text': named like a review's text",
        "dropped 1: no text", "first.csv, line 4: no text", "| a, rated 9/10, pool", "Warm water.",
        "ratings on the scale 1..10", "In all: 3 rows read, 2 kept, 1 dropped",
    ):  # fmt: skip
        assert part in ran.out, part
    assert Path("bad.csv").read_text().count("no text") == 1


def test_check_as_json(run: Runner) -> None:
    values = json.loads(run("reviews", "check", "first.csv", "--json").out)
    assert (values["read"], values["kept"], values["dropped"]) == (3, 2, {"no text": 1})
    assert values["duplicates"] == {"exact": 0, "near": 0}
    (file,) = values["files"]
    assert file["columns"]["item"] == {"name": "item", "reason": "named like what is reviewed"}
    assert file["preview"][0]["text"] == "Warm water."


def test_several_columns_are_mapped_whatever_their_names(run: Runner) -> None:
    Path("odd.csv").write_text('"what, in words","1=bad, 5=good",x\nWarm water.,5,n1\nCold soup.,1,n2\n')
    ran = run(
        "reviews", "check", "odd.csv", "--map", "text=what, in words,rating=1=bad, 5=good", "--map", "item=x", "--json"
    )
    values = json.loads(ran.out)["files"][0]["columns"]
    assert {field: choice["name"] for field, choice in values.items()} == {
        "text": "what, in words", "rating": "1=bad, 5=good", "item": "x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--map", "words=x"], 2, "write FIELD=COLUMN"),
        (["--map", "text=nothing"], 1, 'no column "nothing"'),
        (["--no-clean", "ironing"], 2, "'ironing' is no cleaning step: html"),
        (["--strict"], 1, "first.csv, line 4: no text"),
        (["--rejects", "."], 1, "Cannot write the rejected rows"),
    ],
)
def test_what_check_cannot_do_is_said(run: Runner, arguments: list[str], code: int, says: str) -> None:
    ran = run("reviews", "check", "first.csv", *arguments)
    assert (ran.code, "Traceback" in ran.err) == (code, False) and says in " ".join(ran.err.split())


def test_update_adds_changes_and_removes(built: Runner) -> None:
    Path("more.csv").write_text("id,text,rating,item\nb,Hot soup.,8,bar\nd,A view.,7,room\n", encoding="utf-8")
    ran = built("index", "update", "hotel", "more.csv")
    assert (
        ran.code == 0 and "1 new, 1 changed, 0 unchanged, 0 removed reviews; 2 sentences embedded, 1 carried" in ran.out
    )
    ran = built("index", "update", "hotel", "more.csv")
    assert "Nothing is new" in ran.out
    Path("gone.txt").write_text("d\n\n")
    ran = built("index", "update", "hotel", "--delete", "a", "--delete", "@gone.txt")
    assert "2 removed" in ran.out and info(built)["reviews"] == 1
    ran = built("index", "update", "hotel", "first.csv", "--replace")
    assert "1 new, 1 changed, 0 unchanged, 0 removed" in ran.out and info(built)["reviews"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["hotel"], 1, "nothing to do"),
        (["hotel", "--replace"], 2, "--replace needs the files"),
        (["hotel", "--delete", "z"], 1, "no review with the id 'z'"),
        (["hotel", "--delete", "@none.txt"], 1, "none.txt"),
        (["spa", "first.csv"], 1, 'There is no index "spa"'),
        (["../x", "first.csv"], 1, "cannot be the name of an index"),
    ],
)
def test_what_update_cannot_do_is_said(built: Runner, arguments: list[str], code: int, says: str) -> None:
    ran = built("index", "update", *arguments)
    assert (ran.code, "Traceback" in ran.err) == (code, False) and says in " ".join(ran.err.split())
    assert info(built)["reviews"] == 2


def test_generations_are_gone_back_to_and_cleared_away(built: Runner) -> None:
    built("index", "update", "hotel", "--delete", "a")
    generations = info(built)["generations"]
    assert isinstance(generations, list) and [one["live"] for one in generations] == [True, False]
    ran = built("index", "rollback", "hotel")
    assert ran.code == 0 and "2 reviews" in ran.out and info(built)["reviews"] == 2
    assert built("index", "rollback", "hotel").code == 1
    assert built("index", "rollback", "hotel", "--to", generations[0]["name"]).code == 0
    ran = built("index", "gc", "hotel", "--keep", "0")
    assert "1 generations removed" in ran.out and info(built)["reviews"] == 1
    assert built("index", "verify", "hotel").code == 0


def test_an_index_is_copied_renamed_exported_and_deleted(built: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    assert built("index", "copy", "hotel", "inn").code == 0
    assert built("index", "copy", "hotel", "inn").code == 1
    assert built("index", "rename", "inn", "lodge").code == 0
    assert built("index", "export", "lodge", "all.parquet").code == 0
    assert pq.read_table("all.parquet").num_rows == 2
    assert built("index", "export", "lodge", ".").code == 1
    for answer, code, left in (("n\n", 130, ["hotel", "lodge"]), ("y\n", 0, ["hotel"])):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert built("index", "delete", "lodge").code == code
        assert [line.split("\t")[0] for line in built("index", "list").out.splitlines()] == left
    assert built("index", "delete", "lodge", "--yes").code == 1
    assert built("index", "delete", "hotel", "--yes") == Ran(0, 'The index "hotel" is deleted.\n', "")


def test_only_some_reviews_are_asked(built: Runner) -> None:
    ran = built("ask", "How was the soup or the water?", "--where", "rating >= 5", "--json")
    assert [one["review_id"] for one in json.loads(ran.out)["retrieved"]] == ["a"]
    assert json.loads(built("ask", "water?", "--where", "item = sauna", "--json").out)["refused"]
    ran = built("ask", "water?", "--where", "stars > 3")
    assert ran.code == 1 and 'cannot be chosen by "stars"' in ran.complaint
