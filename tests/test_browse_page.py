"""The page "Browse", by Streamlit's own test runner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.test_app import page
from tests.ui_fakes import REVIEWS, XSS, build_fake_index
from ui.pages import browse

SCRIPT = """
from dataclasses import replace
from ui import app
from ui.pages import ask, browse
app.main([replace(browse.PAGE, url_path=""), replace(ask.PAGE, url_path="ask")])
"""
pytestmark = pytest.mark.usefixtures("extractive_app")


@pytest.fixture(scope="session")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("indexes")
    build_fake_index(folder)
    copy = replace(REVIEWS[4], review_id="copy")
    many = [replace(REVIEWS[0], review_id=f"m{n}", text=f"Text {n} of many.") for n in range(45)]
    build_fake_index(folder, "many", [*many, REVIEWS[4], copy])
    yield folder


def open_page(**query: str) -> AppTest:
    test = AppTest.from_string(SCRIPT, default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    return test.run()


def test_reviews_are_listed_searched_and_sorted_and_nothing_of_them_is_markup() -> None:
    test = open_page(index="masks")
    assert page(test).count("<article") == 10
    assert "<script" not in page(test) and "<img" not in page(test) and XSS[:8] not in page(test)
    test.text_input(key="browse-search").set_value("music").run()
    assert page(test).count("<article") == 1 and "<mark>music</mark>" in page(test)
    assert test.query_params["search"] == "music"
    test.text_input(key="browse-search").set_value("").run()
    test.selectbox(key="browse-sort").set_value("Highest").run()
    assert page(test).index("Tears") < page(test).index("Masks")
    test.selectbox(key="browse-by").set_value(browse.MEANING)
    test.text_input(key="browse-search").set_value("music").run()
    assert "The <mark>music</mark> is haunting" in page(test)


def test_pages_of_twenty_and_one_review_with_its_copies() -> None:
    test = open_page(index="many", page="2")
    assert page(test).count("<article") == 20
    test.button(key="next").click().run()
    assert page(test).count("<article") == 7 and test.query_params["page"] == "3"
    assert test.button(key="next").disabled
    test = open_page(index="many", review="r5")
    assert "It left me cold." in page(test) and "review=copy" in page(test)
    test.button(key="close").click().run()
    assert page(test).count("<article") == 20
    test = open_page(index="many", review=f"no {XSS}")
    assert "<img" not in test.warning[0].value.replace("\\<", "")


def test_conditions_in_the_address_set_the_controls() -> None:
    test = open_page(index="masks", where="rating >= 8")
    assert test.slider[0].value == (8, 10)
    assert page(test).count("<article") == 5 and "Showing 5 of 10 reviews" in page(test)
