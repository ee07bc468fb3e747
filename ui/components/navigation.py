"""The pages of the app, and links from one to another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.navigation.page import Page as StreamlitPage

ASK, BROWSE, REVIEWS, COMPARE = (
    "",
    "browse",
    "reviews",
    "compare",
)  # addresses; "" is the page that opens first


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its title in the links, its place in the address, a sentence or two on what it is
    for, the function that draws the rest of it, whether it has choices in the sidebar, and whether
    it changes indexes: an app that is read-only has no such page.
    """

    title: str
    url_path: str
    intro: str
    show: Callable[[], None]
    sidebar: bool = False
    changes: bool = False

    def entry(self) -> StreamlitPage:
        """The page as Streamlit knows it."""
        return _entry(self.show, self.title, self.url_path)


def link(url_path: str, label: str, **query: str) -> None:
    """Draw a link to the page at `url_path`, with `query` in its address."""
    st.page_link(_entry(lambda: None, label, url_path), label=label, query_params=query)


def _entry(show: Callable[[], None], title: str, url_path: str) -> StreamlitPage:
    return st.Page(show, title=title, url_path=url_path, default=not url_path)


def drawn(when: str = "") -> None:
    """Tell the browser that what there is to see at first is drawn; see `first_paint.css`. `when`
    tells two such places of a run from each other.
    """
    with st.container(key=f"drawn{when}"):
        st.html("<style></style><i></i>")
