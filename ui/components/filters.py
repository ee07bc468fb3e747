"""Which reviews a question is asked of: the controls that fit what an index holds, as the
conditions of `rag.filters`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import streamlit as st

from rag.answer import plain_markdown
from rag.filters import Condition, parse_where, where_text
from rag.index import ReviewIndex
from rag.index.facets import Facets, Values, count_where, facets_of
from rag.schema import SettingsError
from ui.render import fragment

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

TITLE = "Only some reviews"
NONE_LEFT = "No review meets these conditions, so nothing was asked."
CLEAR = "Ask all reviews"
_PREFIX = "keep-filter-"  # of the keys of all controls
_STEPS = 20  # of a rating that is no whole number


@dataclass(frozen=True, slots=True)
class Chosen:
    """The conditions in force, and how many reviews of how many meet them."""

    conditions: tuple[Condition, ...]
    count: int
    reviews: int

    @property
    def line(self) -> str:
        """``41 of 330 reviews: rating >= 8``; empty where there are no conditions."""
        return (
            f"{self.count:,} of {self.reviews:,} reviews: {where_text(self.conditions)}"
            if self.conditions
            else ""
        )


def show(index: ReviewIndex) -> Chosen | None:
    """Draw the controls; what they choose, or None where the address holds conditions that cannot
    be read.
    """
    _start(index)
    facets = _facets(str(index.generation), index)
    try:
        stated = parse_where(st.session_state.where_of_address)
    except SettingsError as error:
        st.error(plain_markdown(f"The address asks for some reviews only. {error}"))
        st.button(CLEAR, key="clear-filters", on_click=_clear)
        return None
    with st.expander(TITLE, key="filters"):
        conditions = (*stated, *_controls(facets))
        chosen = Chosen(conditions, count_where(index, conditions), facets.reviews)
        if stated:
            st.caption(plain_markdown(f"From the address of this page: {where_text(stated)}"))
        if conditions:
            st.caption("The same on the command line:")
            st.code(
                f"--where {shlex.quote(where_text(conditions))}", language=None, wrap_lines=True
            )
    if conditions:
        with st.container(
            key="filtered", horizontal=True, vertical_alignment="center", gap="small"
        ):
            st.html(fragment("answer.html", "asking", chosen.line), width="content")
            st.button(CLEAR, key="clear-filters", type="tertiary", on_click=_clear)
    return chosen


def _start(index: ReviewIndex) -> None:
    """The conditions in the address hold for the index that is opened with them; another index
    begins without any.
    """
    state, opened = st.session_state, (index.name, index.generation.name)
    if "filters_of" not in state:
        state.where_of_address, state.filters_round = st.query_params.get("where", ""), 0
    elif state.filters_of != opened:
        _clear()
    state.filters_of = opened


def _clear() -> None:
    st.session_state.where_of_address = ""
    st.session_state.filters_round += (
        1  # controls of other names: the browser remembers what the old ones chose
    )
    for key in list(st.session_state):
        if str(key).startswith(_PREFIX):
            del st.session_state[key]


@st.cache_resource(show_spinner=False, max_entries=2)
def _facets(generation: str, _index: ReviewIndex) -> Facets:
    return facets_of(_index)


def _controls(facets: Facets) -> list[Condition]:
    conditions: list[Condition] = []
    key = f"{_PREFIX}{{}}-{st.session_state.filters_round}".format
    if facets.items.different > len(facets.items.listed):
        hint = f"{facets.items.different:,} items"
        words = st.text_input("Item contains", key=key("item"), placeholder=hint).strip()
        conditions += [Condition("item", "~", (words,))] if words else []
    else:
        conditions += _values("item", facets.items, st, key)
    left, right = st.columns(2, gap="large")
    conditions += _rating(facets, left, key("rating"))
    conditions += _dates(facets, right, key)
    conditions += _values("language", facets.languages, left, key)
    conditions += _values("source", facets.sources, right, key)
    values = (facets.items, facets.languages, facets.sources)
    if not (facets.rated or facets.dates or any(field.different > 1 for field in values)):
        st.caption(
            "These reviews have no items, ratings, dates, languages or sources to choose by."
        )
    return conditions


def _values(field: str, values: Values, place: Any, key: Callable[[str], str]) -> list[Condition]:
    """The values of a field to choose from, where there are at least two."""
    if len(values.listed) < 2:
        return []
    counts = dict(values.listed)
    picked = place.multiselect(
        field.capitalize(),
        list(counts),
        key=key(field),
        format_func=lambda value: f"{value} ({counts[value]:,})",
        placeholder="All",
    )
    return [Condition(field, "=", tuple(picked))] if picked else []


def _rating(facets: Facets, place: Any, key: str) -> list[Condition]:
    """A slider with two ends: over the marks where all reviews share a scale, else in percent."""
    if not facets.rated:
        return []
    low: float
    high: float
    step: float
    low, high, step, unit = 0, 100, 5, "%"
    if facets.ratings:
        (low, high), unit = facets.ratings, ""
        step = (high - low) / _STEPS
        if facets.whole_marks and low.is_integer() and high.is_integer() and step <= 1:
            low, high, step = int(low), int(high), 1
    # what it begins with goes into the session, where `keep` may have put something else
    st.session_state.setdefault(key, (low, high))
    picked: tuple[float, float] = place.slider(
        "Rating, in percent of its scale" if unit else "Rating",
        low,
        high,
        step=step,
        key=key,
        format="%d%%" if unit else None,
    )
    sides = ((">=", picked[0], picked[0] > low), ("<=", picked[1], picked[1] < high))
    return [
        Condition("rating", sign, (f"{value:.6g}{unit}",))
        for sign, value, limits in sides
        if limits
    ]


def _dates(facets: Facets, place: DeltaGenerator, key: Callable[[str], str]) -> list[Condition]:
    if facets.dates is None or facets.dates[0] == facets.dates[1]:
        return []
    first, last = (date.fromisoformat(day) for day in facets.dates)
    conditions: list[Condition] = []
    for column, label, sign in zip(place.columns(2), ("From", "To"), (">=", "<="), strict=True):
        picked = column.date_input(
            label, None, first, last, key=key(label.lower()), format="YYYY-MM-DD"
        )
        if picked is not None:
            conditions.append(Condition("date", sign, (picked.isoformat(),)))
    return conditions
