"""The Streamlit app: draws the page that the address names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from rag.config import LOG_VARIABLE, load_settings
from rag.logging import configure_logging
from ui.access import is_read_only, lets_in
from ui.components import address, errors
from ui.components.navigation import Page, drawn
from ui.pages import PAGES

TITLE = "Answers from reviews"
KEPT = "keep-"  # begins the keys of widgets that outlive a visit to a page that lacks them


def main(registered: Sequence[Page] = PAGES) -> None:
    """Draw what all pages have in common, and the page."""
    with errors.shown():
        _log()
    for key, value in list(st.session_state.items()):
        if str(key).startswith(KEPT):
            st.session_state[key] = value
    with errors.shown():
        if is_read_only():
            registered = [page for page in registered if not page.changes]
    pages = {page.entry(): page for page in registered}
    entry = st.navigation(list(pages), position="hidden")
    page = pages[entry]
    address.draws(page.url_path)
    # the sidebar first, where there is one: else all would move aside when it comes
    (st.sidebar if page.sidebar else st).html(Path(__file__).with_name("style.css"))
    heading = page.title if page.url_path else TITLE
    title = f"{heading} · {TITLE}" if page.url_path else TITLE
    st.set_page_config(page_title=title, page_icon="💬", layout="wide")
    # Streamlit's own links would stand in the sidebar, which is hidden on a phone.
    with st.container(key="pages", horizontal=True, gap="small"):
        for link in pages:
            st.page_link(link)
    with st.container(key="intro"):
        st.title(heading, anchor=False)
        st.markdown(page.intro)
    with st.container(key=page.url_path or "first"), errors.shown():
        if lets_in(load_settings().server):
            entry.run()
    drawn()


@st.cache_resource(show_spinner=False)
def _log() -> None:
    """Done once: the pages share a process."""
    configure_logging(file=os.environ.get(LOG_VARIABLE, ""))


if __name__ == "__main__":
    main()
