"""Serving the app: the process is replaced by Streamlit's, unless the port is taken."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.config import PROXY_VARIABLE, Settings, load_settings
from rag.schema import SettingsError
from ui.serve import serve

Call = tuple[str, tuple[str, ...], dict[str, str]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """What this process would have been replaced by."""
    made: list[Call] = []
    monkeypatch.setattr(
        os,
        "execve",
        lambda path, arguments, environment: made.append((path, arguments, environment)),
    )
    return made


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_process_of_our_own_takes_over_at_the_address_that_is_announced(
    calls: list[Call], free: int
) -> None:
    announced: list[str] = []
    serve(Settings().changed({"server.port": free}), announced.append)
    ((path, arguments, _),) = calls
    assert (path, arguments) == (sys.executable, (sys.executable, "-P", "-m", "ui.serve"))
    assert announced == [f"The app is at http://127.0.0.1:{free}  (Ctrl-C ends it)"]


def test_every_setting_and_the_environment_reach_the_app(
    calls: list[Call], free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "kept")
    settings = Settings().changed(
        {
            "server.port": free,
            "paths.indexes_dir": tmp_path,
            "retrieval.top_k": 7,
            "answering.support_threshold": 0.25,
            "generator.name": "extractive",
        }
    )
    serve(settings, lambda line: None)
    environment = calls[0][2]
    assert environment["OPENAI_API_KEY"] == "kept" and environment["PATH"] == os.environ["PATH"]
    assert load_settings(environ=environment) == settings


def test_a_taken_port_is_a_plain_error_that_suggests_another(calls: list[Call], taken: int) -> None:
    announced: list[str] = []
    with pytest.raises(
        SettingsError, match=f"Cannot listen on 127.0.0.1:{taken}.*--port {taken + 1}"
    ) as error:
        serve(Settings().changed({"server.port": taken}), announced.append)
    assert "\n" not in str(error.value) and not calls and not announced


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_an_address_that_is_not_this_machines_is_a_plain_error(
    calls: list[Call], free: int, host: str
) -> None:
    with pytest.raises(SettingsError, match=f"Cannot listen on {host}:{free}"):
        serve(
            Settings().changed({"server.host": host, "server.port": free}),
            lambda line: None,
            allow_remote=True,
            behind_proxy=True,
        )
    assert not calls


def test_an_ipv6_address_is_announced_in_brackets(calls: list[Call], free: int) -> None:
    announced: list[str] = []
    try:
        serve(Settings().changed({"server.host": "::1", "server.port": free}), announced.append)
    except SettingsError as error:
        pytest.skip(f"no IPv6 here: {error}")
    assert announced == [f"The app is at http://[::1]:{free}  (Ctrl-C ends it)"]


@pytest.mark.parametrize("behind_proxy", [True, False])
def test_only_the_command_line_says_that_a_proxy_asks_people_to_log_in(
    calls: list[Call], free: int, behind_proxy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROXY_VARIABLE, "1")
    serve(Settings().changed({"server.port": free}), lambda line: None, behind_proxy=behind_proxy)
    assert (PROXY_VARIABLE in calls[0][2]) == behind_proxy
