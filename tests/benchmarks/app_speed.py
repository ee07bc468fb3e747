"""How soon is the app there? ``python -m tests.benchmarks.app_speed --indexes FOLDER INDEX ...`` prints
the time to the first screen of each index on a server that has opened it, and from Enter to the
whole answer beside the time that the pipeline itself took.

The first screen is timed in a browser that has loaded nothing yet, and in one that was there
before. With several indexes their turns alternate, so that a busy moment hits them all.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

from rag.config import Settings
from tests.benchmarks.measuring import options, show
from tests.benchmarks.screenshots import PATIENCE_MS, browsing, served

QUESTIONS = ("What do people like?", "What do people say about the music?", "pros and cons")
SHOWN = """question => document.querySelector("h2.qa-question")?.textContent === question
  && document.querySelector(".qa-about") !== null"""


def first_screen(page: Page, address: str, index: str) -> float:
    """Seconds until the charts are seen."""
    begun = time.perf_counter()
    page.goto(f"{address}?index={index}")
    page.locator("html.qa-shown .st-key-overview [role=graphics-document]").first.wait_for()
    return time.perf_counter() - begun


def cold(indexes: Path, index: str) -> float:
    """Seconds from starting the app to the charts, in a browser that runs but has loaded nothing yet."""
    with tempfile.TemporaryDirectory() as kept, browsing() as browser:
        begun = time.perf_counter()
        with served(indexes.resolve(), Path(kept)) as (address, _):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(PATIENCE_MS)
            first_screen(page, address, index)
            return time.perf_counter() - begun


def answered(page: Page, question: str) -> tuple[float, float]:
    """Seconds from Enter to the whole answer, and those that the answer says it took."""
    box = page.get_by_label("Your question")
    box.fill(question)
    begun = time.perf_counter()
    box.press("Enter")
    page.wait_for_function(SHOWN, arg=question)
    seconds = time.perf_counter() - begun
    said = re.search(r"[\d.]+", page.locator(".qa-times").inner_text())
    assert said is not None
    page.wait_for_timeout(1000)
    return seconds, float(said[0])


def main() -> None:
    """Print the table."""
    parser: argparse.ArgumentParser = options(__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--indexes", type=Path, default=Settings().paths.indexes_dir)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for name in given.names * 2:  # twice, since the first may have to read the disk
        times[name, "from the shell to the first screen"].append(cold(given.indexes, name))
    with (
        tempfile.TemporaryDirectory() as kept,
        served(given.indexes.resolve(), Path(kept)) as (address, _),
        browsing() as browser,
    ):
        for number in range(given.rounds + 1):
            for name in given.names:
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.set_default_timeout(PATIENCE_MS)
                fresh, again = (first_screen(page, address, name) for _ in range(2))
                if number:  # the first round opens the indexes and loads the models
                    times[name, "first screen, new browser"].append(fresh)
                    times[name, "first screen, known browser"].append(again)
                for question in QUESTIONS if number else QUESTIONS[:1]:
                    seconds, own = answered(page, question)
                    if number:
                        times[name, "Enter to answer"].append(seconds)
                        times[name, "beyond the pipeline's own"].append(seconds - own)
                page.context.close()
    rows = [
        [*key, f"{np.median(seconds):.2f}", f"{min(seconds):.2f}", f"{max(seconds):.2f}"]
        for key, seconds in times.items()
    ]
    show("Seconds", ["index", "what", "median", "least", "most"], rows)


if __name__ == "__main__":
    main()
