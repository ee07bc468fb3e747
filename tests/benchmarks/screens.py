"""A picture of every page in both widths and both colour schemes: `python -m tests.benchmarks.screens FOLDER --indexes
INDEXES` serves the indexes there and writes FOLDER/page-width-scheme.png, each as long as its page. It prints where the
first thing to read begins, what is wider than the window, and what is too small for a finger. It needs Chromium.

The sample index is enough for most pages; those of another index ("one" of one review, "five", "pl" in Polish) are
left out where it is missing. Indexes are changed: the page that imports makes some.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import BrowserContext, Page, expect

import rag
from tests.benchmarks.screenshots import PATIENCE_MS, browsing, served

VIEWS = [(width, scheme) for width in (1280, 360) for scheme in ("light", "dark")]
TALLEST = {1280: 1400, 360: 2200}  # pixels of a picture
FIRST = ".qa-headline, .qa-refusal, .qa-answer :is(p, li), .qa-card, .st-key-examples button, .st-key-kind"
SMALL = """() => [...document.querySelectorAll('.stApp :is(button, a, summary)')].map(e => {
  const box = e.getBoundingClientRect(), told = (e.innerText || e.ariaLabel || e.tagName).slice(0, 24).trim();
  return box.width > 1 && box.height > 1 && box.height < 43.5 && !e.matches('.qa-chip') && `${told} ${box.height | 0}`;
}).filter(Boolean)"""
BROKEN = "text,rating\nThe room was quiet.,5\n,4\n"  # stops a job that takes no row without a text


@dataclass(frozen=True, slots=True)
class Screen:
    """A page at an address, what shows that it is drawn, and what is done there first."""

    name: str
    address: str
    drawn: str
    act: Callable[[Page], None] = lambda page: None
    index: str = ""


def _answer(
    name: str, question: str, index: str = "", act: Callable[[Page], None] = lambda page: None
) -> Screen:
    where = f"index={index}&" if index else ""
    return Screen(name, f"?{where}q={quote(question)}", ".qa-about", act, index)


def _file(name: str, content: bytes) -> Callable[[Page], None]:
    def give(page: Page) -> None:
        page.get_by_label("Name of the new index").fill(f"made-{time.time_ns() // 10**9 % 100_000}")
        page.keyboard.press("Enter")
        _settled(page)
        page.locator("input[type=file]").set_input_files(
            {"name": name, "mimeType": "text/csv", "buffer": content}
        )
        page.locator(".qa-report").wait_for()

    return give


def _settled(page: Page) -> None:
    expect(page.locator("[data-testid=stApp]")).to_have_attribute(
        "data-test-script-state", "notRunning", timeout=PATIENCE_MS
    )


def _started(content: bytes, state: str, *, strict: bool = False) -> Callable[[Page], None]:
    """A job is begun, unless one of this state is on the page: the four views show the same."""

    def act(page: Page) -> None:
        _settled(page)
        told = page.locator(".qa-state", has_text=state)
        if told.count() or page.locator(".qa-state", has_text="Running").count():
            told.first.wait_for()
            return
        for button in page.get_by_role("button", name="Remove from the list").all()[:1]:
            button.click()
            _settled(page)
        _file("stays.csv", content)(page)
        if strict:
            page.locator("label", has_text="Stop at the first row").click()
            _settled(page)
        page.get_by_role("button", name="Make the index").click()
        told.first.wait_for()

    return act


SAMPLE = (Path(rag.__file__).parent / "sample" / "reviews.csv").read_bytes()
OVERVIEW = ".st-key-overview [role=graphics-document]"
SCREENS = (
    Screen("first", "", OVERVIEW),
    _answer("answer", "What do viewers dislike about the VIPs?"),
    _answer(
        "answer-open",
        "What do viewers dislike about the VIPs?",
        act=lambda page: page.locator(".qa-answer details summary").first.click(),
    ),
    _answer("overview", "What are the pros and cons?"),
    _answer("summary", "Summarise the reviews"),
    _answer("refusal", "How long does the battery last?"),
    _answer("how-many", "How many say the acting is bad?"),
    _answer("average", "What is the average rating?"),
    _answer("comparison", "Is Ashton Kutcher better than Charlie Sheen?", "men"),
    _answer("change", "Has it got worse over time?"),
    _answer("fact", "Who plays the main character?"),
    _answer("why", "Why do people like it?"),
    _answer("yes-no", "Is it too violent?"),
    _answer("follow-up", "What did people say about the masks in 2021?"),
    Screen("one-first", "?index=one", ".st-key-overview", index="one"),
    _answer("one", "What do people like?", "one"),
    Screen("five-first", "?index=five", ".st-key-overview", index="five"),
    _answer("five", "What do people like and dislike?", "five"),
    Screen("polish-first", "?index=pl", ".st-key-overview", index="pl"),
    _answer("polish", "Co sądzą o aktorach?", "pl"),
    Screen("browse", "browse", ".qa-browse .qa-card"),
    Screen("browse-search", "browse?search=masks", ".qa-browse .qa-card"),
    Screen("browse-one", "browse?review=sq-332", ".qa-browse .qa-card"),
    Screen("filters", "", OVERVIEW, lambda page: page.get_by_text("Only some reviews").click()),
    Screen("import", "reviews", ".st-key-kind"),
    Screen("import-file", "reviews", ".st-key-kind", _file("reviews.csv", SAMPLE)),
    Screen("import-index", "reviews?index=squid-game", ".st-key-kind"),
    Screen(
        "import-failed", "reviews", ".st-key-kind", _started(BROKEN.encode(), "Failed", strict=True)
    ),
    Screen("import-running", "reviews", ".st-key-kind", _started(SAMPLE, "Running")),
    Screen("import-done", "reviews", ".st-key-kind", _started(SAMPLE, "Done")),
    Screen("compare", "compare", ".stForm"),
)


def take(
    context: BrowserContext, address: str, screen: Screen, width: int, scheme: str, file: Path
) -> str:
    """Write a picture of a page; what is to be told of it. An answer that was given in this context is shown again."""
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(
        color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
    )
    page.set_default_timeout(PATIENCE_MS)
    begun = time.perf_counter()
    page.goto(address + screen.address)
    page.locator(screen.drawn).first.wait_for()
    page.locator("html.qa-shown").wait_for(state="attached")
    screen.act(page)
    page.mouse.move(0, 0)
    page.wait_for_timeout(1200)  # what is drawn fades in
    seconds = time.perf_counter() - begun
    boxes = "[document.documentElement, document.querySelector('.stMain')]"
    wider = page.evaluate(f"Math.max(...{boxes}.map(box => box.scrollWidth - box.clientWidth))")
    first = page.locator(FIRST).first
    box = first.bounding_box() if first.count() else None
    long = page.evaluate("document.querySelector('.stMain').scrollHeight")
    small = list(dict.fromkeys(page.evaluate(SMALL))) if width == 360 else []
    page.set_viewport_size({"width": width, "height": min(long + 10, TALLEST[width])})
    page.wait_for_timeout(400)
    page.screenshot(path=file)
    page.close()
    starts = f"begins at {box['y']:.0f}" if box else "nothing to read"
    return (
        f"{file.name}: {seconds:.1f} s, {starts}, {long} long"
        + (f", WIDER by {wider}" if wider > 0 else "")
        + (f", small: {small[:8]}" if small else "")
    )


def main() -> None:
    """Write all pictures, or those whose names match."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--indexes", type=Path, default=Path("indexes"))
    parser.add_argument("--only", default="", help="a pattern of the names")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as kept,
        served(given.indexes.resolve(), Path(kept)) as (address, _),
        browsing() as browser,
    ):
        for screen in SCREENS:
            if not re.search(given.only, screen.name):
                continue
            if screen.index and not (given.indexes / screen.index / "CURRENT").is_file():
                print(f'{screen.name}: left out, there is no index "{screen.index}"')
                continue
            context = browser.new_context()
            for width, scheme in VIEWS:
                file = given.folder / f"{screen.name}-{width}-{scheme}.png"
                print(take(context, address, screen, width, scheme, file), flush=True)
            context.close()


if __name__ == "__main__":
    main()
