"""The address of a page follows what it shows, so that reloading, sharing and going back work."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ui.components import visit


def draws(page: str) -> None:
    """A page begins to be drawn: `moved` asks which was drawn before it."""
    state = st.session_state
    state.page_before, state.page_drawn = state.get("page_drawn"), page


def moved(page: str, keys: Sequence[str]) -> dict[str, str] | None:
    """What the address says, "" for a key that it lacks, where the user went there: by a link, a
    reload, or the browser's back and forward. None where the user did something on the page, and
    where a link from another page leads here without saying anything: the page is then as it was
    left.
    """
    state = st.session_state
    said = {key: st.query_params.get(key, "") for key in keys}
    came_from = state.get("page_before", page)
    written = state.get(f"address-{page}")
    if said == written:
        return None
    if written is not None and not (_went(said) if came_from == page else any(said.values())):
        return None
    state[f"address-{page}"] = said
    return said


def write(page: str, /, **values: str) -> None:
    """Let the address of the page say this, and keep what else it says; "" leaves a key out."""
    state = st.session_state
    written, state[f"address-{page}"] = state.get(f"address-{page}"), values
    others = {key: value for key, value in st.query_params.to_dict().items() if key not in values}
    wanted = others | {key: value for key, value in values.items() if value}
    # what was written last may be on its way to a browser that still says what is wanted
    if wanted != st.query_params.to_dict() or values != written:
        st.query_params.from_dict(wanted)


def _went(said: dict[str, str]) -> bool:
    """Whether the user went to another address of the page that is shown. A control that is moved
    again at once comes with the address of before, which must not put it back; where that cannot be
    told, the address counts, or going back would lead nowhere.
    """
    if visit.came_by_history() is not False:
        return True
    # else there is only the link of the page to itself
    return not (visit.control_moved() or any(said.values()))
