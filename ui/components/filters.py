"""Which reviews a question is asked of, or are browsed: the controls, folded away, and a line that
says what they leave.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import streamlit as st

from rag.filters import Condition, parse_where, where_text
from rag.index import ReviewIndex
from rag.index.facets import Facets, count_where, facets_of
from rag.schema import SettingsError
from ui.components import filter_controls
from ui.render import fragment
from ui.render.words import as_markdown

TITLE = "Only some reviews"
NONE_LEFT = "No review meets these conditions, so nothing was asked."
CLEAR = "Ask all reviews"


@dataclass(frozen=True, slots=True)
class Words:
    """What a page does with the reviews that are left."""

    verb: str
    clear: str
    command_line: bool = False


ASKING = Words("Asking", CLEAR, command_line=True)
SHOWING = Words("Showing", "Show all reviews")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The conditions in force, and how many reviews of how many meet them."""

    conditions: tuple[Condition, ...]
    count: int
    reviews: int

    @property
    def where(self) -> str:
        """The conditions in words; "" where there are none."""
        return where_text(self.conditions)

    @property
    def line(self) -> str:
        """``41 of 330 reviews: rating >= 8``; empty where there are no conditions."""
        return (
            f"{self.count:,} of {self.reviews:,} reviews: {self.where}" if self.conditions else ""
        )


def show(index: ReviewIndex, words: Words = ASKING) -> Chosen | None:
    """Draw the controls; what they choose, or None where the address holds conditions that cannot
    be read. The pages share what is chosen.
    """
    _start(index)
    state = st.session_state
    facets = _facets(str(index.generation), index)
    key = f"{filter_controls.PREFIX}{{}}-{state.filters_round}".format
    try:
        stated = parse_where(state.where_of_address)
    except SettingsError as error:
        st.error(as_markdown(f"The address asks for some reviews only. {error}"))
        st.button(words.clear, key="clear-filters", on_click=clear)
        return None
    if stated:
        stated = filter_controls.put(stated, facets, key)
        state.where_of_address = where_text(stated)
    with st.expander(TITLE, key="filters"):
        conditions = (*stated, *filter_controls.draw(facets, key))
        chosen = Chosen(conditions, count_where(index, conditions), facets.reviews)
        if stated:
            st.caption(as_markdown(f"From the address of this page: {where_text(stated)}"))
        if conditions and words.command_line:
            st.caption("The same on the command line:")
            st.code(f"--where {shlex.quote(chosen.where)}", language=None, wrap_lines=True)
    if conditions:
        with st.container(
            key="filtered", horizontal=True, vertical_alignment="center", gap="small"
        ):
            st.html(fragment("answer.html", "asking", words.verb, chosen.line), width="content")
            st.button(words.clear, key="clear-filters", type="tertiary", on_click=clear)
    return chosen


def from_address(where: str) -> None:
    """Let the conditions in an address hold, and no others, for the index that is opened next."""
    clear()
    st.session_state.where_of_address, st.session_state.filters_of = where, None


def clear() -> None:
    """Drop all conditions."""
    state = st.session_state
    state.where_of_address = ""
    # controls of other names: the browser remembers what the old ones chose
    state.filters_round = state.get("filters_round", 0) + 1
    for key in list(state):
        if str(key).startswith(filter_controls.PREFIX):
            del state[key]


def _start(index: ReviewIndex) -> None:
    """Another index begins without any conditions."""
    state, opened = st.session_state, (index.name, index.generation.name)
    if "filters_round" not in state or state.get("filters_of") not in (None, opened):
        clear()
    state.filters_of = opened


@st.cache_resource(show_spinner=False, max_entries=2)
def _facets(generation: str, _index: ReviewIndex) -> Facets:
    return facets_of(_index)
