"""The app as people meet it: served on this machine, in headless Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from rag.answering import prompt
from tests.ui_fakes import QUESTION, UNANSWERED, XSS, build_fake_index
from ui import app
from ui.components import conversation, filters

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "ui" / "app.py"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000  # the machine may have much else to do
SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""  # how much of the page has moved by itself

# The app itself, with models that need no weights; REVIEWQA_GENERATOR__NAME still decides between
# quoting and the slow one.
SERVED = """
import os
import rag.embedding
import rag.answering.pipeline
from tests import fakes, ui_fakes
from rag.generators.choice import ChosenGenerator
from ui import app
rag.embedding.make_embedder = lambda settings: fakes.FakeEmbedder()
if os.environ["REVIEWQA_GENERATOR__NAME"] == "slow":
    slow = ChosenGenerator(ui_fakes.SlowGenerator(), "a test asked")
    rag.answering.pipeline.choose_generator = lambda *given: slow
app.main()
"""


@contextmanager
def served(folder: Path, generator: str, script: Path | None = None) -> Iterator[str]:
    """The address of the app, served over the indexes in `folder`; with stand-ins unless `script`
    is given.
    """
    if script is None:
        script = folder / f"{generator}_app.py"
        script.write_text(SERVED)
        shutil.copytree(
            APP.parent / ".streamlit", folder / ".streamlit", dirs_exist_ok=True
        )  # read from beside the script
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "REVIEWQA_PATHS__INDEXES_DIR": str(folder),
        "REVIEWQA_PATHS__HISTORY_DIR": str(folder / ".history"),
        "REVIEWQA_GENERATOR__NAME": generator,
        "REVIEWQA_SERVER__PORT": str(port),
    }
    code = f"import pathlib, ui.serve; ui.serve.run(pathlib.Path({str(script)!r}))"
    command = [sys.executable, "-c", code]
    with open(folder / f"{generator}.log", "w+") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://127.0.0.1:{port}/"
            _wait_until_up(address, process, Path(log.name))
            yield address
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_up(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(address + "_stcore/health", timeout=1):
                return
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(f"The app did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    build_fake_index(folder)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with served(folder, "extractive") as address:
        yield address


@pytest.fixture(scope="module")
def slow_address(folder: Path) -> Iterator[str]:
    """The same with a language model that writes for longer than a test waits."""
    with served(folder, "slow") as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(
        (
            path
            for name in ("chromium", "chromium-browser", "google-chrome")
            if (path := shutil.which(name))
        ),
        None,
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=FLAGS
        )  # without one: Playwright's own
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser, address: str, width: int = 1280, height: int = 800, scheme: str = "light"
) -> Iterator[Page]:
    """A fresh session of the app, which may ask no other machine for anything and must log no
    error.
    """
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    requested: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: errors.append(message.text) if "Security Policy" in message.text else None,
    )
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page.goto(address)
    yield page
    assert [
        url
        for url in requested
        if not url.startswith(("/".join(address.split("/")[:3]), "data:", "blob:"))
    ] == []
    assert errors == []
    context.close()


def ask(page: Page, question: str) -> None:
    box = page.get_by_label("Your question")
    box.fill(question)
    box.press("Enter")
    # until the page is drawn anew with it, an answer may stand there twice
    expect(page.locator("h2.qa-question").last).to_have_text(question)
    expect(page.locator(".qa-about").last).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(page.locator("h2.qa-question")).to_have_count(1)


def chips(page: Page) -> Locator:
    return page.locator("a.qa-chip")


def card_of(page: Page, chip: Locator) -> Locator:
    return page.locator(f"[id='{(chip.get_attribute('href') or '')[1:]}']")


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    boxes = "[document.documentElement, document.querySelector('.stMain')]"
    return int(page.evaluate(f"Math.max(...{boxes}.map(box => box.scrollWidth - box.clientWidth))"))


def test_ask_read_and_jump_to_the_cited_review(browser: Browser, address: str) -> None:
    with opened(browser, address, height=500) as page:
        ask(page, QUESTION)
        for chip in (chips(page).last, chips(page).first):
            card = card_of(page, chip)
            before = card.evaluate("e => getComputedStyle(e).boxShadow")
            chip.click()
            expect(card).to_be_in_viewport(ratio=0.2)
            assert card.evaluate("e => e.matches(':target') && document.activeElement === e")
            assert card.evaluate("e => getComputedStyle(e).boxShadow") != before
            expect(card.locator("mark").first).to_be_in_viewport()
            assert chip.get_attribute("target") is None
            expect(chip).to_be_in_viewport()  # the answer stays beside the review
        assert len(page.context.pages) == 1


def test_the_whole_review_unfolds_with_its_marks(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        ask(page, QUESTION)
        card = (
            page.locator(".qa-card", has=page.locator("details"))
            .filter(has=page.locator("mark"))
            .first
        )
        expect(card.locator("details mark").first).to_be_hidden()
        card.get_by_text("Show whole review").click()
        expect(card.locator("details mark").first).to_be_visible()


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, address: str) -> None:
    with opened(browser, address, 390, 844) as page:
        ask(page, QUESTION)
        assert overflow(page) <= 0
        for summary in page.locator(".qa summary").all():
            summary.click()
        assert overflow(page) <= 0
        chip = chips(page).last
        chip.click()
        expect(card_of(page, chip)).to_be_in_viewport(ratio=0.2)
        card_of(page, chip).get_by_text("Back to the answer").click()
        expect(page.locator(".qa-claim:target")).to_be_in_viewport()


def test_tab_reaches_the_chips_and_enter_follows_one(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        ask(page, QUESTION)
        for _ in range(6):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.classList.contains('qa-chip')"):
                break
        assert page.evaluate("document.activeElement.matches('.qa-chip:focus-visible')")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        expect(page.locator(".qa-card:target mark").first).to_be_in_viewport()


def test_markup_in_reviews_and_questions_does_nothing(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        ask(page, "dull villain in the mask badly written")
        hostile = page.locator(".qa-card", has_text="<script>").first
        expect(hostile).to_contain_text(XSS)
        assert page.locator(".qa img, .qa script, .qa a[href^='javascript']").count() == 0
        typed = f"**masks** :smile: :red[guards] $x$ [a](javascript:alert(1)) {XSS}"
        ask(page, typed)
        expect(page.get_by_role("button", name=typed)).to_be_visible()
        assert page.evaluate("window.pwned") is None


def test_a_refusal_and_the_way_back_through_the_history(browser: Browser, address: str) -> None:
    with opened(browser, address, scheme="dark") as page:
        ask(page, QUESTION)
        cited = chips(page).count()
        ask(page, UNANSWERED)
        expect(page.locator(".qa-refusal")).to_have_text(prompt.REFUSAL)
        assert chips(page).count() == 0
        page.get_by_role("button", name=QUESTION).click()
        expect(chips(page)).to_have_count(cited)


def test_a_link_asks_its_question(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}?index=masks&q=What+about+the+masks%3F") as page:
        expect(page.locator("h2.qa-question").last).to_have_text("What about the masks?")
        expect(chips(page).first).to_be_visible()


def slide(slider: Locator, value: int) -> None:
    """Press an arrow until the slider is there; a key pressed in a redraw is lost."""
    for _ in range(20):
        now = slider.input_value()
        if int(now) >= value:
            return
        slider.press("ArrowRight")
        with suppress(AssertionError):
            expect(slider).not_to_have_value(now, timeout=2000)


def test_only_some_reviews_are_asked_and_a_follow_up_says_what_was_searched_for(
    browser: Browser, address: str
) -> None:
    for width in (1280, 390):
        with opened(browser, address, width, 844) as page:
            page.get_by_text(filters.TITLE).click()
            slide(page.get_by_role("slider").first, 8)
            expect(page.locator(".st-key-filtered")).to_contain_text(
                "Asking 5 of 10 reviews: rating >= 8"
            )
            expect(page.get_by_text("--where 'rating >= 8'")).to_be_visible()
            assert overflow(page) <= 0
            ask(page, QUESTION)
            expect(page.locator(".qa-how")).to_have_text("Asked of 5 of 10 reviews: rating >= 8")
            ask(page, "Why?")
            expect(page.locator(".qa-how").first).to_have_text("Searched for: “Why? (the guards)”")
            assert overflow(page) <= 0
            page.get_by_role("button", name=filters.CLEAR).click()
            expect(page.locator(".st-key-filtered")).to_have_count(0)
            expect(page.locator(".qa-how").last).to_contain_text(
                "Asked of 5 of 10"
            )  # what is shown is what it was
            page.get_by_role("button", name=conversation.AS_WRITTEN).click()
            expect(page.locator(".qa-how")).to_have_count(0)
            expect(page.locator(".qa-about").last).to_be_visible()


def test_what_a_question_was_understood_as_is_removed_by_keyboard_and_put_back(
    browser: Browser, address: str
) -> None:
    with opened(browser, address, 360, 800) as page:
        ask(page, "How were the masks in 2021?")
        remove = page.get_by_role("button", name="Remove: the time 2021")
        put_back = page.get_by_role("button", name="Put back: the time 2021")
        expect(remove.locator("strong")).to_be_visible()
        # a page that is still drawn takes the focus away
        expect(page.locator("[data-testid=stApp]")).to_have_attribute(
            "data-test-script-state", "notRunning"
        )
        assert remove.evaluate("e => e.getBoundingClientRect().height") >= 24
        page.locator(".st-key-new-topic button").focus()
        page.keyboard.press("Tab")
        assert remove.evaluate("e => e.matches(':focus-visible')")
        page.keyboard.press("Enter")
        expect(put_back).to_be_visible()
        expect(page.locator(".qa-how")).to_have_text("Searched for: “How were the masks?”")
        assert overflow(page) <= 0
        put_back.click()
        expect(remove).to_be_visible()
        expect(page.locator(".qa-how")).to_have_count(0)
        assert overflow(page) <= 0


def test_stop_ends_a_long_answer_and_keeps_its_words(browser: Browser, slow_address: str) -> None:
    with opened(browser, slow_address) as page:
        box = page.get_by_label("Your question")
        box.fill(QUESTION)
        box.press("Enter")
        expect(page.locator(".qa-raw")).to_contain_text("<b>word</b>3")
        # pressed for a second, in which lines are written: it must not move away
        page.get_by_role("button", name="Stop").click(delay=1000)
        expect(page.get_by_text("Stopped. What was written so far")).to_be_visible()
        expect(page.locator(".qa-raw")).to_contain_text("<b>word</b>3")
        expect(page.get_by_role("button", name="Stop")).to_have_count(0)


def test_who_asks_while_another_is_answered_is_told_the_place(
    browser: Browser, slow_address: str
) -> None:
    with opened(browser, slow_address) as first:
        first.get_by_label("Your question").fill(QUESTION)
        first.get_by_label("Your question").press("Enter")
        expect(first.locator(".qa-raw")).to_be_visible()
        with (
            opened(browser, slow_address, 360, 800) as second,
            opened(browser, slow_address) as third,
        ):
            for page, told in ((second, "1 asks before you."), (third, "2 ask before you.")):
                page.get_by_label("Your question").fill(QUESTION)
                page.get_by_label("Your question").press("Enter")
                expect(page.get_by_text(told)).to_be_visible()
            assert overflow(second) <= 0
            second.get_by_role("button", name="Stop").click()  # gives up its place
            expect(third.get_by_text("1 asks before you.")).to_be_visible()
            first.get_by_role("button", name="Stop").click()
            expect(third.locator(".qa-raw")).to_be_visible()


def test_the_reviews_at_a_glance_give_way_to_the_answer_and_the_address_leads_back(
    browser: Browser, address: str
) -> None:
    with opened(browser, address, 360, 800, "dark") as page:
        page.add_init_script(SHIFTS)
        page.reload()
        expect(page.locator(".st-key-overview [role=graphics-document]").first).to_be_visible()
        expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
        expect(page.locator("[aria-current=page]")).to_have_text("Ask")
        assert overflow(page) <= 0
        assert page.evaluate("window.shifts") < 0.1
        ask(page, QUESTION)
        expect(page.locator(".st-key-overview")).to_have_count(0)
        expect(page.locator("body > [role=status]")).to_contain_text("The answer is there: ")
        page.reload()  # what was asked is kept, and not asked again
        expect(chips(page).first).to_be_visible()
        expect(page.get_by_role("button", name=QUESTION)).to_have_count(1)
        page.go_back()
        expect(page.locator(".st-key-overview")).to_be_visible()
        page.go_forward()
        expect(chips(page).first).to_be_visible()
        page.get_by_role("button", name=conversation.FORGET).focus()
        with opened(browser, address) as stranger:
            expect(stranger.locator(".st-key-overview")).to_be_visible()
            expect(stranger.locator(".st-key-history")).to_have_count(0)


def test_a_citation_moves_only_the_reviews_beside_the_answer(
    browser: Browser, address: str
) -> None:
    with opened(browser, address, height=900) as page:
        ask(page, QUESTION)
        before = page.evaluate("document.querySelector('.stMain').scrollTop")
        chips(page).last.click()
        expect(card_of(page, chips(page).last)).to_be_in_viewport(ratio=0.2)
        assert page.evaluate("document.querySelector('.stMain').scrollTop") == before


def test_an_answer_is_copied_as_markdown_and_judged_by_keyboard(
    browser: Browser, address: str
) -> None:
    for width in (1280, 360):
        with opened(browser, address, width, 800) as page:
            page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            ask(page, QUESTION)
            copy = page.get_by_role("button", name="Copy as Markdown")
            copy.focus()
            page.keyboard.press("Enter")
            expect(page.get_by_role("button", name="Copied")).to_be_visible()
            copied = page.evaluate("navigator.clipboard.readText()")
            assert copied.startswith(f"## {QUESTION}") and "[^1]: " in copied
            assert copy.evaluate("e => e.getBoundingClientRect().height") >= (
                44 if width < 400 else 24
            )
            page.get_by_role("button", name="Not good").focus()
            page.keyboard.press("Enter")
            expect(page.get_by_text("What is wrong with it?")).to_be_visible()
            page.get_by_text("The numbers are wrong").click()
            page.get_by_role("button", name="Keep the reason").click()
            expect(page.get_by_text("Thank you.")).to_be_visible()
            assert overflow(page) <= 0


def test_a_question_that_is_too_long_stays_and_addresses_in_one_are_no_links(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as page:
        box = page.get_by_label("Your question")
        box.fill("masks " * 100)
        box.press("Enter")
        expect(page.get_by_text("at most can be asked")).to_be_visible()
        expect(box).to_have_value("masks " * 100)
        ask(page, "How are the masks of https://x.test/a and www.x.test or a@x.test?")
        ask(page, "Why?")
        assert page.locator("a[href*='x.test']").count() == 0


def test_the_app_file_itself_starts_and_says_what_is_missing(
    browser: Browser, tmp_path: Path
) -> None:
    with (
        served(tmp_path, "extractive", APP) as address,
        opened(browser, f"{address}reviews") as page,
    ):
        # that page is opened first, and the first page after it
        expect(page.get_by_role("heading", name="Import")).to_be_visible()
        expect(page.locator("[aria-current=page]")).to_have_text("Import")
        page.goto(address)
        expect(page.get_by_role("heading", name=app.TITLE)).to_be_visible()
        expect(page.get_by_text("reviewqa index build")).to_be_visible()
        assert page.get_by_text("Deploy").count() == 0
