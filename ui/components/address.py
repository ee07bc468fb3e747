"""The address of a page follows what it shows, so that reloading, sharing and going back work."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st


def moved(page: str, keys: Sequence[str]) -> dict[str, str] | None:
    """What the address says, "" for a key that it lacks, where the user went there: by a link, a
    reload, or the browser's back and forward. None where it says what `write` wrote, and where a
    link from another page leads here without saying anything: the page is then as it was left.
    """
    state = st.session_state
    said = {key: st.query_params.get(key, "") for key in keys}
    came_from, state.page_drawn = state.get("page_drawn"), page
    written = state.get(f"address-{page}")
    if said == written or (written and came_from != page and not any(said.values())):
        return None
    state[f"address-{page}"] = said
    return said


def write(page: str, /, **values: str) -> None:
    """Let the address of the page say this, and keep what else it says; "" leaves a key out."""
    st.session_state[f"address-{page}"] = values
    others = {key: value for key, value in st.query_params.to_dict().items() if key not in values}
    wanted = others | {key: value for key, value in values.items() if value}
    if wanted != st.query_params.to_dict():
        st.query_params.from_dict(wanted)
