"""README and docs are true: their commands run, their settings load, their Python works."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import expect, sync_playwright

from rag.config import load_settings
from tests.test_browser import FLAGS, PATIENCE_MS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/*.md"))}
TEXT = "\n".join([README, *PAGES.values()])
OFFLINE = {
    **os.environ,
    "HF_HUB_OFFLINE": "1",
    "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
}
SERVERS = ("make app", "reviewqa app")  # they run until they are stopped
OWN = ("my-hotel", "old-hotel", "my-reviews", "reviewqa index list", "reviewqa config")
SLOW = ("eval answers", "tests.benchmarks")  # run once here in a smaller form
REVIEWS = """Review_body,Stars
"Very quiet at night, I slept like a stone.",5
"The lift hums and the street is loud until two at night.",2
"Breakfast was cold.",3
"""
NEW_REVIEWS = """Review_body,Stars
"The room faced the yard, and I heard nothing at night.",5
"""
ALL_REVIEWS = """id,Review_body,Stars,date
r16,"Very quiet at night, I slept like a stone.",5,2024-06-02
r17,"The lift hums and the street is loud until two at night.",2,2024-07-01
r18,"Nobody answered the bell at night.",1,2024-07-09
"""


def blocks(language: str, text: str = TEXT) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str = TEXT) -> list[str]:
    """All of them, in their order, each once."""
    lines = [line for block in blocks("sh", text) for line in block.splitlines()]
    return list(dict.fromkeys(filter(str.strip, lines)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the review file and the sample that the commands name."""
    folder = tmp_path_factory.mktemp("readme")
    for name, text in (("my", REVIEWS), ("new", NEW_REVIEWS), ("all", ALL_REVIEWS)):
        (folder / f"{name}-reviews.csv").write_text(text, encoding="utf-8")
    (folder / "rag").symlink_to(ROOT / "rag")
    (folder / "reviewqa.toml").write_text("", encoding="utf-8")
    return folder


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, shell=True, cwd=folder, env=OFFLINE, capture_output=True, text=True, timeout=300
    )


def sample_index(folder: Path, factory: pytest.TempPathFactory) -> None:
    """Put the sample's index into a working folder: built by the README's command, once for all workers."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with FileLock(shared / "sample.lock"):
        if not (shared / "sample").exists():
            building = shared / "sample-building"
            building.mkdir()
            (building / "rag").symlink_to(ROOT / "rag")
            done = run("reviewqa index build rag/sample/reviews.csv --name squid-game", building)
            assert done.returncode == 0, done.stderr
            building.rename(shared / "sample")
    shutil.copytree(shared / "sample" / "indexes", folder / "indexes", dirs_exist_ok=True)


@pytest.fixture(scope="module")
def sampled(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder, with the sample's index."""
    sample_index(folder, tmp_path_factory)
    return folder


def test_commands_over_your_own_reviews_run_in_the_order_given(folder: Path) -> None:
    own = [line for line in commands(PAGES["using.md"]) if any(part in line for part in OWN)]
    own += [line for line in commands() if any(part in line for part in OWN) and line not in own]
    assert len(own) >= 19
    for command in own:
        done = run(command, folder)
        assert done.returncode == 0, (command, done.stderr)
        assert done.stdout.strip() or command.startswith("reviewqa config trust")


def test_the_readmes_python_runs(folder: Path) -> None:
    library, tuning = blocks("python", README)
    code = library.replace(
        "import rag", "import os; os.environ['HF_HUB_OFFLINE'] = '1'; import rag"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=OFFLINE, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    counted, _, markdown = done.stdout.partition("## Is it quiet at night?")
    assert counted.startswith("It seems no: 1 review says no.")
    assert "Very quiet" in markdown
    import finetune

    call = ast.parse(tuning).body[1]
    assert isinstance(call, ast.Assign) and isinstance(call.value, ast.Call)
    named = {keyword.arg for keyword in call.value.keywords}
    assert named <= set(inspect.signature(finetune.run).parameters)


def test_readme_is_short_and_leads_to_every_page() -> None:
    assert len(README.splitlines()) <= 180
    for name in PAGES:
        assert f"(docs/{name})" in README
    for page, text in {"README.md": README, **{f"docs/{n}": t for n, t in PAGES.items()}}.items():
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (ROOT / page).parent.joinpath(target).exists(), (page, target)


def test_the_evaluation_command_prints_the_readmes_table(sampled: Path) -> None:
    folder = sampled
    (command,) = (line for line in commands(PAGES["evaluation.md"]) if "eval answers" in line)
    questions = (
        (ROOT / "rag" / "sample" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    )
    (folder / "few.jsonl").write_text(
        "\n".join(q for q in questions if '"split": "test"' in q and '"q-11' in q)
    )
    few = command.replace("rag/sample/questions.jsonl", "few.jsonl").replace(
        " --generator smollm2-135m", ""
    )
    done = run(few, folder)
    assert done.returncode == 0, done.stderr
    header = done.stdout.splitlines()[0]
    assert header in PAGES["evaluation.md"]
    assert "| extractive" in done.stdout
    for part, says in (
        ("eval retrieval", "| retrieval.method=hybrid |"),
        ("finetune embedder", "questions decide"),
    ):
        (command,) = (line for line in commands() if part in line)
        few = (
            command.replace("rag/sample/questions.jsonl", "few.jsonl")
            if part.startswith("eval")
            else command
        )
        done = run(few, folder)
        assert done.returncode == 0 and says in done.stdout, done.stderr


def test_the_topics_that_are_shown_are_the_samples(sampled: Path) -> None:
    (command,) = (line for line in commands() if "topics squid-game" in line)
    done = run(command, sampled)
    assert done.returncode == 0, done.stderr
    (shown,) = (block for block in blocks("text", PAGES["using.md"]) if "so many speak of" in block)
    names = [line.split("  ")[0] for line in shown.splitlines() if " for, " in line]
    found = [line.split("  ")[0] for line in done.stdout.splitlines() if " for, " in line]
    assert done.stdout.splitlines()[0] == shown.splitlines()[0]
    assert len(names) >= 3 and found[: len(names)] == names


def test_every_command_is_covered_here_or_by_ci(folder: Path) -> None:
    known = (
        *SERVERS,
        *SLOW,
        *OWN,
        "make test",
        "make ask",
        "make gemma",  # installs packages; test_gemma.py runs what it does then, where they are
        "topics squid-game",
        "doctor --measure",  # test_runtimes.py
        "eval retrieval",
        "eval feedback",  # test_feedback.py
        "finetune",
        "pip install",
    )
    assert [line for line in commands() if not any(part in line for part in known)] == []
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    for module in re.findall(r"python -m (tests\.benchmarks\.\w+)", TEXT):
        place = ROOT / module.replace(".", "/")
        assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()


@pytest.mark.parametrize("text", [text for text in blocks("toml") if "[auth]" not in text])
def test_settings_load(text: str, tmp_path: Path) -> None:
    file = tmp_path / "reviewqa.toml"
    file.write_text(text, encoding="utf-8")
    settings = load_settings(file, environ={})
    for group, values in tomllib.loads(text).items():
        for key, value in values.items():
            assert getattr(getattr(settings, group), key) == value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("command", ["make app", "reviewqa app"])
def test_the_app_commands_reach_a_page_that_answers(command: str, sampled: Path) -> None:
    port = free_port()
    environment = {**OFFLINE, "REVIEWQA_SERVER__PORT": str(port)}
    working = ROOT if command.startswith("make") else sampled
    server = subprocess.Popen(
        command.split(),
        cwd=working,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert server.stdout is not None
        announced = next(line for line in server.stdout if "http://" in line)
        address = f"http://127.0.0.1:{port}"
        assert address in announced
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
                break
            except OSError:
                assert server.poll() is None
                time.sleep(0.1)  # a refused connection is refused at once
        else:
            raise AssertionError(f"nothing answered at {address} within a minute")
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page()
            page.goto(f"{address}/?index=squid-game&q=What+do+viewers+dislike+about+the+VIPs%3F")
            expect(page.locator("mark").first).to_be_visible(timeout=6 * PATIENCE_MS)
            browser.close()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.communicate(timeout=20)


def test_make_ask_passes_the_question_on_unharmed() -> None:
    question = "What's said about \"the VIPs\" & $HOME's `dub`?"
    done = subprocess.run(
        ["make", "ask", f"Q={question}"],
        cwd=ROOT,
        env=OFFLINE,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "Answered by" in done.stdout


def test_a_second_make_installs_nothing() -> None:
    stamp = ROOT / ".venv" / "installed.json"
    before = stamp.stat().st_mtime_ns
    done = subprocess.run(
        ["make", "install"], cwd=ROOT, env=OFFLINE, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Installing" not in done.stdout
    assert stamp.stat().st_mtime_ns == before
