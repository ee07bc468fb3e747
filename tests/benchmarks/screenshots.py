"""The pictures of the README and docs/using.md: `python -m tests.benchmarks.screenshots --indexes FOLDER`
serves the sample index from there, asks, and writes docs/*.png. It needs Chromium. Look at them before they are
committed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Browser, sync_playwright

from ui.components.indexes import DEFAULT_INDEX

DOCS = Path(__file__).resolve().parents[2] / "docs"
QUESTION = "What do viewers dislike about the VIPs?"
MOST_BYTES = 250_000
PATIENCE_MS = 180_000  # models may be loaded first
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


@dataclass(frozen=True, slots=True)
class Picture:
    """A file in docs/, the question that is asked ("" for none), and the window."""

    name: str
    question: str
    width: int
    height: int
    scheme: str
    opens: bool = False  # the first point of the answer


PICTURES = (
    Picture("app.png", QUESTION, 1280, 1000, "light", opens=True),
    Picture("overview.png", "", 1280, 875, "light"),
    Picture("phone.png", QUESTION, 360, 1000, "dark"),
)


@contextmanager
def served(indexes: Path, kept: Path) -> Iterator[tuple[str, int]]:
    """The address and the process id of the app over the indexes in this folder; what it keeps goes into `kept`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "REVIEWQA_PATHS__INDEXES_DIR": str(indexes),
        "REVIEWQA_PATHS__HISTORY_DIR": str(kept),
        "REVIEWQA_PATHS__RUNS_DIR": str(kept),
    }
    command = [sys.executable, "-m", "ui.cli.main", "app", "--port", str(port)]
    with subprocess.Popen(command, env=environment) as process:
        try:
            address = f"http://127.0.0.1:{port}/"
            _wait_until_up(address, process)
            yield address, process.pid
        finally:
            process.terminate()


def _wait_until_up(address: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(address + "_stcore/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("The app did not start.")


@contextmanager
def browsing() -> Iterator[Browser]:
    """Chromium without a window; Playwright's own where none is installed."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def take(browser: Browser, address: str, picture: Picture, file: Path) -> None:
    """Write a picture of the window."""
    page = browser.new_page(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{address}?q={quote(picture.question)}" if picture.question else address)
    page.locator(
        ".qa-about" if picture.question else ".st-key-overview [role=graphics-document]"
    ).first.wait_for()
    page.locator("html.qa-shown").wait_for(state="attached")
    if picture.opens:
        page.locator(".qa-answer details summary").first.click()
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)  # what is drawn fades in
    page.screenshot(path=file)
    page.close()


def main() -> None:
    """Write all pictures. Raises `SystemExit` where one is too large for a README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--indexes", type=Path, default=Path("indexes"))
    parser.add_argument("--out", type=Path, default=DOCS)
    given = parser.parse_args()
    if not (given.indexes / DEFAULT_INDEX / "CURRENT").is_file():
        raise SystemExit(f'There is no index "{DEFAULT_INDEX}" in {given.indexes}; see `make app`.')
    with (
        tempfile.TemporaryDirectory() as kept,
        served(given.indexes.resolve(), Path(kept)) as (address, _),
        browsing() as browser,
    ):
        for picture in PICTURES:
            file = given.out / picture.name
            take(browser, address, picture, file)
            size = file.stat().st_size
            print(f"{file}: {size:,} bytes")
            if size > MOST_BYTES:
                raise SystemExit(f"{file} has more than {MOST_BYTES:,} bytes.")


if __name__ == "__main__":
    main()
