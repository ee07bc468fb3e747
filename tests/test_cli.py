"""The command line on a small real index: what it prints, where, and with which exit code."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from rag.answering import prompt
from rag.answering.pipeline import Pipeline
from rag.embedding import SentenceTransformerEmbedder
from rag.evaluation.apart import evaluate_here
from rag.index import Manifest
from rag.ingest import read_reviews
from rag.schema import GeneratorError
from tests.prompts import read_prompt
from ui import serve
from ui.cli.main import cli, main
from ui.cli.terminal import safe

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\u200b\r\x08"
ROWS = [
    ("loud", "The hotel bar was loud until three in the morning. We did not sleep at all.", "2"),
    (
        "pool",
        "The swimming pool was warm and clean. Our children stayed in the water all day.",
        "9",
    ),
    ("cold", "The swimming pool was cold and dirty. Nobody ever cleaned it.", "1"),
    ("bread", "Breakfast had fresh bread and good coffee. The queue for eggs was long.", "7"),
    (f"evil{HOSTILE}", f"The swimming pool {HOSTILE} was closed for repairs all week 👩‍👩‍👧.", "1"),
]
EMBEDDER = SentenceTransformerEmbedder()  # the bundled one, loaded once for all commands
QUESTION = "Was the swimming pool clean?"


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error of a command that failed."""
        assert self.err.count("\n") == 1 and "Traceback" not in self.err, self.err
        return self.err.strip()


class Runner:
    """Runs `reviewqa` in this process, as its entry point does."""

    def __init__(self, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capsys = patch, capsys

    def __call__(self, *arguments: str | Path) -> Ran:
        self._patch.setattr(sys, "argv", ["reviewqa", *map(str, arguments)])
        self._capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as exit:
            code = exit.code if isinstance(exit.code, int) else 1
        out, err = self._capsys.readouterr()
        return Ran(code, out, err)


def build_from(rows: list[tuple[str, str, str]], folder: Path) -> Path:
    file = folder / "reviews.jsonl"
    file.write_text(
        "\n".join(
            json.dumps({"id": i, "text": text, "rating": rating}) for i, text, rating in rows
        ),
        encoding="utf-8",
    )
    return file


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the index "hotel", built once by the command with the bundled embedder."""
    folder = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        file = build_from(ROWS, folder)
        patch.setattr(
            sys,
            "argv",
            [
                "reviewqa",
                "--indexes-dir",
                "indexes",
                "index",
                "build",
                str(file),
                "--name",
                "hotel",
            ],
        )
        main()
    yield folder / "indexes"


@pytest.fixture
def run(
    indexes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Runner:
    monkeypatch.chdir(tmp_path)  # no settings file of the developer's
    for name in [name for name in os.environ if name.startswith("REVIEWQA_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "PATHS__INDEXES_DIR": str(indexes),
        "PATHS__MODELS_DIR": str(tmp_path),
        "GENERATOR__NAME": "extractive",
        "ANSWERING__EVIDENCE_FLOOR": "0.3",
        "ANSWERING__FACT_EVIDENCE_FLOOR": "0.3",
    }.items():
        monkeypatch.setenv(f"REVIEWQA_{name}", value)
    for module in ("rag.answering.pipeline", "rag.library"):
        monkeypatch.setattr(f"{module}.make_embedder", lambda settings: EMBEDDER)
    return Runner(monkeypatch, capsys)


def assert_harmless(text: str) -> None:
    bad = {
        c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\t\u200d"
    }
    assert not bad, bad


# --- topics


def test_topics_are_told_in_words_and_as_json(run: Runner, tmp_path: Path) -> None:
    said = [
        ("The breakfast was wonderful.", "9"),
        ("A great breakfast with warm rolls.", "10"),
        ("We loved the breakfast.", "8"),
        ("The breakfast was awful and cold.", "1"),
        (f"Breakfast {HOSTILE} was terrible.", "2"),
        ("Breakfast was a horrible mess.", "2"),
    ]
    file = build_from([(f"r{n}", *row) for n, row in enumerate(said)], tmp_path)
    there = ("--indexes-dir", tmp_path / "ix")
    assert run(*there, "index", "build", file, "--name", "inn").code == 0
    told = run(*there, "topics", "inn")
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("Of 6 reviews, copies counted once, so many speak of:\n\nbreakfast")
    assert " 6   3 for, 3 against, 0 both, 0 neither\n  + " in told.out
    assert_harmless(told.out)
    (topic,) = json.loads(run(*there, "topics", "inn", "--json").out)["topics"]
    assert (topic["name"], topic["reviews"], topic["best_praise"]["review_id"][0]) == (
        "breakfast",
        6,
        "r",
    )
    some = run(*there, "topics", "inn", "--where", "rating >= 8")
    assert "Of 3 reviews" in some.out and "3 for, 0 against" in some.out


def test_without_topics_and_without_an_index_it_says_so(run: Runner) -> None:
    assert run("topics", "hotel").out == "The reviews speak of no topic often enough.\n"
    assert "none" in run("topics", "none").complaint
    assert "Cannot read the condition" in run("topics", "hotel", "--where", "rating").complaint


# --- index


def test_build_reports_every_file_and_says_how_to_go_on(run: Runner, tmp_path: Path) -> None:
    file = tmp_path / "more.csv"
    file.write_text("Body,Stars\nThe soup was cold.,1\n,5\nThe soup was hot.,5\n", encoding="utf-8")
    ran = run(
        "--indexes-dir",
        tmp_path / "ix",
        "index",
        "build",
        file,
        "--name",
        "soup",
        "--map",
        "text=Body",
    )
    assert ran.code == 0
    assert (
        "3 rows read from 4 lines, 2 kept" in ran.out
        and "dropped 1: no text" in ran.out
        and "text = 'Body': you said so" in ran.out
    )
    assert 'reviewqa ask "..." --index soup' in ran.out and "2 reviews" in ran.out
    assert "embedding" in ran.err  # progress
    assert run("--indexes-dir", tmp_path / "ix", "index", "verify", "soup").code == 0


def test_list_info_and_verify(run: Runner, indexes: Path) -> None:
    listed = run("index", "list")
    assert listed.code == 0 and listed.out.startswith("hotel\t5 reviews\t") and listed.err == ""
    info = run("index", "info", "hotel")
    values = json.loads(info.out)
    generation = (indexes / "hotel" / "CURRENT").read_text().strip()
    assert info.code == 0 and list(values) == [
        "name",
        "generation",
        "generations",
        *Manifest.__slots__,
    ]
    assert (values["name"], values["generation"], values["reviews"]) == ("hotel", generation, 5)
    assert run("index", "verify", "hotel") == Ran(0, 'The index "hotel" is sound.\n', "")


def test_list_without_indexes_says_how_to_build_one(run: Runner, tmp_path: Path) -> None:
    ran = run("--indexes-dir", tmp_path / "none", "index", "list")
    assert ran.code == 0 and ran.out == "" and "reviewqa index build" in ran.complaint


def test_a_damaged_index_fails_verify_and_is_listed_as_damaged(run: Runner, tmp_path: Path) -> None:
    folder = tmp_path / "ix" / "broken"
    (folder / "20260101T000000-00000000").mkdir(parents=True)
    (folder / "CURRENT").write_text("20260101T000000-00000000")
    verified = run("--indexes-dir", tmp_path / "ix", "index", "verify", "broken")
    assert verified.code == 1 and "manifest.json" in verified.complaint and verified.out == ""
    listed = run("--indexes-dir", tmp_path / "ix", "index", "list")
    assert listed.code == 0 and listed.out.startswith("broken\tdamaged: ")


# --- ask


def test_ask_streams_the_answer_and_then_what_it_cites(run: Runner) -> None:
    ran = run("ask", QUESTION)  # the only index need not be named
    assert ran.code == 0 and "[" in ran.out and "swimming pool" in ran.out
    assert "Cited reviews:" in ran.out and "rated " in ran.out
    assert re.search(r"Answered by extractive .*: .*\. \d+\.\d s\.\n$", ran.out)
    assert_harmless(ran.out)


def test_ask_json_has_exactly_the_promised_keys_and_true_quotes(run: Runner, indexes: Path) -> None:
    ran = run("ask", QUESTION, "--index", "hotel", "--json")
    assert ran.code == 0
    assert_harmless(ran.out)
    answer: dict[str, Any] = json.loads(ran.out)
    assert set(answer) == {
        "question",
        "searched_for",
        "plan",
        "answer",
        "headline",
        "points",
        "breakdowns",
        "refused",
        "generator",
        "generator_reason",
        "sentences",
        "retrieved",
        "dropped_markers",
        "notes",
        "timings",
    }
    assert (answer["question"], answer["refused"], answer["dropped_markers"]) == (
        QUESTION,
        False,
        0,
    )
    reviews = {r.review_id: r.text for r in read_reviews(indexes.parent / "reviews.jsonl")[0]}
    cited = 0
    for sentence in answer["sentences"]:
        assert set(sentence) == {
            "text",
            "heading",
            "supported",
            "doubt",
            "score",
            "citations",
        }
        for citation in sentence["citations"]:
            assert set(citation) == {"number", "review_id", "start", "end", "quote"}
            assert (
                citation["quote"]
                == reviews[citation["review_id"]][citation["start"] : citation["end"]]
            )
            cited += 1
    assert cited and answer["answer"] == " ".join(
        sentence["text"] for sentence in answer["sentences"]
    )
    assert [found["number"] for found in answer["retrieved"]] == list(
        range(1, len(answer["retrieved"]) + 1)
    )
    for found in answer["retrieved"]:
        assert set(found) == {"number", "review_id", "chunk_id", "score", "text"}
        assert found["text"] in reviews[found["review_id"]]
    assert all(isinstance(value, float) for value in answer["timings"].values())


def test_a_refusal_shows_the_closest_reviews(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWQA_ANSWERING__ANSWERABLE", "1")
    ran = run("ask", QUESTION)
    assert ran.code == 0 and ran.out.startswith(prompt.REFUSAL) and "Closest reviews:" in ran.out
    assert json.loads(run("ask", QUESTION, "--json").out)["refused"] is True


def test_show_prompt_prints_the_messages_and_asks_nothing(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pipeline, "stream", lambda *args: pytest.fail("asked"))
    shown = run("ask", QUESTION, "--show-prompt")
    messages = json.loads(run("ask", QUESTION, "--show-prompt", "--json").out)
    assert shown.code == 0 and [set(m) for m in messages] == [{"role", "content"}]
    asked, reviews = read_prompt(messages)
    assert asked == QUESTION and reviews and messages[0]["content"].startswith(shown.out[:100])
    assert shown.out == safe(messages[0]["content"]) + "\n"
    assert_harmless(shown.out)


def test_nothing_in_a_review_reaches_the_terminal_as_a_command(run: Runner) -> None:
    for extra in ([], ["--json"], ["--show-prompt"], ["--show-prompt", "--json"]):
        ran = run("ask", f"What was closed for repairs? {HOSTILE}", *extra)
        assert ran.code == 0 and "repairs" in ran.out
        assert_harmless(ran.out)
        if "--json" in extra:
            json.loads(ran.out)


def test_json_keeps_what_it_escapes(run: Runner) -> None:
    answer = json.loads(run("ask", "What was closed for repairs?", "--json").out)
    evil = next(found for found in answer["retrieved"] if found["review_id"].startswith("evil"))
    # ids and texts lose their control and invisible characters when they are read
    visible = re.sub(r"[\u202e\u200b]", "", f"evil{HOSTILE}")
    assert evil["review_id"] == re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", visible).strip()
    assert "\u202e" not in evil["text"] and "👩‍👩‍👧" in evil["text"]


def test_a_question_that_is_no_utf_8_is_asked_all_the_same(run: Runner) -> None:
    ran = run("ask", os.fsdecode(b"Was the pool \xff clean?"), "--json")
    assert ran.code == 0 and json.loads(ran.out)["question"] == "Was the pool ? clean?"


# --- eval


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    file = tmp_path / "questions.jsonl"
    rows: list[dict[str, Any]] = [
        {
            "id": "1",
            "question": QUESTION,
            "review_ids": ["pool", "cold"],
            "key_points": ["The pool was clean"],
        },
        {"id": "2", "question": "Who won?", "kind": "unanswerable", "review_ids": []},
        {"id": "3", "question": "Was it loud?", "split": "dev", "review_ids": ["loud"]},
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def test_eval_prints_a_table_and_writes_all_numbers(
    run: Runner, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # another process would know nothing of the fakes
    monkeypatch.setattr("rag.evaluation.apart.evaluate_apart", evaluate_here)
    ran = run(
        "eval",
        "answers",
        "--questions",
        questions,
        "--split",
        "all",
        "--json",
        tmp_path / "out.json",
        "--generator",
        "extractive",
        "--wording",
        "off",
    )
    assert (
        ran.code == 0
        and ran.out.startswith("| generator |")
        and ran.out.count("\n| extractive") == 2
        and "| GiB at most |" in ran.out
        and "| less extractive (no language model) | extractive (no language model) |" in ran.out
        and "| refused or answered rightly | +0.00 [+0.00, +0.00] p = 1.000 |" in ran.out
    )
    (first, second) = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert first["questions"] == 3 and [r["id"] for r in first["results"]] == ["1", "2", "3"]
    assert first["supported"] == second["supported"] == 1.0


def test_what_the_numbers_mean_can_be_read(run: Runner) -> None:
    ran = run("eval", "metrics")
    assert ran.code == 0 and ran.out.startswith("| metric | better | what it is |")
    assert "| seconds_median | smaller | median of the seconds" in ran.out
    assert "| recall@5 | larger | share of the gold reviews" in ran.out


def test_eval_shows_the_table_even_where_the_numbers_cannot_be_written(
    run: Runner, questions: Path
) -> None:
    ran = run("eval", "answers", "--questions", questions, "--json", "/nowhere/out.json")
    assert (
        ran.code == 1
        and ran.out.startswith("| generator |")
        and "/nowhere/out.json" in ran.err.splitlines()[-1]
    )


def test_eval_retrieval_compares_settings_and_writes_files(
    run: Runner, questions: Path, tmp_path: Path
) -> None:
    files = {kind: tmp_path / f"out.{kind}" for kind in ("json", "md", "svg")}
    ran = run(
        "eval",
        "retrieval",
        "--questions",
        questions,
        "--split",
        "all",
        "--index",
        "hotel",
        "--setting",
        "retrieval.method=lexical",
        "--setting",
        "retrieval.method=dense, retrieval.top_k=4",
        "--json",
        files["json"],
        "--markdown",
        files["md"],
        "--plot",
        files["svg"],
    )
    assert ran.code == 0 and ran.out.startswith("2 questions (1 unanswerable left out)")
    assert re.search(r"\| all \| retrieval.method=dense, retrieval.top_k=4 \| [+-]", ran.out)
    assert files["md"].read_text(encoding="utf-8") == ran.out and files[
        "svg"
    ].read_bytes().startswith(b"<?xml")
    found = json.loads(files["json"].read_text(encoding="utf-8"))
    assert [one["name"] for one in found["settings"]] == [
        "retrieval.method=lexical",
        "retrieval.method=dense, retrieval.top_k=4",
    ]
    assert found["settings"][1]["means"]["all"]["recall@5"][0] == 1.0


# --- errors


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["index", "build", "missing.csv", "--name", "x"], "There is no file missing.csv"),
        (["index", "build", ".", "--name", "x"], "has no review files"),
        (["index", "build", "missing.csv", "--name", "../x"], "cannot be the name of an index"),
        (["index", "info", "spa"], 'There is no index "spa"'),
        (["index", "info", "../hotel"], "cannot be the name of an index"),
        (["index", "verify", "spa"], 'There is no index "spa"'),
        (["ask", "x", "--index", "spa"], "Indexes here: hotel"),
        (
            ["--settings", "missing.toml", "index", "list"],
            "Cannot read the settings file missing.toml",
        ),
        (
            ["app", "--port", "70000"],
            "error: server.port on the command line must be a whole number between 1 and 65,535, not "
            "70000.",
        ),
        (["eval", "answers", "--questions", "missing.jsonl"], "missing.jsonl"),
        (
            ["eval", "retrieval", "--questions", "missing.jsonl", "--index", "hotel"],
            "missing.jsonl",
        ),
        (
            ["ask", "x", "--generator", "/no/such/model"],
            'There is no model folder "/no/such/model"',
        ),
    ],
)
def test_our_errors_are_one_line_and_exit_1(run: Runner, arguments: list[str], says: str) -> None:
    ran = run(*arguments)
    assert ran.code == 1 and ran.out == ""
    assert says in ran.complaint
    assert (
        ran.complaint.startswith("error: ") or "verify" in arguments
    )  # which lists what is wrong, bare


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["index", "build", "--name", "x"],
        ["index", "build", "x.csv"],
        ["index", "build", "x.csv", "--name", "x", "--map", "text"],
        ["ask"],
        ["ask", "  "],
        ["ask", "x", "--nonsense"],
        ["app", "--port", "many"],
        ["eval", "answers"],
        ["eval", "retrieval"],
        ["eval", "retrieval", "--questions", "a", "--questions", "b", "--index", "hotel"],
        ["eval", "retrieval", "--questions", "a", "--plot", "plot.exe"],
    ],
)
def test_wrong_usage_exits_2_without_a_traceback(run: Runner, arguments: list[str]) -> None:
    ran = run(*arguments)
    assert ran.code == 2 and ran.out == "" and "Error: " in ran.err and "Traceback" not in ran.err


def test_which_index_must_be_said_when_it_is_not_clear(
    run: Runner, indexes: Path, tmp_path: Path
) -> None:
    none = run("--indexes-dir", tmp_path / "none", "ask", "x")
    assert none.code == 2 and "There is no index yet" in none.err
    (tmp_path / "ix").mkdir()
    for name in ("a", "b"):
        (tmp_path / "ix" / name).symlink_to(indexes / "hotel")
    two = run("--indexes-dir", tmp_path / "ix", "ask", "x")
    assert two.code == 2 and "--index NAME: a, b" in two.err


def test_an_index_of_another_embedder_is_named(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWQA_INDEX__CHUNK_TOKENS", "32")
    ran = run("ask", QUESTION)
    assert ran.code == 1 and "was built with other settings" in ran.complaint


def test_an_error_while_answering_exits_1(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def stream(self: Pipeline, question: str, **more: Any) -> Iterator[str]:
        yield "The pool "
        raise GeneratorError(f"the server\nis down {HOSTILE}")

    monkeypatch.setattr(Pipeline, "stream", stream)
    ran = run("ask", QUESTION)
    assert ran.code == 1 and ran.complaint.startswith("error: the server is down")
    assert_harmless(ran.err)


def test_what_nobody_foresaw_is_one_line_and_a_traceback_only_when_asked_for(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stream(self: Pipeline, question: str, **more: Any) -> Iterator[str]:
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.setattr(Pipeline, "stream", stream)
    ran = run("ask", QUESTION)
    assert (
        ran.code == 1
        and "(ZeroDivisionError: one two)" in ran.complaint
        and "REVIEWQA_DEBUG=1" in ran.complaint
    )
    monkeypatch.setenv("REVIEWQA_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run("ask", QUESTION)


def test_ctrl_c_exits_130(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def stream(self: Pipeline, question: str, **more: Any) -> Iterator[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Pipeline, "stream", stream)
    ran = run("ask", QUESTION)
    assert ran.code == 130 and ran.err.strip() == "Interrupted." and ran.out.strip() == ""


# --- app and help


def test_app_serves_what_the_options_say(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[int, str, dict[str, bool]]] = []

    def fake(settings: Any, announce: Any, **access: bool) -> None:
        served.append((settings.server.port, settings.server.public_name, access))
        announce("http://127.0.0.1:8600")

    monkeypatch.setattr(serve, "serve", fake)
    ran = run("app", "--port", "8600", "--behind-proxy", "--public-name", "reviews.example.org")
    access = {"allow_remote": False, "behind_proxy": True}
    assert ran.code == 0 and served == [(8600, "reviews.example.org", access)]
    assert "http://127.0.0.1:8600" in ran.out


def commands(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, *path, name)


@pytest.mark.parametrize("path", list(commands(cli)), ids=" ".join)
def test_every_command_has_help_and_an_example(run: Runner, path: tuple[str, ...]) -> None:
    ran = run(*path, "--help")
    assert ran.code == 0 and ran.err == "" and re.match(r"Usage: .*\breviewqa ", ran.out)
    example = re.search(r"Example:\n +(reviewqa .+)\n", ran.out)
    assert example is not None and (not path or example[1].startswith(f"reviewqa {' '.join(path)}"))


def test_the_version_is_the_packages(run: Runner) -> None:
    from importlib.metadata import version

    assert run("--version").out.strip().endswith(version("reviewqa"))


@pytest.mark.parametrize("arguments", [["index", "list"], ["index", "info", "hotel"]])
def test_a_reader_that_leaves_gets_no_complaint(
    indexes: Path, tmp_path: Path, arguments: list[str]
) -> None:
    """The installed command in a process of its own, its output going nowhere."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        ran = subprocess.run(
            [
                sys.executable,
                "-c",
                "from ui.cli.main import main; main()",
                "--indexes-dir",
                str(indexes),
                *arguments,
            ],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            check=False,
        )
    assert ran.stderr == ""


def test_hostile_text_is_made_visible_and_the_rest_kept() -> None:
    assert safe("tab\there\nnew 👩‍👩‍👧 日本 é") == "tab\there\nnew 👩‍👩‍👧 日本 é"
    assert safe(HOSTILE) == safe(safe(HOSTILE)) and "\ufffd" in safe("\x1b")
    assert_harmless(safe("".join(map(chr, range(0xD800))) + HOSTILE))


def test_a_follow_up_is_asked_after_the_questions_it_leans_on(run: Runner) -> None:
    asked = (
        "ask",
        "And the hotel bar?",
        "--after",
        "How warm is breakfast?",
        "--after",
        "Was the swimming pool loud?",
    )
    whole = "And the hotel bar? (loud)"
    ran = run(*asked, "--json")
    value = json.loads(ran.out)
    assert ran.code == 0 and (value["question"], value["searched_for"]) == (
        "And the hotel bar?",
        whole,
    )
    assert f'Searched for: "{whole}"' in run(*asked).out
    assert f"Question: {whole}" in run(*asked, "--show-prompt").out
    alone = run("ask", QUESTION, "--after", "How warm is breakfast?", "--json")
    assert json.loads(alone.out)["searched_for"] == ""
    hostile = run("ask", "And the pool?", "--after", f"Was the bar {HOSTILE} loud?")
    assert hostile.code == 0
    assert_harmless(hostile.out)
