"""Which index is asked, and what to do where there is none yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from ui.access import is_read_only
from ui.components import navigation
from ui.render.words import as_markdown

DEFAULT_INDEX = "squid-game"
LABEL = "Reviews to ask"


def default(names: list[str]) -> str:
    """The index that opens first: the sample, or else the first."""
    return DEFAULT_INDEX if DEFAULT_INDEX in names else names[0]


def first(names: list[str]) -> str:
    """The index that a page begins with: the one in its address, or chosen on another page."""
    wished = (st.query_params.get("index"), st.session_state.get("index_chosen"), default(names))
    return next(name for name in wished if name in names)


def from_address(names: list[str], name: str) -> None:
    """Choose the index that an address names; where it names none, the one that opens first."""
    st.session_state.index = name if name in names else default(names)
    if name and name not in names:
        st.warning(as_markdown(f'There is no index "{name}" here; this is another one.'))


def pick(names: list[str], changed: Callable[[], None]) -> str:
    """The list of indexes in the sidebar; all pages with one share the choice."""
    state = st.session_state
    chosen = state.get("index", state.get("index_chosen"))
    state.index = chosen if chosen in names else default(names)
    state.index_chosen = st.sidebar.selectbox(LABEL, names, key="index", on_change=changed)
    return str(state.index_chosen)


def say_how_to_build(indexes_dir: Path) -> None:
    """What a page shows where there is no index to ask."""
    if is_read_only():
        st.info("There are no reviews to ask yet.")
    else:
        st.info("There are no reviews to ask yet. Make an index from a file of reviews:")
        navigation.link(navigation.REVIEWS, "Choose a file of reviews")
    st.caption("Or on the command line; then reload this page:")
    st.code(f"reviewqa index build reviews.csv --name {DEFAULT_INDEX}", language="bash")
    st.caption(as_markdown(f"Looked in: {indexes_dir.absolute()}"))
