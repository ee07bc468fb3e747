"""Who may reach the app: served for real from a folder that is full of traps."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from starlette.datastructures import Headers
from streamlit.testing.v1 import AppTest

from rag.config.groups import Server
from rag.jobs.launch import PROCESS
from ui import access, app

ROOT = Path(__file__).resolve().parents[1]
COMMAND = Path(sys.executable).with_name("reviewqa")
TRAPS = "json streamlit starlette ui rag click email random typing_extensions socket".split()
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: streamlit\r\n"
)


@pytest.fixture(scope="module")
def trapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder whose modules leave a mark when they are imported, and whose `.streamlit/`
    would move the app elsewhere.
    """
    folder = tmp_path_factory.mktemp("trapped")
    for name in TRAPS:
        (folder / f"{name}.py").write_text(f"open({str(folder / 'MARK')!r}, 'a').write({name!r})")
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "config.toml").write_text('[server]\nbaseUrlPath = "elsewhere"\n')
    (folder / ".streamlit" / "secrets.toml").write_text('[auth]\ncookie_secret = "x"\n[[oops')
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """With a home of its own, and without settings."""
    own = ("REVIEWQA_", "PYTHONSAFEPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    home = tmp_path_factory.mktemp("home")
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def port(trapped: Path, environment: dict[str, str]) -> Iterator[int]:
    """Where `reviewqa app` serves, started in the trapped folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with (trapped / "log").open("w") as log:
        process = subprocess.Popen(
            [COMMAND, "app", "--port", str(port)],
            cwd=trapped,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            for _ in range(300):
                if _listens(port):
                    break
                assert process.poll() is None, (trapped / "log").read_text()
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def response(port: int, path: str, *lines: str) -> tuple[int, str]:
    """Status and headers (in lower case) of an answer to a request with these header lines."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        request = "\r\n".join([f"GET {path} HTTP/1.1", *lines])
        connection.sendall(f"{request}\r\n\r\n".replace("\r\n\r\n\r\n", "\r\n\r\n").encode())
        head = connection.recv(8192).decode()
    return int(head.split()[1]), head.lower()


def test_nothing_in_the_working_folder_is_imported_or_read(trapped: Path, port: int) -> None:
    status, head = response(port, "/_stcore/health", f"Host: 127.0.0.1:{port}")
    assert status == 200 and head  # not below elsewhere/
    assert not (trapped / "MARK").exists()
    assert "secret" not in (trapped / "log").read_text()


def test_threads_of_the_app_and_its_jobs_sleep_while_they_wait(port: int) -> None:
    process = next(
        place
        for place in Path("/proc").glob("[0-9]*")
        if f"REVIEWQA_SERVER__PORT={port}" in _text(place / "environ")
    )
    assert "OMP_WAIT_POLICY=PASSIVE" in _text(process / "environ")


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:  # of another user, or gone
        return ""


def test_a_job_imports_nothing_of_the_working_folder(
    trapped: Path, environment: dict[str, str]
) -> None:
    ran = subprocess.run(
        [*PROCESS, "nowhere"], cwd=trapped, env=environment, capture_output=True, text=True
    )
    assert ran.returncode and "nowhere holds no job that can be read" in ran.stderr
    assert not (trapped / "MARK").exists()


def test_what_a_command_starts_imports_nothing_of_the_working_folder(
    trapped: Path, environment: dict[str, str]
) -> None:
    code = (
        "import sys; sys.path.remove(''); import subprocess; from rag.process import safe_imports;"
        "safe_imports(); subprocess.run([sys.executable, '-c', 'import json, random'], check=True)"
    )
    start = subprocess.run([sys.executable, "-c", code], cwd=trapped, env=environment)
    assert start.returncode == 0 and not (trapped / "MARK").exists()


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/_stcore/stream"])
@pytest.mark.parametrize(
    ("host", "origin", "passes"),
    [
        ("127.0.0.1:PORT", None, True),
        ("127.0.0.1:PORT", "http://127.0.0.1:PORT", True),
        ("localhost:PORT", "http://localhost:PORT", True),
        ("127.0.0.1:PORT", "http://evil.example", False),
        ("evil.example:PORT", "http://evil.example:PORT", False),
        ("evil.example", None, False),
        ("127.0.0.1:PORT", "null", False),
        ("127.0.0.1:PORT", "http://localhost:9999", False),
        ("[::1]:1", "file://", False),
        ("127.0.0.1.evil.example", None, False),
        ("127.0.0.1@evil.example", None, False),
        ("0.0.0.0:PORT", None, False),
        ("192.0.2.1:PORT", None, False),
        ("", None, False),
    ],
)
def test_foreign_names_and_pages_are_refused(
    port: int, path: str, host: str, origin: str | None, passes: bool
) -> None:
    lines = [f"Host: {host}"] + ([f"Origin: {origin}"] if origin else [])
    lines = [line.replace("PORT", str(port)) for line in lines]
    socketed = path.endswith("stream")
    status, head = response(port, path, *lines, *([UPGRADE] if socketed else []))
    assert status == ((101 if socketed else 200) if passes else 403)
    if not socketed:
        assert "frame-ancestors 'none'" in head and "x-frame-options: deny" in head
        assert "x-content-type-options: nosniff" in head and "referrer-policy: same-o" in head


def headers(*pairs: tuple[str, str]) -> Headers:
    return Headers(raw=[(name.encode(), value.encode()) for name, value in pairs])


@pytest.mark.parametrize(
    ("server", "host", "passes"),
    [
        (Server(host="0.0.0.0"), "192.0.2.7:8501", True),
        (Server(host="::"), "[2001:db8::7]:8501", True),
        (Server(host="0.0.0.0"), "evil.example", False),
        (Server(host="192.0.2.7"), "192.0.2.7:8501", True),
        (Server(host="192.0.2.7"), "192.0.2.8:8501", False),
        (Server(public_name="Reviews.example.org"), "reviews.example.org", True),
        (Server(public_name="reviews.example.org"), "reviews.example.org.evil.example", False),
        (Server(), "", False),
    ],
)
def test_the_names_follow_from_the_address(server: Server, host: str, passes: bool) -> None:
    assert access.admits(server, headers(("host", host))) == passes


def test_several_hosts_or_none_are_refused() -> None:
    assert not access.admits(Server(), headers())
    assert not access.admits(Server(), headers(("host", "localhost"), ("host", "localhost")))
    own = ("origin", "https://localhost")
    assert access.admits(Server(), headers(("host", "localhost"), own))
    assert not access.admits(
        Server(), headers(("host", "localhost"), own, ("origin", "http://evil.example"))
    )


@pytest.mark.parametrize(
    ("options", "login", "says"),
    [
        (("--host", "0.0.0.0"), False, "add --allow-remote"),
        (("--host", "0.0.0.0", "--behind-proxy"), True, "add --allow-remote"),
        (("--host", "0.0.0.0", "--allow-remote"), False, "Put [auth] into ~/.streamlit/secrets"),
        (("--host", "0.0.0.0", "--allow-remote"), True, '-m pip install "streamlit[auth]"'),
        (("--public-name", "reviews.example.org"), False, "Put [auth] into ~/.streamlit/secrets"),
    ],
)
def test_others_are_let_in_only_after_a_login(
    tmp_path: Path,
    trapped: Path,
    environment: dict[str, str],
    options: tuple[str, ...],
    login: bool,
    says: str,
) -> None:
    if login:
        (tmp_path / ".streamlit").mkdir()
        (tmp_path / ".streamlit" / "secrets.toml").write_text('[auth]\ncookie_secret = "x"\n')
        (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['authlib'] = None")
    ran = subprocess.run(
        [COMMAND, "app", *options],
        cwd=trapped,  # whose own [auth] counts for nothing
        env={**environment, "HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 1 and says in ran.stderr and ran.stderr.count("\n") == 1


@pytest.mark.parametrize("setting", ["HOST", "PUBLIC_NAME"])
@pytest.mark.parametrize("behind_proxy", [True, False])
def test_the_page_asks_for_the_login_unless_a_proxy_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind_proxy: bool, setting: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"REVIEWQA_SERVER__{setting}", "reviews.example.org")
    monkeypatch.setenv("REVIEWQA_PATHS__INDEXES_DIR", str(tmp_path))
    if behind_proxy:
        monkeypatch.setenv("REVIEWQA_BEHIND_PROXY", "1")
    st.cache_resource.clear()
    page = AppTest.from_file(app.__file__, default_timeout=20).run()
    assert not page.exception
    assert ("Log in" in [button.label for button in page.button]) != behind_proxy
    assert any("Looked in" in caption.value for caption in page.caption) == behind_proxy
