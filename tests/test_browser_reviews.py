"""The page of the reviews as people meet it: the real app, real jobs and the bundled embedder, in
headless Chromium.
"""

from __future__ import annotations

import contextlib
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

import rag
from rag.config import Settings
from tests import test_browser
from tests.test_browser import APP, ask, opened, overflow, served
from tests.ui_fakes import REVIEWS, XSS, build_fake_index
from ui.pages import reviews as reviews_page

STAYS = (
    "Breakfast was wonderful, with fresh fruit every day.",
    "We loved the breakfast and its warm rolls.",
    "A superb breakfast on the terrace.",
    "The breakfast was generous and delicious.",
    "I really enjoyed breakfast there.",
    "Breakfast was awful and stale.",
    "The breakfast was terrible, nothing was fresh.",
    "A horrible breakfast with cold eggs.",
)
JOB_MS = 120_000  # a job loads the embedder first
HEADER = "Guest,Mark,Day of stay,Review\n"
ROWS = (
    'Ann,5,2024-01-02,"Very quiet at night, I slept like a stone. The bed was wide and soft."\n'
    "Bob,2,2024-02-03,The lift hums and the street is loud until two at night.\n"
    "Cid,3,2024-03-04,\n"
    "Dee,4,2024-03-05,Breakfast was warm and plentiful and the coffee was strong.\n"
    f'Eve,1,2024-03-06,"The shower was cold. {XSS.replace(chr(34), chr(34) * 2)} Nobody came to '
    'look."\n'
)

browser = test_browser.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("reviews")
    build_fake_index(folder)
    build_fake_index(folder, reviews=REVIEWS[:6])
    rows = [
        {"id": f"s{number}", "text": text, "rating": 5 if number < 5 else 1}
        for number, text in enumerate(STAYS)
    ]
    rag.build(rows, name="inn", settings=Settings().changed({"paths.indexes_dir": folder}))
    with served(folder, "extractive", APP) as address:
        yield address


def open_reviews(page: Page) -> None:
    page.get_by_role("link", name=reviews_page.PAGE.title, exact=True).click()
    expect(page.get_by_role("heading", name="1. Which index")).to_be_visible()


def choose(page: Page, label: str, value: str) -> None:
    for _ in range(10):  # a list that was opened closes again while the page still scrolls or grows
        page.get_by_role("combobox", name=label, exact=True).click()
        with contextlib.suppress(TimeoutError):
            page.get_by_role("option", name=value, exact=True).click(timeout=1500)
            return
        page.keyboard.press("Escape")
    raise AssertionError(f"{value} cannot be chosen for {label}")


def unfold(page: Page, title: str, inside: str) -> None:
    """Fold something out until what is inside is seen: where the page is drawn anew, it is folded in
    again.
    """
    for _ in range(10):
        if page.get_by_text(inside).is_visible():
            return
        page.get_by_text(title).click()
        with contextlib.suppress(AssertionError):
            expect(page.get_by_text(inside)).to_be_visible(timeout=3000)
    raise AssertionError(f"{title} cannot be folded out")


def settle(page: Page) -> None:
    """Wait until the page is drawn: a run that still draws would drop what is given to it."""
    expect(page.locator("[data-testid=stApp]")).to_have_attribute(
        "data-test-script-state", "notRunning"
    )


def downloaded(page: Page, name: str) -> Path:
    """What a button of a list that is drawn again and again gives: a click on it may be lost."""
    for _ in range(5):
        with contextlib.suppress(TimeoutError), page.expect_download(timeout=15_000) as download:
            page.get_by_role("button", name=name).click()
        with contextlib.suppress(TimeoutError):
            return download.value.path()
    raise AssertionError(f"{name} gives nothing")


def upload(page: Page, file: Path) -> None:
    settle(page)
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("region", name="The first reviews")).to_be_visible()


def test_from_a_file_to_an_answer(browser: Browser, address: str, tmp_path: Path) -> None:
    file = tmp_path / "stays.csv"
    file.write_text(HEADER + ROWS)
    with opened(browser, address) as page:
        open_reviews(page)
        page.get_by_label("Name of the new index").fill("hotel")
        page.keyboard.press("Enter")
        upload(page, file)
        preview = page.get_by_role("region", name="The first reviews")
        expect(preview).to_contain_text("Very quiet at night")
        choose(page, "Item", "Guest")
        expect(page.get_by_text("set by you")).to_be_visible()
        expect(preview).to_contain_text("Ann")
        page.get_by_role("button", name="Make the index").click()
        expect(page.get_by_text("Running", exact=True)).to_be_visible()
        with opened(browser, address, 390, 844, "dark") as phone:
            open_reviews(phone)
            expect(phone.get_by_text("hotel", exact=True)).to_be_visible()
            expect(phone.get_by_text("Done", exact=True)).to_be_visible(timeout=JOB_MS)
            # what is folded out is folded in again where the page is still being drawn
            expect(phone.locator(".stApp")).to_have_attribute(
                "data-test-script-state", "notRunning", timeout=JOB_MS
            )
            unfold(phone, "What it did", "Examples")
            unfold(phone, "Examples", "line 4")
            assert overflow(phone) <= 0
        expect(page.get_by_text("The index now has 4 reviews")).to_be_visible()
        # a page that is being drawn anew takes its buttons from under the pointer
        expect(page.locator(".stApp")).to_have_attribute(
            "data-test-script-state", "notRunning", timeout=JOB_MS
        )
        rejects = downloaded(page, "Rejected rows").read_text().splitlines()
        assert (
            rejects[0].startswith("file,line,reason") and len(rejects) == 2 and "Cid" in rejects[1]
        )
        page.get_by_role("link", name="Ask this index").click()
        expect(page.get_by_role("combobox", name="Reviews to ask")).to_be_visible()
        page.set_default_timeout(JOB_MS)
        expect.set_options(timeout=JOB_MS)  # the app loads the embedder, too
        ask(page, "Was it quiet at night?")
        expect(page.locator(".qa-about")).to_contain_text("Index hotel: 4 reviews.")
        assert page.locator(".qa img, .qa script").count() == 0
        assert page.evaluate("window.pwned") is None


def test_from_a_topic_to_its_reviews_and_a_new_one_counted(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    file = tmp_path / "more.csv"
    file.write_text("id,text,rating\ns9,The breakfast was great and the rolls were warm.,5\n")
    with opened(browser, f"{address}?index=inn", 360, 800) as page:
        page.set_default_timeout(JOB_MS)
        expect.set_options(timeout=JOB_MS)  # the app may have to load its models
        topic = page.locator(".st-key-topics .qa-topic").first
        expect(topic).to_contain_text("8 reviews: 5 for, 3 against")
        page.get_by_role("button", name="breakfast", exact=True).click()
        expect(page.locator(".qa-headline")).to_contain_text("8 reviews")
        settle(page)
        point = page.locator(".qa-point").first
        point.locator("summary").click()
        said = point.locator(".qa-said a").first
        expect(said).to_be_visible()
        assert overflow(page) <= 0
        review = said.inner_text()
        said.click()
        expect(page).to_have_url(re.compile(f"browse.*review={review}"))
        expect(page.locator(".qa-browse .qa-card")).to_contain_text("reakfast")
        page.get_by_role("button", name="Back to all reviews").click()
        expect(page.locator(".qa-browse .qa-card")).to_have_count(len(STAYS))
        page.get_by_label("Search").fill("terrace")
        page.keyboard.press("Enter")
        expect(page.locator(".qa-browse .qa-card")).to_have_count(1)
        open_reviews(page)
        choose(page, "Index", "inn")
        upload(page, file)
        page.get_by_role("button", name="Update the index").click()
        expect(page.get_by_text("The index now has 9 reviews")).to_be_visible()
        settle(page)
        page.get_by_role("link", name="Ask this index").click()
        expect(topic).to_contain_text("9 reviews: 6 for, 3 against")
        assert overflow(page) <= 0


def test_nobody_uploads_a_file_from_another_site(address: str) -> None:
    put = urllib.request.Request(
        f"{address}_stcore/upload_file/a/b", b"x", {"Origin": "http://x.test"}, method="PUT"
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(put, timeout=10)


def test_a_job_is_cancelled(browser: Browser, address: str, tmp_path: Path) -> None:
    file = tmp_path / "stays.csv"
    file.write_text(HEADER + ROWS)
    with opened(browser, address) as page:
        open_reviews(page)
        page.get_by_label("Name of the new index").fill("motel")
        page.keyboard.press("Enter")
        upload(page, file)
        page.get_by_role("button", name="Make the index").click()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("Cancelled before it was done")).to_be_visible(timeout=JOB_MS)
        expect(page.get_by_role("button", name="Start it again")).to_be_visible()
        expect(page.get_by_role("heading", name="1. Which index")).to_be_visible()


def test_an_index_goes_back_a_version(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        open_reviews(page)
        choose(page, "Index", "masks")
        page.get_by_text("Versions of masks (2)").click()
        live = page.locator("tr", has=page.get_by_text("in use", exact=True))
        expect(live).to_contain_text("6")
        expect(page.get_by_role("button", name="Go back")).to_be_disabled()
        settle(page)
        sure = page.locator("label", has_text="Yes, answer from this version")
        sure.click()
        settle(page)
        if not sure.get_by_role("checkbox").is_checked():  # drawn anew just as it was clicked
            sure.click()
        expect(sure.get_by_role("checkbox")).to_be_checked()
        page.get_by_role("button", name="Go back").click()
        expect(live).to_contain_text("10")
