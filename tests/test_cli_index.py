"""The commands for review files and for changing indexes, as a user types them."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rag.embedding import Vectors
from rag.index import generation, store
from rag.progress import Progress, no_progress
from tests.fakes import FakeEmbedder
from tests.test_cli import Ran, Runner

FIRST = "id,text,rating,item\na,Warm water.,9,pool\nb,Cold soup.,2,bar\nc,,5,bar\n"


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Runner:
    """The command line in an empty folder, with a stand-in for the embedder."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("REVIEWQA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REVIEWQA_GENERATOR__NAME", "extractive")
    for module in ("rag.index.ingest", "rag.answering.pipeline", "rag.library"):
        monkeypatch.setattr(f"{module}.make_embedder", lambda settings: FakeEmbedder())
    (tmp_path / "first.csv").write_text(FIRST, encoding="utf-8")
    return Runner(monkeypatch, capsys)


@pytest.fixture
def built(run: Runner) -> Runner:
    """The same, with an index "hotel"."""
    assert run("index", "build", "first.csv", "--name", "hotel").code == 0
    return run


def info(run: Runner, name: str = "hotel") -> dict[str, Any]:
    values: dict[str, Any] = json.loads(run("index", "info", name).out)
    return values


def test_check_shows_columns_reviews_and_what_is_dropped(run: Runner) -> None:
    ran = run("reviews", "check", "first.csv", "--rejects", "bad.csv")
    assert ran.code == 0 and not Path("indexes").exists()
    for part in (
        "first.csv (CSV separated by ','",
        "3 rows read, 2 kept",
        "text = 'text': named like a review's text",
        "dropped 1: no text",
        "first.csv, line 4: no text",
        "| a, rated 9/10, pool",
        "Warm water.",
        "ratings on the scale 1..10",
        "In all: 3 rows read, 2 kept, 1 dropped",
    ):
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
    Path("odd.csv").write_text(
        '"what, in words","1=bad, 5=good",x\nWarm water.,5,n1\nCold soup.,1,n2\n'
    )
    ran = run(
        "reviews",
        "check",
        "odd.csv",
        "--map",
        "text=what, in words,rating=1=bad, 5=good",
        "--map",
        "item=x",
        "--json",
    )
    values = json.loads(ran.out)["files"][0]["columns"]
    assert {field: choice["name"] for field, choice in values.items()} == {
        "text": "what, in words",
        "rating": "1=bad, 5=good",
        "item": "x",
    }


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--map", "words=x"], 2, "write FIELD=COLUMN"),
        (["--map", "text=nothing"], 1, 'no column "nothing"'),
        (["--no-clean", "ironing"], 2, "'ironing' is not a cleaning step: html"),
        (["--strict"], 1, "first.csv, line 4: no text"),
        (["--rejects", "."], 1, "Cannot write the rejected rows"),
    ],
)
def test_what_check_cannot_do_is_said(
    run: Runner, arguments: list[str], code: int, says: str
) -> None:
    ran = run("reviews", "check", "first.csv", *arguments)
    assert (ran.code, "Traceback" in ran.err) == (code, False) and says in " ".join(ran.err.split())


def test_update_adds_changes_and_removes(built: Runner) -> None:
    Path("more.csv").write_text(
        "id,text,rating,item\nb,Hot soup.,8,bar\nd,A view.,7,room\n", encoding="utf-8"
    )
    ran = built("index", "update", "hotel", "more.csv")
    assert (
        ran.code == 0
        and "1 new, 1 changed, 0 unchanged, 0 removed reviews; 2 sentences embedded, 1 reused"
        in ran.out
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
def test_what_update_cannot_do_is_said(
    built: Runner, arguments: list[str], code: int, says: str
) -> None:
    ran = built("index", "update", *arguments)
    assert (ran.code, "Traceback" in ran.err) == (code, False) and says in " ".join(ran.err.split())
    assert info(built)["reviews"] == 2


def test_generations_are_gone_back_to_and_cleared_away(built: Runner) -> None:
    built("index", "update", "hotel", "--delete", "a")
    generations = info(built)["generations"]
    assert [one["live"] for one in generations] == [True, False]
    ran = built("index", "rollback", "hotel")
    assert ran.code == 0 and "2 reviews" in ran.out and info(built)["reviews"] == 2
    assert built("index", "rollback", "hotel").code == 1
    assert built("index", "rollback", "hotel", "--to", generations[0]["name"]).code == 0
    ran = built("index", "gc", "hotel", "--keep", "0")
    assert "1 version removed" in ran.out and info(built)["reviews"] == 1
    assert built("index", "verify", "hotel").code == 0


def test_an_index_is_copied_renamed_exported_and_deleted(
    built: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert built("index", "copy", "hotel", "inn").code == 0
    assert built("index", "copy", "hotel", "inn").code == 1
    assert built("index", "rename", "inn", "lodge").code == 0
    assert built("index", "export", "lodge", "all.parquet").code == 0
    assert pq.read_table("all.parquet").num_rows == 2
    assert built("index", "export", "lodge", ".").code == 1
    for answer, code, left in (
        ("n\n", 1, ["hotel", "lodge"]),
        ("", 130, ["hotel", "lodge"]),
        ("y\n", 0, ["hotel"]),
    ):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert built("index", "delete", "lodge").code == code
        assert [line.split("\t")[0] for line in built("index", "list").out.splitlines()] == left
    assert built("index", "delete", "lodge", "--yes").code == 1
    assert built("index", "delete", "hotel", "--yes") == Ran(
        0, 'The index "hotel" is deleted.\n', ""
    )


def test_deleting_asks_what_it_says(built: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    ran = built("index", "delete", "hotel")
    assert (
        'Delete the index "hotel" with all its versions?' in ran.out
        and ran.complaint == "Nothing is deleted."
    )
    assert info(built)["reviews"] == 2


def test_an_export_is_what_the_index_holds(built: Runner) -> None:
    ran = built("index", "export", "hotel", "all.parquet")
    assert (ran.code, ran.err) == (
        0,
        "",
    ) and "2 sentences of 2 reviews, with their vectors, are in all.parquet" in ran.out
    rows = pq.read_table("all.parquet").to_pylist()
    assert [
        (row["review_id"], row["review_text"], row["sentence"], row["rating"]) for row in rows
    ] == [
        ("a", "Warm water.", "Warm water.", 9.0),
        ("b", "Cold soup.", "Cold soup.", 2.0),
    ]
    (first, _) = FakeEmbedder().embed_documents(["Warm water.", "Cold soup."])
    assert rows[0]["vector"] == pytest.approx(first.tolist())
    assert "is there already" in built("index", "export", "hotel", "all.parquet").complaint
    Path("file").touch()
    assert "Cannot write" in built("index", "export", "hotel", "file/x.parquet").complaint


def test_info_tells_how_the_index_was_made(built: Runner) -> None:
    built("index", "update", "hotel", "--delete", "a")
    values = info(built)
    assert (values["reviews"], values["voices"], values["format_version"]) == (1, 1, 3)
    assert values["vector_index"] == {"type": "flat", "recall_at_10": 1.0}
    (record,) = values["imports"]
    assert (record["file"], record["mode"], record["cleaning"]) == (
        "first.csv",
        "new",
        ["html", "invisible", "furniture", "unicode", "spaces", "language"],
    )
    generations = values["generations"]
    assert [set(one) for one in generations] == [{"name", "live", "reviews", "bytes"}] * 2
    assert [one["reviews"] for one in generations] == [1, 2] and all(
        one["bytes"] > 1000 for one in generations
    )


def test_steps_left_out_are_left_out_of_updates_too(run: Runner) -> None:
    Path("html.csv").write_text("id,text\na,Fish &amp; chips.\n", encoding="utf-8")
    assert (
        run(
            "index",
            "build",
            "html.csv",
            "--name",
            "raw",
            "--no-clean",
            "html",
            "--no-clean",
            "language",
        ).code
        == 0
    )
    assert "Nothing is new" in run("index", "update", "raw", "html.csv").out
    (record,) = info(run, "raw")["imports"]
    assert record["cleaning"] == ["invisible", "furniture", "unicode", "spaces"]


def test_the_scale_is_told_with_its_reason_and_can_be_given(run: Runner) -> None:
    Path("few.csv").write_text("id,text,rating\na,Fish.,4\nb,Chips.,2\n", encoding="utf-8")
    assert "ratings on the scale 1..5: no mark is above 5" in run("reviews", "check", "few.csv").out
    said = run("reviews", "check", "few.csv", "--scale", "1..10").out
    assert "ratings on the scale 1..10: you said so" in said and "rated 4/10" in said
    assert run("index", "build", "few.csv", "--name", "few", "--scale", "1..10").code == 0
    assert info(run, "few")["imports"][0]["rating_scale"] == "1..10"


def test_a_file_that_is_passed_over_is_named_with_the_reason(run: Runner) -> None:
    Path("folder").mkdir()
    Path("folder/good.csv").write_text(FIRST, encoding="utf-8")
    Path("folder/empty.csv").write_text("id,text\n1,\n", encoding="utf-8")
    for arguments in (["reviews", "check", "folder"], ["index", "build", "folder", "--name", "x"]):
        ran = run(*arguments)
        assert ran.code == 0 and "skipped: empty.csv: no row can be used" in ran.out


def test_a_missing_file_whose_name_is_no_utf_8_is_named(run: Runner) -> None:
    ran = run("reviews", "check", os.fsdecode(b"caf\xe9.csv"))
    assert ran.code == 1 and "There is no file caf\ufffd.csv" in ran.complaint


def test_strict_builds_nothing(run: Runner) -> None:
    ran = run("index", "build", "first.csv", "--name", "hotel", "--strict")
    assert ran.code == 1 and "first.csv, line 4: no text" in ran.err.splitlines()[-1]
    assert run("index", "list").out == ""


def test_rows_that_cannot_be_used_are_where_it_says(run: Runner) -> None:
    ran = run("index", "build", "first.csv", "--name", "hotel")
    assert f"The rows that were dropped are in {Path('indexes/hotel/rejected.csv')}" in ran.out
    assert "first.csv,4,no text" in Path("indexes/hotel/rejected.csv").read_text(encoding="utf-8")
    run("index", "update", "hotel", "first.csv", "--rejects", "deep/down/bad.csv")
    assert "first.csv,4,no text" in Path("deep/down/bad.csv").read_text(encoding="utf-8")


def test_ids_come_from_a_file_of_any_editor(built: Runner) -> None:
    Path("ids.txt").write_bytes("\ufeffa\r\n\r\n b \r\n".encode())
    ran = built("index", "update", "hotel", "--delete", "@ids.txt")
    assert ran.code == 1 and "There are no reviews to build an index from" in ran.err
    Path("ids.txt").write_bytes(b"\xff\xfe\x00")
    assert built("index", "update", "hotel", "--delete", "@ids.txt").code == 1
    assert info(built)["reviews"] == 2


def test_ctrl_c_while_embedding_exits_130_and_the_next_run_goes_on(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(FakeEmbedder):
        def embed_documents(
            self, texts: Sequence[str], *, progress: Progress = no_progress
        ) -> Vectors:
            if "Cold soup." in texts:
                raise KeyboardInterrupt
            return super().embed_documents(texts, progress=progress)

    monkeypatch.setattr(generation, "EMBED_AT_ONCE", 1)
    with monkeypatch.context() as patch:
        patch.setattr("rag.index.ingest.make_embedder", lambda settings: Stopped())
        ran = run("index", "build", "first.csv", "--name", "hotel")
    assert ran.code == 130 and ran.err.endswith("Interrupted.\n") and "Traceback" not in ran.err
    ran = run("index", "build", "first.csv", "--name", "hotel")
    assert (
        ran.code == 0
        and "1 sentences embedded, 0 reused, 1 recovered from an interrupted run." in ran.out
    )


WRITING = [
    ["index", "build", "first.csv", "--name", "hotel"],
    ["index", "update", "hotel", "first.csv"],
    ["index", "update", "hotel", "--delete", "a"],
    ["index", "rollback", "hotel"],
    ["index", "gc", "hotel"],
    ["index", "copy", "hotel", "inn"],
    ["index", "rename", "hotel", "inn"],
    ["index", "delete", "hotel", "--yes"],
]
READING = [
    ["index", "info", "hotel"],
    ["index", "verify", "hotel"],
    ["index", "export", "hotel", "all.parquet"],
]


@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
def test_while_one_writes_others_are_told(built: Runner, arguments: list[str]) -> None:
    with store.writer_lock(Path("indexes/hotel")):
        ran = built(*arguments)
        assert (
            ran.code == 1
            and 'error: Another process is writing the index "hotel".' in ran.complaint
        )
        assert [built(*reading).code for reading in READING] == [0, 0, 0]  # readers do not wait
    assert info(built)["reviews"] == 2


@pytest.mark.parametrize("name", ["../hotel", "/tmp/hotel", ".", "a b", "", "x" * 65])
@pytest.mark.parametrize(
    "arguments", [*WRITING, *READING, ["ask", "water?", "--index", "hotel"]], ids=" ".join
)
def test_no_name_leaves_the_folder_of_indexes(run: Runner, arguments: list[str], name: str) -> None:
    ran = run(*(name if argument == "hotel" else argument for argument in arguments))
    assert ran.code in (1, 2) and "Traceback" not in ran.err and "unforeseen" not in ran.err
    if ran.code == 1:
        assert "cannot be the name of an index" in ran.complaint or (
            not name and arguments[0] == "ask"
        )
    assert not Path("indexes").exists() or not any(Path("indexes").iterdir())


@pytest.mark.parametrize("target", ["../inn", "inn/x", ".inn"])
@pytest.mark.parametrize("command", ["copy", "rename"])
def test_no_new_name_does_so_either(built: Runner, command: str, target: str) -> None:
    assert "cannot be the name of an index" in built("index", command, "hotel", target).complaint
    assert [path.name for path in Path("indexes").iterdir()] == ["hotel"]


@pytest.mark.parametrize("arguments", [*WRITING, *READING, ["index", "list"]], ids=" ".join)
@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_of_indexes_that_is_a_file_is_a_plain_error(
    run: Runner, arguments: list[str], place: str
) -> None:
    Path("file").write_text("mine")
    ran = run("--indexes-dir", place, *arguments)
    assert (
        "Traceback" not in ran.err
        and "unforeseen" not in ran.err
        and place in " ".join(ran.err.split())
    )
    assert ran.code == (0 if "list" in arguments else 1) and Path("file").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (
            ["rollback", "hotel", "--to", "20200101T000000-00000000"],
            1,
            "has no generation '20200101T000000-00000000'",
        ),
        (["rollback", "hotel"], 1, "no earlier generation"),
        (["gc", "hotel", "--keep", "-1"], 2, "-1 is not in the range"),
        (["gc", "hotel", "--keep", "few"], 2, "not a valid integer"),
        (["copy", "hotel", "hotel"], 1, 'an index "hotel" already'),
        (["rename", "hotel", "hotel"], 1, 'an index "hotel" already'),
        (["copy", "hotel"], 2, "Missing argument 'TARGET'"),
        (["export", "hotel"], 2, "Missing argument 'FILE'"),
        (["delete", "spa", "--yes"], 1, 'There is no index "spa"'),
        (["build", "first.csv", "--name", "hotel", "--map", "text=nothing"], 1, "nothing"),
        (
            ["build", "first.csv", "--name", "hotel", "--map", "text=id,text=text"],
            2,
            "text is given twice; a text in several columns is text=COLUMN+COLUMN",
        ),
        (
            ["build", "first.csv", "--name", "hotel", "--map", "text=id", "--map", "text=text"],
            2,
            "text is given twice",
        ),
        (["build", "first.csv", "--name", "hotel", "--scale", "5..1"], 2, '"5..1" is no scale'),
        (["build", "first.csv", "--name", "hotel", "--map", "text="], 1, "text"),
        (["build", "first.csv", "none.csv", "--name", "hotel"], 1, "There is no file none.csv"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    built: Runner, arguments: list[str], code: int, says: str
) -> None:
    generation = info(built)["generation"]
    ran = built("index", *arguments)
    assert ran.code == code and says in " ".join(ran.err.split()) and "Traceback" not in ran.err
    assert "unforeseen" not in ran.err and info(built)["generation"] == generation


def test_an_index_of_the_first_format_is_named_everywhere(run: Runner) -> None:
    generation = Path("indexes/old/20250101T000000-00000000")
    generation.mkdir(parents=True)
    (generation / "manifest.json").write_text('{"format_version": 1}')
    (generation.parent / "CURRENT").write_text(generation.name)
    says = (
        "has format version 1, and this program reads version 3. Rebuild the index from its "
        "review files"
    )
    assert says in run("index", "list").out
    for arguments in (
        ["index", "info", "old"],
        ["index", "verify", "old"],
        ["index", "update", "old", "first.csv"],
        ["index", "export", "old", "x.parquet"],
        ["ask", "water?"],
    ):
        ran = run(*arguments)
        assert ran.code == 1 and says in ran.complaint
    assert run("index", "build", "first.csv", "--name", "old").code == 0
    assert run("index", "verify", "old").code == 0 and info(run, "old")["reviews"] == 2


def test_the_prompt_holds_only_some_reviews(built: Runner) -> None:
    shown = built("ask", "water or soup?", "--where", "rating < 5", "--show-prompt")
    assert shown.code == 0 and "Cold soup." in shown.out and "Warm water." not in shown.out
    (message, *_) = json.loads(
        built("ask", "water?", "--where", "item = sauna", "--show-prompt", "--json").out
    )
    assert "soup." not in message["content"] and "water." not in message["content"]


@pytest.mark.parametrize(
    "where", ["rating", "rating > 3 and", 'item = "x', "date > May", "rating > 3|4", "\udcff", "="]
)
def test_conditions_that_cannot_be_read_are_one_line(built: Runner, where: str) -> None:
    ran = built("ask", "water?", "--where", where)
    assert ran.code == 1 and ran.complaint.startswith("error: ") and "unforeseen" not in ran.err


def test_only_some_reviews_are_asked(built: Runner) -> None:
    ran = built("ask", "How was the soup or the water?", "--where", "rating >= 5", "--json")
    assert [one["review_id"] for one in json.loads(ran.out)["retrieved"]] == ["a"]
    assert json.loads(built("ask", "water?", "--where", "item = sauna", "--json").out)["refused"]
    ran = built("ask", "water?", "--where", "stars > 3")
    assert ran.code == 1 and 'cannot be chosen by "stars"' in ran.complaint
