"""The controls that fit what an index holds: drawn, read as the conditions of `rag.filters`, and set
to such conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import streamlit as st

from rag.filters import Condition
from rag.index.facets import Facets, Values, is_day

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

PREFIX = "keep-filter-"  # of the keys of all controls
_STEPS = 20  # of a rating that is no whole number
_DATES = {">=": "From", "<=": "To"}
Key = Callable[[str], str]
"""The key of a control, from its name."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What the slider of the ratings goes over: the marks where all reviews share a scale, else
    percent.
    """

    low: float
    high: float
    step: float
    unit: str

    @classmethod
    def of(cls, facets: Facets) -> Marks:
        """The marks of an index's ratings."""
        if not facets.ratings:
            return cls(0, 100, 5, "%")
        low, high = facets.ratings
        step = (high - low) / _STEPS
        if facets.whole_marks and low.is_integer() and high.is_integer() and step <= 1:
            return cls(int(low), int(high), 1, "")
        return cls(low, high, step, "")

    def read(self, value: str) -> float | None:
        """The place on the slider that a condition names, None where there is none."""
        if value.endswith("%") != bool(self.unit):
            return None
        mark = float(value.rstrip("%"))
        whole = isinstance(self.low, int)
        if not self.low <= mark <= self.high or (whole and not mark.is_integer()):
            return None
        return int(mark) if whole else mark


def draw(facets: Facets, key: Key) -> list[Condition]:
    """Draw the controls; the conditions that they are set to."""
    conditions: list[Condition] = []
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


def put(conditions: Sequence[Condition], facets: Facets, key: Key) -> tuple[Condition, ...]:
    """Set the controls, which must not be drawn yet, to these conditions; those that no control can
    show are returned.
    """
    state = st.session_state
    marks, ratings, left = Marks.of(facets), {}, []
    listed = {"item": facets.items, "language": facets.languages, "source": facets.sources}
    for condition in conditions:
        field, sign, value = condition.field, condition.operator, condition.values[0]
        if field in listed and sign == "=" and key(field) not in state:
            known = dict(listed[field].listed)
            if len(known) > 1 and all(one in known for one in condition.values):
                state[key(field)] = list(condition.values)
                continue
        elif field == "date" and sign in _DATES and is_day(value) and facets.dates:
            name = key(_DATES[sign].lower())
            if facets.dates[0] <= value <= facets.dates[1] and name not in state:
                state[name] = date.fromisoformat(value)
                continue
        elif field == "rating" and sign in (">=", "<=") and sign not in ratings and facets.rated:
            mark = marks.read(value)
            if mark is not None:
                ratings[sign] = mark
                continue
        left.append(condition)
    if ratings:
        ends = (ratings.get(">=", marks.low), ratings.get("<=", marks.high))
        if ends[0] > ends[1]:
            return tuple(conditions)
        state[key("rating")] = ends
    return tuple(left)


def _values(field: str, values: Values, place: Any, key: Key) -> list[Condition]:
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
    """A slider with two ends."""
    if not facets.rated:
        return []
    marks = Marks.of(facets)
    # what it begins with goes into the session, where `keep` may have put something else
    st.session_state.setdefault(key, (marks.low, marks.high))
    picked: tuple[float, float] = place.slider(
        "Rating, in percent of its scale" if marks.unit else "Rating",
        marks.low,
        marks.high,
        step=marks.step,
        key=key,
        format="%d%%" if marks.unit else None,
    )
    sides = ((">=", picked[0], picked[0] > marks.low), ("<=", picked[1], picked[1] < marks.high))
    return [
        Condition("rating", sign, (f"{value:.6g}{marks.unit}",))
        for sign, value, limits in sides
        if limits
    ]


def _dates(facets: Facets, place: DeltaGenerator, key: Key) -> list[Condition]:
    if facets.dates is None or facets.dates[0] == facets.dates[1]:
        return []
    first, last = (date.fromisoformat(day) for day in facets.dates)
    conditions: list[Condition] = []
    for column, (sign, label) in zip(place.columns(2), _DATES.items(), strict=True):
        picked = column.date_input(
            label, None, first, last, key=key(label.lower()), format="YYYY-MM-DD"
        )
        if picked is not None:
            conditions.append(Condition("date", sign, (picked.isoformat(),)))
    return conditions
