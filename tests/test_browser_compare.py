"""Choosing a model and comparing two, as people do it: a tiny Gemma in `models_dir`, the bundled
embedder, Chromium.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from rag.config import Settings
from rag.embedding import make_embedder
from rag.index import build_index
from rag.schema import Review
from tests import test_browser
from tests.test_browser import APP, ask, card_of, chips, opened, overflow, served
from tests.test_browser_reviews import choose
from tests.tiny_models import make_tiny_model
from ui.components import models
from ui.pages import compare as compare_page

QUESTION = "Is it quiet at night?"
WIDTHS = (1280, 390)
REVIEWS = (
    Review(
        "r1",
        "It is very quiet at night. I slept like a stone.",
        "Slept well",
        5,
        1,
        5,
        "2024-01-02",
        "ann",
    ),
    Review(
        "r2",
        "The lift hums, and at night the street is loud until two. " * 4,
        "",
        2,
        1,
        5,
        "2024-02-03",
    ),
    Review("r3", "Breakfast was warm and plentiful.", "Breakfast", 4, 1, 5, "2024-02-05"),
    Review("r4", "Quiet at night once the bar had closed.", "Bar", 3, 1, 5),
)
DIGEST, GEMMA = "extractive", "my-gemma"
TO_THE_END = "document.querySelector('.stMain').scrollTo({top: 1e6, behavior: 'instant'})"
browser = test_browser.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared")
    settings = Settings()
    build_index(
        REVIEWS,
        make_embedder(settings),
        folder / "hotel",
        chunking=settings.index.chunking,
        chunk_tokens=settings.index.chunk_tokens,
    )
    make_tiny_model(folder / "models" / GEMMA, "gemma1", says=("Fine [1].", "<end_of_turn>"))
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with served(folder, DIGEST, APP) as address:
        yield address


def compare(page: Page) -> None:
    """Open the page through its link and ask both."""
    page.get_by_role("link", name=compare_page.PAGE.title, exact=True).click()
    box = page.get_by_label("Your question")
    expect(page.get_by_role("button", name="Ask both")).to_be_visible()
    box.fill(QUESTION)
    box.press("Enter")
    expect(page.locator(".st-key-compare .qa-answer")).to_have_count(2)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_model_of_ones_own_is_chosen_and_asked(
    width: int, browser: Browser, address: str
) -> None:
    with opened(browser, address, width, 844) as page:
        if width < 600:
            page.get_by_test_id("stExpandSidebarButton").click()
        choose(page, models.LABEL, f"{GEMMA} (merged model)")
        if width < 600:
            page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
        ask(page, QUESTION)
        expect(page.locator(".qa-answer")).to_contain_text("Fine")
        expect(page.locator(".qa-about")).to_contain_text(
            f"Answered by {GEMMA} because {models.PICKED}."
        )
        chip = chips(page).first
        chip.click()
        expect(card_of(page, chip).locator("mark").first).to_be_in_viewport()
        assert overflow(page) <= 0


def test_the_address_chooses_a_model(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}?generator={GEMMA}&q=Is+it+quiet+at+night%3F") as page:
        expect(page.locator(".qa-about")).to_contain_text(f"Answered by {GEMMA}")


@pytest.mark.parametrize("width", WIDTHS)
def test_two_models_are_compared_blind_and_named_after_the_vote(
    width: int, browser: Browser, address: str, folder: Path
) -> None:
    with opened(browser, address, width, 844) as page:
        compare(page)
        expect(page.locator(".qa-side")).to_have_text(["Left", "Right"])
        expect(page.locator(".qa-about")).to_have_count(0)
        left, right = (
            answer.bounding_box() for answer in page.locator(".st-key-compare .qa-answer").all()
        )
        assert left and right
        assert (left["x"] == right["x"]) == (
            width < 600
        )  # below each other on a phone, side by side elsewhere
        for answer in (
            page.locator(".st-key-compare .stColumn").filter(has=page.locator(".qa-panel")).all()
        ):
            chip = answer.locator("a.qa-chip").first
            chip.click()
            card = card_of(page, chip)
            expect(card.locator("mark").first).to_be_in_viewport()
            assert card.evaluate("e => e.matches(':target')")
            card.get_by_text("Back to the answer").click()
            expect(chip).to_be_in_viewport()
        assert overflow(page) <= 0
        page.evaluate(TO_THE_END)
        expect(page.locator(".st-key-vote")).to_be_in_viewport()  # the page ends with it
        ids = page.evaluate("[...document.querySelectorAll('.qa [id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        page.get_by_role("button", name="Left is better").click()
        expect(page.get_by_text("Your vote is kept: left is better.")).to_be_visible()
        expect(page.locator(".qa-about")).to_have_count(2)
        names = [text.partition(": ")[2] for text in page.locator(".qa-side").all_inner_texts()]
        assert sorted(names) == [DIGEST, GEMMA]
        vote = json.loads(
            (folder / "finetune/runs/votes.jsonl").read_text(encoding="utf-8").splitlines()[-1]
        )
        assert [vote["left"], vote["right"], vote["winner"], vote["blind"]] == [
            *names,
            "left",
            True,
        ]
        expect(page.get_by_role("region", name="Votes so far").locator("tbody tr")).to_have_count(2)
        assert overflow(page) <= 0
