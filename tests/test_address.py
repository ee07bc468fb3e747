"""How a page's address is followed, with and without what Streamlit keeps to itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ui.components import address, visit

SAID = {"q": "", "where": ""}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A page that wrote an address, of which the browser says `query`."""
    stored: dict[str, Any] = {"address-": {"q": "written", "where": ""}}

    class State(dict[str, Any]):
        __getattr__ = dict.__getitem__

    monkeypatch.setattr(st, "session_state", State(stored, page_before="", page_drawn=""))
    return SimpleNamespace(
        says=lambda **query: monkeypatch.setattr(st, "query_params", query),
        context=lambda context: monkeypatch.setattr(visit, "get_script_run_ctx", lambda: context),
    )


def context(by_history: Any, *changed: bool) -> SimpleNamespace:
    widgets = {f"w{number}": moved for number, moved in enumerate(changed)}
    state = SimpleNamespace(_new_widget_state=widgets, _widget_changed=widgets.__getitem__)
    session = SimpleNamespace(_state=state)
    return SimpleNamespace(is_history_navigation=by_history, session_state=session)


def test_back_and_forward_are_followed_and_a_late_address_is_not(page: Any) -> None:
    page.says(q="before")
    page.context(context(True))
    assert address.moved("", ("q", "where")) == {"q": "before", "where": ""}
    page.says(q="other")
    page.context(context(False, False, True))
    assert address.moved("", ("q", "where")) is None  # of before a control was moved


def test_the_link_of_a_page_to_itself_is_followed_unless_a_control_was_moved(page: Any) -> None:
    page.says()
    page.context(context(False, True))
    assert address.moved("", ("q", "where")) is None
    page.context(context(False, False))
    assert address.moved("", ("q", "where")) == SAID


@pytest.mark.parametrize("lacking", [None, SimpleNamespace(), SimpleNamespace(session_state=1)])
def test_without_streamlits_inside_the_address_counts(page: Any, lacking: Any) -> None:
    page.context(lacking)
    page.says(q="before")
    assert visit.came_by_history() is None
    assert address.moved("", ("q", "where")) == {"q": "before", "where": ""}


def test_a_control_that_cannot_be_asked_for_is_taken_as_not_moved(page: Any) -> None:
    page.context(SimpleNamespace(is_history_navigation=False))
    page.says()
    assert visit.control_moved() is None
    assert address.moved("", ("q", "where")) == SAID


def test_this_streamlit_says_both() -> None:
    def script() -> None:
        import streamlit as st

        from ui.components import visit

        st.text_input("x", key="x")
        st.text(f"{visit.came_by_history()} {visit.control_moved()}")

    test = AppTest.from_function(script).run().run()
    assert test.text[0].value == "False False"
    test.text_input(key="x").set_value("y").run()
    assert test.text[0].value == "False True"
