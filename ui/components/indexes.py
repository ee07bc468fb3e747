"""Which index is asked, and what to do where there is none yet."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from rag.answer import plain_markdown
from ui.components import navigation

DEFAULT_INDEX = "squid-game"
LABEL = "Reviews to ask"


def default(names: list[str]) -> str:
    """The index that the address names, or else the sample, or else the first."""
    preferred = (st.query_params.get("index", ""), DEFAULT_INDEX, names[0])
    return next(name for name in preferred if name in names)


def say_how_to_build(indexes_dir: Path) -> None:
    """What a page shows where there is no index to ask."""
    st.info("There are no reviews to ask yet. Make an index from a file of reviews:")
    navigation.link(navigation.REVIEWS, "Choose a file of reviews")
    st.caption("Or on the command line; then reload this page:")
    st.code(f"reviewqa index build reviews.csv --name {DEFAULT_INDEX}", language="bash")
    st.caption(plain_markdown(f"Looked in: {indexes_dir.absolute()}"))
